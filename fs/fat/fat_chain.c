/* SPDX-License-Identifier: MIT */
/*
 * Chains of clusters. To reach a place far inside a file its chain must be followed from the start;
 * so that reading a file in order is not quadratic, a few recently read files have a trail: where
 * each 64th cluster lies. A trail that is full drops every other mark. The lock of a set of trails
 * is held for a few instructions per 64 clusters, never while reading.
 */
#include "fat/fat_chain.h"

#include <errno.h>
#include <stdlib.h>

#include "base/checked.h"

#define TRAIL_STEP_SHIFT 6u
#define TRAIL_STEP (1u << TRAIL_STEP_SHIFT)
#define TRAIL_MARKS 2048u

struct fat_trail {
	uint32_t start; /* first cluster of the chain: its key */
	uint32_t count;
	unsigned int shift; /* mark i is the cluster at index i << shift */
	uint64_t used;
	uint32_t marks[TRAIL_MARKS];
};

void fat_trails_init(struct fat_volume *v)
{
	for (size_t i = 0; i < FAT_TRAIL_SETS; i++)
		pthread_mutex_init(&v->trails[i].lock, NULL);
}

void fat_trails_finish(struct fat_volume *v)
{
	for (size_t i = 0; i < FAT_TRAIL_SETS; i++) {
		for (size_t j = 0; j < FAT_TRAIL_WAYS; j++)
			free(v->trails[i].ways[j]);
		pthread_mutex_destroy(&v->trails[i].lock);
	}
}

static struct fat_trail_set *trail_set(struct fat_volume *v, uint32_t start)
{
	return &v->trails[(start * 2654435761u >> 16) % FAT_TRAIL_SETS];
}

static struct fat_trail *find_trail(struct fat_trail_set *set, uint32_t start)
{
	for (size_t i = 0; i < FAT_TRAIL_WAYS; i++) {
		if (set->ways[i] && set->ways[i]->start == start)
			return set->ways[i];
	}
	return NULL;
}

/* Moves @cursor to the last mark at or before @index, if that is nearer than where it is. */
static void follow_trail(struct fat_volume *v, struct fat_cursor *cursor, uint32_t index)
{
	struct fat_trail_set *set = trail_set(v, cursor->start);
	struct fat_trail *trail;

	pthread_mutex_lock(&set->lock);
	trail = find_trail(set, cursor->start);
	if (trail) {
		uint32_t mark = (uint32_t)min_u64(index >> trail->shift, trail->count - 1);

		trail->used = ++set->clock;
		if (mark << trail->shift > cursor->index) {
			cursor->index = mark << trail->shift;
			cursor->cluster = trail->marks[mark];
		}
	}
	pthread_mutex_unlock(&set->lock);
}

static struct fat_trail *start_trail(struct fat_trail_set *set, uint32_t start)
{
	size_t oldest = 0;

	for (size_t i = 0; i < FAT_TRAIL_WAYS; i++) {
		if (!set->ways[i]) {
			set->ways[i] = calloc(1, sizeof(*set->ways[i]));
			oldest = i;
			break;
		}
		if (set->ways[i]->used < set->ways[oldest]->used)
			oldest = i;
	}
	if (!set->ways[oldest])
		return NULL;
	*set->ways[oldest] = (struct fat_trail){
		.start = start,
		.count = 1,
		.shift = TRAIL_STEP_SHIFT,
		.used = ++set->clock,
		.marks = {start},
	};
	return set->ways[oldest];
}

static void thin_out(struct fat_trail *trail)
{
	for (uint32_t i = 0; i < TRAIL_MARKS / 2; i++)
		trail->marks[i] = trail->marks[2 * i];
	trail->count = TRAIL_MARKS / 2;
	trail->shift++;
}

/* The cursor stands at a multiple of TRAIL_STEP: remembers it where it continues the trail. */
static void mark_trail(struct fat_volume *v, const struct fat_cursor *cursor)
{
	struct fat_trail_set *set = trail_set(v, cursor->start);
	struct fat_trail *trail;

	pthread_mutex_lock(&set->lock);
	trail = find_trail(set, cursor->start);
	if (!trail)
		trail = start_trail(set, cursor->start);
	if (trail && trail->count == TRAIL_MARKS)
		thin_out(trail);
	if (trail && cursor->index == (uint64_t)trail->count << trail->shift)
		trail->marks[trail->count++] = cursor->cluster;
	pthread_mutex_unlock(&set->lock);
}

int fat_chain_seek(struct fat_volume *v, struct fat_cursor *cursor, uint32_t index)
{
	if (!cursor->cluster || cursor->index > index) {
		if (!fat_cluster_valid(&v->geo, cursor->start))
			return fat_damaged(v, cursor->start, "a chain starts at cluster %u",
					   cursor->start);
		cursor->cluster = cursor->start;
		cursor->index = 0;
	}
	/* A chain with more links than there are clusters runs in a circle. */
	if (index >= v->geo.cluster_end - FAT_FIRST_CLUSTER)
		return fat_damaged(v, cursor->start, "the chain from cluster %u on has no place %u",
				   cursor->start, index);
	if (index - cursor->index >= TRAIL_STEP)
		follow_trail(v, cursor, index);
	while (cursor->index < index) {
		uint32_t next;
		int err = fat_table_next(v, &cursor->window, cursor->cluster, &next);

		if (err)
			return err;
		if (next == FAT_CHAIN_END) {
			fat_damaged(v, cursor->start,
				    "the chain from cluster %u on ends after %u clusters",
				    cursor->start, cursor->index + 1);
			return -EIO;
		}
		cursor->cluster = next;
		cursor->index++;
		if (cursor->index % TRAIL_STEP == 0)
			mark_trail(v, cursor);
	}
	return 0;
}

