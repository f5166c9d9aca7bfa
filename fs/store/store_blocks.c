/* SPDX-License-Identifier: MIT */
/*
 * The bitmap is cut into groups. A group that is wholly free or wholly taken has no bits of its own,
 * so that a store of terabytes costs little. Over the groups stands a tree that knows how long the
 * longest free run inside each group is; so the first group with a run of some length is found in a
 * few steps, and nothing is ever searched from start to end. Runs that cross into the next group are
 * put together when one of them is found.
 */
#include "store/store_blocks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "store/store.h"

#define WORD_BITS 64u
#define GROUP_WORDS 64u
#define GROUP_BLOCKS (GROUP_WORDS * WORD_BITS)
#define GROUPS_FIRST 16u

/* A run of this length is good enough for those who want more. */
#define GOOD_RUN 16u

struct store_blocks_group {
	uint64_t *words; /* owned: a bit set: taken. NULL while all bits are alike */
	uint32_t taken;
};

static_assert(STORE_BLOCKS_END % GROUP_BLOCKS == 0, "the last group is whole");

/* What a range has in one group. */
struct part {
	size_t group;
	unsigned int first;
	unsigned int count;
};

static bool part_next(uint64_t *first, uint64_t *count, struct part *out)
{
	if (*count == 0)
		return false;
	out->group = (size_t)(*first / GROUP_BLOCKS);
	out->first = (unsigned int)(*first % GROUP_BLOCKS);
	out->count = (unsigned int)min_u64(*count, GROUP_BLOCKS - out->first);
	*first += out->count;
	*count -= out->count;
	return true;
}

int store_blocks_init(struct store_blocks *blocks)
{
	memset(blocks, 0, sizeof(*blocks));
	return -pthread_mutex_init(&blocks->lock, NULL);
}

void store_blocks_finish(struct store_blocks *blocks)
{
	for (size_t i = 0; i < blocks->groups_count; i++)
		free(blocks->groups[i].words);
	free(blocks->groups);
	free(blocks->lacks);
	pthread_mutex_destroy(&blocks->lock);
}

/* Bits ------------------------------------------------------------------------------------------ */

/* @count ones from bit @first on, inside one word. */
static uint64_t mask(unsigned int first, unsigned int count)
{
	return (count == WORD_BITS ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1) << first;
}

/*
 * The first bit from @first on, below @end, that is @set; @end if there is none.
 */
static unsigned int words_find(const uint64_t *words, bool set, unsigned int first,
			       unsigned int end)
{
	while (first < end) {
		uint64_t word = words[first / WORD_BITS];

		word = (set ? word : ~word) >> first % WORD_BITS;
		if (word) {
			first += (unsigned int)__builtin_ctzll(word);
			return first < end ? first : end;
		}
		first = (first / WORD_BITS + 1) * WORD_BITS;
	}
	return end;
}

static unsigned int group_find(const struct store_blocks_group *group, bool set, unsigned int first)
{
	if (group->words)
		return words_find(group->words, set, first, GROUP_BLOCKS);
	return (group->taken != 0) == set ? first : GROUP_BLOCKS;
}

/* How many blocks right below @end are free, in this group. */
static unsigned int group_free_below(const struct store_blocks_group *group, unsigned int end)
{
	unsigned int start = end;

	if (!group->words)
		return group->taken ? 0 : end;
	while (start > 0) {
		unsigned int bit = (start - 1) % WORD_BITS;
		uint64_t word = group->words[(start - 1) / WORD_BITS] << (WORD_BITS - 1 - bit);

		if (word) {
			start -= (unsigned int)__builtin_clzll(word);
			break;
		}
		start -= bit + 1;
	}
	return end - start;
}

static unsigned int group_longest(const struct store_blocks_group *group)
{
	unsigned int longest = 0;
	unsigned int at = 0;

	if (!group->words)
		return group->taken ? 0 : GROUP_BLOCKS;
	while ((at = words_find(group->words, false, at, GROUP_BLOCKS)) < GROUP_BLOCKS) {
		unsigned int end = words_find(group->words, true, at, GROUP_BLOCKS);

		if (end - at > longest)
			longest = end - at;
		at = end;
	}
	return longest;
}

