/* SPDX-License-Identifier: MIT */
/*
 * What is remembered of a Pi, as an INI file:
 *
 *     [pi]       id; name, image, base, keep: given by `bramble pi set`; mac, loader: the machines that
 *                are bound to it, mac-given: the former by `bramble pi set`; model, first-seen, last-seen,
 *                mounted, mounted-by; joined, renew: if so
 *     [overlay]  uuid: its overlay; a key for each step that ran and that the overlay has no note of
 */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "keyfile/keyfile.h"

enum kind {
	KIND_TEXT, /* STATE_NAME_MAX + 1 bytes */
	KIND_MAC,
	KIND_ADDRESS,
	KIND_TIME,
	KIND_BOOL,
	KIND_KEEP,
	KIND_MODEL,
};

static const struct key {
	const char *name;
	enum kind kind;
	size_t offset; /* in struct fleet_record */
	size_t flag; /* of a bool that says that it is there; 0: none */
} keys[] = {
	{"id", KIND_TEXT, offsetof(struct fleet_record, id), 0},
	{"name", KIND_TEXT, offsetof(struct fleet_record, name), 0},
	{"image", KIND_TEXT, offsetof(struct fleet_record, image), 0},
	{"base", KIND_TEXT, offsetof(struct fleet_record, base), 0},
	{"keep", KIND_KEEP, offsetof(struct fleet_record, keep), 0},
	{"mac", KIND_MAC, offsetof(struct fleet_record, mac),
	 offsetof(struct fleet_record, has_mac)},
	{"mac-given", KIND_BOOL, offsetof(struct fleet_record, mac_given), 0},
	{"loader", KIND_MAC, offsetof(struct fleet_record, loader),
	 offsetof(struct fleet_record, has_loader)},
	{"model", KIND_MODEL, offsetof(struct fleet_record, model), 0},
	{"first-seen", KIND_TIME, offsetof(struct fleet_record, first_seen), 0},
	{"last-seen", KIND_TIME, offsetof(struct fleet_record, last_seen), 0},
	{"mounted", KIND_TIME, offsetof(struct fleet_record, mounted), 0},
	{"mounted-by", KIND_ADDRESS, offsetof(struct fleet_record, mounted_by), 0},
	{"joined", KIND_BOOL, offsetof(struct fleet_record, joined), 0},
	{"renew", KIND_BOOL, offsetof(struct fleet_record, renew), 0},
};

static const char *const keeps[] = {
	[CONFIG_KEEP_YES] = "yes",
	[CONFIG_KEEP_UNTIL_REBOOT] = "until-reboot",
};

static const char *const models[PI_MODELS] = {
	[PI_MODEL_UNKNOWN] = "unknown",
	[PI_3] = "3",
	[PI_3_PLUS] = "3+",
	[PI_4] = "4",
	[PI_5] = "5",
};

static int word_index(const char *const *words, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++) {
		if (words[i] && strcmp(words[i], text) == 0)
			return (int)i;
	}
	return -1;
}

static bool parse_time(const char *text, int64_t *out)
{
	char *end;
	long long value;

	errno = 0;
	value = strtoll(text, &end, 10);
	if (errno || end == text || *end || value < 0)
		return false;
	*out = value;
	return true;
}

static bool parse_value(struct fleet_record *record, const struct key *key, const char *text)
{
	void *at = (char *)record + key->offset;
	int index;

	switch (key->kind) {
	case KIND_TEXT:
		if (!state_name_is_valid(text))
			return false;
		memcpy(at, text, strlen(text) + 1);
		return true;
	case KIND_MAC:
		return pi_mac_parse(text, strlen(text), at) == 0;
	case KIND_ADDRESS:
		return inet_pton(AF_INET, text, at) == 1;
	case KIND_TIME:
		return parse_time(text, at);
	case KIND_BOOL:
		*(bool *)at = strcmp(text, "yes") == 0;
		return *(bool *)at || strcmp(text, "no") == 0;
	case KIND_KEEP:
		index = word_index(keeps, ARRAY_SIZE(keeps), text);
		*(int *)at = index;
		return index >= 0;
	case KIND_MODEL:
		index = word_index(models, ARRAY_SIZE(models), text);
		*(enum pi_model *)at = index < 0 ? PI_MODEL_UNKNOWN : (enum pi_model)index;
		return index >= 0;
	}
	return false;
}

struct parse {
	struct fleet_record record;
	FILE *steps; /* the lines of the report */
};

static bool parse_uuid(const char *text, uint8_t out[STATE_ID_BYTES])
{
	size_t filled = 0;

	for (; *text && filled < 2 * STATE_ID_BYTES; text++) {
		static const char digits[] = "0123456789abcdef";
		const char *digit = strchr(digits, *text);

		if (*text == '-')
			continue;
		if (!digit)
			return false;
		if (filled % 2 == 0)
			out[filled / 2] = 0;
		out[filled / 2] = (uint8_t)(out[filled / 2] << 4 | (digit - digits));
		filled++;
	}
	return filled == 2 * STATE_ID_BYTES && *text == '\0';
}

