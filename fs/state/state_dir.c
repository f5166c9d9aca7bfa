/* SPDX-License-Identifier: MIT */
/* Where the state directory is, and what names in it may be. */
#include "state/state.h"

#include <string.h>

bool state_name_is_valid(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-");

	return name[len] == '\0' && len >= 1 && len <= STATE_NAME_MAX && name[0] != '.';
}
