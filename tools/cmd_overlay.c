/* SPDX-License-Identifier: MIT */
/* bramble overlay: finds the subcommand and runs it. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "remote.h"

#define ARGUMENTS_MANY 0x7fffffff

/* Letters above every char. */
enum {
	OPTION_IMAGE = 0x2000,
	OPTION_BASE,
	OPTION_LIST,
	OPTION_DELETE,
	OPTION_STAT,
	OPTION_FORCE,
};

/* Which options a subcommand has. */
#define TAKES_IMAGE 0x01u
#define TAKES_BASE 0x02u
#define TAKES_LIST 0x04u /* --list and --delete */
#define TAKES_STAT 0x08u
#define TAKES_YES 0x10u
#define TAKES_JSON 0x20u
#define TAKES_PARTITION 0x40u
#define TAKES_FORCE 0x80u

static const struct subcommand {
	const char *name;
	const char *arguments;
	int least; /* number of arguments */
	int most;
	unsigned int takes;
	int names; /* how many of the arguments name overlays, from the first one on */
	bool snapshot; /* the one behind them names a snapshot */
	int (*run)(const struct overlay_request *request);
} subcommands[] = {
	{"list", "", 0, 0, TAKES_JSON, 0, false, cmd_overlay_list},
	{"create", "NAME", 1, 1, TAKES_IMAGE | TAKES_BASE | TAKES_PARTITION, 1, false,
	 cmd_overlay_create},
	{"show", "NAME", 1, 1, TAKES_IMAGE | TAKES_JSON, 1, false, cmd_overlay_show},
	{"diff", "NAME [PATH]", 1, 2, TAKES_IMAGE | TAKES_STAT | TAKES_JSON, 1, false,
	 cmd_overlay_diff},
	{"reset", "NAME", 1, 1, TAKES_IMAGE | TAKES_YES | TAKES_FORCE, 1, false, cmd_overlay_reset},
	{"snapshot", "NAME [SNAPSHOT]", 1, 2, TAKES_LIST | TAKES_JSON | TAKES_YES, 1, true,
	 cmd_overlay_snapshot},
	{"restore", "NAME SNAPSHOT", 2, 2, TAKES_IMAGE | TAKES_YES | TAKES_FORCE, 1, true,
	 cmd_overlay_restore},
	{"clone", "NAME NEW", 2, 2, 0, 2, false, cmd_overlay_clone},
	{"delete", "NAME...", 1, ARGUMENTS_MANY, TAKES_YES | TAKES_FORCE, ARGUMENTS_MANY, false,
	 cmd_overlay_delete},
	{"check", "NAME...", 1, ARGUMENTS_MANY, TAKES_IMAGE | TAKES_JSON, ARGUMENTS_MANY, false,
	 cmd_overlay_check},
};

static const struct subcommand *find_subcommand(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(subcommands[i].name, name) == 0)
			return &subcommands[i];
	}
	return NULL;
}

/* The first option that was given and that the subcommand does not have; or NULL. */
static const char *misplaced(const struct overlay_request *request, unsigned int takes)
{
	const struct {
		bool given;
		unsigned int flag;
		const char *name;
	} options[] = {
		{request->image, TAKES_IMAGE, "--image"},
		{request->base, TAKES_BASE, "--base"},
		{request->list, TAKES_LIST, "--list"},
		{request->remove, TAKES_LIST, "--delete"},
		{request->stat, TAKES_STAT, "--stat"},
		{request->yes, TAKES_YES, "--yes"},
		{request->force, TAKES_FORCE, "--force"},
		{request->common.json, TAKES_JSON, "--json"},
		{request->common.partition >= 0, TAKES_PARTITION, "--partition"},
	};

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		if (options[i].given && !(takes & options[i].flag))
			return options[i].name;
	}
	return NULL;
}

/* What cannot be a name is wrong usage, whatever there is. Logged. */
static bool names_are_valid(const struct overlay_request *request, const struct subcommand *sub)
{
	for (int i = 0; i < request->argc && i < sub->names; i++) {
		if (state_name_check("overlay", request->argv[i]) < 0)
			return false;
	}
	if (sub->snapshot && request->argc > sub->names &&
	    state_name_check("snapshot", request->argv[sub->names]) < 0)
		return false;
	return (!request->base || state_name_check("overlay", request->base) == 0) &&
	       (!request->remove || state_name_check("snapshot", request->remove) == 0);
}

static int is_name(void *ctx, const char *name)
{
	return strcmp(ctx, name) == 0 ? 1 : 0;
}

/*
 * The overlay of a Pi is named by its serial; a server that runs knows its name, too. What is found is kept
 * to the end of the process.
 */
static void resolve_names(struct overlay_request *request, int count)
{
	CLEANUP(state_closep) struct state *state = NULL;

	if (state_open(request->common.state, false, &state) < 0)
		return; /* the command says so, too */
	for (int i = 0; i < request->argc && i < count; i++) {
		char *serial = NULL;

		if (state_each(state, is_name, request->argv[i]) == 0)
			serial = remote_serial(request->common.state, request->argv[i]);
		if (serial)
			request->argv[i] = serial;
	}
}

