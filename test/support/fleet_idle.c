/* SPDX-License-Identifier: MIT */
/*
 * When the fleet closes an overlay that nobody uses, with a clock that need not be waited for.
 *
 *     fleet_idle IMAGE
 *
 * Mounts the tree of a Pi in a state directory (BRAMBLE_STATE), gives it back, and lets the fleet's tick run.
 * Ends with 1 and says why unless it stays open for a while, costs nothing meanwhile, and is closed then.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "fleet/fleet_private.h"

#define SERIAL "0000aaaa"
#define TICK_MS 10u
/* Ticks until everything is saved that opening has changed. */
#define TICKS_MAX 100u
/* As if nobody had used it for so long. */
#define AGO_MS (24u * 3600 * 1000)

static struct {
	struct loop *loop;
	struct fleet *fleet;
	struct loop_timer timer;
	unsigned int ticks;
	bool aged;
	const char *why; /* it has failed; NULL: not so far */
} idle;

/* How many files of the Pi's overlay are open in this process. */
static unsigned int count_files(void)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *entry;
	unsigned int count = 0;
	char path[4096];

	while (folder && (entry = readdir(folder))) {
		ssize_t len = readlinkat(dirfd(folder), entry->d_name, path, sizeof(path) - 1);

		if (len < 0)
			continue;
		path[len] = '\0';
		count += strstr(path, "/overlays/" SERIAL) != NULL;
	}
	if (folder)
		closedir(folder);
	return count;
}

static void forget(void *ctx, struct nfs_export *export)
{
	(void)ctx;
	(void)export;
}

static void end(const char *why)
{
	idle.why = why;
	loop_stop(idle.loop);
}

/* Nothing is left to do: first while the overlay is young, then after it was closed. */
static void calm(void)
{
	const struct fleet_pi *pi = fleet_find(idle.fleet, SERIAL);

	if (idle.aged) {
		end(count_files() ? "an idle overlay stays open" : NULL);
		return;
	}
	if (!pi || !pi->tree || count_files() == 0) {
		end("an overlay is closed as soon as nobody uses it");
		return;
	}
	pi->tree->idle_ms -= AGO_MS;
	idle.aged = true;
	idle.ticks = 0;
}

static void on_tick(struct loop_timer *timer)
{
	loop_timer_start(idle.loop, timer, TICK_MS, on_tick);
	if (!fleet_is_idle(idle.fleet))
		return;
	if (idle.why) {
		loop_stop(idle.loop);
		return;
	}
	/* images are looked at from time to time, which is no business of this */
	idle.fleet->looked_ms = fleet_ms();
	fleet_tick(idle.fleet);
	if (fleet_is_idle(idle.fleet))
		calm();
	else if (++idle.ticks == TICKS_MAX)
		idle.why = "each tick has work to do";
}

static int mount_once(void)
{
	const struct nfs_site site = fleet_nfs_site(idle.fleet);
	struct rpc_peer peer = {.address = {.sin_family = AF_INET, .sin_port = htons(700)},
				.tcp = true};
	struct nfs_export *export;
	uint64_t id;
	int err;

	peer.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	err = site.mount(site.ctx, "/" SERIAL, &peer, &export, &id);
	if (!err)
		site.put(site.ctx, export);
	return err;
}

static int run(const struct config *config)
{
	const struct fleet_hooks hooks = {.forget = forget};
	int err = fleet_create(idle.loop, config, &idle.fleet);
	int closed;

	if (err)
		return err;
	fleet_set_hooks(idle.fleet, &hooks);
	err = mount_once();
	if (!err) {
		loop_timer_start(idle.loop, &idle.timer, TICK_MS, on_tick);
		loop_run(idle.loop);
		loop_timer_stop(&idle.timer);
	}
	closed = fleet_destroy(idle.fleet);
	return err ? err : closed;
}

int main(int argc, char **argv)
{
	struct config config;
	int err;

	if (argc != 2) {
		fprintf(stderr, "usage: fleet_idle IMAGE\n");
		return 2;
	}
	err = config_init(&config);
	if (err)
		return 1;
	err = config_add_image(&config, argv[1], -1);
	if (!err)
		err = loop_create(2, &idle.loop);
	if (!err)
		err = run(&config);
	loop_destroy(idle.loop);
	config_finish(&config);
	if (err || idle.why)
		fprintf(stderr, "fleet_idle: %s\n", err ? strerror(-err) : idle.why);
	return err || idle.why;
}
