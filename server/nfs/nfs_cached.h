/* SPDX-License-Identifier: MIT */
/* Whether what is to be sent from a file is in the page cache. */
#ifndef BRAMBLE_NFS_CACHED_H
#define BRAMBLE_NFS_CACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whether sendfile(2) of this range would find all of it in the page cache, ready to be read. False also
 * where the kernel does not tell (cachestat(2) is of Linux 6.5). Does not wait.
 */
bool nfs_is_cached(int fd, uint64_t offset, size_t len);

#endif
