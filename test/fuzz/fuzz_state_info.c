/* SPDX-License-Identifier: MIT */
/* The info of an overlay. What was understood means the same when it is written and read again. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "state/state_private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct state_info *info)
{
	struct state_info again;
	char *text = NULL;

	assert(info->image[0] == '/');
	assert(info->partition == -1 || info->partition >= 1);
	assert(!info->base[0] || state_name_is_valid(info->base));
	assert(state_info_format(info, &text) == 0);
	assert(state_info_parse("again", text, strlen(text), &again) == 0);
	assert(strcmp(again.image, info->image) == 0);
	assert(memcmp(again.uuid, info->uuid, sizeof(info->uuid)) == 0);
	assert(memcmp(again.fingerprint, info->fingerprint, sizeof(info->fingerprint)) == 0);
	assert(again.next_id == info->next_id && again.epoch == info->epoch);
	assert(again.created.tv_sec == info->created.tv_sec);
	assert(again.frozen == info->frozen && again.empty == info->empty);
	assert(strcmp(again.base, info->base) == 0);
	assert(!again.notes == !info->notes);
	assert(!info->notes || strcmp(again.notes, info->notes) == 0);
	state_info_finish(&again);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_info info;

	log_set_level(LOG_LEVEL_ERROR);
	if (state_info_parse("info", (const char *)data, size, &info))
		return 0;
	check(&info);
	state_info_finish(&info);
	return 0;
}
