/* SPDX-License-Identifier: MIT */
/* What the steps have in common: one run of one step, and files of a tree. */
#ifndef BRAMBLE_PROVISION_PRIVATE_H
#define BRAMBLE_PROVISION_PRIVATE_H

#include <stdint.h>

#include "provision/provision.h"

/* One step at work. */
struct provision_job {
	struct tree *tree; /* borrowed */
	const struct provision_pi *pi; /* borrowed */
	const struct provision_options *options; /* borrowed */
	const struct provision_step *step;
	bool changed; /* set by whatever changes the tree */
	char *hostname; /* borrowed: of the report; PROVISION_HOSTNAME_BYTES */
};

/* The steps, by the file that they are in. */
int provision_fstab(struct provision_job *job); /* provision_fstab.c */
int provision_first_boot(struct provision_job *job); /* provision_boot.c */
int provision_resize(struct provision_job *job);
int provision_swap(struct provision_job *job);
int provision_network(struct provision_job *job); /* provision_network.c */
int provision_initramfs(struct provision_job *job); /* provision_software.c */
int provision_cloud_init(struct provision_job *job);
int provision_docker(struct provision_job *job);
int provision_hostname(struct provision_job *job); /* provision_identity.c */
int provision_hostname_again(struct provision_job *job);
int provision_machine_id(struct provision_job *job);
int provision_random_seed(struct provision_job *job);
int provision_ssh_host_key(struct provision_job *job); /* provision_ssh.c */

/*
 * Files (provision_file.c). Paths start with a slash. Symbolic links are followed inside the tree, by
 * tree_walk's rules; a link that leads nowhere is not.
 */

/* Whether something is there, and whether it is a directory. Errors of looking count as no. */
bool provision_exists(struct provision_job *job, const char *path);
bool provision_is_directory(struct provision_job *job, const char *path);

/* The directory @path shows the root of a volume other than the tree's own: the boot partition. */
bool provision_is_volume(struct provision_job *job, const char *path);

/* Where the boot partition is shown: "/boot/firmware" or "/boot"; NULL: nowhere. */
const char *provision_boot_directory(struct provision_job *job);

/* The largest file that is read. */
#define PROVISION_FILE_MAX (1u << 20)

/*
 * All of a regular file: *@out is malloc'd and NUL-terminated. -ENOENT, -EINVAL: no regular file,
 * -EFBIG.
 */
int provision_read(struct provision_job *job, const char *path, char **out, size_t *out_len);

#define PROVISION_KEEP_MODE 07777777u

/*
 * Lets the file @path have these contents: a new file takes the place of the old one in one step, with
 * its owner, mode and extended attributes; without an old one it is root's, of @mode. @mode other than
 * PROVISION_KEEP_MODE (0644 where there was none) is set in either case. Directories that are missing
 * are made, root's, 0755. Nothing is changed where all is so already.
 */
int provision_write(struct provision_job *job, const char *path, const void *bytes, size_t len,
		    uint32_t mode);
int provision_write_text(struct provision_job *job, const char *path, const char *text);

/* Makes the symbolic link @path. Nothing where it is that already; -EEXIST: something else is there. */
int provision_symlink(struct provision_job *job, const char *path, const char *target);

/* Removes the name @path, not what a link leads to; success where it is not there. */
int provision_remove(struct provision_job *job, const char *path);

/* Gives @take the path of each entry of the directory @path; nothing where that is missing. */
typedef int (*provision_entry_fn)(struct provision_job *job, const char *path, const char *name);
int provision_each(struct provision_job *job, const char *path, provision_entry_fn take);

/*
 * Units (provision_unit.c), as systemctl(1) would handle them.
 */

/* Whether systemd would find a unit @name, or make it of a script in /etc/init.d. */
bool provision_unit_exists(struct provision_job *job, const char *name);

/*
 * Masks the unit, if there is one; `systemctl unmask` undoes it. One that the administrator has written,
 * so that its file is where the mask would be, is disabled: `systemctl enable`.
 */
int provision_unit_mask(struct provision_job *job, const char *name);

/* Writes /etc/systemd/system/@name and lets @wanted_by want it, as `systemctl enable` does. */
int provision_unit_add(struct provision_job *job, const char *name, const char *text,
		       const char *wanted_by);

/* Adds bramble.conf to the directory of drop-ins of the unit, if there is one. */
int provision_unit_drop_in(struct provision_job *job, const char *name, const char *text);

#endif
