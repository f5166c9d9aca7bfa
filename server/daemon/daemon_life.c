/* SPDX-License-Identifier: MIT */
/*
 * What happens to a running server: reloads, the end, and what systemd is told of it (sd_notify(3)).
 *
 * The end: nobody is served any more, what is under way is finished, and then all is closed, which makes
 * it durable. Whoever cannot wait sends a second signal: what was acknowledged is durable anyway.
 */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <time.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"
#include "fleet/fleet.h"
#include "nfs/nfs.h"

#define TICK_MS 1000u
#define ENDING_POLL_MS 10u
/* For work to end; systemd would wait 90 s. */
#define ENDING_MAX_MS 30000u

/* Reload --------------------------------------------------------------------------------------- */

static void start_reload(struct daemon *d);

static void run_reload(struct loop_work *work)
{
	struct daemon *d = container_of(work, struct daemon, reloading);
	struct daemon_config *fresh = NULL;

	d->reloaded = NULL;
	if (daemon_config_read(d->options, &fresh) < 0)
		return;
	if (fleet_reload(d->fleet, &fresh->config) < 0) {
		daemon_config_free(fresh);
		return;
	}
	config_tell_bases(&fresh->config, d->options->config_path, d->state.path);
	d->reloaded = fresh;
}

/*
 * Frees those that nobody uses any more, between the present one and the one that we were started with, which
 * servers borrow from.
 */
static void free_old_configs(struct daemon *d)
{
	struct daemon_config **at = &d->configs->older;

	while (*at && (*at)->older) {
		struct daemon_config *old = *at;

		if (!fleet_forget_config(d->fleet, &old->config)) {
			at = &old->older;
			continue;
		}
		*at = old->older;
		old->older = NULL;
		daemon_config_free(old);
		log_debug("reload: a configuration of before is not needed any more");
	}
}

/* The one that we were started with: what cannot be changed is still as that says. */
static const struct config *first_config(const struct daemon *d)
{
	const struct daemon_config *first = d->configs;

	while (first->older)
		first = first->older;
	return &first->config;
}

static void on_reloaded(struct loop_work *work)
{
	struct daemon *d = container_of(work, struct daemon, reloading);

	d->reloads = false;
	if (d->reloaded) {
		daemon_reload_tell(first_config(d), &d->reloaded->config);
		d->reloaded->older = d->configs;
		d->configs = TAKE(d->reloaded);
		log_info("reloaded");
	} else {
		log_error("reload: failed: all stays as it was");
	}
	if (d->reload_again) {
		start_reload(d);
		return;
	}
	if (!d->ending_ms)
		sd_notify(0, "READY=1");
}

static void start_reload(struct daemon *d)
{
	d->reload_again = false;
	d->reloads = true;
	loop_work_submit(d->loop, &d->reloading, run_reload, on_reloaded);
}

static void on_hangup(struct loop_signal *signal, int number)
{
	struct daemon *d = container_of(signal, struct daemon, hangup);
	struct timespec now;

	(void)number;
	if (d->ending_ms)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu",
		   (unsigned long long)now.tv_sec * 1000000 +
			   (unsigned long long)now.tv_nsec / 1000);
	if (d->reloads)
		d->reload_again = true;
	else
		start_reload(d);
}

/* End ------------------------------------------------------------------------------------------ */

static void on_ending(struct loop_timer *timer)
{
	struct daemon *d = container_of(timer, struct daemon, ending);

	if (daemon_serve_is_idle(d)) {
		loop_stop(d->loop);
		return;
	}
	if (loop_now(d->loop) - d->ending_ms < ENDING_MAX_MS) {
		loop_timer_start(d->loop, &d->ending, ENDING_POLL_MS, on_ending);
		return;
	}
	log_error("serve: %u calls did not end within %u s: overlays are left as after a crash",
		  d->nfs ? nfs_server_busy(d->nfs) : 0, ENDING_MAX_MS / 1000);
	d->unfinished = true;
	loop_stop(d->loop);
}

/* Nobody is served any more; the loop stops when all that is under way has ended. */
static void start_ending(struct daemon *d)
{
	d->ending_ms = loop_now(d->loop);
	daemon_serve_quiesce(d);
	loop_timer_start(d->loop, &d->ending, 0, on_ending);
}

static void end(struct daemon *d, int number)
{
	if (d->ending_ms) {
		log_warn("%s again: ends at once", strsignal(number));
		_exit(128 + number);
	}
	log_info("%s: ends", strsignal(number));
	sd_notify(0, "STOPPING=1");
	start_ending(d);
}

static void on_terminate(struct loop_signal *signal, int number)
{
	end(container_of(signal, struct daemon, terminate), number);
}

static void on_interrupt(struct loop_signal *signal, int number)
{
	end(container_of(signal, struct daemon, interrupt), number);
}

/* Timers --------------------------------------------------------------------------------------- */

static void on_tick(struct loop_timer *timer)
{
	struct daemon *d = container_of(timer, struct daemon, tick);

	if (!d->ending_ms) {
		fleet_tick(d->fleet);
		free_old_configs(d);
	}
	loop_timer_start(d->loop, &d->tick, TICK_MS, on_tick);
}

static void on_watchdog(struct loop_timer *timer)
{
	struct daemon *d = container_of(timer, struct daemon, watchdog);

	sd_notify(0, "WATCHDOG=1");
	loop_timer_start(d->loop, &d->watchdog, d->watchdog_ms, on_watchdog);
}

void daemon_life_begin(struct daemon *d)
{
	uint64_t watchdog_us = 0;

	loop_signal_start(d->loop, &d->hangup, SIGHUP, on_hangup);
	loop_signal_start(d->loop, &d->terminate, SIGTERM, on_terminate);
	loop_signal_start(d->loop, &d->interrupt, SIGINT, on_interrupt);
	loop_timer_start(d->loop, &d->tick, TICK_MS, on_tick);
	if (sd_watchdog_enabled(0, &watchdog_us) > 0) {
		d->watchdog_ms = max_u64(watchdog_us / 2000, 1);
		loop_timer_start(d->loop, &d->watchdog, d->watchdog_ms, on_watchdog);
	}
}

void daemon_life_give_up(struct daemon *d)
{
	start_ending(d);
	loop_run(d->loop);
}

/* From here on a signal ends us at once. */
void daemon_life_end(struct daemon *d)
{
	sigset_t set;

	loop_timer_stop(&d->tick);
	loop_timer_stop(&d->watchdog);
	loop_timer_stop(&d->ending);
	/* first, or one that has arrived and was not seen yet would end us */
	signal(SIGHUP, SIG_IGN);
	loop_signal_stop(d->loop, &d->hangup);
	loop_signal_stop(d->loop, &d->terminate);
	loop_signal_stop(d->loop, &d->interrupt);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}
