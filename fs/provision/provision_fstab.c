/* SPDX-License-Identifier: MIT */
/*
 * fstab. Lines of the image's own partitions would be waited for until the boot fails, and end it in
 * emergency mode: no such disk is there.
 */
#include "provision/provision_private.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"

static bool shows(void *ctx, const char *path)
{
	return path[0] == '/' && provision_is_volume(ctx, path);
}

static bool owns(void *ctx, const struct pi_device *device)
{
	const struct provision_job *job = ctx;

	return job->options->owns && job->options->owns(job->options->ctx, device);
}

/* Disks that are not the image's: they may be there, or the boot waits for them. */
static void warn_of_others(struct provision_job *job, const char *text)
{
	struct pi_fstab_entry entry;

	while (pi_fstab_next(&text, &entry) == 0) {
		if (entry.device.kind != PI_DEVICE_OTHER &&
		    !pi_fstab_has_option(&entry, "nofail") &&
		    !pi_fstab_has_option(&entry, "noauto"))
			log_warn(
				"provision: %s: fstab: the boot waits for the disk of %s, which is "
				"not in the image; nofail lets it go on",
				job->pi->serial.text, entry.path);
	}
}

int provision_fstab(struct provision_job *job)
{
	const struct pi_fstab_image image = {.shows = shows, .owns = owns, .ctx = job};
	CLEANUP(freep) char *old = NULL;
	CLEANUP(freep) char *new = NULL;
	size_t old_len = 0, new_len;
	int err = provision_read(job, "/etc/fstab", &old, &old_len);

	if (err && err != -ENOENT)
		return err;
	err = pi_fstab_rewrite(old ? old : "", old_len, &image, &new, &new_len);
	if (err)
		return err;
	warn_of_others(job, new);
	if (new_len == 0)
		return 0;
	return provision_write(job, "/etc/fstab", new, new_len, PROVISION_KEEP_MODE);
}
