/* SPDX-License-Identifier: MIT */
/* Commands of the control socket. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <string.h>

#include "fleet/fleet.h"

#define FAILED 1

/* `bramble overlay`, on its way to lock an overlay: 0, it may; 1: it is not here. */
static int lend(struct fleet *fleet, int argc, char **argv, FILE *err)
{
	int failed = argc == 2 ? fleet_lend(fleet, argv, argv[1]) : -EINVAL;

	if (failed && failed != -ENOENT)
		fprintf(err, "bramble: overlay %s: the server cannot let go of it: %s\n",
			argc > 1 ? argv[1] : "", strerror(-failed));
	return failed ? FAILED : 0;
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
	if (strcmp(argv[0], "serial") == 0)
		return serial(d->fleet, argc, argv, out);
	fprintf(err, "bramble: %s: the server, which is " BRAMBLE_VERSION ", does not know this\n",
		argv[0]);
	return FAILED;
}

void daemon_command_gone(void *ctx, int argc, char **argv)
{
	struct daemon *d = ctx;

	if (argc == 2 && strcmp(argv[0], "lend") == 0)
		fleet_take_back(d->fleet, argv);
}
