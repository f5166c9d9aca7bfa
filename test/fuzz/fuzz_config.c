/* SPDX-License-Identifier: MIT */
/* The configuration file. What was understood is within its ranges, and is the same in a copy. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void silent(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	assert(strlen(line) < 8192);
}

static void check_rules(const struct config_rules *rules)
{
	assert(!rules->image || state_name_is_valid(rules->image));
	assert(!rules->base || state_name_is_valid(rules->base));
	assert(rules->allow_count <= CONFIG_LIST_MAX);
	assert(rules->skip_steps_count <= CONFIG_LIST_MAX);
	assert(rules->transfer >= 1024 && rules->transfer <= 1024 * 1024);
	assert(rules->reply_delay_ms <= 60000 || rules->reply_delay_ms == UINT32_MAX);
	assert(rules->kick >= -1 && rules->kick <= 1);
	for (size_t i = 0; i < rules->skip_steps_count; i++)
		assert(state_name_is_valid(rules->skip_steps[i]));
}

static void check(const struct config *config)
{
	assert(config->oui_count <= CONFIG_LIST_MAX);
	assert(config->workers >= 1 && config->workers <= 256);
	check_rules(&config->defaults);
	for (size_t i = 0; i < config->images_count; i++) {
		assert(state_name_is_valid(config->images[i].name));
		assert(!config->images[i].file || config->images[i].file[0] == '/');
		assert(config_find_image(config, config->images[i].name) == &config->images[i]);
	}
	for (size_t i = 0; i < config->pis_count; i++) {
		const struct config_pi *pi = &config->pis[i];

		assert(pi->serial[0] == '\0' || strlen(pi->serial) == CONFIG_SERIAL_BYTES - 1);
		assert(pi->serial[0] || pi->has_mac || pi->name[0]);
		assert(!pi->has_mac || !(pi->mac[0] & 1));
		check_rules(&pi->rules);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const locked[] = {"server.dhcp", "server.dns", "defaults.image",
					     "defaults.skip", NULL};
	struct config config;
	struct config copy;
	bool with_locks = size > 0 && (data[0] & 1);

	log_set_sink(silent, NULL);
	assert(config_init(&config) == 0);
	if (config_parse(&config, "fuzz", (const char *)data, size, with_locks ? locked : NULL) ==
	    0) {
		check(&config);
		assert(!with_locks || config.dhcp == DHCP_PROXY);
		assert(config_copy(&config, &copy) == 0);
		check(&copy);
		assert(config_check(&config, "fuzz") == config_check(&copy, "fuzz"));
		config_finish(&copy);
	}
	config_finish(&config);
	return 0;
}