static int take_overlay(struct parse *p, const struct keyfile_line *line)
{
	if (strcmp(line->key, "uuid") != 0) {
		fprintf(p->steps, "%s %s\n", line->key, line->value);
		return 0;
	}
	p->record.has_overlay = parse_uuid(line->value, p->record.overlay);
	if (p->record.has_overlay)
		return 0;
	log_error("%s:%u: uuid: not a UUID", line->file, line->number);
	return -EUCLEAN;
}

static int take(void *ctx, const struct keyfile_line *line)
{
	struct parse *p = ctx;

	if (!line->key)
		return 0;
	if (strcmp(line->section, "overlay") == 0)
		return take_overlay(p, line);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(line->section, "pi") != 0 || strcmp(line->key, keys[i].name) != 0)
			continue;
		if (!parse_value(&p->record, &keys[i], line->value)) {
			log_error("%s:%u: %s: not a value of this key", line->file, line->number,
				  line->key);
			return -EUCLEAN;
		}
		if (keys[i].flag)
			*(bool *)((char *)&p->record + keys[i].flag) = true;
		return 0;
	}
	log_warn("%s:%u: %s in section [%s]: unknown, left alone", line->file, line->number,
		 line->key, line->section);
	return 0;
}

static int parse_all(struct parse *p, const char *file, const char *text, size_t len)
{
	CLEANUP(freep) char *report = NULL;
	size_t report_len = 0;
	int err;

	p->record.keep = -1;
	p->steps = open_memstream(&report, &report_len);
	if (!p->steps)
		return -ENOMEM;
	err = keyfile_parse(file, text, len, 0, take, p);
	if (fclose(p->steps) != 0 && !err)
		err = -ENOMEM;
	if (err)
		return err;
	err = provision_report_parse(report, report_len, &p->record.steps);
	if (err) {
		log_error("%s: a step in section [overlay] is none: damaged", file);
		return -EUCLEAN;
	}
	if (!p->record.id[0]) {
		log_error("%s: id is missing in section [pi]", file);
		return -EUCLEAN;
	}
	return 0;
}

int fleet_record_parse(const char *file, const char *text, size_t len, struct fleet_record *out)
{
	CLEANUP(freep) struct parse *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	err = parse_all(p, file, text, len);
	if (err)
		return err;
	*out = p->record;
	return 0;
}

static void write_key(FILE *out, const struct fleet_record *record, const struct key *key)
{
	const void *at = (const char *)record + key->offset;
	char mac[PI_MAC_TEXT], address[INET_ADDRSTRLEN];

	switch (key->kind) {
	case KIND_TEXT:
		if (*(const char *)at)
			fprintf(out, "%s = %s\n", key->name, (const char *)at);
		break;
	case KIND_MAC:
		if (*(const bool *)((const char *)record + key->flag)) {
			pi_mac_format(at, ':', mac);
			fprintf(out, "%s = %s\n", key->name, mac);
		}
		break;
	case KIND_ADDRESS:
		if (((const struct in_addr *)at)->s_addr)
			fprintf(out, "%s = %s\n", key->name,
				inet_ntop(AF_INET, at, address, sizeof(address)));
		break;
	case KIND_TIME:
		if (*(const int64_t *)at)
			fprintf(out, "%s = %" PRId64 "\n", key->name, *(const int64_t *)at);
		break;
	case KIND_BOOL:
		if (*(const bool *)at)
			fprintf(out, "%s = yes\n", key->name);
		break;
	case KIND_KEEP:
		if (*(const int *)at >= 0)
			fprintf(out, "%s = %s\n", key->name, keeps[*(const int *)at]);
		break;
	case KIND_MODEL:
		fprintf(out, "%s = %s\n", key->name, models[*(const enum pi_model *)at]);
		break;
	}
}

static void write_steps(FILE *out, const struct fleet_record *record)
{
	char uuid[STATE_UUID_BYTES];

	state_format_uuid(record->overlay, uuid);
	fprintf(out, "\n[overlay]\nuuid = %s\n", uuid);
	for (size_t i = 0; i < record->steps.count; i++) {
		const struct provision_entry *entry = &record->steps.entries[i];

		fprintf(out, "%s = %u %s\n", entry->step, entry->version,
			provision_result_name(entry->result));
	}
}

int fleet_record_format(const struct fleet_record *record, char **out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	bool failed;

	if (!stream)
		return -ENOMEM;
	fputs("; What bramble remembers of a Raspberry Pi. Change it with `bramble pi "
	      "set`.\n[pi]\n",
	      stream);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		write_key(stream, record, &keys[i]);
	if (record->has_overlay)
		write_steps(stream, record);
	failed = ferror(stream);
	if (fclose(stream) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}