/* Clusters before the circle plus those of the circle, which is @length long (Brent). */
static int measure_circle(struct fat_volume *v, uint32_t start, uint32_t length, uint32_t *out)
{
	struct fat_window slow_window = {0}, fast_window = {0};
	uint32_t slow = start, fast = start, before = 0;
	int err = 0;

	for (uint32_t i = 0; i < length && !err; i++)
		err = fat_table_next(v, &fast_window, fast, &fast);
	for (; slow != fast && !err; before++) {
		err = fat_table_next(v, &slow_window, slow, &slow);
		if (!err)
			err = fat_table_next(v, &fast_window, fast, &fast);
	}
	if (err)
		return err;
	*out = before + length;
	return fat_damaged(v, start,
			   "the chain from cluster %u on runs in a circle after %u clusters", start,
			   before + length);
}

static int measure(struct fat_volume *v, uint32_t start, uint32_t limit, uint32_t *out)
{
	struct fat_window window = {0};
	uint32_t kept = start, cluster = start, count = 1, length = 0, power = 1;

	*out = 0;
	if (!fat_cluster_valid(&v->geo, start))
		return fat_damaged(v, start, "a chain starts at cluster %u", start);
	for (;;) {
		uint32_t next;
		int err = fat_table_next(v, &window, cluster, &next);

		*out = count;
		if (err)
			return err;
		if (next == FAT_CHAIN_END)
			return 0;
		cluster = next;
		length++;
		if (cluster == kept)
			return measure_circle(v, start, length, out);
		/* A circle within the limit is found before three times as many steps. */
		if (count / 3 > limit)
			return 0;
		count++;
		if (length == power) {
			kept = cluster;
			power *= 2;
			length = 0;
		}
	}
}

int fat_chain_measure(struct fat_volume *v, uint32_t start, uint32_t limit, uint32_t *out)
{
	int err = measure(v, start, limit, out);

	if (*out <= limit)
		return err;
	*out = limit;
	return fat_damaged(v, start, "the chain from cluster %u on exceeds %u clusters", start,
			   limit);
}

/* Extends the @n bytes that are wanted from cluster @last on while clusters follow each other. */
static int extend_run(struct fat_volume *v, struct fat_cursor *cursor, uint64_t want, uint64_t *n)
{
	while (*n < want) {
		uint32_t next;
		int err = fat_table_next(v, &cursor->window, cursor->cluster, &next);

		if (err)
			return err;
		if (next != cursor->cluster + 1)
			return 0;
		cursor->cluster = next;
		cursor->index++;
		*n += v->geo.cluster_size;
	}
	return 0;
}

/* A volume may be longer than its image: the part of the @n bytes that is there, or -EIO. */
static int clip_to_image(struct fat_volume *v, uint64_t position, uint64_t *n)
{
	if (position >= v->img->size)
		return fat_read_data(v, NULL, 1, position);
	*n = min_u64(*n, v->img->size - position);
	return 0;
}

/* What was read before an error counts; what would take waiting is asked for again as a whole. */
static ssize_t part_read(size_t done, int err)
{
	return done && err != -EAGAIN ? (ssize_t)done : err;
}

ssize_t fat_chain_read(struct fat_volume *v, uint32_t start, uint64_t size, void *buf, size_t len,
		       uint64_t offset)
{
	struct fat_cursor cursor = {.start = start};
	uint8_t *to = buf;
	size_t done = 0;

	if (offset >= size)
		return 0;
	len = (size_t)min_u64(len, size - offset);
	while (done < len) {
		uint64_t at = offset + done;
		uint32_t in = (uint32_t)(at & (v->geo.cluster_size - 1));
		uint64_t n = v->geo.cluster_size - in;
		uint64_t position;
		int err;

		err = fat_chain_seek(v, &cursor, (uint32_t)(at >> v->geo.cluster_shift));
		if (err)
			return part_read(done, err);
		position = fat_cluster_position(&v->geo, cursor.cluster) + in;
		/* What is wrong behind this run is met again, and answered, by the next seek. */
		(void)extend_run(v, &cursor, len - done, &n);
		n = min_u64(n, len - done);
		err = clip_to_image(v, position, &n);
		if (!err)
			err = fat_read_data(v, to + done, (size_t)n, position);
		if (err)
			return part_read(done, err);
		done += (size_t)n;
	}
	return (ssize_t)done;
}

int fat_chain_locate(struct fat_volume *v, uint32_t start, uint64_t size, uint64_t offset,
		     size_t len, struct tree_extent *out)
{
	struct fat_cursor cursor = {.start = start};
	uint32_t in = (uint32_t)(offset & (v->geo.cluster_size - 1));
	uint64_t n = v->geo.cluster_size - in;
	struct tree_extent extent;
	uint64_t position;
	int err;

	if (offset >= size)
		return -EOPNOTSUPP;
	len = (size_t)min_u64(len, size - offset);
	err = fat_chain_seek(v, &cursor, (uint32_t)(offset >> v->geo.cluster_shift));
	if (err)
		return err;
	position = fat_cluster_position(&v->geo, cursor.cluster) + in;
	err = extend_run(v, &cursor, len, &n);
	if (err == -EAGAIN)
		return err;
	extent.len = (size_t)min_u64(n, len);
	err = image_locate(v->img, position, &extent.len, &extent.fd, &extent.offset);
	if (err)
		return err == -ERANGE ? -EOPNOTSUPP : err; /* cut off: reading says so */
	*out = extent;
	return 0;
}
