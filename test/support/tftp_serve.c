/* SPDX-License-Identifier: MIT */
/*
 * Serves the files of an image by TFTP, with nothing else of the product around the room.
 *
 *     tftp_serve [-a ADDRESS] [-p PORT] [-m TRANSFERS] [-c PER-CLIENT] [-w WORKERS] [-v] IMAGE [DIR]
 *
 * Names are looked up below DIR of the image. "@memory/BYTES" names a text in memory. Prints "port N" when
 * it is ready, and with -v how each transfer ended. Ends by SIGTERM or SIGINT.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "stack/stack.h"
#include "tftp/tftp.h"

#define MEMORY_MAX (1u << 20)

static struct serve {
	struct tree *tree;
	const char *dir;
	bool verbose;
	char text[MEMORY_MAX];
} serve = {.dir = ""};

static const char *const outcomes[] = {
	[TFTP_OUTCOME_COMPLETE] = "complete", [TFTP_OUTCOME_EARLY] = "early",
	[TFTP_OUTCOME_ABORTED] = "aborted",   [TFTP_OUTCOME_TIMEOUT] = "timeout",
	[TFTP_OUTCOME_ERROR] = "error",	      [TFTP_OUTCOME_UNHEARD] = "unheard",
};

static int open_text(const char *bytes, struct tftp_file *out)
{
	unsigned long size = strtoul(bytes, NULL, 10);

	if (size > sizeof(serve.text))
		return -EFBIG;
	*out = (struct tftp_file){.text = serve.text, .size = size};
	return 0;
}

static int on_open(void *ctx, const struct tftp_request *request, struct tftp_file *out)
{
	char path[TFTP_NAME_MAX + 64];
	struct tree_attr attr;
	uint64_t id;
	int err;

	(void)ctx;
	if (strncmp(request->name, "@memory/", 8) == 0)
		return open_text(request->name + 8, out);
	snprintf(path, sizeof(path), "%s/%s", serve.dir, request->name);
	err = tree_walk(serve.tree, path, true, &id);
	if (err == 0)
		err = tree_getattr(serve.tree, id, &attr);
	if (err)
		return err;
	if (!S_ISREG(attr.mode))
		return S_ISDIR(attr.mode) ? -EISDIR : -EACCES;
	*out = (struct tftp_file){.tree = serve.tree, .id = id, .size = attr.size, .fixed = true};
	return 0;
}

static void on_close(void *ctx, const struct tftp_request *request, struct tftp_file *file,
		     enum tftp_outcome outcome, uint64_t sent)
{
	(void)ctx;
	(void)file;
	if (!serve.verbose)
		return;
	printf("%s %s %" PRIu64 "\n", request->name, outcomes[outcome], sent);
	fflush(stdout);
}

static struct loop *running;

static void on_signal(struct loop_signal *watcher, int number)
{
	(void)watcher;
	(void)number;
	loop_stop(running);
}

static unsigned int number(const char *text)
{
	return (unsigned int)strtoul(text, NULL, 10);
}

int main(int argc, char **argv)
{
	struct tftp_options options = {
		.address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY)}};
	struct tftp_source source = {.open = on_open, .close = on_close};
	struct stack_options stack_options = STACK_OPTIONS_DEFAULT;
	CLEANUP(loop_destroyp) struct loop *loop = NULL;
	struct loop_signal term, interrupt;
	struct tftp_server *server;
	struct stack *stack;
	unsigned int workers = 2;
	int option;

	while ((option = getopt(argc, argv, "a:p:m:c:w:v")) != -1) {
		switch (option) {
		case 'a':
			inet_pton(AF_INET, optarg, &options.address.sin_addr);
			break;
		case 'p':
			options.address.sin_port = htons((uint16_t)number(optarg));
			break;
		case 'm':
			options.transfers_max = number(optarg);
			break;
		case 'c':
			options.transfers_per_client_max = number(optarg);
			break;
		case 'w':
			workers = number(optarg);
			break;
		case 'v':
			serve.verbose = true;
			log_set_level(LOG_LEVEL_DEBUG);
			break;
		default:
			return 2;
		}
	}
	if (optind >= argc)
		return 2;
	for (size_t i = 0; i < sizeof(serve.text); i++)
		serve.text[i] = (char)('a' + i % 26);
	if (optind + 1 < argc)
		serve.dir = argv[optind + 1];
	if (stack_open(argv[optind], &stack_options, &stack))
		return 1;
	serve.tree = stack_tree(stack);
	if (loop_create(workers, &loop))
		return 1;
	running = loop;
	if (tftp_server_create(loop, &options, &source, &server)) {
		perror("tftp_serve");
		return 1;
	}
	loop_signal_start(loop, &term, SIGTERM, on_signal);
	loop_signal_start(loop, &interrupt, SIGINT, on_signal);
	printf("port %u\n", tftp_server_port(server));
	fflush(stdout);
	loop_run(loop);
	tftp_server_destroy(server);
	loop_signal_stop(loop, &term);
	loop_signal_stop(loop, &interrupt);
	stack_close(stack);
	return 0;
}
