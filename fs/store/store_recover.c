/* SPDX-License-Identifier: MIT */
/*
 * Opening a store that was not closed: its log is replayed. For a store to be written to that is done
 * once and for all: the data go to `data`, the records to `meta`. One that is only read keeps both in
 * memory.
 *
 * What was written without flushing is whole as long as the host runs, whatever becomes of the process.
 * After that nobody can tell what is missing, so the store is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/store_embedded.h"
#include "store/store_folder.h"
#include "store/store_replay.h"

/* An open log. */
struct log_file {
	int fd;
	struct store_verify_source source;
};

static int read_at(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const struct log_file *file = ctx;
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(file->fd, to, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		to += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

/* The log that the records say there is. */
static int open_log(const struct store_embedded *store, struct log_file *out)
{
	const char *path = store->log.path;
	struct stat st;
	int err;

	out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (out->fd < 0 || fstat(out->fd, &st)) {
		err = errno == ENOENT ? -EUCLEAN : -errno;
		log_error("store: cannot open %s: %s", path, strerror(errno));
		return err;
	}
	if (!S_ISREG(st.st_mode) || st.st_size != (off_t)(LOG_HALVES * LOG_HALF)) {
		log_error("store: %s is not a log, or not whole", path);
		return -EUCLEAN;
	}
	out->source = (struct store_verify_source){
		.name = path,
		.size = (uint64_t)st.st_size,
		.read_at = read_at,
		.ctx = out,
	};
	return 0;
}

static int check_boot(const struct store_embedded *store)
{
	uint8_t boot[STORE_BOOT_BYTES];

	if (!store->own.unflushed)
		return 0;
	if (store_own_boot(boot) && !memcmp(boot, store->own.boot, sizeof(boot)))
		return 0;
	log_error("store: %s was written to without flushing, and not closed before the host went "
		  "down",
		  store->path);
	return -EUCLEAN;
}

/* Opens the log, calls @take with what has to be done, and says how far that went. */
static int replay(const struct store_embedded *store, store_replay_fn take, void *ctx,
		  uint64_t *out_number)
{
	struct log_file file;
	int err = open_log(store, &file);

	if (!err)
		err = store_replay(&file.source, store->own.log_id, store->own.applied, take, ctx,
				   out_number);
	if (file.fd >= 0)
		close(file.fd);
	return err;
}

static int put_data(struct store_embedded *store, const uint8_t *bytes,
		    const struct store_range *range)
{
	if (store->base.read_only)
		return store_patch_write(&store->patch, &store->data, bytes, range->len,
					 range->offset);
	return store_datafile_write(&store->data, bytes, range->len, range->offset);
}

/* What was synced cannot be missing; what was not is in the log, and written anew. */
static int check_data(const struct store_embedded *store, uint64_t blocks)
{
	uint64_t size;
	int err = store_datafile_size(&store->data, &size);

	if (err || size / STORE_BLOCK >= blocks)
		return err;
	log_error("store: %s was cut off: it had %llu blocks", store->data.path,
		  (unsigned long long)blocks);
	return -EUCLEAN;
}

static int take_entry(void *ctx, const struct store_entry_parts *parts, bool data)
{
	struct store_embedded *store = ctx;
	const uint8_t *bytes = parts->data;
	int err = 0;

	/* data that come before this entry were not written yet */
	if (parts->entry.data_synced)
		err = check_data(store, parts->entry.data_blocks);
	if (!err)
		err = store_entry_replay(&parts->entry, store->base.active);
	store->base.data_blocks = max_u64(store->base.data_blocks, parts->entry.data_blocks);
	for (size_t i = 0; !err && data && i < parts->entry.ranges_count; i++) {
		err = put_data(store, bytes, &parts->entry.ranges[i]);
		bytes += parts->entry.ranges[i].len;
	}
	return err;
}

/* All that was replayed, for good. -ENOSPC, -EDQUOT: later. */
static int settle(struct store_embedded *store)
{
	struct store_own own = {.in_use = true};
	bool relax = false;
	int err = store_datafile_resize(&store->data, store->base.data_blocks * STORE_BLOCK);

	if (!err && store->no_flush && store->own.unflushed) {
		own.unflushed = true;
		memcpy(own.boot, store->own.boot, sizeof(own.boot));
		relax = true;
	}
	if (!err && !relax)
		err = store_datafile_sync(&store->data);
	if (err)
		return err;
	store->synced_blocks = store->base.data_blocks;
	store_env_relax(store, relax);
	err = store_embedded_write(store, store->base.active, &own);
	if (err)
		return err;
	store->own = own;
	store_log_remove(&store->log);
	store_layer_clear(store->base.active);
	return 0;
}

int store_recover(struct store_embedded *store)
{
	struct store_own *own = &store->own;
	uint64_t number = own->applied;
	int err = check_boot(store);

	if (err || (!own->has_log && !own->unflushed))
		return err;
	if (own->has_log)
		err = check_data(store, own->data_blocks);
	if (!err && own->has_log)
		err = replay(store, take_entry, store, &number);
	if (!err && store_own_in_layer(store->base.active)) {
		log_error("store: %s: damaged: it changes what the store says of itself",
			  store->log.path);
		err = -EUCLEAN;
	}
	if (err || store->base.read_only)
		return err;
	if (number != own->applied)
		log_info("store: %s: entries %llu to %llu are applied", store->log.path,
			 (unsigned long long)own->applied + 1, (unsigned long long)number);
	err = settle(store);
	if (err && err != -ENOSPC && err != -EDQUOT)
		return err;
	/* it says already that it is in use */
	store->base.in_use = true;
	if (!err)
		return 0;
	store->log_left = own->has_log;
	store_replayed(&store->base, number);
	return 0;
}

static int take_nothing(void *ctx, const struct store_entry_parts *parts, bool data)
{
	(void)ctx;
	(void)parts;
	(void)data;
	return 0;
}

int store_recover_check(struct store_embedded *store)
{
	uint64_t number;
	int err = check_boot(store);

	if (err || !store->own.has_log)
		return err;
	return replay(store, take_nothing, NULL, &number);
}
