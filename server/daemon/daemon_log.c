/* SPDX-License-Identifier: MIT */
/*
 * Where the log goes: to the journal with priorities (sd-daemon(3)), which puts the time to each line;
 * else to standard error, once we serve with the time in front.
 */
#include "daemon/daemon_private.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"

#define LINE_BYTES 8256

static atomic_bool with_times;
static bool to_journal;

/* $JOURNAL_STREAM names the socket that the journal reads; stderr may have been redirected since. */
static bool stderr_is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	unsigned long long device;
	unsigned long long inode;
	struct stat st;

	return text && sscanf(text, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == (dev_t)device &&
	       st.st_ino == (ino_t)inode;
}

static const char *priority(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR:
		return SD_ERR;
	case LOG_LEVEL_WARN:
		return SD_WARNING;
	case LOG_LEVEL_INFO:
		return SD_INFO;
	case LOG_LEVEL_DEBUG:
		break;
	}
	return SD_DEBUG;
}

static size_t put_time(char *out, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	localtime_r(&now, &tm);
	return strftime(out, size, "%Y-%m-%d %H:%M:%S ", &tm);
}

static void write_line(void *ctx, enum log_level level, const char *line)
{
	static const char name[] = "bramble: ";
	char text[LINE_BYTES];
	size_t len = 0;
	int more;

	(void)ctx;
	if (to_journal)
		len = (size_t)snprintf(text, sizeof(text), "%s", priority(level));
	else if (atomic_load_explicit(&with_times, memory_order_relaxed))
		len = put_time(text, sizeof(text));
	else
		len = (size_t)snprintf(text, sizeof(text), "%s", name);
	more = snprintf(text + len, sizeof(text) - len - 1, "%s", line);
	if (more < 0)
		return;
	len = strlen(text);
	text[len++] = '\n';
	if (write(STDERR_FILENO, text, len) < 0)
		return; /* a closed stderr is nobody's problem */
}

void daemon_log_begin(void)
{
	to_journal = stderr_is_journal();
	log_set_sink(write_line, NULL);
}

void daemon_log_events(void)
{
	atomic_store_explicit(&with_times, true, memory_order_relaxed);
}

void daemon_log_end(void)
{
	atomic_store_explicit(&with_times, false, memory_order_relaxed);
	log_set_sink(NULL, NULL);
}
