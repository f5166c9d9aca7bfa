/* SPDX-License-Identifier: MIT */
/* bramble pi: the Pis of the running server. */
#include "tools.h"

#include <string.h>

#include "base/checked.h"
#include "remote.h"

#define WORDS_MAX 64

enum {
	OPTION_FORCE = 0x2000,
};

static const struct {
	const char *name;
	const char *arguments;
	int least; /* number of arguments */
	int most;
	bool json;
	bool force;
} subcommands[] = {
	{"list", "", 0, 0, true, false},
	{"show", "PI", 1, 1, true, false},
	{"add", "SERIAL [KEY=VALUE...]", 1, WORDS_MAX, false, false},
	{"set", "PI KEY=VALUE...", 2, WORDS_MAX, false, false},
	{"remove", "PI", 1, 1, false, true},
	{"forget", "PI", 1, 1, false, false},
};

static int check(int argc, char **argv, bool json, bool force)
{
	if (argc == 0)
		return usage_error(&cmd_pi, "what to do with Pis is missing");
	for (size_t i = 0; i < ARRAY_SIZE(subcommands); i++) {
		if (strcmp(subcommands[i].name, argv[0]) != 0)
			continue;
		if (argc - 1 < subcommands[i].least)
			return usage_error(&cmd_pi, "%s needs %s", argv[0],
					   subcommands[i].arguments);
		if (argc - 1 > subcommands[i].most)
			return usage_error(&cmd_pi, "%s: one too many for \"pi %s %s\"",
					   argv[subcommands[i].most + 1], argv[0],
					   subcommands[i].arguments);
		if (json && !subcommands[i].json)
			return usage_error(&cmd_pi, "--json: not an option of \"pi %s\"", argv[0]);
		if (force && !subcommands[i].force)
			return usage_error(&cmd_pi, "--force: not an option of \"pi %s\"", argv[0]);
		return STATUS_DONE;
	}
	return usage_error(&cmd_pi, "%s: nothing that can be done with Pis", argv[0]);
}

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"force", no_argument, NULL, OPTION_FORCE},
		{0},
	};
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	char *words[WORDS_MAX + 5] = {"pi"};
	bool force = false;
	int count = 1;
	int got, status;

	while ((got = options_next(&cmd_pi, argc, argv, "", options, &common)) >= 0)
		force = force || got == OPTION_FORCE;
	if (got != OPTIONS_END)
		return got == OPTIONS_HELP ? STATUS_DONE : STATUS_USAGE;
	status = check(argc - optind, argv + optind, common.json, force);
	if (status)
		return status;
	while (optind < argc)
		words[count++] = argv[optind++];
	if (common.json)
		words[count++] = "--json";
	if (force)
		words[count++] = "--force";
	return remote_run(common.state, count, words);
}

const struct command cmd_pi = {
	.name = "pi",
	.summary = "list, show, add, change and remove Raspberry Pis",
	.arguments = "SUBCOMMAND [OPTION...] [PI] ...",
	.help = "Asks the server that runs (\"bramble serve\"). A PI is named by its serial, the "
		"last 8 "
		"digits of\nwhat /proc/cpuinfo says there, or by its name.\n"
		"\n"
		"  list                     serial, name, model, state and address of each\n"
		"  show PI                  everything about one\n"
		"  add SERIAL [KEY=VALUE...]\n"
		"                           makes it one of ours before it comes, as join = listed "
		"needs it\n"
		"  set PI KEY=VALUE...      changes name, image, base, keep or mac; KEY= takes it "
		"back\n"
		"  remove PI                it is none of ours any more; its overlay stays\n"
		"    --force                also one that is up\n"
		"  forget PI                which board it is: another one may take its place\n"
		"\n"
		"What the configuration file says of a Pi is changed there.\n",
	.flags = COMMAND_STATE | COMMAND_JSON,
	.run = run,
};
