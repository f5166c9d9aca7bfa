/* SPDX-License-Identifier: MIT */
/* The log: formats one line and writes it in one call, so that lines of threads never mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 8192 /* two paths of PATH_MAX bytes fit, so that the reason is never cut */

static _Atomic(enum log_level) max_level = LOG_LEVEL_WARN;
static log_sink_fn sink_fn;
static void *sink_ctx;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, level, memory_order_relaxed);
}

void log_set_sink(log_sink_fn sink, void *ctx)
{
	sink_fn = sink;
	sink_ctx = ctx;
}

/* Names come from images: a control character must not reach the terminal. */
static void make_printable(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < 0x20 || *text == 0x7f)
			*text = '?';
	}
}

void log_line(enum log_level level, const char *format, ...)
{
	static const char prefix[] = "bramble: ";
	char line[LINE_BYTES];
	size_t len = sizeof(prefix) - 1;
	va_list args;
	int n;

	if (level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;
	memcpy(line, prefix, len);
	va_start(args, format);
	n = vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	if (n < 0)
		return;
	make_printable(line + len);
	if (sink_fn) {
		sink_fn(sink_ctx, level, line + len);
		return;
	}
	len = strlen(line);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return; /* a closed stderr is nobody's problem */
}
