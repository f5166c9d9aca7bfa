/* SPDX-License-Identifier: MIT */
/* Commands of the control socket. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <string.h>

#include "fleet/fleet.h"

#define FAILED 1
#define REFUSED 3

static int refuse(const char *name, const char *why, FILE *err)
{
	fprintf(err, "bramble: overlay %s: its %s: switch it off first, or say --force\n", name,
		why);
	return REFUSED;
}

/*
 * `bramble overlay`, on its way to lock an overlay: 0, it may; 1: it is not here. "lend NAME off": to take
 * the Pi's files away, so that it is refused while that is up.
 */
static int lend(struct fleet *fleet, int argc, char **argv, FILE *err)
{
	bool off = argc == 3 && strcmp(argv[2], "off") == 0;
	char why[FLEET_UP_BYTES];
	int failed =
		argc == 2 || off ? fleet_lend(fleet, argv, argv[1], off ? why : NULL) : -EINVAL;

	if (failed == -ETXTBSY && off)
		return refuse(argv[1], why, err);
	if (failed && failed != -ENOENT)
		fprintf(err, "bramble: overlay %s: the server cannot let go of it: %s\n",
			argc > 1 ? argv[1] : "", strerror(-failed));
	return failed ? FAILED : 0;
}

/* `bramble overlay`, before it asks whether a Pi's files are to be taken away. */
static int off(struct fleet *fleet, int argc, char **argv, FILE *err)
{
	char why[FLEET_UP_BYTES];

	if (argc != 2)
		return FAILED;
	return fleet_check_off(fleet, argv[1], why) == -ETXTBSY ? refuse(argv[1], why, err) : 0;
}

/* `bramble overlay`, of a name that is no overlay's: it may be a Pi's. */
static int serial(struct fleet *fleet, int argc, char **argv, FILE *out)
{
	char id[STATE_NAME_MAX + 1];

	if (argc != 2 || fleet_find_serial(fleet, argv[1], id) < 0)
		return FAILED;
	fprintf(out, "%s", id);
	return 0;
}

int daemon_command(void *ctx, int argc, char **argv, FILE *out, FILE *err)
{
	struct daemon *d = ctx;

	if (strcmp(argv[0], "status") == 0)
		return fleet_command_status(d->fleet, argc, argv, out, err);
	if (strcmp(argv[0], "pi") == 0)
		return fleet_command_pi(d->fleet, argc, argv, out, err);
	if (strcmp(argv[0], "lend") == 0)
		return lend(d->fleet, argc, argv, err);
	if (strcmp(argv[0], "off") == 0)
		return off(d->fleet, argc, argv, err);
	if (strcmp(argv[0], "serial") == 0)
		return serial(d->fleet, argc, argv, out);
	fprintf(err, "bramble: %s: the server, which is " BRAMBLE_VERSION ", does not know this\n",
		argv[0]);
	return FAILED;
}

void daemon_command_gone(void *ctx, int argc, char **argv)
{
	struct daemon *d = ctx;

	(void)argc;
	if (strcmp(argv[0], "lend") == 0)
		fleet_take_back(d->fleet, argv);
}
