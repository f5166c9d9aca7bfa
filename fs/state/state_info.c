/* SPDX-License-Identifier: MIT */
/*
 * The info of an overlay as an INI file: one table of keys for reading and writing.
 *
 *     [overlay]   format, uuid, epoch, created, used, partition, next-id;
 *                 empty, in-use, restoring: if so; seal: if frozen
 *     [image]     path, fingerprint; size, mtime, ctime, device, inode: if known
 *     [base]      name, uuid, seal: if it is made on another overlay
 *     [notes]     state_notes.c
 *
 * Lines are short and have comments within them (keyfile.h), so a path is written like that of a URL, in
 * pieces: lines that begin with a tab continue it.
 */
#include "state/state_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "keyfile/keyfile.h"

#define PIECE_BYTES 96u

/* When a key is written, and must be there. */
enum presence {
	ALWAYS,
	IF_TRUE, /* a bool */
	IF_NONZERO, /* a 64-bit number */
	IF_FROZEN,
	IF_SEEN,
	IF_BASED,
};

static const struct key {
	const char *section;
	const char *name;
	enum state_value_kind kind;
	enum presence presence;
	size_t offset; /* in struct state_info */
} keys[] = {
#define KEY(section, name, kind, presence, member)                                                 \
	{                                                                                          \
		section, name, STATE_VALUE_##kind, presence, offsetof(struct state_info, member)   \
	}
	KEY("overlay", "uuid", UUID, ALWAYS, uuid),
	KEY("overlay", "epoch", U64, ALWAYS, epoch),
	KEY("overlay", "created", TIME, ALWAYS, created),
	KEY("overlay", "used", TIME, ALWAYS, used),
	KEY("overlay", "partition", PARTITION, ALWAYS, partition),
	KEY("overlay", "next-id", U64, ALWAYS, next_id),
	KEY("overlay", "empty", BOOL, IF_TRUE, empty),
	KEY("overlay", "in-use", BOOL, IF_TRUE, in_use),
	KEY("overlay", "losses", U64, IF_NONZERO, losses),
	KEY("overlay", "restoring", BOOL, IF_TRUE, restoring),
	KEY("overlay", "seal", ID, IF_FROZEN, seal),
	KEY("image", "fingerprint", FINGERPRINT, ALWAYS, fingerprint),
	KEY("image", "size", U64, IF_SEEN, seen.size),
	KEY("image", "mtime", STAMP, IF_SEEN, seen.mtime),
	KEY("image", "ctime", STAMP, IF_SEEN, seen.ctime),
	KEY("image", "device", U64, IF_SEEN, seen.device),
	KEY("image", "inode", U64, IF_SEEN, seen.inode),
	KEY("base", "name", NAME, IF_BASED, base),
	KEY("base", "uuid", UUID, IF_BASED, base_uuid),
	KEY("base", "seal", ID, IF_BASED, base_seal),
#undef KEY
};

/* The path and the format are no such keys; these are their bits beside those of the table. */
#define BIT_OF(i) (1u << (i))
#define PATH_BIT BIT_OF(ARRAY_SIZE(keys))
#define FORMAT_BIT BIT_OF(ARRAY_SIZE(keys) + 1)

struct parse {
	const char *file;
	uint32_t given; /* bits of the keys */
	uint64_t format;
	struct state_info info;
	char path[PATH_MAX];
	size_t path_len;
};

static int hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Appends a piece of the path, which must not be split within "%XX". */
static bool add_to_path(struct parse *p, const char *text)
{
	for (; *text; text++) {
		int byte = (unsigned char)*text;

		if (byte == '%') {
			int high = hex_value(text[1]);
			int low = high < 0 ? -1 : hex_value(text[2]);

			if (low < 0)
				return false;
			byte = high << 4 | low;
			text += 2;
		}
		if (byte == 0 || p->path_len == sizeof(p->path) - 1)
			return false;
		p->path[p->path_len++] = (char)byte;
	}
	p->path[p->path_len] = '\0';
	return p->path[0] == '/';
}

static const struct key *find_key(const char *section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	}
	return NULL;
}

static bool is_path(const char *section, const char *name)
{
	return strcmp(section, "image") == 0 && strcmp(name, "path") == 0;
}

static bool is_format(const char *section, const char *name)
{
	return strcmp(section, "overlay") == 0 && strcmp(name, "format") == 0;
}

/* Wants of the file nothing but its version, whatever else a later version has in it. */
static int take_format(void *ctx, const struct keyfile_line *line)
{
	struct parse *p = ctx;

	if (!is_format(line->section, line->key) || (p->given & FORMAT_BIT))
		return 0;
	if (!state_value_parse(STATE_VALUE_U64, line->value, &p->format) || p->format == 0) {
		log_error("%s:%u: format: not the number of a format", p->file, line->number);
		return -EUCLEAN;
	}
	p->given |= FORMAT_BIT;
	return 0;
}

static int take_path(struct parse *p, const struct keyfile_line *line)
{
	if ((p->given & PATH_BIT) && !line->continued) {
		log_error("%s:%u: path: given twice", p->file, line->number);
		return -EUCLEAN;
	}
	p->given |= PATH_BIT;
	if (!add_to_path(p, line->value)) {
		log_error("%s:%u: path: not an absolute path", p->file, line->number);
		return -EUCLEAN;
	}
	return 0;
}

static int take_value(struct parse *p, const struct key *key, const struct keyfile_line *line)
{
	uint32_t bit = BIT_OF((size_t)(key - keys));

	if (p->given & bit) {
		log_error("%s:%u: %s: given twice", p->file, line->number, key->name);
		return -EUCLEAN;
	}
	if (!state_value_parse(key->kind, line->value, (char *)&p->info + key->offset)) {
		log_error("%s:%u: %s: not %s", p->file, line->number, key->name,
			  state_value_kind_name(key->kind));
		return -EUCLEAN;
	}
	p->given |= bit;
	return 0;
}

