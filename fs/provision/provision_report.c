/* SPDX-License-Identifier: MIT */
/* What was done to an overlay, as text. */
#include "provision/provision.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

#define VERSION_DIGITS 9u
/* The step whose line has the name that it has written, too. */
#define HOSTNAME_STEP "hostname"
#define LINE_BYTES (PROVISION_NAME_MAX + VERSION_DIGITS + PROVISION_HOSTNAME_BYTES + 16u)

static const char *const result_names[] = {
	[PROVISION_DONE] = "done",
	[PROVISION_NOTHING] = "nothing",
	[PROVISION_OFF] = "off",
	[PROVISION_FAILED] = "failed",
};

const char *provision_result_name(enum provision_result result)
{
	return result_names[result];
}

size_t provision_failures(const struct provision_report *report)
{
	size_t failures = 0;

	for (size_t i = 0; i < report->count; i++)
		failures += report->entries[i].result == PROVISION_FAILED;
	return failures;
}

int provision_report_format(const struct provision_report *report, char **out)
{
	char *text = NULL;
	size_t len;
	FILE *file = open_memstream(&text, &len);

	if (!file)
		return -ENOMEM;
	for (size_t i = 0; i < report->count; i++) {
		const struct provision_entry *entry = &report->entries[i];

		fprintf(file, "%s %u %s", entry->step, entry->version,
			provision_result_name(entry->result));
		if (*report->hostname && strcmp(entry->step, HOSTNAME_STEP) == 0)
			fprintf(file, " %s", report->hostname);
		fputc('\n', file);
	}
	if (fclose(file)) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}

static int parse_result(const char *text, enum provision_result *out)
{
	for (size_t i = 0; i < ARRAY_SIZE(result_names); i++) {
		if (strcmp(text, result_names[i]) == 0) {
			*out = (enum provision_result)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_hostname(const char *text, char out[PROVISION_HOSTNAME_BYTES])
{
	size_t len = strlen(text);

	if (len == 0 || len >= PROVISION_HOSTNAME_BYTES ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-") != len)
		return -EINVAL;
	memcpy(out, text, len + 1);
	return 0;
}

/* "STEP VERSION RESULT", one blank between them; and the name of HOSTNAME_STEP. */
static int parse_line(char *line, struct provision_entry *out,
		      char hostname[PROVISION_HOSTNAME_BYTES])
{
	char *name = strsep(&line, " ");
	char *version = strsep(&line, " ");
	char *result = strsep(&line, " ");

	*out = (struct provision_entry){.version = 0};
	if (!version || !result || name[0] == '\0' || strlen(name) >= sizeof(out->step) ||
	    name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")] != '\0' ||
	    version[0] == '\0' || strlen(version) > VERSION_DIGITS ||
	    version[strspn(version, "0123456789")] != '\0')
		return -EINVAL;
	memcpy(out->step, name, strlen(name) + 1);
	out->version = (unsigned int)strtoul(version, NULL, 10);
	if (line && (strcmp(name, HOSTNAME_STEP) != 0 || parse_hostname(line, hostname)))
		return -EINVAL;
	return parse_result(result, &out->result);
}

int provision_report_parse(const char *text, size_t len, struct provision_report *out)
{
	struct provision_report report = {.count = 0};
	const char *end = text + len;

	while (text < end) {
		const char *newline = memchr(text, '\n', (size_t)(end - text));
		size_t line_len = (size_t)((newline ? newline : end) - text);
		char line[LINE_BYTES];
		int err;

		if (line_len >= sizeof(line) || memchr(text, 0, line_len))
			return -EINVAL;
		if (report.count == PROVISION_STEPS_MAX)
			return -E2BIG;
		memcpy(line, text, line_len);
		line[line_len] = '\0';
		err = parse_line(line, &report.entries[report.count], report.hostname);
		if (err)
			return err;
		report.count++;
		text += line_len + 1;
	}
	*out = report;
	return 0;
}
