/* SPDX-License-Identifier: MIT */
/*
 * The verifier's walk over one tree of LMDB. A page may be used when
 * - its number in its header is its place, it has the kind that its level asks for, and no other
 *   page or list refers to it;
 * - its nodes fill the space between `upper` and its end without gap and overlap: LMDB moves them
 *   about on that assumption;
 * - its keys ascend, and lie between the separators above it;
 * - all leaves are equally deep.
 */
#include "store/store_verify_tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define HEADER sizeof(struct lmdb_disk_page)
#define NODE sizeof(struct lmdb_disk_node)

/* A separator: keys below are not less than the low one, and less than the high one. */
struct bound {
	const uint8_t *key; /* NULL: none */
	size_t size;
};

/* A page whose header and layout were checked. */
struct checked_page {
	uint64_t number;
	const uint8_t *bytes;
	unsigned int count; /* of nodes */
	bool leaf;
};

static size_t even(size_t size)
{
	return (size + 1) & ~(size_t)1;
}

static struct lmdb_disk_node node_header(const uint8_t *page, size_t offset)
{
	struct lmdb_disk_node node;

	memcpy(&node, page + offset, sizeof(node));
	return node;
}

static size_t node_offset(const uint8_t *page, unsigned int index)
{
	return le16_at(page + HEADER + 2 * (size_t)index);
}

static size_t node_size(struct lmdb_disk_node node)
{
	return (size_t)le16_get(node.low) | (size_t)le16_get(node.high) << 16;
}

static uint64_t node_child(struct lmdb_disk_node node)
{
	return (uint64_t)le16_get(node.low) | (uint64_t)le16_get(node.high) << 16 |
	       (uint64_t)le16_get(node.flags) << 32;
}

static struct bound node_key(const struct checked_page *page, unsigned int index)
{
	size_t offset = node_offset(page->bytes, index);

	return (struct bound){.key = page->bytes + offset + NODE,
			      .size = le16_get(node_header(page->bytes, offset).key_size)};
}

static int compare(const struct verify_tree *tree, struct bound a, struct bound b)
{
	int order;

	if (tree->integer_keys) {
		uint64_t x = le64_at(a.key), y = le64_at(b.key);

		return x < y ? -1 : x > y;
	}
	order = memcmp(a.key, b.key, a.size < b.size ? a.size : b.size);
	if (order)
		return order;
	return a.size < b.size ? -1 : a.size > b.size;
}

bool verify_claim(struct verify *v, const char *what, uint64_t first, uint64_t count)
{
	if (!range_fits(first, count, v->file_pages) && first <= v->last_page) {
		verify_complain(v, EUCLEAN,
				"%s: page %llu lies beyond the end of the file of %llu bytes", what,
				(unsigned long long)(count ? first + count - 1 : first),
				(unsigned long long)v->source->size);
		return false;
	}
	return verify_claim_free(v, what, first, count);
}

bool verify_claim_free(struct verify *v, const char *what, uint64_t first, uint64_t count)
{
	if (first < LMDB_METAS || first > v->last_page || count > v->last_page - first + 1) {
		verify_complain(v, EUCLEAN, "%s: pages %llu + %llu of %llu", what,
				(unsigned long long)first, (unsigned long long)count,
				(unsigned long long)v->last_page + 1);
		return false;
	}
	for (uint64_t page = first; page < first + count; page++) {
		uint8_t bit = (uint8_t)(1u << (page & 7));

		if (v->seen[page >> 3] & bit) {
			verify_complain(v, EUCLEAN, "%s: page %llu is used twice", what,
					(unsigned long long)page);
			return false;
		}
		v->seen[page >> 3] |= bit;
	}
	return true;
}

const uint8_t *verify_page(struct verify *v, const char *what, uint64_t number, unsigned int level,
			   uint16_t flags)
{
	uint8_t *bytes = v->levels[level];
	struct lmdb_disk_page header;
	size_t lower, upper;

	if (!bytes) {
		bytes = v->levels[level] = malloc(v->page_size);
		if (!bytes) {
			verify_complain(v, ENOMEM, "no memory for a page");
			v->stop = true;
			return NULL;
		}
	}
	if (!verify_read(v, bytes, v->page_size, number * v->page_size))
		return NULL;
	memcpy(&header, bytes, sizeof(header));
	lower = le16_get(header.lower);
	upper = le16_get(header.upper);
	if (le64_get(header.number) != number)
		verify_complain(v, EUCLEAN, "%s: page %llu says it is page %llu", what,
				(unsigned long long)number,
				(unsigned long long)le64_get(header.number));
	else if (le16_get(header.flags) != flags)
		verify_complain(v, EUCLEAN, "%s: page %llu has flags 0x%x, not 0x%x", what,
				(unsigned long long)number, le16_get(header.flags), flags);
	else if (lower <= HEADER || lower & 1 || upper & 1 || lower > upper ||
		 upper >= v->page_size)
		verify_complain(v, EUCLEAN, "%s: page %llu has nodes from %zu, their list to %zu",
				what, (unsigned long long)number, upper, lower);
	else
		return bytes;
	return NULL;
}

