/* SPDX-License-Identifier: MIT */
/*
 * The verifier: meta pages, records, free list. LMDB keeps no checksums, but its file says most
 * things twice, and that is what makes damage visible:
 * - The numbers of the two meta pages are neighbours, and the last transaction in the free list that
 *   hangs from each is its own: every transaction frees the root page that it replaces, because
 *   there is always a record. So neither can pass for another.
 * - The counts of the newest meta page are those of its trees.
 * - A free page is no page of a tree, so the pages of an older state cannot pass for the newest.
 * - Each record ends in a checksum over its key and value.
 * A crash leaves the newest state that was completed and the one before it whole, both. The older
 * one's trees are not walked, for LMDB does not use them.
 */
#include "store/store_verify.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "store/store_ops.h"
#include "store/store_verify_tree.h"

#define VALUE_MAX (STORE_VALUE_MAX + STORE_CHECKSUM_BYTES)
#define KEY_TEXT_BYTES 40u /* of a key in a message */

/*
 * Pages that a transaction took and gave back are free, and were perhaps never written: the file may
 * end before them. A transaction holds no more pages than LMDB's list of dirty ones has room for.
 */
#define FREE_TAIL_PAGES 131072u

/* No store gets there; LMDB adds to these numbers. */
#define TRANSACTIONS_END ((uint64_t)1 << 62)

/* A meta page, decoded. */
struct meta {
	uint32_t page_size;
	struct verify_db free;
	struct verify_db records;
	uint16_t free_flags;
	uint16_t record_flags;
	uint64_t last_page;
	uint64_t transaction;
};

void verify_complain(struct verify *v, int err, const char *format, ...)
{
	char text[512];
	va_list args;

	if (v->stop)
		return;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	log_error("store: %s: %s", v->source->name, text);
	if (!v->err)
		v->err = -err;
	if (++v->result->problems >= v->limit)
		v->stop = true;
}

bool verify_read(struct verify *v, void *buf, size_t len, uint64_t offset)
{
	int err;

	if (!range_fits(offset, len, v->source->size)) {
		verify_complain(v, EUCLEAN, "%zu bytes at %llu lie beyond the end at %llu", len,
				(unsigned long long)offset, (unsigned long long)v->source->size);
		return false;
	}
	err = v->source->read_at(v->source->ctx, buf, len, offset);
	if (!err)
		return true;
	v->err = 0; /* this says more */
	verify_complain(v, -err, "cannot read %zu bytes at %llu: %s", len,
			(unsigned long long)offset, strerror(-err));
	v->stop = true;
	return false;
}

static struct verify_db decode_db(const struct lmdb_disk_db *disk)
{
	return (struct verify_db){.depth = le16_get(disk->depth),
				  .branch_pages = le64_get(disk->branch_pages),
				  .leaf_pages = le64_get(disk->leaf_pages),
				  .overflow_pages = le64_get(disk->overflow_pages),
				  .entries = le64_get(disk->entries),
				  .root = le64_get(disk->root)};
}

/* Meta page @index, which lies at @offset. */
static bool read_meta(struct verify *v, unsigned int index, uint64_t offset, struct meta *out)
{
	struct lmdb_disk_meta disk;

	if (!verify_read(v, &disk, sizeof(disk), offset))
		return false;
	if (le32_get(disk.magic) != LMDB_MAGIC) {
		verify_complain(v, EUCLEAN, "meta page %u: not a database of LMDB (0x%x)", index,
				le32_get(disk.magic));
		return false;
	}
	if (le32_get(disk.version) != LMDB_VERSION) {
		verify_complain(v, EUCLEAN, "meta page %u: version %u of LMDB's format, not %u",
				index, le32_get(disk.version), LMDB_VERSION);
		return false;
	}
	if (le64_get(disk.page.number) != index || le16_get(disk.page.flags) != LMDB_PAGE_META) {
		verify_complain(v, EUCLEAN, "meta page %u: says it is page %llu with flags 0x%x",
				index, (unsigned long long)le64_get(disk.page.number),
				le16_get(disk.page.flags));
		return false;
	}
	*out = (struct meta){.page_size = le32_get(disk.free.page_size),
			     .free = decode_db(&disk.free),
			     .records = decode_db(&disk.records),
			     .free_flags = le16_get(disk.free.flags),
			     .record_flags = le16_get(disk.records.flags),
			     .last_page = le64_get(disk.last_page),
			     .transaction = le64_get(disk.transaction)};
	if (!is_power_of_two(out->page_size) || out->page_size < LMDB_PAGE_MIN ||
	    out->page_size > LMDB_PAGE_MAX) {
		verify_complain(v, EUCLEAN, "meta page %u: pages of %u bytes", index,
				out->page_size);
		return false;
	}
	if ((out->free_flags & ~LMDB_DB_NO_SUBDIR) != LMDB_DB_INTEGER_KEY || out->record_flags) {
		verify_complain(v, EUCLEAN, "meta page %u: kinds of trees 0x%x and 0x%x", index,
				out->free_flags, out->record_flags);
		return false;
	}
	if (out->transaction && (out->transaction & 1) != index) {
		verify_complain(v, EUCLEAN, "meta page %u: says it is of transaction %llu", index,
				(unsigned long long)out->transaction);
		return false;
	}
	return true;
}

