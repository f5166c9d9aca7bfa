/* SPDX-License-Identifier: MIT */
/* Whether the calling thread may wait. */
#include "base/wait.h"

_Thread_local bool wait_is_forbidden;
