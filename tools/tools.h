/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands share: their description, the table, exit statuses and common options.
 *
 * A subcommand is one file, cmd_NAME.c, that defines `const struct command cmd_NAME`; it is declared
 * below and listed in main.c. Errors are logged as "bramble: <what>: <why>", once, where they are
 * detected; results go to stdout, whose write errors main() reports.
 */
#ifndef BRAMBLE_TOOLS_TOOLS_H
#define BRAMBLE_TOOLS_TOOLS_H

#include <getopt.h>
#include <stdbool.h>

/* Exit statuses. */
#define STATUS_DONE 0
#define STATUS_FAILED 1
#define STATUS_USAGE 2

/* Which common options a command takes besides -v, -q and --help. */
#define COMMAND_IMAGE 0x1u /* --partition, --state */
#define COMMAND_JSON 0x2u /* --json */
#define COMMAND_OVERLAY 0x4u /* --overlay */
#define COMMAND_STATE 0x8u /* --state */

struct command {
	const char *name;
	const char *summary; /* one line, lower case, no full stop */
	const char *arguments; /* what follows "bramble NAME " in the usage line */
	const char *help; /* paragraphs and the command's own options; or NULL */
	unsigned int flags; /* COMMAND_* */

	/* argv[0] is the command's name. Returns an exit status. */
	int (*run)(int argc, char **argv);
};

extern const struct command cmd_cat;
extern const struct command cmd_cp;
extern const struct command cmd_help;
extern const struct command cmd_info;
extern const struct command cmd_ls;
extern const struct command cmd_mount;
extern const struct command cmd_overlay;
extern const struct command cmd_pi;
extern const struct command cmd_serve;
extern const struct command cmd_stat;
extern const struct command cmd_status;
extern const struct command cmd_umount;

/* What mount(8) runs as mount.bramble. Returns an exit status. */
int mount_helper(int argc, char **argv);

/* All commands in the order of `bramble help`; NULL at the end. */
extern const struct command *const commands[];

/* NULL: no such command. */
const struct command *command_find(const char *name);

/* Usage line, summary, options: what `bramble help NAME` and `bramble NAME --help` print. */
void command_print_help(const struct command *command);

struct common_options {
	int partition; /* -1: not given */
	const char *state; /* NULL: not given */
	const char *overlay; /* NULL: not given */
	bool json;
	int verbosity; /* how often -v was given, less -q */
};

#define COMMON_OPTIONS_DEFAULT                                                                     \
	{                                                                                          \
		.partition = -1                                                                    \
	}

/* What options_next returns where there is no option of the command's own. */
#define OPTIONS_END -1 /* argv[optind] is the first argument */
#define OPTIONS_HELP -2 /* help was printed: return STATUS_DONE */
#define OPTIONS_WRONG -3 /* wrong usage was logged: return STATUS_USAGE */

/*
 * The next option as getopt_long(3) has it: @short_options and @long_options (or NULL) are the
 * command's own, to which the common ones are added and dealt with in here: -v and -q set the log
 * level, the rest goes to @common. Options and arguments may be mixed; "--" ends the options.
 */
int options_next(const struct command *command, int argc, char **argv, const char *short_options,
		 const struct option *long_options, struct common_options *common);

/*
 * All options of a command that has none but the common ones. False: the command ends with
 * *@out_status. True: argv[optind] is the first argument.
 */
bool options_common(const struct command *command, int argc, char **argv,
		    struct common_options *common, int *out_status);

/* Parses a partition's number. -EINVAL (logged): not one. */
int options_partition(const char *text, int *out_number);

/* Logs "NAME: <what is wrong>: see ..." and returns STATUS_USAGE. */
__attribute__((format(printf, 2, 3))) int usage_error(const struct command *command,
						      const char *format, ...);

#endif
