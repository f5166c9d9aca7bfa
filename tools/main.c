/* SPDX-License-Identifier: MIT */
/* The bramble command: finds the subcommand and runs it. */
#include "tools.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

const struct command *const commands[] = {
	&cmd_info,  &cmd_ls,	 &cmd_stat, &cmd_cat,	  &cmd_cp,   &cmd_mount, &cmd_umount,
	&cmd_serve, &cmd_status, &cmd_pi,   &cmd_overlay, &cmd_help, NULL,
};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; commands[i]; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

static int run_command(int argc, char **argv)
{
	static char help[] = "help";
	char *help_argv[] = {help, NULL};
	const struct command *command;

	if (argc < 2) {
		log_error("no command given: see \"bramble help\"");
		return STATUS_USAGE;
	}
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
		printf("bramble " BRAMBLE_VERSION "\n");
		return STATUS_DONE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return cmd_help.run(1, help_argv);
	command = command_find(argv[1]);
	if (!command) {
		log_error("%s: no such command: see \"bramble help\"", argv[1]);
		return STATUS_USAGE;
	}
	return command->run(argc - 1, argv + 1);
}

/*
 * A closed standard stream would give its number to the image or to /dev/fuse. What takes its place
 * cannot be used, so that results for a closed stdout are an error as elsewhere.
 */
static void open_standard_streams(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_PATH);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* A full disk behind stdout must not look like success; closing, too, may tell of it (NFS, quota). */
static bool stdout_is_written(void)
{
	bool failed = ferror(stdout);

	if (fclose(stdout) != 0)
		log_error("standard output: %s", strerror(errno));
	else if (failed)
		log_error("standard output: cannot be written");
	else
		return true;
	return false;
}

int main(int argc, char **argv)
{
	const char *name = argc ? basename(argv[0]) : "bramble";
	int status;

	open_standard_streams();
	status = strcmp(name, "mount.bramble") == 0 ? mount_helper(argc, argv)
						    : run_command(argc, argv);
	if (!stdout_is_written() && status == STATUS_DONE)
		return STATUS_FAILED;
	return status;
}