/* The free list that hangs from a meta page ends with the meta page's own transaction. */
static bool free_list_is_of(struct verify *v, unsigned int index, const struct meta *meta)
{
	char what[32];
	uint64_t last = 0;

	snprintf(what, sizeof(what), "meta page %u", index);
	if (meta->free.root == LMDB_NO_PAGE) {
		if (meta->transaction <= 1)
			return true; /* which had nothing to free */
	} else if (!verify_last_key(v, what, &meta->free, &last)) {
		return false;
	}
	if (last == meta->transaction)
		return true;
	verify_complain(v, EUCLEAN, "%s: says it is of transaction %llu, its free list of %llu",
			what, (unsigned long long)meta->transaction, (unsigned long long)last);
	return false;
}

/* Both meta pages, and *@out the one that LMDB will use. False: complained. */
static bool check_metas(struct verify *v, struct meta *out)
{
	struct meta metas[LMDB_METAS];
	unsigned int newest;

	if (!read_meta(v, 0, 0, &metas[0]) || !read_meta(v, 1, metas[0].page_size, &metas[1]))
		return false;
	if (metas[0].page_size != metas[1].page_size) {
		verify_complain(v, EUCLEAN, "meta pages: pages of %u bytes, and of %u",
				metas[0].page_size, metas[1].page_size);
		return false;
	}
	v->page_size = metas[0].page_size;
	v->file_pages = v->source->size / v->page_size;
	newest = metas[0].transaction < metas[1].transaction;
	*out = metas[newest];
	if (out->transaction >= TRANSACTIONS_END) {
		verify_complain(v, EUCLEAN, "meta page %u: transaction %llu", newest,
				(unsigned long long)out->transaction);
		return false;
	}
	if (out->transaction && out->transaction - metas[!newest].transaction != 1) {
		verify_complain(v, EUCLEAN, "meta pages: of transactions %llu and %llu",
				(unsigned long long)metas[0].transaction,
				(unsigned long long)metas[1].transaction);
		return false;
	}
	if (out->last_page < LMDB_METAS - 1 || out->last_page >= v->file_pages + FREE_TAIL_PAGES) {
		verify_complain(v, EUCLEAN, "meta page %u: last page %llu, the file has %llu",
				newest, (unsigned long long)out->last_page,
				(unsigned long long)v->file_pages);
		return false;
	}
	v->last_page = out->last_page;
	return free_list_is_of(v, 0, &metas[0]) && free_list_is_of(v, 1, &metas[1]);
}

/* Takes the run of overflow pages of @node. False: complained. */
static bool claim_run(struct verify *v, struct verify_tree *tree, const struct verify_node *node)
{
	struct lmdb_disk_page header;
	uint64_t need = (sizeof(header) - 1 + node->size) / v->page_size + 1;
	uint64_t pages;

	if (!verify_claim(v, tree->name, node->run, need) ||
	    !verify_read(v, &header, sizeof(header), node->run * v->page_size))
		return false;
	pages = le32_at((const uint8_t *)&header + LMDB_PAGE_RUN_OFFSET);
	if (le64_get(header.number) != node->run || le16_get(header.flags) != LMDB_PAGE_OVERFLOW ||
	    pages < need) {
		verify_complain(v, EUCLEAN,
				"%s: page %llu: as a run of %llu pages for a value of %zu bytes it "
				"says that it is page %llu with flags 0x%x and %llu pages",
				tree->name, (unsigned long long)node->run, (unsigned long long)need,
				node->size, (unsigned long long)le64_get(header.number),
				le16_get(header.flags), (unsigned long long)pages);
		return false;
	}
	tree->found.overflow_pages += pages;
	return pages == need || verify_claim(v, tree->name, node->run + need, pages - need);
}

