/* SPDX-License-Identifier: MIT */
/* Gives inih a text in memory, one line after another, and knows which line it deals with. */
#include "keyfile/keyfile.h"

#include <errno.h>
#include <ini.h>
#include <string.h>

#include "base/log.h"

struct parse {
	const char *text;
	size_t len;
	size_t at;
	struct keyfile_line line;
	keyfile_fn take;
	void *ctx;
	int err;
};

/* Gives inih one line, as fgets(3) would. */
static char *next_line(char *str, int num, void *stream)
{
	struct parse *p = stream;
	const char *line = p->text + p->at;
	const char *end;
	size_t len;

	if (p->err || p->at == p->len)
		return NULL;
	end = memchr(line, '\n', p->len - p->at);
	len = end ? (size_t)(end - line) + 1 : p->len - p->at;
	p->line.number++;
	if (num < 1 || len >= (size_t)num) {
		log_error("%s:%u: the line is too long", p->line.file, p->line.number);
		p->err = -EUCLEAN;
		return NULL;
	}
	memcpy(str, line, len);
	str[len] = '\0';
	p->line.continued = *line == ' ' || *line == '\t';
	p->at += len;
	return str;
}

static int take_key(void *ctx, const char *section, const char *key, const char *value)
{
	struct parse *p = ctx;

	if (p->err || !value)
		return 1;
	p->line.section = section;
	p->line.key = key;
	p->line.value = value;
	p->err = p->take(p->ctx, &p->line);
	return 1;
}

int keyfile_parse(const char *file, const char *text, size_t len, unsigned int flags,
		  keyfile_fn take, void *ctx)
{
	struct parse p = {.text = text, .len = len, .line.file = file, .take = take, .ctx = ctx};
	int line;

	if (memchr(text, '\0', len)) {
		log_error("%s: has zero bytes: damaged", file);
		return -EUCLEAN;
	}
	line = ini_parse_stream(next_line, &p, take_key, &p);
	if (p.err)
		return p.err;
	if (line < 0)
		return -ENOMEM;
	if (line > 0 && !(flags & KEYFILE_LENIENT)) {
		log_error("%s:%d: neither [SECTION] nor KEY = VALUE", file, line);
		return -EUCLEAN;
	}
	return 0;
}
