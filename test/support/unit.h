/* SPDX-License-Identifier: MIT */
/* cmocka with the headers that it needs before it. */
#ifndef BRAMBLE_TEST_UNIT_H
#define BRAMBLE_TEST_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"

#endif
