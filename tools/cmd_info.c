/* SPDX-License-Identifier: MIT */
/* bramble info: what an image consists of. */
#include "tools.h"

#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "info.h"
#include "view.h"

static int run(int argc, char **argv)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	int status;
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct info_warnings warnings = {0};
	const char *image;
	int err;

	if (!options_common(&cmd_info, argc, argv, &common, &status))
		return status;
	if (optind == argc)
		return usage_error(&cmd_info, "an image is needed");
	if (argc - optind > 1)
		return usage_error(&cmd_info, "%s: one image at a time", argv[optind + 1]);
	image = argv[optind];
	options.partition = common.partition;
	/* the warnings are part of the facts, even where they are not to be shown on stderr */
	if (common.verbosity < 0)
		log_set_level(LOG_LEVEL_WARN);
	info_collect_begin(&warnings, common.verbosity < 0 ? LOG_LEVEL_ERROR : LOG_LEVEL_DEBUG);
	err = stack_inspect(image, &options, &stack);
	info_collect_end();
	if (err)
		goto out;
	/* its absence was logged */
	if (options.partition >= 0 &&
	    !partition_find(stack_table(stack), (unsigned int)options.partition))
		err = -ENOENT;
	if (common.json)
		info_print_json(image, stack, &options, &warnings);
	else
		info_print_text(image, stack, &options, common.verbosity > 0);
out:
	info_warnings_finish(&warnings);
	return err ? STATUS_FAILED : STATUS_DONE;
}

const struct command cmd_info = {
	.name = "info",
	.summary = "show partitions and file systems of an image",
	.arguments = "[OPTION...] IMAGE",
	.help = "Shows the partition table, and for each partition its file system, label, UUID "
		"and "
		"sizes,\nwhere it would be mounted, what boots, and what is damaged. With -v also "
		"the "
		"features of\nfile systems.\n",
	.flags = COMMAND_IMAGE | COMMAND_JSON,
	.run = run,
};
