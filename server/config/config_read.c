/* SPDX-License-Identifier: MIT */
/*
 * Reads a file in two passes: what a [pi] section does not say is that of [defaults], which may stand
 * behind it.
 */
#include "config/config_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "keyfile/keyfile.h"
#include "pi/pi.h"

#define FILE_BYTES_MAX (4u * 1024 * 1024)
#define ITEM_BYTES 256u

enum pass {
	PASS_ALL_BUT_PIS,
	PASS_PIS,
};

struct reading {
	struct config *config;
	struct config scratch; /* takes values of keys that are locked */
	struct config_image scratch_image;
	const char *path;
	const char *const *locked;
	enum pass pass;
	bool failed;

	enum config_section section;
	unsigned int server_line; /* where the section began; 0: there was none */
	unsigned int defaults_line;
	uint64_t given; /* bits of the section's keys */
	void *target; /* the struct of the section; NULL: keys are passed over */
	struct config_rules *rules;
};

static const struct {
	const char *word;
	enum config_section section;
	bool named;
} sections[] = {
	{"server", CONFIG_SECTION_SERVER, false},
	{"image", CONFIG_SECTION_IMAGE, true},
	{"defaults", CONFIG_SECTION_DEFAULTS, false},
	{"pi", CONFIG_SECTION_PI, true},
};

__attribute__((format(printf, 3, 4))) static void
wrong(struct reading *r, const struct keyfile_line *line, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	if (vsnprintf(what, sizeof(what), format, args) < 0)
		what[0] = '\0';
	va_end(args);
	log_error("%s:%u: %s", r->path, line->number, what);
	r->failed = true;
}

static void given_twice(struct reading *r, const struct keyfile_line *line, unsigned int first)
{
	wrong(r, line, "section [%s]: given in line %u already", line->section, first);
}

/* Which section it is; *@out_name: what stands behind its word. */
static enum config_section find_section(const char *text, const char **out_name)
{
	size_t len = strcspn(text, " \t");
	const char *name = text + len + strspn(text + len, " \t");

	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (strlen(sections[i].word) == len && memcmp(sections[i].word, text, len) == 0 &&
		    sections[i].named == (*name != '\0')) {
			*out_name = name;
			return sections[i].section;
		}
	}
	return CONFIG_SECTION_NONE;
}

static void begin_once(struct reading *r, const struct keyfile_line *line, unsigned int *seen)
{
	if (*seen) {
		given_twice(r, line, *seen);
		return;
	}
	*seen = line->number;
	r->target = r->config;
	r->rules = &r->config->defaults;
}

