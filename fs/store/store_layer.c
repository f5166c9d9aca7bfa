/* SPDX-License-Identifier: MIT */
/*
 * A skip list whose nodes and values lie in a few large pieces of memory, which are freed together.
 *
 * Each link carries the first 16 bytes of the key that it leads to, as two numbers. With the overlay's
 * keys (a node's id, a type, the start of a hash) they decide nearly every comparison, and no cache
 * line is fetched of nodes that a search only looks at and passes by.
 */
#include "store/store_layer.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/checked.h"

/* One node of four is one level higher: enough for 16 million. */
#define LEVELS 12u

#define PIECE_FIRST 4096u
#define PIECE_LARGEST 65536u
#define ALIGNMENT 8u

struct link {
	uint64_t head[2]; /* the first bytes of the key, big-endian, as if zeros followed it */
	struct node *to; /* NULL: the end */
};

struct node {
	uint8_t *value; /* stays where a record is deleted: the next value may fit */
	uint32_t len;
	uint32_t room; /* at value */
	uint16_t key_len;
	uint8_t height;
	bool deleted;
	struct link next[]; /* height; then the key */
};

struct piece {
	struct piece *older; /* owned */
	size_t size;
	size_t used;
	_Alignas(ALIGNMENT) uint8_t bytes[];
};

struct store_layer {
	struct link first[LEVELS];
	unsigned int height; /* the highest node's */
	uint32_t random;
	size_t count;
	size_t taken; /* of all pieces */
	size_t needed; /* by another layer that all records are copied to */
	struct piece *newest; /* owned */
};

/* What is looked for. */
struct probe {
	uint64_t head[2];
	const uint8_t *key;
	size_t len;
};

/* For each level the array that leads on from there: the layer's own, or that of a node before. */
typedef struct link *path[LEVELS];

static const uint8_t *node_key(const struct node *node)
{
	return (const uint8_t *)(node->next + node->height);
}

static void probe_make(struct probe *probe, const uint8_t *key, size_t len)
{
	uint8_t start[16];

	probe->key = key;
	probe->len = len;
	if (len < sizeof(start)) {
		memset(start, 0, sizeof(start));
		memcpy(start, key, len);
		key = start;
	}
	memcpy(probe->head, key, sizeof(probe->head));
	probe->head[0] = be64toh(probe->head[0]);
	probe->head[1] = be64toh(probe->head[1]);
}

int store_bytes_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	if (order)
		return order;
	return (a_len > b_len) - (a_len < b_len);
}

int store_key_compare(const struct store_key *a, const struct store_key *b)
{
	return store_bytes_compare(a->bytes, a->len, b->bytes, b->len);
}

static int link_compare(const struct link *link, const struct probe *probe)
{
	if (link->head[0] != probe->head[0])
		return link->head[0] < probe->head[0] ? -1 : 1;
	if (link->head[1] != probe->head[1])
		return link->head[1] < probe->head[1] ? -1 : 1;
	return store_bytes_compare(node_key(link->to), link->to->key_len, probe->key, probe->len);
}

static bool is_below(const struct link *link, const struct probe *probe)
{
	return link->to && link_compare(link, probe) < 0;
}

static bool is_at(const struct link *link, const struct probe *probe)
{
	return link->to && link_compare(link, probe) == 0;
}

/* The link to the first node not below @probe. */
static const struct link *find(const struct store_layer *layer, const struct probe *probe)
{
	const struct link *from = layer->first;
	const struct node *known = NULL; /* not below, seen one level higher */

	for (unsigned int level = layer->height; level-- > 0;) {
		while (from[level].to != known && is_below(&from[level], probe))
			from = from[level].to->next;
		known = from[level].to;
	}
	return from;
}

/* As find, and the way there. */
static struct link *path_find(struct store_layer *layer, path way, const struct probe *probe)
{
	struct link *from = layer->first;
	const struct node *known = NULL;

	for (unsigned int level = LEVELS; level-- > 0;) {
		while (from[level].to != known && is_below(&from[level], probe))
			from = from[level].to->next;
		known = from[level].to;
		way[level] = from;
	}
	return from;
}

