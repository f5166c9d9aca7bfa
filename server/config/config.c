/* SPDX-License-Identifier: MIT */
/* A configuration as a whole: its first values, copies, its end, and what the command line adds. */
#include "config/config_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "pi/pi.h"

#define WORKERS 16u
#define LEASE_S (12u * 3600u)
/* More does not help a Pi 3's 100 Mbit/s, and makes it wait longer for what it needs first. */
#define TRANSFER (128u * 1024u)

static int set_ouis(struct config *config)
{
	size_t count;
	const struct pi_oui *ouis = pi_ouis(&count);

	config->oui = calloc(count, sizeof(*config->oui));
	if (!config->oui)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		memcpy(config->oui[i], ouis[i].bytes, sizeof(config->oui[i]));
	config->oui_count = count;
	return 0;
}

int config_init(struct config *config)
{
	*config = (struct config){
		.dhcp = DHCP_PROXY,
		.pool.lease_s = LEASE_S,
		.tftp = true,
		.nfs = true,
		.dhcp_port = 67,
		.proxy_port = 4011,
		.tftp_port = 69,
		.nfs_port = 2049,
		.mount_port = CONFIG_MOUNT_PORT,
		.portmap_port = 111,
		.workers = WORKERS,
		.defaults =
			{
				.join = CONFIG_JOIN_ANY,
				.keep = CONFIG_KEEP_YES,
				.access = CONFIG_ACCESS_MAC,
				.reserved_ports = true,
				.transfer = TRANSFER,
				.reply_delay_ms = UINT32_MAX,
				.kick = -1,
			},
	};
	return set_ouis(config);
}

void config_rules_finish(struct config_rules *rules)
{
	free(rules->image);
	free(rules->base);
	free(rules->allow);
	for (size_t i = 0; i < rules->skip_steps_count; i++)
		free(rules->skip_steps[i]);
	*rules = (struct config_rules){0};
}

void config_finish(struct config *config)
{
	free(config->interface);
	free(config->state);
	free(config->user);
	free(config->oui);
	for (size_t i = 0; i < config->images_count; i++) {
		free(config->images[i].name);
		free(config->images[i].file);
	}
	free(config->images);
	config_rules_finish(&config->defaults);
	for (size_t i = 0; i < config->pis_count; i++)
		config_rules_finish(&config->pis[i].rules);
	free(config->pis);
	*config = (struct config){0};
}

/* Copies, which are NULL where there is nothing to copy. -ENOMEM. */
static int copy_string(const char *from, char **out)
{
	*out = from ? strdup(from) : NULL;
	return from && !*out ? -ENOMEM : 0;
}

static int copy_array(const void *from, size_t count, size_t size, void *out)
{
	void *copy = count ? calloc(count, size) : NULL;

	if (copy)
		memcpy(copy, from, count * size);
	memcpy(out, &copy, sizeof(copy));
	return count && !copy ? -ENOMEM : 0;
}

int config_rules_copy(const struct config_rules *from, struct config_rules *out)
{
	struct config_rules copy = *from;
	int err = copy_string(from->image, &copy.image);

	copy.skip_steps_count = 0;
	err = copy_string(from->base, &copy.base) ? -ENOMEM : err;
	err = copy_array(from->allow, from->allow_count, sizeof(*from->allow), &copy.allow)
		      ? -ENOMEM
		      : err;
	while (!err && copy.skip_steps_count < from->skip_steps_count) {
		size_t i = copy.skip_steps_count;

		err = copy_string(from->skip_steps[i], &copy.skip_steps[i]);
		if (!err)
			copy.skip_steps_count++;
	}
	if (err) {
		config_rules_finish(&copy);
		return err;
	}
	*out = copy;
	return 0;
}

static int copy_images(const struct config *from, struct config *out)
{
	int err = 0;

	out->images = from->images_count ? calloc(from->images_count, sizeof(*out->images)) : NULL;
	if (from->images_count && !out->images)
		return -ENOMEM;
	for (size_t i = 0; !err && i < from->images_count; i++) {
		struct config_image *image = &out->images[out->images_count++];

		image->partition = from->images[i].partition;
		image->line = from->images[i].line;
		err = copy_string(from->images[i].name, &image->name);
		if (!err)
			err = copy_string(from->images[i].file, &image->file);
	}
	return err;
}

static int copy_pis(const struct config *from, struct config *out)
{
	out->pis = from->pis_count ? calloc(from->pis_count, sizeof(*out->pis)) : NULL;
	if (from->pis_count && !out->pis)
		return -ENOMEM;
	for (size_t i = 0; i < from->pis_count; i++) {
		out->pis[i] = from->pis[i];
		if (config_rules_copy(&from->pis[i].rules, &out->pis[i].rules))
			return -ENOMEM;
		out->pis_count++;
	}
	return 0;
}

int config_copy(const struct config *from, struct config *out)
{
	struct config copy = *from;
	int err;

	copy.interface = copy.state = copy.user = NULL;
	copy.oui = NULL;
	copy.images = NULL;
	copy.images_count = 0;
	copy.pis = NULL;
	copy.pis_count = 0;
	copy.defaults = (struct config_rules){0};
	err = copy_string(from->interface, &copy.interface);
	if (!err)
		err = copy_string(from->state, &copy.state);
	if (!err)
		err = copy_string(from->user, &copy.user);
	if (!err)
		err = copy_array(from->oui, from->oui_count, sizeof(*from->oui), &copy.oui);
	if (!err)
		err = config_rules_copy(&from->defaults, &copy.defaults);
	if (!err)
		err = copy_images(from, &copy);
	if (!err)
		err = copy_pis(from, &copy);
	if (err) {
		config_finish(&copy);
		return err;
	}
	*out = copy;
	return 0;
}

const struct config_image *config_find_image(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->images_count; i++) {
		if (strcmp(config->images[i].name, name) == 0)
			return &config->images[i];
	}
	return NULL;
}

/* "/srv/2026-11-24 RaspiOS.img" becomes "2026-11-24-raspios". */
static void name_after_file(const char *file, char name[STATE_NAME_MAX + 1])
{
	const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
	const char *dot;
	size_t len;

	while (*base == '.')
		base++;
	dot = strrchr(base, '.');
	len = dot && strcasecmp(dot, ".img") == 0 ? (size_t)(dot - base) : strlen(base);
	if (len > STATE_NAME_MAX)
		len = STATE_NAME_MAX;
	for (size_t i = 0; i < len; i++) {
		name[i] = (char)tolower((unsigned char)base[i]);
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789._-", name[i]))
			name[i] = '-';
	}
	name[len] = '\0';
	if (len == 0)
		memcpy(name, "image", sizeof("image"));
}

int config_add_image(struct config *config, const char *file, int partition)
{
	char name[STATE_NAME_MAX + 1];
	struct config_image image = {.partition = partition};
	struct config_image *more =
		realloc(config->images, (config->images_count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	config->images = more;
	name_after_file(file, name);
	image.name = strdup(name);
	image.file = strdup(file);
	if (image.name && image.file &&
	    !config_value_parse(CONFIG_NAME, name, &config->defaults.image)) {
		more[config->images_count++] = image;
		return 0;
	}
	free(image.name);
	free(image.file);
	return -ENOMEM;
}

int config_set(struct config *config, const char *key, const char *value)
{
	const char *name = strchr(key, '.') + 1;
	const struct config_key *found = config_find_key(CONFIG_SECTION_SERVER, name);
	int err = config_value_parse(found->kind, value, (char *)config + found->offset);

	if (err)
		log_error("--%s %s: not %s", name, value, config_kind_name(found->kind));
	return err;
}