static int begin_image(struct reading *r, const struct keyfile_line *line, const char *name)
{
	struct config *config = r->config;
	const struct config_image *known = config_find_image(config, name);
	struct config_image *more;

	if (!state_name_is_valid(name)) {
		wrong(r, line, "section [%s]: \"%s\" is not %s", line->section, name,
		      config_kind_name(CONFIG_NAME));
		return 0;
	}
	if (known && known->line) {
		given_twice(r, line, known->line);
		return 0;
	}
	if (known) {
		/* the command line has it already, and wins */
		r->target = &r->scratch_image;
		return 0;
	}
	more = realloc(config->images, (config->images_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	config->images = more;
	more += config->images_count;
	*more = (struct config_image){.name = strdup(name), .partition = -1, .line = line->number};
	if (!more->name)
		return -ENOMEM;
	config->images_count++;
	r->target = more;
	return 0;
}

/* What stands behind "pi": a serial, a MAC address, or the name of a machine. */
static bool identify(struct config_pi *pi, const char *name)
{
	struct pi_serial serial;

	if (pi_serial_parse(name, strlen(name), &serial) == 0) {
		memcpy(pi->serial, serial.text, sizeof(pi->serial));
		return true;
	}
	return config_value_parse(CONFIG_MAC, name, pi) == 0 ||
	       config_value_parse(CONFIG_SHORT_NAME, name, pi->name) == 0;
}

static bool is_same(const struct config_pi *a, const struct config_pi *b)
{
	if (a->serial[0] || b->serial[0])
		return strcmp(a->serial, b->serial) == 0;
	if (a->has_mac && b->has_mac)
		return memcmp(a->mac, b->mac, sizeof(a->mac)) == 0;
	return strcmp(a->name, b->name) == 0 && a->has_mac == b->has_mac;
}

static int begin_pi(struct reading *r, const struct keyfile_line *line, const char *name)
{
	struct config *config = r->config;
	struct config_pi pi = {.line = line->number};
	struct config_pi *more;

	if (!identify(&pi, name)) {
		wrong(r, line,
		      "section [%s]: neither a serial of 8 hexadecimal digits, nor a MAC address, "
		      "nor "
		      "%s",
		      line->section, config_kind_name(CONFIG_NAME));
		return 0;
	}
	for (size_t i = 0; i < config->pis_count; i++) {
		if (is_same(&config->pis[i], &pi)) {
			given_twice(r, line, config->pis[i].line);
			return 0;
		}
	}
	more = realloc(config->pis, (config->pis_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	config->pis = more;
	if (config_rules_copy(&config->defaults, &pi.rules))
		return -ENOMEM;
	pi.rules.image_line = 0;
	pi.rules.base_line = 0;
	more[config->pis_count] = pi;
	r->target = &more[config->pis_count];
	r->rules = &more[config->pis_count].rules;
	config->pis_count++;
	return 0;
}

static int begin_section(struct reading *r, const struct keyfile_line *line)
{
	const char *name = NULL;

	r->section = find_section(line->section, &name);
	r->given = 0;
	r->target = NULL;
	r->rules = NULL;
	if (r->section == CONFIG_SECTION_PI)
		return r->pass == PASS_PIS ? begin_pi(r, line, name) : 0;
	if (r->pass == PASS_PIS)
		return 0;
	switch (r->section) {
	case CONFIG_SECTION_SERVER:
		begin_once(r, line, &r->server_line);
		break;
	case CONFIG_SECTION_DEFAULTS:
		begin_once(r, line, &r->defaults_line);
		break;
	case CONFIG_SECTION_IMAGE:
		return begin_image(r, line, name);
	default:
		wrong(r, line,
		      "section [%s]: unknown: there are [server], [image NAME], [defaults] and [pi "
		      "SERIAL]",
		      line->section);
	}
	return 0;
}

static bool is_locked(const struct reading *r, const struct config_key *key)
{
	const char *section = r->section == CONFIG_SECTION_SERVER     ? "server"
			      : r->section == CONFIG_SECTION_DEFAULTS ? "defaults"
								      : NULL;

	for (size_t i = 0; section && r->locked && r->locked[i]; i++) {
		const char *locked = r->locked[i];
		size_t len = strlen(section);

		if (strncmp(locked, section, len) == 0 && locked[len] == '.' &&
		    strcmp(locked + len + 1, key->name) == 0)
			return true;
	}
	return false;
}

static void *find_target(struct reading *r, const struct config_key *key)
{
	char *base = key->is_rule ? (char *)r->rules : (char *)r->target;

	if (is_locked(r, key))
		base = key->is_rule ? (char *)&r->scratch.defaults : (char *)&r->scratch;
	return base + key->offset;
}

static int set_value(struct reading *r, const struct keyfile_line *line,
		     const struct config_key *key, const char *value, void *target)
{
	int err = config_value_parse(key->kind, value, target);

	if (err == -ENOMEM)
		return err;
	if (err == -ENOSPC)
		wrong(r, line, "%s: the list is too long at \"%s\"", key->name, value);
	else if (err)
		wrong(r, line, "%s: \"%s\" is not %s", key->name, value,
		      config_kind_name(key->kind));
	return 0;
}

/* Items with commas between them; one at the end, as where the list goes on, does not matter. */
static int set_list(struct reading *r, const struct keyfile_line *line,
		    const struct config_key *key, void *target)
{
	const char *at = line->value;
	int err = 0;

	if (!line->continued)
		config_value_clear(key->kind, target);
	while (!err && *at) {
		size_t len = strcspn(at, ",");
		const char *next = at + len + (at[len] == ',');
		char item[ITEM_BYTES];

		while (len > 0 && (*at == ' ' || *at == '\t')) {
			at++;
			len--;
		}
		while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
			len--;
		if (len >= sizeof(item))
			len = sizeof(item) - 1; /* lines are shorter */
		memcpy(item, at, len);
		item[len] = '\0';
		err = set_value(r, line, key, item, target);
		at = next + strspn(next, " \t");
	}
	return err;
}

/* "base =": none, also where [defaults] has one. */
static void unset(char **target)
{
	free(*target);
	*target = NULL;
}

static void unknown_key(struct reading *r, const struct keyfile_line *line)
{
	for (size_t i = 0; i < ARRAY_SIZE(sections); i++) {
		if (config_find_key(sections[i].section, line->key)) {
			wrong(r, line, "%s: not a key of section [%s], but of [%s%s]", line->key,
			      line->section, sections[i].word, sections[i].named ? " ..." : "");
			return;
		}
	}
	wrong(r, line, "%s: unknown key", line->key);
}

static int take_key(struct reading *r, const struct keyfile_line *line)
{
	const struct config_key *key = config_find_key(r->section, line->key);
	uint64_t bit;
	void *target;

	if (!key) {
		unknown_key(r, line);
		return 0;
	}
	bit = UINT64_C(1) << (key - config_keys);
	if (line->continued && !config_kind_is_list(key->kind)) {
		wrong(r, line,
		      "\"%s\" begins with a blank, so it goes on with %s of the line above, which "
		      "is "
		      "no list",
		      line->value, key->name);
		return 0;
	}
	if ((r->given & bit) && !line->continued) {
		wrong(r, line, "%s: given twice in this section", key->name);
		return 0;
	}
	r->given |= bit;
	target = find_target(r, key);
	if (config_kind_is_list(key->kind))
		return set_list(r, line, key, target);
	if (key->is_rule && strcmp(key->name, "image") == 0 && !is_locked(r, key))
		r->rules->image_line = line->number;
	if (key->is_rule && strcmp(key->name, "base") == 0)
		r->rules->base_line = line->number;
	if (key->kind == CONFIG_NAME && !*line->value) {
		unset(target);
		return 0;
	}
	return set_value(r, line, key, line->value, target);
}

static int take_line(void *ctx, const struct keyfile_line *line)
{
	struct reading *r = ctx;

	if (!line->key)
		return begin_section(r, line);
	if (!line->section[0] && r->pass == PASS_ALL_BUT_PIS)
		wrong(r, line, "%s: stands before the first section", line->key);
	return r->target ? take_key(r, line) : 0;
}

/* With one image there is no question which one is meant. */
static int choose_image(struct config *config)
{
	if (config->defaults.image || config->images_count != 1)
		return 0;
	config->defaults.image = strdup(config->images[0].name);
	return config->defaults.image ? 0 : -ENOMEM;
}

static int read_both(struct reading *r, const char *text, size_t len)
{
	int err = keyfile_parse(r->path, text, len, KEYFILE_SECTIONS, take_line, r);

	if (err == -EUCLEAN)
		r->failed = true;
	if (err && err != -EUCLEAN)
		return err;
	err = choose_image(r->config);
	if (err)
		return err;
	r->pass = PASS_PIS;
	r->section = CONFIG_SECTION_NONE;
	r->target = NULL;
	err = keyfile_parse(r->path, text, len, KEYFILE_SECTIONS | KEYFILE_LENIENT, take_line, r);
	return err == -EUCLEAN ? 0 : err;
}

int config_parse(struct config *config, const char *path, const char *text, size_t len,
		 const char *const *locked)
{
	struct reading r = {.config = config, .path = path, .locked = locked};
	int err = read_both(&r, text, len);

	config_finish(&r.scratch);
	free(r.scratch_image.file);
	if (err) {
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	return r.failed ? -EINVAL : 0;
}

/* A file, or whatever a shell's "<(...)" gives. */
static int read_all(FILE *file, char **out, size_t *out_len)
{
	CLEANUP(freep) char *text = NULL;
	size_t size = 0;
	size_t len = 0;

	for (;;) {
		char *more;
		size_t got;

		if (len == size) {
			if (size >= FILE_BYTES_MAX)
				return -EFBIG;
			size = size ? 2 * size : 4096;
			more = realloc(text, size);
			if (!more)
				return -ENOMEM;
			text = more;
		}
		got = fread(text + len, 1, size - len, file);
		if (got == 0 && ferror(file))
			return errno ? -errno : -EIO;
		if (got == 0)
			break;
		len += got;
	}
	*out = TAKE(text);
	*out_len = len;
	return 0;
}

int config_read(struct config *config, const char *path, const char *const *locked)
{
	CLEANUP(freep) char *text = NULL;
	FILE *file = fopen(path, "re");
	size_t len = 0;
	int err;

	if (!file) {
		err = -errno;
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	err = read_all(file, &text, &len);
	fclose(file);
	if (err) {
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	return config_parse(config, path, text, len, locked);
}
