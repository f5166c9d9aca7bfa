/* SPDX-License-Identifier: MIT */
/* config.txt of any text, and paths that are asked for: the first line is the path. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pi/pi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct pi_config_names *names)
{
	assert(names->count <= PI_CONFIG_NAMES);
	for (unsigned int i = 0; i < names->count; i++) {
		size_t len = strnlen(names->names[i], PI_CONFIG_NAME_MAX);

		assert(len > 0 && len < PI_CONFIG_NAME_MAX);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *newline = memchr(data, '\n', size);
	size_t path_len = newline ? (size_t)(newline - data) : size;
	char *path = malloc(path_len + 1);
	struct pi_config config;

	assert(path);
	memcpy(path, data, path_len);
	path[path_len] = '\0';
	pi_config_start(&config);
	if (newline)
		pi_config_read(&config, (const char *)newline + 1, size - path_len - 1);
	check_names(&config.prefixes);
	check_names(&config.cmdlines);
	check_names(&config.kernels);
	check_names(&config.initramfs);
	check_names(&config.includes);
	pi_config_may_load_initramfs(&config);
	pi_config_is_cmdline(&config, path);
	pi_config_is_kernel(&config, path);
	if (config.cmdlines.count > 0 && strspn(config.cmdlines.names[0], "/.") == 0)
		assert(pi_config_is_cmdline(&config, config.cmdlines.names[0]));
	pi_file_is_probe(path);
	free(path);
	return 0;
}
