/* SPDX-License-Identifier: MIT */
/* bramble serve: boots Raspberry Pis over the network. */
#include "tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "config/config.h"
#include "daemon/daemon.h"

#define CONFIG_USUAL "/etc/bramble/bramble.conf"
#define LOCKED_MAX 32u

/* Letters above every char. */
enum {
	OPTION_CONFIG = 0x2000,
	OPTION_ONLY,
	OPTION_KEY, /* and above: index into keys[] */
};

/* Options that are keys of [server], and say the same. */
static const char *const keys[] = {
	"server.interface", "server.address",	 "server.dhcp",
	"server.dhcp-port", "server.proxy-port", "server.tftp-port",
	"server.nfs-port",  "server.mount-port", "server.portmap-port",
};

struct request {
	struct common_options common;
	const char *config_path;
	struct config config;
	const char *locked[LOCKED_MAX]; /* ends with NULL */
	size_t locked_count;
};

static void lock(struct request *request, const char *key)
{
	if (request->locked_count < LOCKED_MAX - 1)
		request->locked[request->locked_count++] = key;
}

/* "dhcp,tftp,nfs": all others are off. */
static int set_only(struct request *request, const char *list)
{
	bool dhcp = false;

	request->config.tftp = request->config.nfs = false;
	for (const char *at = list; *at;) {
		size_t len = strcspn(at, ",");

		if (len == 4 && memcmp(at, "dhcp", len) == 0)
			dhcp = true;
		else if (len == 4 && memcmp(at, "tftp", len) == 0)
			request->config.tftp = true;
		else if (len == 3 && memcmp(at, "nfs", len) == 0)
			request->config.nfs = true;
		else
			return usage_error(&cmd_serve, "--only %s: not of dhcp, tftp and nfs",
					   list);
		at += len + (at[len] == ',');
	}
	lock(request, "server.tftp");
	lock(request, "server.nfs");
	if (!dhcp) {
		request->config.dhcp = DHCP_OFF;
		lock(request, "server.dhcp");
	}
	return STATUS_DONE;
}

static int set_key(struct request *request, size_t key, const char *value)
{
	if (config_set(&request->config, keys[key], value) < 0)
		return STATUS_USAGE; /* logged */
	lock(request, keys[key]);
	return STATUS_DONE;
}

static int take_options(struct request *request, int argc, char **argv)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, OPTION_CONFIG},
		{"only", required_argument, NULL, OPTION_ONLY},
		{"interface", required_argument, NULL, OPTION_KEY + 0},
		{"address", required_argument, NULL, OPTION_KEY + 1},
		{"dhcp", required_argument, NULL, OPTION_KEY + 2},
		{"dhcp-port", required_argument, NULL, OPTION_KEY + 3},
		{"proxy-port", required_argument, NULL, OPTION_KEY + 4},
		{"tftp-port", required_argument, NULL, OPTION_KEY + 5},
		{"nfs-port", required_argument, NULL, OPTION_KEY + 6},
		{"mount-port", required_argument, NULL, OPTION_KEY + 7},
		{"portmap-port", required_argument, NULL, OPTION_KEY + 8},
		{0},
	};
	int status = STATUS_DONE;
	int got;

	while (!status &&
	       (got = options_next(&cmd_serve, argc, argv, "", options, &request->common)) >= 0) {
		if (got == OPTION_CONFIG)
			request->config_path = optarg;
		else if (got == OPTION_ONLY)
			status = set_only(request, optarg);
		else
			status = set_key(request, (size_t)(got - OPTION_KEY), optarg);
	}
	if (status)
		return status;
	return got == OPTIONS_WRONG ? STATUS_USAGE : got;
}

static int take_image(struct request *request, const char *image)
{
	CLEANUP(freep) char *file = realpath(image, NULL);

	if (!file) {
		log_error("%s: %s", image, strerror(errno));
		return STATUS_FAILED;
	}
	if (config_add_image(&request->config, file, request->common.partition) < 0) {
		log_error("%s: %s", image, strerror(ENOMEM));
		return STATUS_FAILED;
	}
	lock(request, "defaults.image");
	return STATUS_DONE;
}

