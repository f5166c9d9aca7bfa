/* SPDX-License-Identifier: MIT */
/* Options: those that commands share, and what is said about wrong ones. */
#include "tools.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

#define OPTIONS_MAX 32
#define SHORT_BYTES 64

/* Long options without a letter; above every char. */
enum {
	OPTION_PARTITION = 0x1000,
	OPTION_STATE,
	OPTION_JSON,
	OPTION_OVERLAY,
};

static const struct option image_options[] = {
	{"partition", required_argument, NULL, OPTION_PARTITION},
	{"state", required_argument, NULL, OPTION_STATE},
	{0},
};

static const struct option state_options[] = {
	{"state", required_argument, NULL, OPTION_STATE},
	{0},
};

static const struct option overlay_options[] = {
	{"overlay", required_argument, NULL, OPTION_OVERLAY},
	{0},
};

static const struct option json_options[] = {
	{"json", no_argument, NULL, OPTION_JSON},
	{0},
};

static const struct option common_options[] = {
	{"verbose", no_argument, NULL, 'v'},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{0},
};

static size_t append(struct option *all, size_t count, const struct option *more)
{
	for (; more && more->name && count < OPTIONS_MAX - 1; more++)
		all[count++] = *more;
	return count;
}

int usage_error(const struct command *command, const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	if (vsnprintf(what, sizeof(what), format, args) < 0)
		what[0] = '\0';
	va_end(args);
	log_error("%s: %s: see \"bramble help %s\"", command->name, what, command->name);
	return STATUS_USAGE;
}

int options_partition(const char *text, int *out_number)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno || end == text || *end || number < 1 || number > INT_MAX) {
		log_error("partition %s: not a number from 1 on", text);
		return -EINVAL;
	}
	*out_number = (int)number;
	return 0;
}

/* Each -v shows one level more, each -q one less. */
static void change_verbosity(int by)
{
	static int level = LOG_LEVEL_WARN;

	level += by;
	if (level < LOG_LEVEL_ERROR)
		level = LOG_LEVEL_ERROR;
	if (level > LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_DEBUG;
	log_set_level((enum log_level)level);
}

static int wrong_option(const struct command *command, char **argv, int got)
{
	const char *why = got == ':' ? "needs a value" : "unknown or misused option";

	/* getopt names a short option by its letter, a long one only by where it stands. */
	if (optopt > 0 && optopt <= CHAR_MAX)
		usage_error(command, "-%c: %s", optopt, why);
	else
		usage_error(command, "%s: %s", argv[optind - 1], why);
	return OPTIONS_WRONG;
}

int options_next(const struct command *command, int argc, char **argv, const char *short_options,
		 const struct option *long_options, struct common_options *common)
{
	struct option all[OPTIONS_MAX];
	char letters[SHORT_BYTES];
	size_t count = 0;
	int got;

	count = append(all, count, long_options);
	if (command->flags & COMMAND_IMAGE)
		count = append(all, count, image_options);
	if (command->flags & COMMAND_STATE)
		count = append(all, count, state_options);
	if (command->flags & COMMAND_OVERLAY)
		count = append(all, count, overlay_options);
	if (command->flags & COMMAND_JSON)
		count = append(all, count, json_options);
	count = append(all, count, common_options);
	all[count] = (struct option){0};
	snprintf(letters, sizeof(letters), ":%svqh", short_options);
	opterr = 0;
	for (;;) {
		got = getopt_long(argc, argv, letters, all, NULL);
		switch (got) {
		case -1:
			return OPTIONS_END;
		case 'h':
			command_print_help(command);
			return OPTIONS_HELP;
		case 'v':
			change_verbosity(1);
			common->verbosity++;
			break;
		case 'q':
			change_verbosity(-1);
			common->verbosity--;
			break;
		case OPTION_JSON:
			common->json = true;
			break;
		case OPTION_STATE:
			common->state = optarg;
			break;
		case OPTION_OVERLAY:
			common->overlay = optarg;
			break;
		case OPTION_PARTITION:
			if (options_partition(optarg, &common->partition) < 0)
				return OPTIONS_WRONG;
			break;
		case '?':
		case ':':
			return wrong_option(command, argv, got);
		default:
			return got;
		}
	}
}

bool options_common(const struct command *command, int argc, char **argv,
		    struct common_options *common, int *out_status)
{
	int got = options_next(command, argc, argv, "", NULL, common);

	if (got == OPTIONS_END)
		return true;
	*out_status = got == OPTIONS_HELP ? STATUS_DONE : STATUS_USAGE;
	return false;
}
