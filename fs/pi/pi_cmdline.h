/* SPDX-License-Identifier: MIT */
/* The kernel command line of a Pi that boots over the network. Part of the front door of the pi room. */
#ifndef BRAMBLE_PI_CMDLINE_H
#define BRAMBLE_PI_CMDLINE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of the longest line, without newline: COMMAND_LINE_SIZE of arm64 is 2048 with its NUL. */
#define PI_CMDLINE_MAX 2047u

/* Bytes that are enough for every rewritten command line: the line, its newline, a NUL. */
#define PI_CMDLINE_BYTES (PI_CMDLINE_MAX + 2u)

/* Where a Pi finds its root. */
struct pi_netboot {
	struct in_addr server; /* of NFS and MOUNT */
	const char *export_path; /* borrowed: "/036cb716" */
	uint16_t nfs_port;
	uint16_t mount_port; /* said only to kernels that mount by themselves: see no_initramfs */
	uint32_t rsize; /* bytes of the largest READ */
	uint32_t wsize; /* bytes of the largest WRITE */
	bool no_initramfs; /* the kernel mounts the root: klibc's nfsmount refuses mountport= */
	bool keep_ip; /* an ip= of the user stays, if there is one */
};

/*
 * Makes the command line that TFTP hands out from the @len bytes of a cmdline.txt, of which the first
 * line counts, as it does for the firmware.
 *
 * The user's words stay, in their order. Left out are those that say where the root is (root=,
 * rootfstype=, rootflags=, nfsroot=, boot=, ip=, ro, rw), those that are about a disk (fsck.*,
 * resize), and init= where it names a first boot script of an image. A quote that is left open is
 * closed. What takes their place stands at the end, or in front of "--", behind which the kernel reads
 * nothing:
 *
 *     root=/dev/nfs nfsroot=IP:/PATH,v3,tcp,port=N,nolock,rsize=R,wsize=W rw ip=dhcp
 *
 * @out gets one line with a newline and a NUL; *@out_len counts the newline. -E2BIG: more than
 * PI_CMDLINE_MAX bytes, or than @size has room for. -EINVAL: @boot names no server, port or size, or
 * a path that has a blank, a comma, a quote, a percent sign or no slash in front.
 */
int pi_cmdline_rewrite(const char *text, size_t len, const struct pi_netboot *boot, char *out,
		       size_t size, size_t *out_len);

#endif