static int take_state(struct request *request)
{
	if (!request->common.state)
		return STATUS_DONE;
	if (!*request->common.state)
		return usage_error(&cmd_serve, "--state: no directory given");
	request->config.state = strdup(request->common.state);
	lock(request, "server.state");
	return request->config.state ? STATUS_DONE : STATUS_FAILED;
}

static int take_arguments(struct request *request, int argc, char **argv)
{
	int status = take_state(request);

	if (status)
		return status;
	if (argc > 1)
		return usage_error(&cmd_serve,
				   "%s: one image at a time; a configuration file names "
				   "several",
				   argv[1]);
	if (argc == 0 && request->common.partition >= 0)
		return usage_error(&cmd_serve, "--partition: of which image?");
	if (argc == 1)
		return take_image(request, argv[0]);
	if (request->config_path)
		return STATUS_DONE;
	request->config_path = CONFIG_USUAL;
	if (access(CONFIG_USUAL, F_OK) < 0)
		return usage_error(&cmd_serve, "no IMAGE given, and there is no " CONFIG_USUAL);
	return STATUS_DONE;
}

/* Who runs a server wants to know what happens; -q takes that away again. */
static void set_log_level(int verbosity)
{
	int level = LOG_LEVEL_INFO + verbosity;

	if (level < LOG_LEVEL_ERROR)
		level = LOG_LEVEL_ERROR;
	if (level > LOG_LEVEL_DEBUG)
		level = LOG_LEVEL_DEBUG;
	log_set_level((enum log_level)level);
}

static int serve(struct request *request, int argc, char **argv)
{
	struct daemon_options options;
	int status = take_options(request, argc, argv);

	if (status == OPTIONS_HELP)
		return STATUS_DONE;
	if (status == OPTIONS_END)
		status = take_arguments(request, argc - optind, argv + optind);
	if (status)
		return status;
	set_log_level(request->common.verbosity);
	options = (struct daemon_options){
		.config_path = request->config_path,
		.locked = request->locked,
		.command_line = &request->config,
	};
	return daemon_run(&options) ? STATUS_FAILED : STATUS_DONE;
}

static int run(int argc, char **argv)
{
	struct request request = {.common = COMMON_OPTIONS_DEFAULT};
	int status;

	if (config_init(&request.config) < 0)
		return STATUS_FAILED;
	status = serve(&request, argc, argv);
	config_finish(&request.config);
	return status;
}

const struct command cmd_serve = {
	.name = "serve",
	.summary = "boot Raspberry Pis over the network, each into a copy of its own",
	.arguments = "[OPTION...] [IMAGE]",
	.help = "Beside an ordinary router, which goes on giving the addresses: every Raspberry Pi "
		"that "
		"boots over\nthe network boots from IMAGE, which itself stays as it is, into an "
		"overlay of its own. Without\nIMAGE, " CONFIG_USUAL " says what is served.\n"
		"\n"
		"  --config FILE    what is served, and to whom; see bramble.conf(5)\n"
		"  --interface IF   on this network interface alone\n"
		"  --address IP     at this address alone\n"
		"  --dhcp MODE      proxy: beside your router, the default; full: instead of one; "
		"off\n"
		"  --only LIST      only these of dhcp,tftp,nfs\n"
		"\n"
		"Ports, for those who may not have the usual ones or have them in use; 0: off\n"
		"  --dhcp-port N    67\n"
		"  --proxy-port N   4011, where ordinary PXE machines ask\n"
		"  --tftp-port N    69\n"
		"  --nfs-port N     2049, of MOUNT, too\n"
		"  --mount-port N   of MOUNT once more: 627, if that is permitted\n"
		"  --portmap-port N 111, if no port mapper is there; else that one is told\n"
		"\n"
		"SIGHUP reads the configuration anew, SIGTERM ends.\n",
	.flags = COMMAND_IMAGE,
	.run = run,
};
