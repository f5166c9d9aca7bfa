/* SPDX-License-Identifier: MIT */
/* bramble status: what the running server knows of its Pis. */
#include "tools.h"

#include <stddef.h>

#include "remote.h"

static int run(int argc, char **argv)
{
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	char *words[] = {"status", NULL, NULL};
	int status;

	if (!options_common(&cmd_status, argc, argv, &common, &status))
		return status;
	if (optind < argc)
		return usage_error(&cmd_status, "%s: takes no such argument", argv[optind]);
	if (common.json)
		words[1] = "--json";
	return remote_run(common.state, common.json ? 2 : 1, words);
}

const struct command cmd_status = {
	.name = "status",
	.summary = "show every Pi: state, last seen, what it loads, its overlay's size",
	.arguments = "[OPTION...]",
	.help = "Asks the server that runs (\"bramble serve\") what its Raspberry Pis do, and who "
		"was "
		"refused,\nand why.\n",
	.flags = COMMAND_STATE | COMMAND_JSON,
	.run = run,
};
