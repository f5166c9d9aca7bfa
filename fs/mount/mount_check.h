/* SPDX-License-Identifier: MIT */
/* Why a mount cannot be made, said in one line. Private to the mount room. */
#ifndef BRAMBLE_MOUNT_MOUNT_CHECK_H
#define BRAMBLE_MOUNT_MOUNT_CHECK_H

#include "mount/mount.h"

/* Whether @path, which is resolved, may be mounted on and /dev/fuse opened. Logs why not. */
int mount_check_before(const char *path, const struct mount_options *options);

/*
 * Logs why libfuse could not mount, from the usual reasons or else from @said: what libfuse and
 * fusermount3 wrote to stderr. Returns the negative errno that fits.
 */
int mount_check_after(const char *path, const struct mount_options *options, const char *said);

/* As log_error("PATH: ..."), with the last line of @said without the name of who said it. */
void mount_check_quote(const char *path, const char *what, const char *said);

#endif
