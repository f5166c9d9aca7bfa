/* SPDX-License-Identifier: MIT */
/* From the path of an image to one tree. */
#include "stack/stack_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

static int open_image(const char *path, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = calloc(1, sizeof(*stack));
	int err;

	if (!stack)
		return -ENOMEM;
	stack->path = strdup(path);
	if (!stack->path)
		return -ENOMEM;
	err = image_open(path, &stack->img);
	if (err) {
		if (err != -EMEDIUMTYPE) /* was explained */
			log_error("%s: %s", path,
				  err == -ENODEV ? "neither a file nor a block device"
						 : strerror(-err));
		return err;
	}
	err = image_stat(stack->img, &stack->opened);
	if (err) {
		log_error("%s: %s", path, strerror(-err));
		return err;
	}
	if (stack->img->size == 0) {
		log_error("%s: the file is empty", path);
		return -EINVAL;
	}
	err = partition_scan(stack->img, &stack->table);
	if (err) {
		log_error("%s: cannot read the partition table: %s", path, strerror(-err));
		return err;
	}
	stack->count = stack->table.count;
	stack->volumes = calloc(stack->count + 1, sizeof(*stack->volumes));
	stack->slots = calloc(stack->count + 1, sizeof(*stack->slots));
	if (!stack->volumes || !stack->slots)
		return -ENOMEM;
	*out = TAKE(stack);
	return 0;
}

/* One partition alone, by its number. */
static int show_partition(struct stack *stack, unsigned int number)
{
	for (size_t i = 0; i < stack->count; i++) {
		struct stack_volume *volume = &stack->volumes[i];
		int err;

		if (volume->partition->number != number)
			continue;
		err = stack_volume_open(stack, i);
		if (err == -EMEDIUMTYPE) {
			log_error("%s: partition %u: %s: no file system that can be read here",
				  stack->path, number, volume->kind_name);
			return err;
		}
		if (err) {
			log_error("%s: partition %u: %s", stack->path, number, strerror(-err));
			return err;
		}
		stack->tree = TAKE(stack->slots[i].tree);
		snprintf(volume->mount_point, sizeof(volume->mount_point), "/");
		return 0;
	}
	log_error("%s: there is no partition %u", stack->path, number);
	return -ENOENT;
}

static int show(struct stack *stack)
{
	if (stack->options.partition >= 0)
		return show_partition(stack, (unsigned int)stack->options.partition);
	return stack_compose(stack);
}

/* Says what there is instead of a file system that can be shown. */
static void explain_nothing(const struct stack *stack)
{
	char found[256] = "";
	size_t used = 0;

	for (size_t i = 0; i < stack->count && used < sizeof(found); i++) {
		const struct stack_volume *volume = &stack->volumes[i];
		char which[32] = "no partition table";
		int n;

		if (stack->table.kind != PARTITION_TABLE_NONE)
			snprintf(which, sizeof(which), "partition %u", volume->partition->number);
		n = snprintf(found + used, sizeof(found) - used, "%s%s: %s%s%s", used ? ", " : "",
			     which, volume->kind_name, volume->error ? ": " : "",
			     volume->error ? strerror(-volume->error) : "");
		if (n < 0)
			break;
		used += (size_t)n;
	}
	log_error("%s: no file system that can be read here (%s)", stack->path,
		  stack->count ? found : "no partition");
}

int stack_open_image(const char *path, const struct stack_options *options, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	int err = open_image(path, &stack);

	if (err)
		return err;
	stack->options = *options;
	stack_probe(stack, false);
	err = show(stack);
	if (err) {
		if (err == -ENOENT && options->partition < 0)
			explain_nothing(stack);
		else if (options->partition < 0)
			log_error("%s: %s", path, strerror(-err));
		return err;
	}
	*out = TAKE(stack);
	return 0;
}

/* What others may show, too. */
static int open_shared(const char *path, const struct stack_options *options, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = calloc(1, sizeof(*stack));
	int err;

	if (!stack)
		return -ENOMEM;
	stack->options = *options;
	stack->path = strdup(path);
	if (!stack->path)
		return -ENOMEM;
	err = stack_share_image(path, options, NULL, &stack->share);
	if (err)
		return err;
	stack->tree = tree_share(stack->share->tree);
	*out = TAKE(stack);
	return 0;
}

int stack_open(const char *path, const struct stack_options *options, struct stack **out)
{
	if (options->overlay)
		return stack_overlay_open(path, options, out);
	return options->pool ? open_shared(path, options, out)
			     : stack_open_image(path, options, out);
}

int stack_inspect(const char *path, const struct stack_options *options, struct stack **out)
{
	CLEANUP(stack_closep) struct stack *stack = NULL;
	int err = open_image(path, &stack);

	if (err)
		return err;
	stack->options = *options;
	stack_probe(stack, true);
	if (show(stack) == -ENOMEM)
		return -ENOMEM;
	*out = TAKE(stack);
	return 0;
}

struct tree *stack_tree(struct stack *stack)
{
	return stack->tree;
}

const char *stack_image_path(const struct stack *stack)
{
	return stack->path;
}

static const struct stack *image_of(const struct stack *stack)
{
	return stack->share ? stack->share->image : stack;
}

uint64_t stack_image_size(const struct stack *stack)
{
	return image_of(stack)->img->size;
}

const struct partition_table *stack_table(const struct stack *stack)
{
	return &image_of(stack)->table;
}

const struct stack_volume *stack_volumes(const struct stack *stack, size_t *out_count)
{
	*out_count = image_of(stack)->count;
	return image_of(stack)->volumes;
}

enum stack_image_state stack_image_state(const struct stack *stack)
{
	const struct stat *then = &image_of(stack)->opened;
	struct stat now;

	if (stat(stack->path, &now) < 0)
		return STACK_IMAGE_GONE;
	if (now.st_dev != then->st_dev || now.st_ino != then->st_ino)
		return STACK_IMAGE_REPLACED;
	/* the times of a device's node say nothing of what is on it */
	if (S_ISREG(then->st_mode) &&
	    (now.st_size != then->st_size || now.st_mtim.tv_sec != then->st_mtim.tv_sec ||
	     now.st_mtim.tv_nsec != then->st_mtim.tv_nsec))
		return STACK_IMAGE_WRITTEN;
	return STACK_IMAGE_SAME;
}

int stack_close(struct stack *stack)
{
	int err = 0;

	if (!stack)
		return 0;
	if (stack->layered)
		err = stack_overlay_close(stack);
	tree_close(stack->tree);
	for (size_t i = 0; i < stack->count && stack->slots; i++) {
		tree_close(stack->slots[i].tree);
		image_close(stack->slots[i].slice);
	}
	free(stack->slots);
	free(stack->volumes);
	partition_table_finish(&stack->table);
	image_close(stack->img);
	/* the locks last: whoever waits for them finds everything released */
	stack_share_put(stack->share);
	state_overlay_close(stack->overlay);
	state_close(stack->state);
	free(stack->real_path);
	free(stack->path);
	free(stack);
	return err;
}
