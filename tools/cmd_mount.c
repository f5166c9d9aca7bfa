/* SPDX-License-Identifier: MIT */
/* bramble mount, and the helper mount.bramble that mount(8) runs for `mount -t bramble`. */
#include "tools.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "mount_words.h"

/* What is mounted, as struct mount_source has it. */
struct image_source {
	const char *image;
	struct stack_options options;
	bool writable;
	struct store_writer *writer;
	struct stack *stack;
};

static int close_image(void *ctx)
{
	struct image_source *source = ctx;
	int err = stack_close(source->stack);

	store_writer_destroy(source->writer);
	return err;
}

static int open_image(void *ctx, struct tree **out)
{
	struct image_source *source = ctx;
	int err = 0;

	if (source->writable)
		err = store_writer_create(&source->writer);
	if (err) {
		log_error("mount: no thread to write with: %s", strerror(-err));
		return err;
	}
	source->options.writer = source->writer;
	err = stack_open(source->image, &source->options, &source->stack);
	if (err) {
		store_writer_destroy(source->writer);
		return err;
	}
	*out = stack_tree(source->stack);
	return 0;
}

/* @fake: all but the mount. */
static int mount_image(const char *image, const char *dir, struct mount_words *words, bool fake)
{
	struct image_source ctx = {
		.image = image,
		.options = words->stack,
		.writable = words->mount.writable,
	};
	const struct mount_source source = {
		.ctx = &ctx,
		.open = open_image,
		.close = close_image,
	};
	struct tree *tree;
	char *real;

	if (fake) {
		ctx.writable = false;
		ctx.options.overlay = NULL; /* it would be made */
		return open_image(&ctx, &tree) || close_image(&ctx) ? STATUS_FAILED : STATUS_DONE;
	}
	if (!words->fsname) {
		real = realpath(image, NULL);
		words->fsname = real ? real : strdup(image);
		words->mount.fsname = words->fsname;
	}
	return mount_run(&source, dir, &words->mount) ? STATUS_FAILED : STATUS_DONE;
}

static int run_with(struct mount_words *words, int argc, char **argv)
{
	static const struct option options[] = {
		{"foreground", no_argument, NULL, 'f'},
		{"read-only", no_argument, NULL, 'r'},
		{"options", required_argument, NULL, 'o'},
		{0},
	};
	struct common_options common = COMMON_OPTIONS_DEFAULT;
	int option, status = STATUS_DONE;

	while ((option = options_next(&cmd_mount, argc, argv, "fro:", options, &common)) >= 0) {
		if (option == 'f')
			words->mount.foreground = true;
		if (option == 'r')
			status = mount_words_add(words, "ro");
		if (option == 'o')
			status = mount_words_add(words, optarg);
		if (status)
			return status;
	}
	if (option != OPTIONS_END)
		return option == OPTIONS_HELP ? STATUS_DONE : STATUS_USAGE;
	if (argc - optind < 2)
		return usage_error(&cmd_mount, "no %s given",
				   optind == argc ? "image" : "directory");
	if (argc - optind > 2)
		return usage_error(&cmd_mount, "%s: more than one image and one directory",
				   argv[optind + 2]);
	if (common.partition >= 0)
		words->stack.partition = common.partition;
	if (common.overlay)
		words->stack.overlay = common.overlay;
	if (common.state)
		words->stack.state = common.state;
	status = mount_words_settle(words);
	return status ? status : mount_image(argv[optind], argv[optind + 1], words, false);
}

static int run(int argc, char **argv)
{
	struct mount_words words = MOUNT_WORDS_DEFAULT;
	int status = run_with(&words, argc, argv);

	mount_words_finish(&words);
	return status;
}

static int help_mount(struct mount_words *words, int argc, char **argv)
{
	bool fake = false;
	int option, status;

	opterr = 0;
	while ((option = getopt(argc, argv, "sfnvrwN:o:t:")) != -1) {
		switch (option) {
		case 's':
			words->sloppy = true;
			break;
		case 'f':
			fake = true;
			break;
		case 'v':
			log_set_level(LOG_LEVEL_INFO);
			break;
		case 'N':
			words->mount.namespace = optarg;
			break;
		case 'o':
		case 'r':
			status = mount_words_add(words, option == 'r' ? "ro" : optarg);
			if (status)
				return status;
			break;
		case '?':
			log_error("mount.bramble: -%c: unknown option, or its value is missing",
				  optopt);
			return STATUS_USAGE;
		default: /* the list of mounts, rw, the type: nothing to do */
			break;
		}
	}
	if (argc - optind != 2) {
		log_error("mount.bramble: not the arguments of a mount helper: "
			  "IMAGE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS]");
		return STATUS_USAGE;
	}
	status = mount_words_settle(words);
	return status ? status : mount_image(argv[optind], argv[optind + 1], words, fake);
}

int mount_helper(int argc, char **argv)
{
	struct mount_words words = MOUNT_WORDS_DEFAULT;
	int status;

	words.helper = true;
	status = help_mount(&words, argc, argv);
	mount_words_finish(&words);
	return status;
}

const struct command cmd_mount = {
	.name = "mount",
	.summary = "show an image as a directory, with or without an overlay",
	.arguments = "IMAGE DIR [--overlay NAME] [-f] [-r] [-o OPTION,...]",
	.help = "Read-only, unless there is an overlay: this takes all changes, the image stays "
		"as it is.\n"
		"\n"
		"Options:\n"
		"  -f, --foreground stay, until DIR is unmounted or a signal comes\n"
		"  -r, --read-only  change nothing, in an overlay neither\n"
		"  -o OPTION,...    see below; those of mount(8) and fstab(5) are accepted\n"
		"\n"
		"Options behind -o:\n"
		"  overlay=NAME, state=DIR, partition=N\n"
		"                   as --overlay, --state and --partition\n"
		"  ro, rw           as --read-only; not so, which an overlay is anyway\n"
		"  allow_other      let other users in; modes and ACLs in the image then count\n"
		"  default_permissions\n"
		"                   let modes in the image count for yourself as well\n"
		"  nonempty         cover what is in DIR\n"
		"  writeback        let the kernel collect what is written to an overlay: small\n"
		"                   writes are faster, a full disk shows at fsync or close alone\n"
		"  nocheck          read on where a checksum is wrong, with a warning\n"
		"  noload, norecovery\n"
		"                   leave an ext4 journal alone: what it holds is not shown\n"
		"  uid=N, gid=N     owner and group of all files of FAT volumes\n"
		"  umask=MODE       permissions that these files do not have, octal\n"
		"  time_offset=MIN  minutes from UTC that their times are in\n"
		"  fsname=TEXT      the source that mount(8) shows, instead of IMAGE\n"
		"  nosuid, nodev, noexec, noatime; suid and dev for root\n"
		"\n"
		"Without allow_other nobody but you gets in, and no modes are checked: you may "
		"read\n"
		"every file in the image, and change it in an overlay, where new files are yours.\n"
		"Devices, ACLs, and attributes in trusted. and security. Linux still lets only\n"
		"those make or set who may do so on any file system.\n"
		"\"bramble umount DIR\" ends the mount, and returns when all is saved.\n",
	.flags = COMMAND_IMAGE | COMMAND_OVERLAY,
	.run = run,
};