static void take_record(struct verify *v, struct verify_tree *tree, const struct verify_node *node)
{
	struct store_key key = {.len = node->key_size};
	const uint8_t *value = node->inside;
	char text[2 * KEY_TEXT_BYTES + 1];
	size_t len = node->size;

	memcpy(key.bytes, node->key, node->key_size);
	if (!value) {
		if (!claim_run(v, tree, node) ||
		    !verify_read(v, v->value, node->size,
				 node->run * v->page_size + sizeof(struct lmdb_disk_page)))
			return;
		value = v->value;
	}
	if (!store_value_check(&key, value, &len))
		return;
	text[0] = '\0';
	for (size_t i = 0; i < key.len && i < KEY_TEXT_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", key.bytes[i]);
	verify_complain(v, EBADMSG, "%s: page %llu: the record %s has a wrong checksum", tree->name,
			(unsigned long long)node->page, text);
}

/* A list of pages: how many, then their numbers, descending. Behind them there may be room. */
static void take_free(struct verify *v, struct verify_tree *tree, const struct verify_node *node)
{
	uint8_t chunk[4096];
	uint64_t transaction = le64_at(node->key);
	uint64_t offset = node->run * v->page_size + sizeof(struct lmdb_disk_page);
	uint64_t count = 0, previous = UINT64_MAX;

	/* LMDB takes 0 for "none yet", and keeps for its readers what is newer than it is itself. */
	if (transaction == 0 || transaction > v->result->transaction) {
		verify_complain(v, EUCLEAN, "%s: a list of transaction %llu, the newest is %llu",
				tree->name, (unsigned long long)transaction,
				(unsigned long long)v->result->transaction);
		return;
	}
	if (node->size < sizeof(le64) || node->size % sizeof(le64)) {
		verify_complain(v, EUCLEAN, "%s: the list of transaction %llu has %zu bytes",
				tree->name, (unsigned long long)transaction, node->size);
		return;
	}
	if (!node->inside && !claim_run(v, tree, node))
		return;
	for (uint64_t i = 0; i <= count && !v->stop; i++) {
		size_t at = i * sizeof(le64) % sizeof(chunk);
		size_t left = min_u64(sizeof(chunk), node->size - i * sizeof(le64));
		uint64_t number;

		if (node->inside)
			number = le64_at(node->inside + i * sizeof(le64));
		else if (at == 0 && !verify_read(v, chunk, left, offset + i * sizeof(le64)))
			return;
		else
			number = le64_at(chunk + at);
		if (i == 0) {
			count = number;
			if (count <= node->size / sizeof(le64) - 1)
				continue;
			verify_complain(v, EUCLEAN,
					"%s: the list of transaction %llu says %llu pages in %zu "
					"bytes",
					tree->name, (unsigned long long)transaction,
					(unsigned long long)count, node->size);
			return;
		}
		if (number >= previous) {
			verify_complain(v, EUCLEAN,
					"%s: page %llu is out of order in the list of transaction "
					"%llu",
					tree->name, (unsigned long long)number,
					(unsigned long long)transaction);
			return;
		}
		previous = number;
		if (verify_claim_free(v, tree->name, number, 1))
			v->result->free_pages++;
	}
}

static void check_trees(struct verify *v, const struct meta *meta)
{
	struct verify_tree records = {.name = "records",
				      .key_min = 1,
				      .key_max = STORE_KEY_MAX,
				      .value_max = VALUE_MAX,
				      .branch_min = 2,
				      .db = meta->records,
				      .take = take_record};
	struct verify_tree free_list = {.name = "free list",
					.integer_keys = true,
					.key_min = sizeof(le64),
					.key_max = sizeof(le64),
					.value_max = v->source->size,
					.branch_min = 1,
					.db = meta->free,
					.take = take_free};
	const struct verify_db *dbs[] = {&records.found, &free_list.found};

	verify_tree(v, &records);
	if (!v->stop)
		verify_tree(v, &free_list);
	for (size_t i = 0; i < ARRAY_SIZE(dbs); i++)
		v->result->used_pages +=
			dbs[i]->branch_pages + dbs[i]->leaf_pages + dbs[i]->overflow_pages;
	v->result->records = records.found.entries;
}

int store_verify(const struct store_verify_source *source, unsigned int limit,
		 struct store_verify_result *out)
{
	struct verify v = {.source = source, .result = out, .limit = limit};
	struct meta meta;

	memset(out, 0, sizeof(*out));
	if (!check_metas(&v, &meta))
		goto done;
	out->page_size = meta.page_size;
	out->last_page = meta.last_page;
	out->transaction = meta.transaction;
	v.seen = calloc(1, v.last_page / 8 + 1);
	v.value = malloc(VALUE_MAX);
	if (!v.seen || !v.value) {
		v.err = -ENOMEM;
		goto done;
	}
	check_trees(&v, &meta);
	if (!v.err)
		out->lost_pages = v.last_page + 1 - LMDB_METAS - out->used_pages - out->free_pages;
done:
	for (size_t i = 0; i < ARRAY_SIZE(v.levels); i++)
		free(v.levels[i]);
	free(v.value);
	free(v.seen);
	return v.err;
}

static int read_fd(void *ctx, void *buf, size_t len, uint64_t offset)
{
	const int *fd = ctx;
	uint8_t *to = buf;

	while (len) {
		ssize_t n = pread(*fd, to, len, (off_t)offset);

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

int store_verify_fd(int fd, const char *path, unsigned int limit, struct store_verify_result *out)
{
	struct store_verify_source source = {.name = path, .read_at = read_fd, .ctx = &fd};
	struct stat st;

	memset(out, 0, sizeof(*out));
	if (fstat(fd, &st))
		return -errno;
	source.size = (uint64_t)st.st_size;
	return store_verify(&source, limit, out);
}
