/* SPDX-License-Identifier: MIT */
/* Lending overlays to `bramble overlay`, which works on those that are open here as on any other. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"

/* With the lock held. */
static struct fleet_pi *find_called(struct fleet *fleet, const char *name)
{
	char id[FLEET_ID_MAX + 1];

	return fleet_id_of(fleet, name, strlen(name), id) ? fleet_find(fleet, id) : NULL;
}

int fleet_find_serial(struct fleet *fleet, const char *word, char out[STATE_NAME_MAX + 1])
{
	const struct fleet_pi *pi;

	pthread_mutex_lock(&fleet->lock);
	pi = find_called(fleet, word);
	if (pi)
		memcpy(out, pi->record.id, strlen(pi->record.id) + 1);
	pthread_mutex_unlock(&fleet->lock);
	return pi ? 0 : -ENOENT;
}

int fleet_lend(struct fleet *fleet, const void *borrower, const char *name)
{
	struct fleet_loan *loan = calloc(1, sizeof(*loan));
	struct fleet_pi *pi;
	int err;

	if (!loan)
		return -ENOMEM;
	pthread_mutex_lock(&fleet->lock);
	pi = find_called(fleet, name);
	if (pi) {
		*loan = (struct fleet_loan){.next = fleet->loans, .borrower = borrower, .pi = pi};
		fleet->loans = loan;
		pi->lent++;
	}
	pthread_mutex_unlock(&fleet->lock);
	if (!pi) {
		free(loan);
		return -ENOENT;
	}
	log_info("pi %s: its overlay is lent to a command", pi->record.id);
	err = fleet_tree_close(fleet, pi, FLEET_CLOSE_WAIT_MS);
	if (err)
		fleet_take_back(fleet, borrower);
	return err;
}

/* With the lock held. NULL: there is none. */
static struct fleet_loan *take_loan(struct fleet *fleet, const void *borrower)
{
	struct fleet_loan **at = &fleet->loans;
	struct fleet_loan *loan;

	while (*at && (*at)->borrower != borrower)
		at = &(*at)->next;
	loan = *at;
	if (loan)
		*at = loan->next;
	return loan;
}

void fleet_take_back(struct fleet *fleet, const void *borrower)
{
	struct fleet_loan *loan;

	pthread_mutex_lock(&fleet->lock);
	loan = take_loan(fleet, borrower);
	if (loan) {
		loan->pi->lent--;
		/* it may have been deleted, made, or mended */
		loan->pi->absent_ms = 0;
		loan->pi->failed = 0;
		pthread_cond_broadcast(&fleet->changed);
	}
	pthread_mutex_unlock(&fleet->lock);
	free(loan);
}
