/* SPDX-License-Identifier: MIT */
/* Lending overlays to `bramble overlay`, which works on those that are open here as on any other. */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/wait.h"

/* How long and how many of a Pi wait for its overlay. */
#define LENT_WAIT_MS 20000u
#define LENT_POLL_MS 50
#define LENT_WAITING_MAX 2u

/* How long a Pi that had its tree in use when that was lent may be silent and still be up. */
#define SILENT_MS 60000u

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
	fleet_unlock(fleet);
	return pi ? 0 : -ENOENT;
}

int fleet_check_pi_off(const struct fleet_pi *pi, char why[FLEET_UP_BYTES])
{
	char label[FLEET_LABEL_MAX], address[INET_ADDRSTRLEN], since[32];
	const time_t mounted = (time_t)pi->record.mounted;
	bool used = pi->tree && pi->tree->ready && pi->tree->users;
	struct tm tm;

	/* one that loads its files has restarted, whatever is left of its connections */
	if (pi->phase == FLEET_LOADING)
		return 0;
	if (!used && !(pi->dropped_ms && fleet_ms() - pi->dropped_ms < SILENT_MS))
		return 0;
	localtime_r(&mounted, &tm);
	strftime(since, sizeof(since), "%Y-%m-%d %H:%M:%S", &tm);
	inet_ntop(AF_INET, &pi->record.mounted_by, address, sizeof(address));
	snprintf(why, FLEET_UP_BYTES, "Pi %s is up since %s, at %s", fleet_label(pi, label), since,
		 address);
	return -ETXTBSY;
}

int fleet_check_off(struct fleet *fleet, const char *name, char why[FLEET_UP_BYTES])
{
	const struct fleet_pi *pi;
	int err;

	pthread_mutex_lock(&fleet->lock);
	pi = find_called(fleet, name);
	err = pi ? fleet_check_pi_off(pi, why) : -ENOENT;
	fleet_unlock(fleet);
	return err;
}

int fleet_lend(struct fleet *fleet, const void *borrower, const char *name,
	       char why[FLEET_UP_BYTES])
{
	struct fleet_loan *loan = calloc(1, sizeof(*loan));
	struct fleet_pi *pi;
	int err;

	if (!loan)
		return -ENOMEM;
	pthread_mutex_lock(&fleet->lock);
	pi = find_called(fleet, name);
	err = pi ? 0 : -ENOENT;
	if (!err && why)
		err = fleet_check_pi_off(pi, why);
	if (!err) {
		*loan = (struct fleet_loan){.next = fleet->loans, .borrower = borrower, .pi = pi};
		fleet->loans = loan;
		pi->lent++;
	}
	fleet_unlock(fleet);
	if (err) {
		free(loan);
		return err;
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
	fleet_unlock(fleet);
	free(loan);
}

int fleet_tree_await(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out)
{
	const struct timespec pause = {.tv_nsec = LENT_POLL_MS * 1000000L};
	const uint64_t start = fleet_ms();
	int err = fleet_tree_open(fleet, pi, make, out);
	bool waits;

	if (err != -EAGAIN || !wait_allowed())
		return err;
	pthread_mutex_lock(&fleet->lock);
	waits = pi->awaiting++ < LENT_WAITING_MAX;
	fleet_unlock(fleet);
	while (waits && err == -EAGAIN && fleet_ms() - start < LENT_WAIT_MS) {
		nanosleep(&pause, NULL);
		err = fleet_tree_open(fleet, pi, make, out);
	}
	pthread_mutex_lock(&fleet->lock);
	pi->awaiting--;
	fleet_unlock(fleet);
	return err;
}
