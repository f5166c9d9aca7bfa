/* SPDX-License-Identifier: MIT */
/* Pis whose writes fail for lack of room: the Pi is told by NFS, and who runs the server by its log. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/log.h"

/* One warning for each Pi in this time. */
#define AGAIN_MS (10u * 60 * 1000)

bool fleet_full_note(struct fleet_pi *pi)
{
	int full = pi->tree && pi->tree->ready
			   ? __atomic_exchange_n(&pi->tree->export.full, 0, __ATOMIC_RELAXED)
			   : 0;

	if (full && (!pi->full_ms || fleet_ms() - pi->full_ms >= AGAIN_MS)) {
		pi->full = full;
		pi->full_ms = fleet_ms();
	}
	return pi->full != 0;
}

/* The next one, labelled; 0: there is none. */
static int next_full(struct fleet *fleet, char label[FLEET_LABEL_MAX])
{
	int full = 0;

	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->pis_count && !full; i++) {
		full = fleet->pis[i]->full;
		fleet->pis[i]->full = 0;
		if (full)
			fleet_label(fleet->pis[i], label);
	}
	fleet_unlock(fleet);
	return full;
}

void fleet_full_tell(struct fleet *fleet)
{
	char label[FLEET_LABEL_MAX];
	struct statvfs disk;
	int full;

	while ((full = next_full(fleet, label))) {
		if (full == -ENOSPC && statvfs(state_path(fleet->state), &disk) == 0)
			log_warn("pi %s: cannot write: %s: the disk of %s has %llu MiB left", label,
				 strerror(-full), state_path(fleet->state),
				 (unsigned long long)disk.f_bavail * disk.f_frsize >> 20);
		else
			log_warn("pi %s: cannot write: %s: on the disk of %s", label,
				 strerror(-full), state_path(fleet->state));
	}
}