/* The bytes of the node at @offset, as it says itself. 0: it is longer than its page. */
static size_t node_length(const struct verify *v, const uint8_t *page, size_t offset, bool leaf)
{
	struct lmdb_disk_node node;
	size_t length = NODE, data = 0;

	if (offset & 1 || offset > v->page_size - NODE)
		return 0;
	node = node_header(page, offset);
	length += le16_get(node.key_size);
	if (leaf)
		data = le16_get(node.flags) == LMDB_NODE_OVERFLOW ? sizeof(le64) : node_size(node);
	if (length > v->page_size || data > v->page_size)
		return 0;
	length = even(length + data);
	return range_fits(offset, length, v->page_size) ? length : 0;
}

/* Whether the nodes fill the page from `upper` to its end, each byte once. */
static bool nodes_fill(const struct verify *v, const struct checked_page *page)
{
	uint16_t lengths[LMDB_PAGE_MAX / 2]; /* of the node at twice the index */
	size_t upper = le16_at(page->bytes + offsetof(struct lmdb_disk_page, upper));
	unsigned int met = 0;

	memset(lengths, 0, v->page_size / 2 * sizeof(*lengths));
	for (unsigned int i = 0; i < page->count; i++) {
		size_t offset = node_offset(page->bytes, i);
		size_t length = node_length(v, page->bytes, offset, page->leaf);

		if (!length)
			return false;
		lengths[offset / 2] = (uint16_t)length;
	}
	while (upper < v->page_size && lengths[upper / 2]) {
		upper += lengths[upper / 2];
		met++;
	}
	return upper == v->page_size && met == page->count;
}

/* Sizes of the keys, and that they ascend between the bounds. A branch's first key is not used. */
static bool keys_ascend(struct verify *v, const struct verify_tree *tree,
			const struct checked_page *page, struct bound low, struct bound high)
{
	struct bound previous = low;
	bool may_equal = page->leaf;

	for (unsigned int i = page->leaf ? 0 : 1; i < page->count; i++) {
		struct bound key = node_key(page, i);

		if (key.size < tree->key_min || key.size > tree->key_max) {
			verify_complain(v, EUCLEAN, "%s: page %llu: key %u has %zu bytes",
					tree->name, (unsigned long long)page->number, i, key.size);
			return false;
		}
		if (previous.key) {
			int order = compare(tree, key, previous);

			if (order < 0 || (order == 0 && !may_equal)) {
				verify_complain(v, EUCLEAN, "%s: page %llu: key %u is out of order",
						tree->name, (unsigned long long)page->number, i);
				return false;
			}
		}
		previous = key;
		may_equal = false;
	}
	if (high.key && previous.key && compare(tree, previous, high) >= 0) {
		verify_complain(v, EUCLEAN, "%s: page %llu: the last key belongs to another page",
				tree->name, (unsigned long long)page->number);
		return false;
	}
	return true;
}

static void check_leaf(struct verify *v, struct verify_tree *tree, const struct checked_page *page)
{
	for (unsigned int i = 0; i < page->count && !v->stop; i++) {
		size_t offset = node_offset(page->bytes, i);
		struct lmdb_disk_node header = node_header(page->bytes, offset);
		struct verify_node node = {.page = page->number, .size = node_size(header)};
		const uint8_t *data;

		node.key = page->bytes + offset + NODE;
		node.key_size = le16_get(header.key_size);
		data = node.key + node.key_size;
		if (le16_get(header.flags) == LMDB_NODE_OVERFLOW) {
			node.run = le64_at(data);
		} else if (le16_get(header.flags)) {
			verify_complain(v, EUCLEAN, "%s: page %llu: node %u has flags 0x%x",
					tree->name, (unsigned long long)page->number, i,
					le16_get(header.flags));
			continue;
		} else if (NODE + node.key_size + node.size > LMDB_NODE_MAX(v->page_size)) {
			verify_complain(v, EUCLEAN, "%s: page %llu: node %u has %zu bytes",
					tree->name, (unsigned long long)page->number, i, node.size);
			continue;
		} else {
			node.inside = data;
		}
		if (node.size > tree->value_max) {
			verify_complain(v, EUCLEAN, "%s: page %llu: value %u has %zu bytes",
					tree->name, (unsigned long long)page->number, i, node.size);
			continue;
		}
		tree->found.entries++;
		tree->take(v, tree, &node);
	}
}

