/* SPDX-License-Identifier: MIT */
/* `bramble serve` from its start to its end. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"

/* A Pi takes about ten: connections, its store's files. */
#define FILES_MAX 1048576u

int daemon_config_read(const struct daemon_options *options, struct daemon_config **out)
{
	struct daemon_config *fresh = calloc(1, sizeof(*fresh));
	int err = fresh ? config_copy(options->command_line, &fresh->config) : -ENOMEM;

	if (!err && options->config_path)
		err = config_read(&fresh->config, options->config_path, options->locked);
	if (!err)
		err = config_check(&fresh->config, options->config_path);
	if (err) {
		daemon_config_free(fresh);
		return err;
	}
	*out = fresh;
	return 0;
}

void daemon_config_free(struct daemon_config *config)
{
	while (config) {
		struct daemon_config *older = config->older;

		config_finish(&config->config);
		free(config);
		config = older;
	}
}

static void raise_files_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < FILES_MAX) {
		struct rlimit more = {FILES_MAX, FILES_MAX};

		/* root may */
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? FILES_MAX : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		log_debug("serve: no more than %llu files: %s", (unsigned long long)limit.rlim_cur,
			  strerror(errno));
}

/* All that may need root. */
static int prepare(struct daemon *d)
{
	struct config *config = &d->configs->config;
	struct daemon_user user;
	char *path;
	int err = daemon_interfaces_check(config->interface);

	/* sockets that systemd hands over may be bound to what is not there yet */
	if (!err && sd_listen_fds(0) <= 0)
		err = daemon_address_check(config->address);
	if (!err)
		err = daemon_user_find(config->user, &user);
	if (!err)
		err = daemon_state_open(config->state, &user, &d->state);
	if (err)
		return err;
	/* another user's usual directory is another one */
	path = strdup(d->state.path);
	if (!path)
		return -ENOMEM;
	free(config->state);
	config->state = path;
	raise_files_limit();
	err = daemon_ports_open(config, &d->ports);
	return err ? err : daemon_user_become(config, &user);
}

static int serve(struct daemon *d)
{
	int err = daemon_serve_start(d);
	int end;

	if (!err) {
		daemon_life_begin(d);
		daemon_log_events();
		daemon_serve_tell(d);
		sd_notify(0, "READY=1");
		log_info("ready: switch your Raspberry Pis on");
		loop_run(d->loop);
		daemon_life_end(d);
	} else if (d->fleet) {
		daemon_life_give_up(d);
	}
	/* whoever holds what has to be closed is still at it */
	if (d->unfinished)
		_exit(1);
	end = daemon_serve_end(d);
	if (!err && !end)
		log_info("ended");
	return err ? err : end;
}

int daemon_run(const struct daemon_options *options)
{
	struct daemon d = {.options = options, .state.lock = -1};
	int err;

	daemon_log_begin();
	for (int i = 0; i < DAEMON_PORTS; i++)
		d.ports.sockets[i].fd = -1;
	err = daemon_config_read(options, &d.configs);
	if (!err)
		err = prepare(&d);
	if (!err)
		err = loop_create(d.configs->config.workers, &d.loop);
	if (!err)
		err = serve(&d);
	daemon_ports_close(&d.ports);
	loop_destroy(d.loop);
	daemon_state_close(&d.state);
	daemon_config_free(d.configs);
	daemon_log_end();
	return err;
}