/*
 * Moves @way on to @probe, which is not below what it led to before: near ones are found near.
 * Returns the link to the first node not below @probe.
 */
static struct link *path_move(const struct store_layer *layer, path way, const struct probe *probe)
{
	unsigned int level = 0;
	struct link *from;

	while (level + 1 < layer->height && is_below(&way[level + 1][level + 1], probe))
		level++;
	from = way[level];
	for (;; level--) {
		while (is_below(&from[level], probe))
			from = from[level].to->next;
		way[level] = from;
		if (level == 0)
			return from;
	}
}

int store_layer_create(struct store_layer **out)
{
	struct store_layer *layer = calloc(1, sizeof(*layer));

	if (!layer)
		return -ENOMEM;
	layer->random = 0x9e3779b9;
	*out = layer;
	return 0;
}

void store_layer_clear(struct store_layer *layer)
{
	while (layer->newest && (layer->newest->older || layer->newest->size > PIECE_FIRST)) {
		struct piece *piece = layer->newest;

		layer->newest = piece->older;
		free(piece);
	}
	if (layer->newest)
		layer->newest->used = 0;
	memset(layer->first, 0, sizeof(layer->first));
	layer->height = 0;
	layer->count = 0;
	layer->taken = 0;
	layer->needed = 0;
}

void store_layer_destroy(struct store_layer *layer)
{
	if (!layer)
		return;
	store_layer_clear(layer);
	free(layer->newest);
	free(layer);
}

