/* SPDX-License-Identifier: MIT */
/*
 * The log: one line per event to stderr, as "bramble: room: what happened: facts".
 * Safe to call from any thread. It is the program's only global.
 */
#ifndef BRAMBLE_BASE_LOG_H
#define BRAMBLE_BASE_LOG_H

enum log_level {
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARN,
	LOG_LEVEL_INFO,
	LOG_LEVEL_DEBUG,
};

/* Lines of a higher level are dropped. The default is LOG_LEVEL_WARN. */
void log_set_level(enum log_level level);

/*
 * Sends each line, without prefix and newline, to @sink instead of stderr; NULL restores stderr.
 * For tests and for programs that collect warnings. Not to be changed while other threads log.
 */
typedef void (*log_sink_fn)(void *ctx, enum log_level level, const char *line);
void log_set_sink(log_sink_fn sink, void *ctx);

__attribute__((format(printf, 2, 3))) void log_line(enum log_level level, const char *format, ...);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
