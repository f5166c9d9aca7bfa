/* SPDX-License-Identifier: MIT */
/* Checking an overlay: what is kept meanwhile, and the totals. */
#include "overlay/overlay_check.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/checked.h"

#define NODES_MIN 256u
#define PAGES_MIN 16u
#define PAGE_BLOCKS 32768u

bool overlay_check_counts(struct check *check)
{
	return check->problems++ < CHECK_LINES_MAX;
}

static size_t home_of(uint64_t number, size_t size)
{
	return (size_t)((number * 0x9e3779b97f4a7c15u) >> 32) & (size - 1);
}

/* Nodes ------------------------------------------------------------------------------------------ */

/* Where @id is or would be. */
static struct check_node *slot_of(const struct check_nodes *nodes, uint64_t id)
{
	size_t at = home_of(id, nodes->size);

	while (nodes->slots[at].id && nodes->slots[at].id != id)
		at = (at + 1) & (nodes->size - 1);
	return &nodes->slots[at];
}

struct check_node *overlay_check_find(const struct check_nodes *nodes, uint64_t id)
{
	struct check_node *slot = nodes->size ? slot_of(nodes, id) : NULL;

	return slot && slot->id ? slot : NULL;
}

static bool grow_nodes(struct check_nodes *nodes)
{
	struct check_nodes larger = {
		.size = nodes->size ? nodes->size * 2 : NODES_MIN,
		.used = nodes->used,
	};

	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < nodes->size; i++) {
		if (nodes->slots[i].id)
			*slot_of(&larger, nodes->slots[i].id) = nodes->slots[i];
	}
	free(nodes->slots);
	*nodes = larger;
	return true;
}

struct check_node *overlay_check_add(struct check_nodes *nodes, uint64_t id)
{
	struct check_node *slot;

	if (nodes->used >= nodes->size / 4 * 3 && !grow_nodes(nodes))
		return NULL;
	slot = slot_of(nodes, id);
	if (!slot->id) {
		slot->id = id;
		nodes->used++;
	}
	return slot;
}

/* Blocks ----------------------------------------------------------------------------------------- */

struct check_page {
	uint64_t number;
	uint64_t words[PAGE_BLOCKS / 64];
};

static struct check_page **page_slot(const struct check_blocks *blocks, uint64_t number)
{
	size_t at = home_of(number, blocks->size);

	while (blocks->slots[at] && blocks->slots[at]->number != number)
		at = (at + 1) & (blocks->size - 1);
	return &blocks->slots[at];
}

static bool grow_pages(struct check_blocks *blocks)
{
	struct check_blocks larger = *blocks;

	larger.size = blocks->size ? blocks->size * 2 : PAGES_MIN;
	larger.slots = calloc(larger.size, sizeof(*larger.slots));
	if (!larger.slots)
		return false;
	for (size_t i = 0; i < blocks->size; i++) {
		if (blocks->slots[i])
			*page_slot(&larger, blocks->slots[i]->number) = blocks->slots[i];
	}
	free(blocks->slots);
	*blocks = larger;
	return true;
}

int overlay_check_use(struct check_blocks *blocks, uint64_t block)
{
	const uint64_t bit = (uint64_t)1 << block % 64;
	struct check_page **page;
	uint64_t *word;

	if (blocks->used >= blocks->size / 4 * 3 && !grow_pages(blocks))
		return -ENOMEM;
	page = page_slot(blocks, block / PAGE_BLOCKS);
	if (!*page) {
		*page = calloc(1, sizeof(**page));
		if (!*page)
			return -ENOMEM;
		(*page)->number = block / PAGE_BLOCKS;
		blocks->used++;
	}
	word = &(*page)->words[block % PAGE_BLOCKS / 64];
	if (*word & bit)
		return 1;
	*word |= bit;
	blocks->count++;
	return 0;
}

void overlay_check_finish(struct check *check)
{
	for (size_t i = 0; i < check->blocks.size; i++)
		free(check->blocks.slots[i]);
	free(check->blocks.slots);
	free(check->nodes.slots);
}

/* All -------------------------------------------------------------------------------------------- */

static int check_super(struct check *check)
{
	uint8_t value[RECORD_SUPER_BYTES];
	struct record_super super;
	struct store_key key;
	size_t len;
	int err;

	record_key_super(&key);
	err = store_get(check->ov->store, &key, value, sizeof(value), &len);
	if (!err)
		err = record_super_decode(value, len, &super);
	if (err)
		return err;
	check->next_id = super.next_id;
	if (super.base_span != check->ov->base_span)
		check_problem(check, "made for a tree of %llu nodes, this one has %llu",
			      (unsigned long long)super.base_span,
			      (unsigned long long)check->ov->base_span);
	return 0;
}

/* What is taken and has no user is lost; what was freed is taken until it is durable. */
static int check_usage(struct check *check)
{
	struct store_usage usage;
	int err = store_usage(check->ov->store, &usage);

	if (err)
		return err;
	if (usage.blocks != check->blocks.count)
		check_problem(check, "%llu blocks of the data are taken, %llu have a user",
			      (unsigned long long)usage.blocks,
			      (unsigned long long)check->blocks.count);
	return 0;
}

int overlay_check(struct tree *overlay, unsigned int *out_problems)
{
	struct check check = {.ov = overlay_of(overlay)};
	int err = 0;

	if (!store_is_read_only(check.ov->store))
		err = store_sync(check.ov->store);
	if (!err)
		err = check_super(&check);
	if (!err)
		err = overlay_check_records(&check);
	if (!err)
		err = overlay_check_names(&check);
	if (!err)
		err = check_usage(&check);
	if (check.problems > CHECK_LINES_MAX)
		log_error("overlay: %u more problems", check.problems - CHECK_LINES_MAX);
	overlay_check_finish(&check);
	if (!err)
		*out_problems = check.problems;
	return err;
}
