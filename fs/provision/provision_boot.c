/* SPDX-License-Identifier: MIT */
/* What images do once, when they boot from a disk for the first time, and with the disk later on. */
#include "provision/provision_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

/*
 * custom.toml of Raspberry Pi OS bookworm is read by the program that the image starts in place of init
 * at its first boot. Network boot leaves that program out, since it is about the disk; the part that
 * reads custom.toml is a program of its own, and restarts the machine afterwards as the whole does.
 */
#define INIT_CONFIG "/usr/lib/raspberrypi-sys-mods/init_config"

int provision_first_boot(struct provision_job *job)
{
	const char *boot = provision_boot_directory(job);
	char text[1024];

	if (!boot || !provision_exists(job, INIT_CONFIG))
		return 0;
	snprintf(text, sizeof(text),
		 "# Written by bramble for network boot.\n"
		 "[Unit]\n"
		 "Description=Apply custom.toml\n"
		 "ConditionKernelCommandLine=root=/dev/nfs\n"
		 "ConditionPathExists=%s/custom.toml\n"
		 "RequiresMountsFor=%s\n"
		 "Before=systemd-user-sessions.service userconfig.service ssh.service\n"
		 "SuccessAction=reboot\n"
		 "\n"
		 "[Service]\n"
		 "Type=oneshot\n"
		 "ExecStart=" INIT_CONFIG " %s/custom.toml\n"
		 "ExecStartPost=/bin/rm -f %s/custom.toml\n"
		 "\n"
		 "[Install]\n"
		 "WantedBy=multi-user.target\n",
		 boot, boot, boot, boot);
	return provision_unit_add(job, "bramble-first-boot.service", text, "multi-user.target");
}

static int mask_all(struct provision_job *job, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int err = provision_unit_mask(job, names[i]);

		if (err)
			return err;
	}
	return 0;
}

int provision_resize(struct provision_job *job)
{
	static const char *const units[] = {
		"resize2fs_once.service", /* Raspberry Pi OS up to bookworm: a script of init.d */
		"rpi-resize.service", /* trixie */
		"systemd-growfs-root.service", /* wanted by rpi-resize */
		"armbian-resize-filesystem.service",
	};
	int err = mask_all(job, units, ARRAY_SIZE(units));

	if (err || !provision_is_directory(job, "/etc/cloud/cloud.cfg.d"))
		return err;
	return provision_write_text(job, "/etc/cloud/cloud.cfg.d/99-bramble-resize.cfg",
				    "# Written by bramble: the root is on the network.\n"
				    "growpart:\n"
				    "  mode: \"off\"\n"
				    "resize_rootfs: false\n");
}

int provision_swap(struct provision_job *job)
{
	static const char *const units[] = {
		"dphys-swapfile.service", /* Raspberry Pi OS up to bookworm */
		"rpi-resize-swap-file.service", /* trixie, for a file */
		"mkswap.service", /* Ubuntu's desktop images */
		"swapfile.swap",
	};
	int err = mask_all(job, units, ARRAY_SIZE(units));

	if (err || !provision_exists(job, "/etc/rpi/swap.conf"))
		return err;
	/* the file behind zram would be on the network; zram itself is memory */
	return provision_write_text(job, "/etc/rpi/swap.conf.d/90-bramble.conf",
				    "# Written by bramble: no swap over the network.\n"
				    "[Main]\n"
				    "Mechanism=zram\n");
}
