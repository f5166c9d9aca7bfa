/* SPDX-License-Identifier: MIT */
/* The fleet as a whole: from the configuration and the state directory to what the servers ask, and back. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "keyfile/keyfile.h"

#define KEY_NAME "handle-key"

/* How long the end waits for calls under way. */
#define END_WAIT_MS 10000u

/* How often it is looked what became of the images' files. */
#define IMAGES_MS 5000u

static int open_folder(struct fleet *fleet)
{
	CLEANUP(closep) int state = open(state_path(fleet->state), O_DIRECTORY | O_CLOEXEC);

	if (state < 0)
		return -errno;
	if (mkdirat(state, "pis", 0700) < 0 && errno != EEXIST)
		return -errno;
	fleet->pis_folder = openat(state, "pis", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fleet->pis_folder < 0 || fsync(state) < 0)
		return -errno;
	return 0;
}

/* Every image is opened at the start: a wrong path is to be met by whoever starts the server. */
static int open_images(struct fleet *fleet, const struct config *config)
{
	for (size_t i = 0; i < config->images_count; i++) {
		struct fleet_tree *tree;
		int err = fleet_tree_share(fleet, &config->images[i], "", &tree);

		if (err)
			return err;
		fleet_tree_put(fleet, tree);
	}
	return 0;
}

/* With the lock held: those that are listed are ours, and known before they are seen. */
static int meet_listed(struct fleet *fleet)
{
	for (size_t i = 0; i < fleet->config->pis_count; i++) {
		const struct config_pi *listed = &fleet->config->pis[i];
		char id[FLEET_ID_MAX + 1];
		struct fleet_pi *pi;
		struct pi_mac mac;

		snprintf(id, sizeof(id), "%s", listed->serial);
		if (!id[0]) {
			memcpy(mac.bytes, listed->mac, sizeof(mac.bytes));
			pi_mac_format(&mac, '-', id);
		}
		pi = fleet_meet(fleet, id);
		if (!pi)
			return -ENOMEM;
		/* at once: a guest might be forgotten for the next one */
		fleet_list(fleet, pi);
	}
	for (size_t i = 0; i < fleet->pis_count; i++)
		fleet_list(fleet, fleet->pis[i]);
	return 0;
}

static int make_locks(struct fleet *fleet)
{
	pthread_condattr_t monotonic;
	int err = pthread_condattr_init(&monotonic);

	if (!err)
		err = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	if (!err)
		err = pthread_cond_init(&fleet->changed, &monotonic);
	if (!err)
		err = pthread_mutex_init(&fleet->lock, NULL);
	if (!err)
		err = pthread_mutex_init(&fleet->saving, NULL);
	pthread_condattr_destroy(&monotonic);
	return -err;
}

static int start(struct fleet *fleet)
{
	int err = make_locks(fleet);

	if (!err)
		err = fleet_peer_start(fleet);
	if (!err)
		err = state_open(fleet->config->state, true, &fleet->state);
	if (err)
		return err;
	err = open_folder(fleet);
	if (err) {
		log_error("%s/pis: %s", state_path(fleet->state), strerror(-err));
		return err;
	}
	err = store_writer_create(&fleet->writer);
	if (!err)
		err = stack_pool_create(&fleet->pool);
	if (!err)
		err = fleet_load_records(fleet);
	if (!err)
		err = meet_listed(fleet);
	return err ? err : open_images(fleet, fleet->config);
}

int fleet_create(struct loop *loop, const struct config *config, struct fleet **out)
{
	struct fleet *fleet = calloc(1, sizeof(*fleet));
	int err;

	if (!fleet)
		return -ENOMEM;
	fleet->loop = loop;
	fleet->pis_folder = -1;
	fleet->arp = -1;
	err = fleet_config_set(fleet, config);
	if (!err)
		err = start(fleet);
	if (err) {
		fleet_destroy(fleet);
		return err;
	}
	*out = fleet;
	return 0;
}

bool fleet_is_idle(struct fleet *fleet)
{
	return fleet->working == 0;
}

static int close_pis(struct fleet *fleet)
{
	int first = 0;

	for (size_t i = 0; i < fleet->pis_count; i++) {
		int err = fleet_tree_close(fleet, fleet->pis[i], END_WAIT_MS);

		if (err == -EBUSY)
			log_error("pi %s: calls are still under way: its overlay is not closed",
				  fleet->pis[i]->record.id);
		first = first ? first : err;
	}
	return first;
}

