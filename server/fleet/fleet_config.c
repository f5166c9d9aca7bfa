/* SPDX-License-Identifier: MIT */
/* Configurations: the present one, and those of before as long as somebody uses them without the lock. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <stdlib.h>

/* With users that do not hold the lock. */
struct fleet_config {
	struct fleet_config *next;
	const struct config *config; /* borrowed */
	unsigned int users;
};

int fleet_config_set(struct fleet *fleet, const struct config *config)
{
	struct fleet_config *fresh = calloc(1, sizeof(*fresh));

	if (!fresh)
		return -ENOMEM;
	fresh->config = config;
	fresh->next = fleet->configs;
	fleet->configs = fresh;
	fleet->config = config;
	return 0;
}

void fleet_config_unset(struct fleet *fleet)
{
	struct fleet_config *present = fleet->configs;

	fleet->configs = present->next;
	fleet->config = fleet->configs->config;
	free(present);
}

struct fleet_config *fleet_config_borrow(struct fleet *fleet)
{
	fleet->configs->users++;
	return fleet->configs;
}

void fleet_config_return(struct fleet_config *config)
{
	config->users--;
}

bool fleet_forget_config(struct fleet *fleet, const struct config *config)
{
	struct fleet_config **at = &fleet->configs;
	struct fleet_config *found = NULL;
	bool used;

	pthread_mutex_lock(&fleet->lock);
	while (*at && (*at)->config != config)
		at = &(*at)->next;
	used = *at && (config == fleet->config || (*at)->users);
	if (*at && !used) {
		found = *at;
		*at = found->next;
	}
	fleet_unlock(fleet);
	free(found);
	return !used;
}

void fleet_config_end(struct fleet *fleet)
{
	while (fleet->configs) {
		struct fleet_config *config = fleet->configs;

		fleet->configs = config->next;
		free(config);
	}
}
