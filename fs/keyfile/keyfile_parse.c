/* SPDX-License-Identifier: MIT */
/*
 * Gives inih a text in memory, line by line as fgets(3) would: so it is known which line it deals with,
 * where a section begins, and what it made nothing of.
 */
#include "keyfile/keyfile.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/log.h"

#define SECTION_BYTES 50u /* of inih, which cuts longer names; with NUL */

struct parse {
	const char *text;
	size_t len;
	size_t at;
	struct keyfile_line line;
	char section[SECTION_BYTES];
	unsigned int flags;
	keyfile_fn take;
	void *ctx;
	bool lost; /* in which section is not known: its keys are passed over */
	bool has_key; /* the section has one that an indented line would continue */
	bool expects; /* inih is to make a key of the line that it has */
	bool wrong;
	int err; /* read no further */
};

static void give(struct parse *p, const char *key, const char *value)
{
	p->line.section = p->section;
	p->line.key = key;
	p->line.value = value;
	p->err = p->take(p->ctx, &p->line);
}

static void is_wrong(struct parse *p, const char *why)
{
	p->wrong = true;
	if (!(p->flags & KEYFILE_LENIENT))
		log_error("%s:%u: %s", p->line.file, p->line.number, why);
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " \t\r\n\v\f");
}

/* How much of a line is in front of its comment. 0: it has none within @max bytes. */
static size_t without_comment(const char *line, size_t max)
{
	for (size_t i = 1; i < max; i++) {
		if (line[i] == ';' && (line[i - 1] == ' ' || line[i - 1] == '\t'))
			return i;
	}
	return 0;
}

/* @start is at "[". inih tells of a section only when a key of it comes. */
static void begin_section(struct parse *p, const char *start)
{
	const char *end = strchr(start, ']');
	const char *behind;
	size_t len;

	p->has_key = false;
	p->lost = true;
	if (!end) {
		is_wrong(p, "\"]\" is missing");
		return;
	}
	len = (size_t)(end - start) - 1;
	if (len >= sizeof(p->section)) {
		is_wrong(p, "the section's name is too long");
		return;
	}
	memcpy(p->section, start + 1, len);
	p->section[len] = '\0';
	p->lost = false;
	behind = skip_blanks(end + 1);
	if (*behind && *behind != ';' && *behind != '#')
		is_wrong(p, "something stands behind \"]\"");
	if (p->flags & KEYFILE_SECTIONS)
		give(p, NULL, NULL);
}

/* What inih is going to make of the line. */
static void look_at(struct parse *p, const char *line)
{
	const char *start = line;

	if (p->line.number == 1 && strncmp(start, "\xef\xbb\xbf", 3) == 0)
		start += 3;
	p->line.continued = p->has_key && (*start == ' ' || *start == '\t');
	start = skip_blanks(start);
	if (!*start || *start == ';' || *start == '#')
		return;
	if (*start == '[' && !p->line.continued)
		begin_section(p, start);
	else
		p->expects = true;
}

static void finish_line(struct parse *p)
{
	if (p->expects)
		is_wrong(p, "neither [SECTION] nor KEY = VALUE");
	p->expects = false;
}

static char *next_line(char *str, int num, void *stream)
{
	struct parse *p = stream;
	const char *line = p->text + p->at;
	const char *end;
	size_t len;

	finish_line(p);
	if (p->err || p->at == p->len || num < 2)
		return NULL;
	end = memchr(line, '\n', p->len - p->at);
	len = end ? (size_t)(end - line) + 1 : p->len - p->at;
	p->line.number++;
	p->at += len;
	if (len >= (size_t)num) {
		len = without_comment(line, (size_t)num - 1);
		if (!len && *line != ';' && *line != '#')
			is_wrong(p, "the line is too long");
	}
	memcpy(str, line, len);
	str[len] = '\0';
	look_at(p, str);
	/* inih takes comments off all lines but these */
	if (p->line.continued && without_comment(line, len))
		str[without_comment(line, len)] = '\0';
	return str;
}

static int take_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct parse *p = ctx;

	(void)section; /* that of p->section */
	if (p->err || !value || !*key)
		return 1;
	p->expects = false;
	p->has_key = true;
	if (!p->lost)
		give(p, key, value);
	return 1;
}

int keyfile_parse(const char *file, const char *text, size_t len, unsigned int flags,
		  keyfile_fn take, void *ctx)
{
	struct parse p = {
		.text = text,
		.len = len,
		.line.file = file,
		.flags = flags,
		.take = take,
		.ctx = ctx,
	};

	if (memchr(text, '\0', len)) {
		log_error("%s: has zero bytes: damaged", file);
		return -EUCLEAN;
	}
	if (ini_parse_stream(next_line, &p, take_key, &p) < 0)
		return -ENOMEM;
	if (p.err)
		return p.err;
	return p.wrong && !(flags & KEYFILE_LENIENT) ? -EUCLEAN : 0;
}
