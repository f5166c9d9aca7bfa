/* SPDX-License-Identifier: MIT */
/* bramble help: the list of commands, or one of them in detail. */
#include "tools.h"

#include <stdio.h>

#include "base/log.h"

void command_print_help(const struct command *command)
{
	printf("Usage: bramble %s %s\n%s\n", command->name, command->arguments, command->summary);
	if (command->help)
		printf("\n%s", command->help);
	printf("\nCommon options:\n");
	if (command->flags & COMMAND_IMAGE)
		printf("  --partition N    show this partition alone, by its number\n"
		       "  --state DIR      where overlays live\n");
	if (command->flags & COMMAND_STATE)
		printf("  --state DIR      where the server keeps what it has\n");
	if (command->flags & COMMAND_OVERLAY)
		printf("  --overlay NAME   with what this overlay changes\n");
	if (command->flags & COMMAND_JSON)
		printf("  --json           print facts as JSON\n");
	printf("  -v, --verbose    say more; twice: for debugging\n"
	       "  -q, --quiet      say less: no warnings\n"
	       "  -h, --help       this text\n");
}

static void print_commands(void)
{
	printf("Usage: bramble COMMAND [ARGUMENT...]\n"
	       "Boots Raspberry Pis over the network from an image, and shows what is in it, "
	       "without\nwriting to it.\n\n"
	       "Commands:\n");
	for (size_t i = 0; commands[i]; i++)
		printf("  %-9s %s\n", commands[i]->name, commands[i]->summary);
	printf("\n\"bramble help COMMAND\" or \"bramble COMMAND --help\" says more, "
	       "\"bramble --version\" which version this is.\n");
}

static int run(int argc, char **argv)
{
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	int status;
	const struct command *command;

	if (!options_common(&cmd_help, argc, argv, &common, &status))
		return status;
	if (optind == argc) {
		print_commands();
		return STATUS_DONE;
	}
	if (argc - optind > 1)
		return usage_error(&cmd_help, "%s: one command at a time", argv[optind + 1]);
	command = command_find(argv[optind]);
	if (!command) {
		log_error("%s: no such command: see \"bramble help\"", argv[optind]);
		return STATUS_USAGE;
	}
	command_print_help(command);
	return STATUS_DONE;
}

const struct command cmd_help = {
	.name = "help",
	.summary = "explain a command, or list all of them",
	.arguments = "[COMMAND]",
	.run = run,
};