/* Whether any (or all) blocks of @part are taken. */
static bool part_has(const struct store_blocks_group *group, const struct part *part, bool taken)
{
	unsigned int end = part->first + part->count;

	if (group->words)
		return words_find(group->words, taken, part->first, end) < end;
	return (group->taken != 0) == taken;
}

static int words_make(struct store_blocks_group *group)
{
	if (group->words)
		return 0;
	group->words = malloc(GROUP_WORDS * sizeof(uint64_t));
	if (!group->words)
		return -ENOMEM;
	memset(group->words, group->taken ? 0xff : 0, GROUP_WORDS * sizeof(uint64_t));
	return 0;
}

/*
 * The tree: [1] is the root, [i] the smaller of [2i] and [2i + 1], the groups' own are at the end.
 * Kept is what lacks to a free group, so that all zeros mean that all is free.
 */

static void lacks_set(struct store_blocks *blocks, size_t group, unsigned int longest)
{
	size_t at = blocks->groups_count + group;

	blocks->lacks[at] = (uint16_t)(GROUP_BLOCKS - longest);
	for (at /= 2; at; at /= 2) {
		uint16_t left = blocks->lacks[2 * at];
		uint16_t right = blocks->lacks[2 * at + 1];
		uint16_t smaller = left < right ? left : right;

		if (blocks->lacks[at] == smaller)
			break;
		blocks->lacks[at] = smaller;
	}
}

/* The first group with a run of @need. */
static bool group_with(const struct store_blocks *blocks, unsigned int need, size_t *out)
{
	unsigned int limit = GROUP_BLOCKS - need;
	size_t at = 1;

	if (blocks->groups_count == 0 || blocks->lacks[1] > limit)
		return false;
	while (at < blocks->groups_count)
		at = blocks->lacks[2 * at] <= limit ? 2 * at : 2 * at + 1;
	*out = at - blocks->groups_count;
	return true;
}

/*
 * Makes @count groups at least; fresh ones are free. What a number out of a damaged record makes
 * large is not touched: it stays without memory.
 */
static int grow(struct store_blocks *blocks, uint64_t count)
{
	size_t have = blocks->groups_count;
	size_t want = have ? have : GROUPS_FIRST;
	struct store_blocks_group *groups;
	uint16_t *lacks;

	while (want < count)
		want *= 2;
	if (want == have)
		return 0;
	lacks = calloc(2 * want, sizeof(*lacks));
	groups = calloc(want, sizeof(*groups));
	if (!lacks || !groups) {
		free(lacks);
		free(groups);
		return -ENOMEM;
	}
	if (have)
		memcpy(groups, blocks->groups, have * sizeof(*groups));
	/* each level of the old tree begins the level that is as far from the groups */
	for (size_t width = 1; width <= have; width *= 2)
		memcpy(lacks + width * (want / have), blocks->lacks + width,
		       width * sizeof(*lacks));
	free(blocks->groups);
	free(blocks->lacks);
	blocks->groups = groups;
	blocks->lacks = lacks;
	blocks->groups_count = want;
	return 0;
}

/* Changes ---------------------------------------------------------------------------------------- */

/* All blocks of @part, none of which is @taken, become so. words_make was called if not the whole. */
static void part_change(struct store_blocks *blocks, const struct part *part, bool taken)
{
	struct store_blocks_group *group = &blocks->groups[part->group];
	unsigned int end = part->first + part->count;

	group->taken = taken ? group->taken + part->count : group->taken - part->count;
	if (group->taken == 0 || group->taken == GROUP_BLOCKS) {
		free(group->words);
		group->words = NULL;
	}
	for (unsigned int at = part->first; group->words && at < end;) {
		unsigned int bit = at % WORD_BITS;
		unsigned int count = (unsigned int)min_u64(WORD_BITS - bit, end - at);

		if (taken)
			group->words[at / WORD_BITS] |= mask(bit, count);
		else
			group->words[at / WORD_BITS] &= ~mask(bit, count);
		at += count;
	}
	lacks_set(blocks, part->group, group_longest(group));
}