static int take_key(void *ctx, const struct keyfile_line *line)
{
	struct parse *p = ctx;
	const struct key *key;

	if (strcmp(line->section, "notes") == 0)
		return state_notes_take(&p->info.notes, line);
	if (is_path(line->section, line->key))
		return take_path(p, line);
	key = find_key(line->section, line->key);
	if (key)
		return take_value(p, key, line);
	if (!is_format(line->section, line->key))
		log_warn("%s:%u: %s in section [%s]: unknown, left alone", p->file, line->number,
			 line->key, line->section);
	return 0;
}

static bool is_given(const struct parse *p, enum presence presence)
{
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].presence == presence && (p->given & BIT_OF(i)))
			return true;
	}
	return false;
}

static int missing(const struct parse *p, const char *section, const char *name)
{
	log_error("%s: %s is missing in section [%s]", p->file, name, section);
	return -EUCLEAN;
}

/* What is written always must be there, and the keys of an image seen or a base all or none. */
static int check_presence(const struct parse *p)
{
	if (!(p->given & PATH_BIT))
		return missing(p, "image", "path");
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		enum presence presence = keys[i].presence;

		if (p->given & BIT_OF(i))
			continue;
		if (presence == ALWAYS ||
		    ((presence == IF_SEEN || presence == IF_BASED) && is_given(p, presence)))
			return missing(p, keys[i].section, keys[i].name);
	}
	return 0;
}

static int parse_all(struct parse *p, const char *text, size_t len)
{
	int err = keyfile_parse(p->file, text, len, KEYFILE_LENIENT, take_format, p);

	if (err)
		return err;
	if (!(p->given & FORMAT_BIT)) {
		log_error("%s: says no format: damaged, or not an overlay's info", p->file);
		return -EUCLEAN;
	}
	if (p->format > STATE_FORMAT) {
		log_error("%s: format %llu: made by a later version of bramble; this one knows %u",
			  p->file, (unsigned long long)p->format, STATE_FORMAT);
		return -EPROTONOSUPPORT;
	}
	err = keyfile_parse(p->file, text, len, 0, take_key, p);
	return err ? err : check_presence(p);
}

int state_info_parse(const char *file, const char *text, size_t len, struct state_info *out)
{
	CLEANUP(freep) struct parse *p = calloc(1, sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	p->file = file;
	err = parse_all(p, text, len);
	if (!err) {
		p->info.frozen = is_given(p, IF_FROZEN);
		p->info.image = strdup(p->path);
		err = p->info.image ? 0 : -ENOMEM;
	}
	if (err) {
		state_info_finish(&p->info);
		return err;
	}
	*out = p->info;
	return 0;
}

static bool is_present(const struct state_info *info, const struct key *key)
{
	switch (key->presence) {
	case IF_TRUE:
		return *(const bool *)((const char *)info + key->offset);
	case IF_NONZERO:
		return *(const uint64_t *)((const char *)info + key->offset) != 0;
	case IF_FROZEN:
		return info->frozen;
	case IF_SEEN:
		return info->seen.size != 0;
	case IF_BASED:
		return info->base[0] != '\0';
	case ALWAYS:
		break;
	}
	return true;
}

/* Whether a byte of a path means itself in an INI file. */
static bool is_plain(unsigned char byte)
{
	return byte > ' ' && byte < 0x7f && !strchr("%;#\"\\", byte);
}

static void write_path(FILE *out, const char *path)
{
	size_t column = 0;

	fputs("path = ", out);
	for (; *path; path++) {
		unsigned char byte = (unsigned char)*path;

		if (column >= PIECE_BYTES) {
			fputs("\n\t", out);
			column = 0;
		}
		column += is_plain(byte) ? 1 : 3;
		if (is_plain(byte))
			fputc(byte, out);
		else
			fprintf(out, "%%%02X", byte);
	}
	fputc('\n', out);
}

static void write_keys(FILE *out, const struct state_info *info)
{
	const char *section = "overlay";

	fprintf(out,
		"; What this overlay is, and what it was made on. Written by bramble.\n"
		"[overlay]\nformat = %u\n",
		STATE_FORMAT);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		char value[STATE_VALUE_MAX];

		if (!is_present(info, &keys[i]))
			continue;
		if (strcmp(section, keys[i].section) != 0) {
			section = keys[i].section;
			fprintf(out, "\n[%s]\n", section);
			if (strcmp(section, "image") == 0)
				write_path(out, info->image);
		}
		state_value_format(keys[i].kind, (const char *)info + keys[i].offset, value);
		fprintf(out, "%s = %s\n", keys[i].name, value);
	}
}

int state_info_format(const struct state_info *info, char **out)
{
	char *text = NULL;
	size_t len = 0;
	FILE *stream = open_memstream(&text, &len);
	bool failed;

	if (!stream)
		return -ENOMEM;
	write_keys(stream, info);
	state_notes_write(stream, info->notes);
	failed = ferror(stream);
	if (fclose(stream) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}

void state_info_finish(struct state_info *info)
{
	free(info->image);
	free(info->notes);
	info->image = info->notes = NULL;
}

int state_info_copy(const struct state_info *from, struct state_info *out)
{
	char *image = from->image ? strdup(from->image) : NULL;
	char *notes;

	if (from->image && !image)
		return -ENOMEM;
	if (state_notes_copy(from->notes, &notes)) {
		free(image);
		return -ENOMEM;
	}
	*out = *from;
	out->image = image;
	out->notes = notes;
	return 0;
}
