/* SPDX-License-Identifier: MIT */
/*
 * Provisions an overlay as the server does it: provision_overlay STATE IMAGE OVERLAY SERIAL [OPTION...]
 *
 *     --name NAME        the Pi's name
 *     --off STEPS        steps that are not to run
 *     --identity         identity alone
 *     --before FILE      the report of an earlier run
 *
 * Prints the report, a blank line, and the programs whose capabilities NFSv3 does not carry.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "provision/provision.h"
#include "stack/stack.h"

static int print_path(void *ctx, const char *path)
{
	(void)ctx;
	puts(path);
	return 0;
}

static int read_report(const char *path, struct provision_report *out)
{
	char text[4096];
	FILE *file = fopen(path, "r");
	size_t len;

	if (!file)
		return -1;
	len = fread(text, 1, sizeof(text), file);
	fclose(file);
	return provision_report_parse(text, len, out);
}

static int provision(struct tree *tree, const struct provision_pi *pi,
		     const struct provision_options *options)
{
	struct provision_report report;
	char *text;
	int err = provision_run(tree, pi, options, &report);

	if (!err)
		err = tree_sync(tree);
	if (!err)
		err = provision_report_format(&report, &text);
	if (err)
		return err;
	fputs(text, stdout);
	puts("");
	free(text);
	return provision_capabilities(tree, print_path, NULL);
}

int main(int argc, char **argv)
{
	static const struct option words[] = {
		{"name", required_argument, NULL, 'n'},
		{"off", required_argument, NULL, 'o'},
		{"identity", no_argument, NULL, 'i'},
		{"before", required_argument, NULL, 'b'},
		{NULL, 0, NULL, 0},
	};
	struct stack_options options = STACK_OPTIONS_DEFAULT;
	struct provision_options how = {.off = NULL};
	struct provision_report before;
	struct provision_pi pi = {.name = NULL};
	struct stack *stack;
	int c, err;

	while ((c = getopt_long(argc, argv, "", words, NULL)) >= 0) {
		if (c == 'n')
			pi.name = optarg;
		else if (c == 'o')
			how.off = optarg;
		else if (c == 'i')
			how.identity_only = true;
		else if (c == 'b' && read_report(optarg, &before) == 0)
			how.before = &before;
		else
			return 2;
	}
	if (argc - optind != 4 ||
	    pi_serial_parse(argv[optind + 3], strlen(argv[optind + 3]), &pi.serial) ||
	    provision_check_off("--off", how.off)) {
		fprintf(stderr,
			"usage: provision_overlay STATE IMAGE OVERLAY SERIAL [OPTION...]\n");
		return 2;
	}
	options.state = argv[optind];
	options.overlay = argv[optind + 2];
	if (stack_open(argv[optind + 1], &options, &stack))
		return 1;
	err = provision(stack_tree(stack), &pi, &how);
	if (err)
		fprintf(stderr, "provision_overlay: %s\n", strerror(-err));
	return stack_close(stack) || err;
}
