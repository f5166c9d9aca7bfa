/* SPDX-License-Identifier: MIT */
/*
 * What a store must hold after N transactions of a load that depends on nothing but a seed, so that
 * after a crash, damage or a full disk it can be told whether the store holds one of the states that
 * existed, and which. Each transaction changes some of MODEL_KEYS records; records of type 'C' have
 * blocks of data. One record counts the transactions.
 */
#ifndef BRAMBLE_TEST_STORE_MODEL_H
#define BRAMBLE_TEST_STORE_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "store/store.h"

#define MODEL_KEYS 1200u
#define MODEL_BLOCKS_MAX 6u /* of a record */

/* Where a record's content comes from; its change of 0 means that it is not there. */
struct model_record {
	uint64_t change; /* 1 + the transaction that wrote it */
	uint32_t size; /* bytes of its value without blocks */
	uint32_t blocks;
};

struct model {
	uint64_t seed;
	unsigned int keys; /* of MODEL_KEYS that are used */
	uint64_t done; /* transactions */
	struct model_record records[MODEL_KEYS];
};

void model_init(struct model *model, uint64_t seed, unsigned int keys);

/* What is different between what a store holds and the model. */
struct model_difference {
	unsigned int records;
	unsigned int blocks; /* whose content is another */
};

/* Does the next transaction in @model alone, or in @store, too. */
void model_skip(struct model *model);
int model_step(struct model *model, struct store *store, bool frees);

/* The number of transactions that @store holds; its blocks are marked, and it is ready. */
int model_open(struct store *store, uint64_t *out_done);

/* Compares the store, which did as many transactions, whole. */
int model_compare(const struct model *model, struct store *store, struct model_difference *out);

/* A random number, and the next state of its source. */
uint64_t model_random(uint64_t *state);

#endif
