/* SPDX-License-Identifier: MIT */
/* Programs that look at the disk below the root: initramfs-tools, cloud-init, Docker. */
#include "provision/provision_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/log.h"

/*
 * MODULES=dep wants to know what the root's block device needs and fails where there is none; and what
 * it left out would be missing at the next network boot. The files of conf.d are read in order.
 */
int provision_initramfs(struct provision_job *job)
{
	if (!provision_is_directory(job, "/etc/initramfs-tools"))
		return 0;
	return provision_write_text(job, "/etc/initramfs-tools/conf.d/zz-bramble",
				    "# Written by bramble: the root is on the network.\n"
				    "MODULES=most\n");
}

#define CLOUD_DIRECTORY "/etc/cloud/cloud.cfg.d"
#define CLOUD_FILE "99-bramble-seed.cfg"

/* Whether a line that is no comment says where the seed is. */
static bool sets_seed(const char *text)
{
	while (*text) {
		const char *line = text + strspn(text, " \t");
		size_t len = strcspn(line, "\n");
		const char *seed = strstr(line, "seedfrom:");

		if (*line != '#' && seed && seed < line + len)
			return true;
		text = line + len + (line[len] == '\n');
	}
	return false;
}

/* 1 where the file @path says where the seed is. */
static int look_for_seed(struct provision_job *job, const char *path, const char *name)
{
	CLEANUP(freep) char *text = NULL;
	size_t len;
	int err;

	if (strcmp(name, CLOUD_FILE) == 0)
		return 0;
	err = provision_read(job, path, &text, &len);
	if (err)
		return err == -ENOENT || err == -EINVAL ? 0 : err;
	return sets_seed(text);
}

/* NoCloud looks for a disk by its label; the files of that disk are in the boot directory. */
int provision_cloud_init(struct provision_job *job)
{
	const char *boot = provision_boot_directory(job);
	char text[512];
	int err;

	if (!boot || !provision_is_directory(job, CLOUD_DIRECTORY))
		return 0;
	err = look_for_seed(job, "/etc/cloud/cloud.cfg", "cloud.cfg");
	if (err == 0)
		err = provision_each(job, CLOUD_DIRECTORY, look_for_seed);
	if (err)
		return err == 1 ? 0 : err;
	snprintf(text, sizeof(text),
		 "# Written by bramble: the seed's disk is a directory of the network's root.\n"
		 "datasource_list: [ NoCloud, None ]\n"
		 "datasource:\n"
		 "  NoCloud:\n"
		 "    seedfrom: file://%s/\n",
		 boot);
	return provision_write_text(job, CLOUD_DIRECTORY "/" CLOUD_FILE, text);
}

/* overlay2 does not work on NFS; vfs does everywhere, and copies each layer. */
int provision_docker(struct provision_job *job)
{
	static const char *const programs[] = {
		"/usr/bin/dockerd",
		"/usr/sbin/dockerd",
		"/usr/local/bin/dockerd",
		"/snap/bin/dockerd",
	};
	static const char path[] = "/etc/docker/daemon.json";
	CLEANUP(freep) char *text = NULL;
	size_t len;
	int err;

	for (size_t i = 0; !provision_exists(job, programs[i]); i++) {
		if (i + 1 == ARRAY_SIZE(programs))
			return 0;
	}
	err = provision_read(job, path, &text, &len);
	if (err == -ENOENT)
		return provision_write_text(job, path, "{\n  \"storage-driver\": \"vfs\"\n}\n");
	if (!err && !strstr(text, "\"storage-driver\""))
		log_warn("provision: %s: docker: %s names no storage driver, and is left as it is: "
			 "overlay2 does not work on a root on the network",
			 job->pi->serial.text, path);
	return err;
}