/* Memory for the bits of the groups in which a range starts and ends: all that a change needs. */
static int range_prepare(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	struct part part;

	while (part_next(&first, &count, &part)) {
		int err = part.count < GROUP_BLOCKS ? words_make(&blocks->groups[part.group]) : 0;

		if (err)
			return err;
	}
	return 0;
}

/* Takes blocks that are free, in groups that exist. */
static int range_take(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	struct part part;
	int err = range_prepare(blocks, first, count);

	if (err)
		return err;
	blocks->taken += count;
	if (blocks->end < first + count)
		blocks->end = first + count;
	while (part_next(&first, &count, &part))
		part_change(blocks, &part, true);
	return 0;
}

/* Lets the run at @first, @run long in its group, go on in the groups behind, up to @want. */
static uint64_t run_extend(const struct store_blocks *blocks, uint64_t first, uint64_t run,
			   uint64_t want)
{
	while (run < want && (first + run) % GROUP_BLOCKS == 0) {
		size_t group = (size_t)((first + run) / GROUP_BLOCKS);
		unsigned int more;

		if (group >= blocks->groups_count)
			break;
		more = group_find(&blocks->groups[group], true, 0);
		if (more == 0)
			break;
		run += more;
	}
	return min_u64(run, want);
}

/* Where in @group the first run of @need starts; there is one. */
static unsigned int run_find(const struct store_blocks_group *group, unsigned int need)
{
	unsigned int at = 0;

	for (;;) {
		unsigned int start = group_find(group, false, at);

		at = group_find(group, true, start);
		if (at - start >= need)
			return start;
		assert(at < GROUP_BLOCKS);
	}
}

static int find_run(struct store_blocks *blocks, uint64_t want, uint64_t *out_first,
		    uint64_t *out_got)
{
	unsigned int need = (unsigned int)min_u64(want, GOOD_RUN);
	unsigned int start;
	size_t group;
	int err;

	if (!group_with(blocks, need, &group)) {
		/* what is missing is behind all groups: the first fresh one is a good run */
		group = blocks->groups_count;
		if (group >= STORE_BLOCKS_END / GROUP_BLOCKS)
			return -ENOSPC;
		err = grow(blocks, group + 1);
		if (err)
			return err;
	}
	start = run_find(&blocks->groups[group], need);
	*out_first = (uint64_t)group * GROUP_BLOCKS + start;
	/* the free end of the group before belongs to the same run */
	if (start == 0 && group > 0)
		*out_first -= group_free_below(&blocks->groups[group - 1], GROUP_BLOCKS);
	*out_got = group_find(&blocks->groups[*out_first / GROUP_BLOCKS], true,
			      (unsigned int)(*out_first % GROUP_BLOCKS)) -
		   *out_first % GROUP_BLOCKS;
	*out_got = run_extend(blocks, *out_first, *out_got, want);
	return 0;
}

int store_blocks_find(struct store_blocks *blocks, uint64_t want, uint64_t *out_first,
		      uint64_t *out_got)
{
	uint64_t first;
	uint64_t got;
	int err;

	pthread_mutex_lock(&blocks->lock);
	err = find_run(blocks, max_u64(want, 1), &first, &got);
	if (err == 0)
		err = range_take(blocks, first, got);
	pthread_mutex_unlock(&blocks->lock);
	if (err)
		return err;
	*out_first = first;
	*out_got = got;
	return 0;
}

static bool range_has(const struct store_blocks *blocks, uint64_t first, uint64_t count, bool taken)
{
	struct part part;

	while (part_next(&first, &count, &part)) {
		if (part.group >= blocks->groups_count)
			return !taken;
		if (part_has(&blocks->groups[part.group], &part, taken))
			return true;
	}
	return false;
}