static size_t rounded(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* Makes the newest piece have @size bytes left. */
static int ensure(struct store_layer *layer, size_t size)
{
	size_t wanted = PIECE_FIRST;
	struct piece *piece = layer->newest;

	if (piece && piece->size - piece->used >= size)
		return 0;
	if (piece)
		wanted = (size_t)min_u64(PIECE_LARGEST, 2 * (uint64_t)piece->size);
	if (wanted < size)
		wanted = size;
	piece = malloc(sizeof(*piece) + wanted);
	if (!piece)
		return -ENOMEM;
	piece->older = layer->newest;
	piece->size = wanted;
	piece->used = 0;
	layer->newest = piece;
	return 0;
}

/* From what ensure ensured. */
static void *carve(struct store_layer *layer, size_t size)
{
	void *start = layer->newest->bytes + layer->newest->used;

	layer->newest->used += size;
	layer->taken += size;
	return start;
}

static size_t node_size(unsigned int height, size_t key_len)
{
	return rounded(sizeof(struct node) + height * sizeof(struct link) + key_len);
}

static unsigned int random_height(struct store_layer *layer)
{
	unsigned int height = 1;
	uint32_t bits;

	layer->random ^= layer->random << 13;
	layer->random ^= layer->random >> 17;
	layer->random ^= layer->random << 5;
	for (bits = layer->random; height < LEVELS && (bits & 3) == 0; bits >>= 2)
		height++;
	return height;
}

/* A node before @way's next one; room for it, and @len bytes of value, was ensured. */
static struct node *insert(struct store_layer *layer, path way, const struct probe *probe,
			   unsigned int height, size_t len)
{
	struct node *node = carve(layer, node_size(height, probe->len));

	node->value = carve(layer, rounded(len));
	node->len = 0;
	node->room = (uint32_t)rounded(len);
	node->key_len = (uint16_t)probe->len;
	node->height = (uint8_t)height;
	node->deleted = true;
	memcpy(node->next + height, probe->key, probe->len);
	for (unsigned int level = 0; level < height; level++) {
		node->next[level] = way[level][level];
		way[level][level] = (struct link){{probe->head[0], probe->head[1]}, node};
	}
	if (layer->height < height)
		layer->height = height;
	layer->count++;
	layer->needed += node_size(height, probe->len);
	return node;
}

/* Gives @node room for a value of @len bytes, more each time so that growing ones cost little. */
static int make_room(struct store_layer *layer, struct node *node, size_t len)
{
	size_t room = rounded(len + len / 2);
	int err;

	if (node->room >= len)
		return 0;
	err = ensure(layer, room);
	if (err)
		return err;
	node->value = carve(layer, room);
	node->room = (uint32_t)room;
	return 0;
}

static void set_value(struct store_layer *layer, struct node *node, bool deleted, size_t len)
{
	/* what merge must have at hand for this value, at worst */
	layer->needed -= rounded(node->len + node->len / 2);
	layer->needed += rounded(len + len / 2);
	node->deleted = deleted;
	node->len = (uint32_t)len;
}

static int place(struct store_layer *layer, const struct store_key *key, bool deleted, size_t len,
		 struct node **out)
{
	struct probe probe;
	struct link *at;
	struct node *node;
	path way;
	int err;

	probe_make(&probe, key->bytes, key->len);
	at = path_find(layer, way, &probe);
	if (is_at(at, &probe)) {
		node = at->to;
		err = make_room(layer, node, len);
		if (err)
			return err;
	} else {
		unsigned int height = random_height(layer);

		err = ensure(layer, node_size(height, key->len) + rounded(len));
		if (err)
			return err;
		node = insert(layer, way, &probe, height, len);
	}
	set_value(layer, node, deleted, len);
	*out = node;
	return 0;
}

int store_layer_place(struct store_layer *layer, const struct store_key *key, size_t len,
		      void **out_value)
{
	struct node *node;
	int err = place(layer, key, false, len, &node);

	if (err)
		return err;
	*out_value = node->value;
	return 0;
}

int store_layer_put(struct store_layer *layer, const struct store_key *key, const void *value,
		    size_t len)
{
	struct node *node;
	int err = place(layer, key, !value, value ? len : 0, &node);

	if (err)
		return err;
	if (value && len)
		memcpy(node->value, value, len);
	return 0;
}

static bool show(const struct node *node, struct store_layer_record *out)
{
	if (!node)
		return false;
	out->key = node_key(node);
	out->key_len = node->key_len;
	out->deleted = node->deleted;
	out->value = node->deleted ? NULL : node->value;
	out->len = node->len;
	out->node = node;
	return true;
}

bool store_layer_get(const struct store_layer *layer, const struct store_key *key,
		     struct store_layer_record *out)
{
	const struct link *at;
	struct probe probe;

	if (layer->count == 0)
		return false;
	probe_make(&probe, key->bytes, key->len);
	at = find(layer, &probe);
	return is_at(at, &probe) && show(at->to, out);
}

bool store_layer_seek(const struct store_layer *layer, const struct store_key *key,
		      struct store_layer_record *out)
{
	struct probe probe;

	if (!key)
		return show(layer->first[0].to, out);
	probe_make(&probe, key->bytes, key->len);
	return show(find(layer, &probe)->to, out);
}

bool store_layer_next(const struct store_layer *layer, struct store_layer_record *record)
{
	const struct node *node = record->node;

	(void)layer;
	return show(node->next[0].to, record);
}

int store_layer_merge(struct store_layer *into, const struct store_layer *newer)
{
	path way;
	int err = ensure(into, newer->needed);

	if (err)
		return err;
	for (const struct link *link = newer->first; link->to; link = link->to->next) {
		const struct node *from = link->to;
		struct probe probe = {
			.head = {link->head[0], link->head[1]},
			.key = node_key(from),
			.len = from->key_len,
		};
		struct link *at = link == newer->first ? path_find(into, way, &probe)
						       : path_move(into, way, &probe);
		struct node *node = at->to;

		if (!is_at(at, &probe))
			node = insert(into, way, &probe, from->height, from->len);
		else
			make_room(into, node, from->len); /* was ensured */
		set_value(into, node, from->deleted, from->len);
		if (from->len)
			memcpy(node->value, from->value, from->len);
	}
	return 0;
}

size_t store_layer_count(const struct store_layer *layer)
{
	return layer->count;
}

size_t store_layer_bytes(const struct store_layer *layer)
{
	return layer->taken;
}