/* Recursion goes no deeper than the meta page says, which was checked. */
static void check_page(struct verify *v, struct verify_tree *tree, uint64_t number,
		       unsigned int level, struct bound low, struct bound high)
{
	bool leaf = level + 1 == tree->db.depth;
	struct checked_page page = {.number = number, .leaf = leaf};

	if (!verify_claim(v, tree->name, number, 1))
		return;
	page.bytes =
		verify_page(v, tree->name, number, level, leaf ? LMDB_PAGE_LEAF : LMDB_PAGE_BRANCH);
	if (!page.bytes)
		return;
	page.count = (unsigned int)((le16_at(page.bytes + offsetof(struct lmdb_disk_page, lower)) -
				     HEADER) /
				    2);
	if (!nodes_fill(v, &page)) {
		verify_complain(v, EUCLEAN, "%s: page %llu: its nodes do not fit together",
				tree->name, (unsigned long long)number);
		return;
	}
	if (!keys_ascend(v, tree, &page, low, high))
		return;
	if (leaf) {
		tree->found.leaf_pages++;
		check_leaf(v, tree, &page);
		return;
	}
	tree->found.branch_pages++;
	if (page.count < tree->branch_min) {
		verify_complain(v, EUCLEAN, "%s: page %llu is a branch to %u pages", tree->name,
				(unsigned long long)number, page.count);
		return;
	}
	for (unsigned int i = 0; i < page.count && !v->stop; i++) {
		struct lmdb_disk_node node = node_header(page.bytes, node_offset(page.bytes, i));

		check_page(v, tree, node_child(node), level + 1, i ? node_key(&page, i) : low,
			   i + 1 < page.count ? node_key(&page, i + 1) : high);
	}
}

static void check_count(struct verify *v, const struct verify_tree *tree, const char *what,
			uint64_t said, uint64_t found)
{
	if (said != found && !v->stop)
		verify_complain(v, EUCLEAN, "%s: the meta page says %llu %s, there are %llu",
				tree->name, (unsigned long long)said, what,
				(unsigned long long)found);
}

void verify_tree(struct verify *v, struct verify_tree *tree)
{
	unsigned int before = v->result->problems;
	const struct bound none = {.key = NULL};

	if (tree->db.root == LMDB_NO_PAGE ? tree->db.depth != 0
					  : tree->db.depth < 1 || tree->db.depth > LMDB_DEPTH_MAX) {
		verify_complain(v, EUCLEAN, "%s: the meta page says %u levels below page %lld",
				tree->name, tree->db.depth, (long long)tree->db.root);
		return;
	}
	if (tree->db.root != LMDB_NO_PAGE)
		check_page(v, tree, tree->db.root, 0, none, none);
	if (v->result->problems != before)
		return; /* whose counts would only repeat it */
	check_count(v, tree, "branch pages", tree->db.branch_pages, tree->found.branch_pages);
	check_count(v, tree, "leaf pages", tree->db.leaf_pages, tree->found.leaf_pages);
	check_count(v, tree, "overflow pages", tree->db.overflow_pages, tree->found.overflow_pages);
	check_count(v, tree, "entries", tree->db.entries, tree->found.entries);
}

bool verify_last_key(struct verify *v, const char *what, const struct verify_db *db, uint64_t *out)
{
	uint64_t number = db->root;

	for (unsigned int level = 0; level < db->depth && level < LMDB_DEPTH_MAX; level++) {
		bool leaf = level + 1 == db->depth;
		struct checked_page page = {.number = number, .leaf = leaf};
		struct bound key;

		if (number < LMDB_METAS || number >= v->file_pages) {
			verify_complain(v, EUCLEAN,
					"%s: its free list is at page %llu, the file has %llu",
					what, (unsigned long long)number,
					(unsigned long long)v->file_pages);
			return false;
		}
		page.bytes =
			verify_page(v, what, number, 0, leaf ? LMDB_PAGE_LEAF : LMDB_PAGE_BRANCH);
		if (!page.bytes)
			return false;
		page.count = (unsigned int)((le16_at(page.bytes +
						     offsetof(struct lmdb_disk_page, lower)) -
					     HEADER) /
					    2);
		if (!nodes_fill(v, &page)) {
			verify_complain(v, EUCLEAN, "%s: page %llu: its nodes do not fit together",
					what, (unsigned long long)number);
			return false;
		}
		key = node_key(&page, page.count - 1);
		if (leaf && key.size == sizeof(le64)) {
			*out = le64_at(key.key);
			return true;
		}
		number = node_child(
			node_header(page.bytes, node_offset(page.bytes, page.count - 1)));
	}
	verify_complain(v, EUCLEAN, "%s: its free list has no last transaction", what);
	return false;
}
