/* SPDX-License-Identifier: MIT */
/* Commands that a running `bramble serve` carries out. */
#ifndef BRAMBLE_TOOLS_REMOTE_H
#define BRAMBLE_TOOLS_REMOTE_H

#include <stdbool.h>

/*
 * Runs the words in the server of the state directory @dir (NULL: the usual one), whose output becomes
 * ours. Returns its exit status; STATUS_FAILED (logged): there is none, or it went away.
 */
int remote_run(const char *dir, int argc, char **argv);

/*
 * Whether the Pi that has the overlay @name is off, or unknown to a server of @dir, so that its files can be
 * taken away. False: logged.
 */
bool remote_is_off(const char *dir, const char *name);

/*
 * Lets a server of @dir, if there is one, close the overlay @name until this process ends. Nothing happens
 * if no server has it. @off: only if remote_is_off, else false; true in all other cases.
 */
bool remote_lend(const char *dir, const char *name, bool off);

/* The serial of the Pi that a server of @dir knows by @name, to be freed; NULL: there is none. */
char *remote_serial(const char *dir, const char *name);

#endif
