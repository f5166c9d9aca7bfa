/* SPDX-License-Identifier: MIT */
/* bramble umount: ends a mount, and returns when all is saved and its process has ended. */
#include "tools.h"

#include "mount/mount.h"

static int run(int argc, char **argv)
{
	static const struct option options[] = {
		{"lazy", no_argument, NULL, 'l'},
		{0},
	};
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	bool lazy = false;
	int option;

	while ((option = options_next(&cmd_umount, argc, argv, "l", options, &common)) >= 0)
		lazy = lazy || option == 'l';
	if (option != OPTIONS_END)
		return option == OPTIONS_HELP ? STATUS_DONE : STATUS_USAGE;
	if (optind == argc)
		return usage_error(&cmd_umount, "no directory given");
	if (argc - optind > 1)
		return usage_error(&cmd_umount, "%s: one directory at a time", argv[optind + 1]);
	return mount_umount(argv[optind], lazy) ? STATUS_FAILED : STATUS_DONE;
}

const struct command cmd_umount = {
	.name = "umount",
	.summary = "end a mount, and wait until all is saved",
	.arguments = "DIR [-l]",
	.help = "Options:\n"
		"  -l, --lazy       detach DIR at once, though it is in use; its process ends "
		"with\n"
		"                   the last use, and is not waited for\n",
	.run = run,
};
