#!/bin/bash
# SPDX-License-Identifier: MIT
# An overlay that nobody uses any more is closed after a while, and costs nothing until then.
. "$BRAMBLE_SOURCE/test/integration/lib.sh"
. "$BRAMBLE_SOURCE/test/integration/lib_serve.sh"

PATH=$BRAMBLE_BUILD/test/support:$PATH
serve_image
fleet_idle "$image" || fail "it is not so"