int store_blocks_set(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	int err;

	if (!range_fits(first, count, STORE_BLOCKS_END))
		return -EUCLEAN;
	if (count == 0)
		return 0;
	pthread_mutex_lock(&blocks->lock);
	err = grow(blocks, div_round_up(first + count, GROUP_BLOCKS));
	if (err == 0 && range_has(blocks, first, count, true))
		err = -EUCLEAN;
	if (err == 0)
		err = range_take(blocks, first, count);
	pthread_mutex_unlock(&blocks->lock);
	return err;
}

/* Where the blocks that are taken end, below @end. */
static uint64_t end_below(const struct store_blocks *blocks, uint64_t end)
{
	while (end > 0) {
		const struct store_blocks_group *group = &blocks->groups[(end - 1) / GROUP_BLOCKS];
		unsigned int inside = (unsigned int)((end - 1) % GROUP_BLOCKS) + 1;
		unsigned int below = group_free_below(group, inside);

		end -= below;
		if (below < inside)
			break;
	}
	return end;
}

static void range_clear(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	uint64_t end = first + count;
	struct part part;

	assert(range_fits(first, count, blocks->end) && !range_has(blocks, first, count, false));
	while (part_next(&first, &count, &part)) {
		/* without memory for bits the blocks stay taken: until the next opening */
		if (part.count < GROUP_BLOCKS && words_make(&blocks->groups[part.group]))
			continue;
		part_change(blocks, &part, false);
		blocks->taken -= part.count;
	}
	if (end == blocks->end)
		blocks->end = end_below(blocks, end);
}

void store_blocks_clear(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	pthread_mutex_lock(&blocks->lock);
	range_clear(blocks, first, count);
	pthread_mutex_unlock(&blocks->lock);
}

void store_blocks_leave(struct store_blocks *blocks, uint64_t count)
{
	pthread_mutex_lock(&blocks->lock);
	blocks->left += count;
	assert(blocks->left <= blocks->taken);
	pthread_mutex_unlock(&blocks->lock);
}

void store_blocks_clear_left(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	pthread_mutex_lock(&blocks->lock);
	range_clear(blocks, first, count);
	blocks->left -= count;
	pthread_mutex_unlock(&blocks->lock);
}

bool store_blocks_are_taken(struct store_blocks *blocks, uint64_t first, uint64_t count)
{
	bool are;

	pthread_mutex_lock(&blocks->lock);
	are = range_fits(first, count, blocks->end) && !range_has(blocks, first, count, false);
	pthread_mutex_unlock(&blocks->lock);
	return are;
}

bool store_blocks_next_free(struct store_blocks *blocks, uint64_t from, uint64_t *out_first,
			    uint64_t *out_count)
{
	bool found = false;
	uint64_t at = from;

	pthread_mutex_lock(&blocks->lock);
	while (at < blocks->end) {
		const struct store_blocks_group *group = &blocks->groups[at / GROUP_BLOCKS];
		unsigned int inside = (unsigned int)(at % GROUP_BLOCKS);
		unsigned int next = group_find(group, found, inside);

		/* first the start of a run, then its end: the next one that is taken */
		at += next - inside;
		if (next == GROUP_BLOCKS)
			continue;
		if (found)
			break;
		found = true;
		*out_first = at;
	}
	found = found && *out_first < blocks->end;
	if (found)
		*out_count = min_u64(at, blocks->end) - *out_first;
	pthread_mutex_unlock(&blocks->lock);
	return found;
}

uint64_t store_blocks_taken(struct store_blocks *blocks)
{
	uint64_t taken;

	pthread_mutex_lock(&blocks->lock);
	taken = blocks->taken - blocks->left;
	pthread_mutex_unlock(&blocks->lock);
	return taken;
}

uint64_t store_blocks_end(struct store_blocks *blocks)
{
	uint64_t end;

	pthread_mutex_lock(&blocks->lock);
	end = blocks->end;
	pthread_mutex_unlock(&blocks->lock);
	return end;
}