static int run_subcommand(struct overlay_request *request)
{
	const struct subcommand *sub;
	const char *wrong;

	if (request->argc == 0)
		return usage_error(&cmd_overlay, "what to do with overlays is missing");
	sub = find_subcommand(request->argv[0]);
	if (!sub)
		return usage_error(&cmd_overlay, "%s: nothing that can be done with overlays",
				   request->argv[0]);
	request->argc--;
	request->argv++;
	wrong = misplaced(request, sub->takes);
	if (wrong)
		return usage_error(&cmd_overlay, "%s: not an option of \"overlay %s\"", wrong,
				   sub->name);
	if (request->argc < sub->least)
		return usage_error(&cmd_overlay, "%s needs %s", sub->name, sub->arguments);
	if (request->argc > sub->most)
		return usage_error(&cmd_overlay, "%s: one too many for \"overlay %s %s\"",
				   request->argv[sub->most], sub->name, sub->arguments);
	if (request->common.state && !*request->common.state)
		return usage_error(&cmd_overlay, "--state: no directory given");
	if (!names_are_valid(request, sub))
		return STATUS_USAGE;
	if (sub->run != cmd_overlay_create)
		resolve_names(request, sub->run == cmd_overlay_clone ? 1 : sub->names);
	return sub->run(request);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"image", required_argument, NULL, OPTION_IMAGE},
		{"base", required_argument, NULL, OPTION_BASE},
		{"list", no_argument, NULL, OPTION_LIST},
		{"delete", required_argument, NULL, OPTION_DELETE},
		{"stat", no_argument, NULL, OPTION_STAT},
		{"yes", no_argument, NULL, 'y'},
		{"force", no_argument, NULL, OPTION_FORCE},
		{0},
	};
	struct overlay_request request = {.common = COMMON_OPTIONS_DEFAULT};
	int got;

	while ((got = options_next(&cmd_overlay, argc, argv, "y", options, &request.common)) >= 0) {
		switch (got) {
		case OPTION_IMAGE:
			request.image = optarg;
			break;
		case OPTION_BASE:
			request.base = optarg;
			break;
		case OPTION_LIST:
			request.list = true;
			break;
		case OPTION_DELETE:
			request.remove = optarg;
			break;
		case OPTION_STAT:
			request.stat = true;
			break;
		case 'y':
			request.yes = true;
			break;
		case OPTION_FORCE:
			request.force = true;
			break;
		}
	}
	if (got != OPTIONS_END)
		return got == OPTIONS_HELP ? STATUS_DONE : STATUS_USAGE;
	request.argc = argc - optind;
	request.argv = argv + optind;
	return run_subcommand(&request);
}

struct stack_options cmd_overlay_options(const struct overlay_request *request, const char *name)
{
	struct stack_options options = STACK_OPTIONS_DEFAULT;

	options.partition = request->common.partition;
	options.state = request->common.state;
	options.overlay = name;
	options.overlay_read_only = true;
	return options;
}

int cmd_overlay_find(const struct overlay_request *request, const char *name,
		     enum state_access access, struct state **out_state, struct state_overlay **out)
{
	CLEANUP(state_closep) struct state *state = NULL;
	int err = state_open(request->common.state, false, &state);

	if (err)
		return err;
	if (access != STATE_LOOK)
		remote_lend(request->common.state, name, false);
	err = state_overlay_open(state, name, access, out);
	if (err == -ENOENT && access == STATE_LOOK)
		log_error("overlay %s: there is none in %s", name, state_path(state));
	if (err)
		return err;
	*out_state = TAKE(state);
	return 0;
}

bool cmd_overlay_may_change(const struct overlay_request *request, const char *name)
{
	return request->force || remote_is_off(request->common.state, name);
}

bool cmd_overlay_begin_change(const struct overlay_request *request, const char *name)
{
	return remote_lend(request->common.state, name, !request->force);
}

int cmd_overlay_confirm(const struct overlay_request *request, const char *format, ...)
{
	char answer[16] = "";
	va_list args;

	if (request->yes)
		return STATUS_DONE;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
		return usage_error(&cmd_overlay, "cannot be undone, and there is no terminal to "
						 "ask at: say --yes");
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " [y/N] ");
	if (fgets(answer, sizeof(answer), stdin) &&
	    (strcmp(answer, "y\n") == 0 || strcmp(answer, "yes\n") == 0))
		return STATUS_DONE;
	log_error("nothing was done");
	return STATUS_FAILED;
}

const struct command cmd_overlay = {
	.name = "overlay",
	.summary = "list, make, compare and remove overlays",
	.arguments = "SUBCOMMAND [OPTION...] [NAME] ...",
	.help = "An overlay holds what was changed above an image, which itself stays as it is.\n"
		"\"bramble mount IMAGE DIR --overlay NAME\" makes it and writes to it.\n"
		"\n"
		"  list                     name, size on disk, state, last use and image of each\n"
		"  create NAME              above the image --image, or above the overlay --base\n"
		"  show NAME                everything about one\n"
		"  diff NAME [PATH]         what was Added, Modified, Deleted, Renamed (below "
		"PATH)\n"
		"  reset NAME               throws all changes away\n"
		"  snapshot NAME [SNAPSHOT] remembers it as it is; without SNAPSHOT named by the "
		"time\n"
		"  restore NAME SNAPSHOT    makes it as it was then\n"
		"  clone NAME NEW           makes another one that is like it\n"
		"  delete NAME...           removes it and its snapshots\n"
		"  check NAME...            looks whether what it holds is sound; repairs nothing\n"
		"\n"
		"  --image IMAGE    the image; where one is known already, the same at another "
		"place\n"
		"  --base OVERLAY   make it above this one, which cannot be changed as long as "
		"any\n"
		"                   lies above it\n"
		"  --stat           of diff: numbers alone\n"
		"  --list           of snapshot: list them\n"
		"  --delete SNAPSHOT\n"
		"                   of snapshot: remove this one\n"
		"  -y, --yes        do not ask before something is thrown away\n"
		"  --force          of reset, restore and delete: also of a Pi that is up\n",
	.flags = COMMAND_IMAGE | COMMAND_JSON,
	.run = run,
};
