/* SPDX-License-Identifier: MIT */
/*
 * The file of LMDB 0.9 as it lies on the disk of a machine with 64-bit words and little-endian byte
 * order, as far as our stores use it: one unnamed database without duplicates. Private to the store
 * room. Names in comments are those of LMDB's mdb.c.
 *
 * The file is pages of one size. Pages 0 and 1 are meta pages; transaction N writes meta page N % 2,
 * the one with the larger number is in force. From it hang two trees: the free list, whose keys are
 * transactions and whose values are lists of pages, and the records.
 */
#ifndef BRAMBLE_STORE_STORE_LMDB_DISK_H
#define BRAMBLE_STORE_STORE_LMDB_DISK_H

#include <assert.h>
#include <stddef.h>

#include "base/le.h"

#define LMDB_MAGIC 0xbeefc0deu
#define LMDB_VERSION 1u
#define LMDB_METAS 2u
#define LMDB_PAGE_MIN 4096u /* of the machine that made the file */
#define LMDB_PAGE_MAX 32768u
#define LMDB_NO_PAGE UINT64_MAX /* P_INVALID: the root of an empty tree */
#define LMDB_DEPTH_MAX 32u /* CURSOR_STACK */

/* mp_flags. A page on disk has exactly one of these: the others are states in memory. */
#define LMDB_PAGE_BRANCH 0x01u
#define LMDB_PAGE_LEAF 0x02u
#define LMDB_PAGE_OVERFLOW 0x04u
#define LMDB_PAGE_META 0x08u

/* MDB_page */
struct lmdb_disk_page {
	le64 number; /* 0x00 */
	le16 unused_08;
	le16 flags; /* 0x0a LMDB_PAGE_* */
	le16 lower; /* 0x0c end of the offsets of nodes */
	le16 upper; /* 0x0e start of the nodes */
};
static_assert(sizeof(struct lmdb_disk_page) == 16, "MDB_page");
static_assert(offsetof(struct lmdb_disk_page, lower) == 0x0c, "MDB_page.mp_lower");

/* The same place in an overflow page: how many pages the run has. */
#define LMDB_PAGE_RUN_OFFSET offsetof(struct lmdb_disk_page, lower)

/* The largest node of a leaf, header and key included; a larger value goes to overflow pages. */
#define LMDB_NODE_MAX(page_size)                                                                   \
	(((((page_size) - sizeof(struct lmdb_disk_page)) / 2) & ~(size_t)1) - sizeof(le16))

/* mn_flags of a leaf's node */
#define LMDB_NODE_OVERFLOW 0x01u /* F_BIGDATA: the data is the number of an overflow page */

/* MDB_node; key and data follow. In a branch, low, high and flags are 48 bits of a page number. */
struct lmdb_disk_node {
	le16 low; /* 0x0 */
	le16 high; /* 0x2 of the size of the data */
	le16 flags; /* 0x4 LMDB_NODE_* */
	le16 key_size; /* 0x6 */
};
static_assert(sizeof(struct lmdb_disk_node) == 8, "MDB_node");

/* md_flags of the two trees. What else LMDB keeps there is how the file was first opened. */
#define LMDB_DB_INTEGER_KEY 0x08u
#define LMDB_DB_NO_SUBDIR 0x4000u

/* MDB_db */
struct lmdb_disk_db {
	le32 page_size; /* 0x00 of the free list's: of the whole file */
	le16 flags; /* 0x04 */
	le16 depth; /* 0x06 */
	le64 branch_pages; /* 0x08 */
	le64 leaf_pages; /* 0x10 */
	le64 overflow_pages; /* 0x18 */
	le64 entries; /* 0x20 */
	le64 root; /* 0x28 */
};
static_assert(sizeof(struct lmdb_disk_db) == 0x30, "MDB_db");
static_assert(offsetof(struct lmdb_disk_db, root) == 0x28, "MDB_db.md_root");

/* MDB_meta, behind a page header. A commit writes it from map_size on, in one sector. */
struct lmdb_disk_meta {
	struct lmdb_disk_page page;
	le32 magic; /* 0x10 */
	le32 version; /* 0x14 */
	le64 address; /* 0x18 unused */
	le64 map_size; /* 0x20 */
	struct lmdb_disk_db free; /* 0x28 */
	struct lmdb_disk_db records; /* 0x58 */
	le64 last_page; /* 0x88 */
	le64 transaction; /* 0x90 */
};
static_assert(sizeof(struct lmdb_disk_meta) == 0x98, "MDB_meta");
static_assert(offsetof(struct lmdb_disk_meta, free) == 0x28, "MDB_meta.mm_dbs[0]");
static_assert(offsetof(struct lmdb_disk_meta, records) == 0x58, "MDB_meta.mm_dbs[1]");
static_assert(offsetof(struct lmdb_disk_meta, transaction) == 0x90, "MDB_meta.mm_txnid");

#endif
