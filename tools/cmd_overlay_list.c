/* SPDX-License-Identifier: MIT */
/* bramble overlay list: a line for each overlay. Takes no lock. */
#include "cmd_overlay.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "format.h"
#include "base/json.h"
#include "overlay_facts.h"

#define COLUMNS 5

/* What a line says; NULL ends the table. */
struct line {
	char *cells[COLUMNS]; /* owned */
	char *image; /* owned: the last column, of any length */
};

struct list {
	struct state *state; /* borrowed */
	struct json *json; /* borrowed; NULL: a table */
	struct line *lines; /* owned */
	size_t count;
	bool failed;
};

static void line_finish(struct line *line)
{
	for (int i = 0; i < COLUMNS; i++)
		free(line->cells[i]);
	free(line->image);
}

static int add_line(struct list *list, const char *name, const char *size, const char *state,
		    const char *base, const char *used, const char *image)
{
	struct line *more = reallocarray(list->lines, list->count + 1, sizeof(*more));
	struct line *line;

	if (!more)
		return -ENOMEM;
	list->lines = more;
	line = &more[list->count++];
	*line = (struct line){
		.cells = {strdup(name), strdup(size), strdup(state), strdup(base), strdup(used)},
		.image = strdup(image),
	};
	for (int i = 0; i < COLUMNS; i++) {
		if (!line->cells[i])
			return -ENOMEM;
	}
	return line->image ? 0 : -ENOMEM;
}

static int add_facts(struct list *list, const struct overlay_facts *facts)
{
	const struct state_info *info = &facts->overlay->info;
	char size[FORMAT_SIZE_BYTES];
	char used[FORMAT_TIME_BYTES];
	char *state;
	int err;

	format_size(facts->size + facts->snapshots_size, size);
	format_time_short(&info->used, used);
	if (overlay_facts_state(facts, &state) < 0)
		return -ENOMEM;
	err = add_line(list, facts->overlay->name, size, state, info->base[0] ? info->base : "-",
		       used, info->image);
	free(state);
	return err;
}

/* One overlay. What cannot be read is in the list all the same. */
static int take(void *ctx, const char *name)
{
	struct list *list = ctx;
	struct overlay_facts facts;
	int err = overlay_facts_get(list->state, name, &facts);

	if (err == -ENOENT || err == -ENOMEM)
		return err == -ENOENT ? 0 : err;
	if (err) {
		list->failed = true;
		if (!list->json)
			return add_line(list, name, "-", "damaged", "-", "-", "-");
		json_object(list->json, NULL);
		json_string(list->json, "name", name);
		json_string(list->json, "state", "damaged");
		json_end(list->json);
		return 0;
	}
	if (list->json) {
		json_object(list->json, NULL);
		overlay_facts_json(list->json, &facts);
		json_end(list->json);
	} else {
		err = add_facts(list, &facts);
	}
	overlay_facts_finish(&facts);
	return err;
}

static void print_table(const struct list *list)
{
	static const char *const heads[COLUMNS] = {"NAME", "SIZE", "STATE", "BASE", "USED"};
	size_t widths[COLUMNS];

	if (list->count == 0)
		return;
	for (int i = 0; i < COLUMNS; i++) {
		widths[i] = strlen(heads[i]);
		for (size_t at = 0; at < list->count; at++) {
			size_t len = strlen(list->lines[at].cells[i]);

			if (len > widths[i])
				widths[i] = len;
		}
	}
	for (int i = 0; i < COLUMNS; i++)
		printf("%-*s  ", (int)widths[i], heads[i]);
	printf("IMAGE\n");
	for (size_t at = 0; at < list->count; at++) {
		for (int i = 0; i < COLUMNS; i++)
			printf("%-*s  ", (int)widths[i], list->lines[at].cells[i]);
		format_print_name(stdout, list->lines[at].image);
		putchar('\n');
	}
}

int cmd_overlay_list(const struct overlay_request *request)
{
	CLEANUP(state_closep) struct state *state = NULL;
	struct json json = {.out = stdout};
	struct list list = {.json = request->common.json ? &json : NULL};
	int err = state_open(request->common.state, false, &state);

	if (err)
		return STATUS_FAILED;
	list.state = state;
	if (list.json)
		json_array(&json, NULL);
	err = state_each(state, take, &list);
	if (list.json)
		json_end(&json);
	else
		print_table(&list);
	for (size_t i = 0; i < list.count; i++)
		line_finish(&list.lines[i]);
	free(list.lines);
	return err || list.failed ? STATUS_FAILED : STATUS_DONE;
}