int fleet_destroy(struct fleet *fleet)
{
	int err, saved;

	if (!fleet)
		return 0;
	/* the loop does not run any more */
	fleet->hooks = (struct fleet_hooks){.ctx = NULL};
	err = close_pis(fleet);
	saved = fleet->state && fleet->pis_folder >= 0 ? fleet_save_records(fleet) : 0;
	fleet_shared_close(fleet);
	for (size_t i = 0; i < fleet->pis_count; i++)
		free(fleet->pis[i]);
	free(fleet->pis);
	free(fleet->forgotten);
	fleet_config_end(fleet);
	stack_pool_destroy(fleet->pool);
	store_writer_destroy(fleet->writer);
	if (fleet->pis_folder >= 0)
		close(fleet->pis_folder);
	state_close(fleet->state);
	fleet_peer_end(fleet);
	free(fleet);
	return err ? err : saved;
}

int fleet_reload(struct fleet *fleet, const struct config *config)
{
	int err;

	fleet_shared_look(fleet);
	err = open_images(fleet, config);
	if (err)
		return err;
	pthread_mutex_lock(&fleet->lock);
	err = fleet_config_set(fleet, config);
	if (!err) {
		err = meet_listed(fleet);
		if (err) {
			/* nobody is to be tied to what the caller frees now */
			fleet_config_unset(fleet);
			for (size_t i = 0; i < fleet->pis_count; i++)
				fleet_list(fleet, fleet->pis[i]);
		}
	}
	fleet_unlock(fleet);
	return err;
}

void fleet_set_ports(struct fleet *fleet, const struct fleet_ports *ports)
{
	pthread_mutex_lock(&fleet->lock);
	fleet->ports = *ports;
	fleet_unlock(fleet);
}

void fleet_set_hooks(struct fleet *fleet, const struct fleet_hooks *hooks)
{
	fleet->hooks = *hooks;
}

/* The key ------------------------------------------------------------------------------------ */

static bool parse_key(const char *text, size_t len, uint8_t out[NFS_KEY_BYTES])
{
	if (len < 2 * NFS_KEY_BYTES)
		return false;
	for (size_t i = 0; i < NFS_KEY_BYTES; i++) {
		unsigned int byte;

		if (sscanf(text + 2 * i, "%2x", &byte) != 1)
			return false;
		out[i] = (uint8_t)byte;
	}
	return true;
}

static int make_key(int folder, uint8_t out[NFS_KEY_BYTES])
{
	char text[2 * NFS_KEY_BYTES + 2];

	if (getrandom(out, NFS_KEY_BYTES, 0) != (ssize_t)NFS_KEY_BYTES)
		return -EIO;
	state_format_hex(out, NFS_KEY_BYTES, text);
	strcat(text, "\n");
	return keyfile_replace(folder, KEY_NAME, text);
}

int fleet_handle_key(struct fleet *fleet, uint8_t out_key[NFS_KEY_BYTES])
{
	CLEANUP(closep) int folder = open(state_path(fleet->state), O_DIRECTORY | O_CLOEXEC);
	CLEANUP(freep) char *text = NULL;
	size_t len = 0;
	int err = folder < 0 ? -errno : keyfile_read(folder, KEY_NAME, 256, &text, &len);

	if (err == -ENOENT)
		err = make_key(folder, out_key);
	else if (!err && !parse_key(text, len, out_key))
		err = -EUCLEAN;
	if (err == -EUCLEAN)
		log_error("%s/" KEY_NAME
			  ": not %u hexadecimal digits: put it back from a backup, or remove "
			  "it and start all Pis anew",
			  state_path(fleet->state), 2 * NFS_KEY_BYTES);
	else if (err)
		log_error("%s/" KEY_NAME ": %s", state_path(fleet->state), strerror(-err));
	return err;
}

/* The tick ----------------------------------------------------------------------------------- */

static bool look(struct fleet *fleet, struct fleet_pi *pi)
{
	char label[FLEET_LABEL_MAX];
	uint64_t changes;

	/* connections use its tree as long as they are there */
	if (pi->tree && pi->tree->ready && pi->tree->users)
		pi->record.last_seen = fleet_wall();
	if (pi->phase == FLEET_MOUNTED && pi->tree && pi->tree->ready) {
		changes = __atomic_load_n(&pi->tree->export.changes, __ATOMIC_RELAXED);
		if (changes != pi->changes) {
			pi->phase = FLEET_UP;
			fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: up", fleet_label(pi, label));
		}
	}
	return fleet_full_note(pi) || pi->dirty || fleet_tree_is_idle(pi->tree);
}

void fleet_tick(struct fleet *fleet)
{
	const uint64_t now = fleet_ms();
	bool work = now - fleet->looked_ms >= IMAGES_MS;

	pthread_mutex_lock(&fleet->lock);
	if (work)
		fleet_forget_old_guests(fleet);
	work = work || fleet->forgotten_count;
	for (size_t i = 0; i < fleet->pis_count; i++)
		work = look(fleet, fleet->pis[i]) || work;
	fleet_unlock(fleet);
	if (now - fleet->looked_ms >= IMAGES_MS)
		fleet->looked_ms = now;
	if (work)
		fleet_tidy(fleet);
}
