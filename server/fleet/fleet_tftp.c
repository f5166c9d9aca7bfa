/* SPDX-License-Identifier: MIT */
/* What the TFTP server asks: which file of whose boot tree a request means. */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

/* Whose request it is, and what of it is left: copied while the lock was held. */
struct asked {
	struct fleet_peer peer;
	struct fleet_pi *pi; /* pinned; NULL: unknown */
	char id[FLEET_ID_MAX + 1]; /* or empty */
	const char *path; /* within the boot tree */
	bool kept; /* its own tree is what it boots from, if there is one */
	bool eeprom;
	struct fleet_config *config; /* borrowed for @image; NULL: not yet */
	const struct config_image *image;
	char base[STATE_NAME_MAX + 1];
	char export_path[FLEET_ID_MAX + 2];
	struct pi_netboot netboot;
};

/* A machine that is listed by its MAC alone is called by that, whatever serial it asks by. */
static void find_listed(const struct fleet *fleet, const struct fleet_peer *peer,
			char id[FLEET_ID_MAX + 1])
{
	const struct config *config = fleet->config;

	for (size_t i = 0; peer->has_mac && i < config->pis_count; i++) {
		const struct config_pi *listed = &config->pis[i];

		if (!listed->serial[0] && listed->has_mac &&
		    memcmp(listed->mac, peer->mac.bytes, sizeof(listed->mac)) == 0)
			pi_mac_format(&peer->mac, '-', id);
	}
}

/*
 * Whose it is by its first part, else by who asks: the Pi 3's ROM, and every Pi whose prefix leads to
 * nothing, ask for files of the root.
 */
static void identify(struct fleet *fleet, const char *clean, const char *rest, struct asked *out)
{
	size_t first = strcspn(clean, "/");

	out->path = clean;
	if (clean[first] == '/' && fleet_id_of(fleet, clean, first, out->id)) {
		out->path = rest;
		find_listed(fleet, &out->peer, out->id);
		out->pi = fleet_find(fleet, out->id);
		return;
	}
	if (out->peer.has_mac)
		out->pi = fleet_find_mac(fleet, &out->peer.mac);
	else
		out->pi = fleet_find_address(fleet, out->peer.address);
	if (out->pi)
		snprintf(out->id, sizeof(out->id), "%s", out->pi->record.id);
}

/* Whether whoever asks may have the files of out->pi, and notes which machine loads them. */
static int admit(struct fleet *fleet, struct asked *out)
{
	struct in_addr address = out->peer.address;
	struct fleet_pi *pi;
	const char *why;

	if (fleet_is_hidden(fleet, out->pi, &out->peer))
		return -EHOSTUNREACH;
	if (out->id[0] && !(out->pi && fleet_is_ours(out->pi)) &&
	    fleet->config->defaults.join == CONFIG_JOIN_LISTED) {
		fleet_refuse(fleet, out->id, address, "is not listed");
		return -ENOENT;
	}
	if (!out->pi && out->id[0])
		out->pi = fleet_meet(fleet, out->id);
	pi = out->pi;
	if (!pi)
		return 0;
	if (fleet_may_load(fleet, pi, &out->peer, &why)) {
		fleet_refuse(fleet, out->id, address, why);
		return -EACCES;
	}
	pi->address = address;
	pi->loader = address;
	pi->loaded_ms = fleet_ms();
	pi->seen_ms = pi->loaded_ms;
	pi->record.last_seen = fleet_wall();
	return 0;
}

static void fill(struct fleet *fleet, const struct tftp_request *request, struct asked *out)
{
	const struct config_rules *rules = fleet_rules(fleet, out->pi);

	out->image = fleet_image(fleet, out->pi);
	snprintf(out->base, sizeof(out->base), "%s", fleet_base(fleet, out->pi));
	/* what is thrown away at the next mount must not be what it boots from */
	out->kept = out->pi && fleet_keep(fleet, out->pi) == CONFIG_KEEP_YES;
	out->eeprom = rules->eeprom_updates;
	snprintf(out->export_path, sizeof(out->export_path), "/%s", out->id);
	out->netboot = (struct pi_netboot){
		.server = request->local,
		.export_path = out->export_path,
		.nfs_port = fleet->ports.nfs,
		.mount_port = fleet->ports.mount,
		.rsize = rules->transfer,
		.wsize = rules->transfer,
		.keep_ip = rules->keep_ip,
	};
}

/* @path as it may stand in a log, whoever has made it up. */
static void make_printable(const char *path, char out[FLEET_PATH_MAX])
{
	snprintf(out, FLEET_PATH_MAX, "%s", path);
	for (char *at = out; *at; at++) {
		if (*at < ' ' || *at > '~')
			*at = '?';
	}
}

static void note_loading(struct fleet *fleet, struct fleet_pi *pi, const char *path, int err)
{
	char label[FLEET_LABEL_MAX], shown[FLEET_PATH_MAX];
	bool is_news = err || pi->phase != FLEET_LOADING || strcmp(pi->file, path) != 0;

	fleet_label(pi, label);
	make_printable(path, shown);
	/* what every boot looks for, and often in vain, is no news */
	is_news = is_news && !pi_file_is_probe(path) &&
		  (err || pi_file_kind(path) != PI_FILE_OTHER) && fleet_may_log(fleet, pi);
	if (err && is_news)
		fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: asks for %s: %s", label, shown,
			  strerror(-err));
	else if (err)
		log_debug("pi %s: asks for %s: %s", label, shown, strerror(-err));
	else if (is_news)
		fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: loading %s", label, shown);
	else
		log_debug("pi %s: loading %s", label, shown);
	if (err)
		return;
	pi->phase = FLEET_LOADING;
	snprintf(pi->file, sizeof(pi->file), "%s", path);
}

static int open_trees(struct fleet *fleet, const struct asked *asked, struct fleet_tree **out_own,
		      struct fleet_tree **out_shared)
{
	int err = -ENOENT;

	if (asked->kept)
		err = fleet_tree_await(fleet, asked->pi, false, out_own);
	if (err && err != -ENOENT)
		return err;
	return fleet_tree_share(fleet, asked->image, asked->base, out_shared);
}

static int open_file(struct fleet *fleet, const struct asked *asked, struct fleet_file *file)
{
	struct fleet_tree *own = NULL, *shared = NULL;
	int err = open_trees(fleet, asked, &own, &shared);

	if (!err) {
		file->tree = own ? own : shared;
		snprintf(file->path, sizeof(file->path), "%s", asked->path);
		snprintf(file->id, sizeof(file->id), "%s", asked->id);
		err = fleet_file_find(file, asked->id[0] ? &asked->netboot : NULL, shared,
				      asked->eeprom);
	}
	if (own && (err || file->tree != own))
		fleet_tree_put(fleet, own);
	if (shared && (err || file->tree != shared))
		fleet_tree_put(fleet, shared);
	return err;
}

static int find_file(struct fleet *fleet, const struct tftp_request *request,
		     struct fleet_file *file)
{
	const struct fleet_ends ends = {
		.peer = request->peer,
		.own = {.sin_family = AF_INET,
			.sin_addr = request->local,
			.sin_port = request->port},
	};
	char clean[FLEET_PATH_MAX];
	struct asked asked = {.pi = NULL};
	const char *rest;
	int err = fleet_path_clean(request->name, clean, &rest);

	if (err)
		return err;
	if (!*clean)
		return -ENOENT;
	fleet_peer_find(fleet, &ends, &asked.peer);
	pthread_mutex_lock(&fleet->lock);
	identify(fleet, clean, rest, &asked);
	err = admit(fleet, &asked);
	if (!err)
		fill(fleet, request, &asked);
	if (!err && !asked.image)
		err = -ENOENT;
	if (!err && asked.pi)
		fleet_pin(asked.pi);
	if (!err)
		asked.config = fleet_config_borrow(fleet);
	fleet_unlock(fleet);
	if (err)
		return err;
	err = open_file(fleet, &asked, file);
	pthread_mutex_lock(&fleet->lock);
	fleet_config_return(asked.config);
	if (asked.pi && err != -EAGAIN)
		note_loading(fleet, asked.pi, asked.path, err);
	if (asked.pi)
		asked.pi->pins--;
	fleet_unlock(fleet);
	return err;
}

static void free_file(struct fleet_file *file)
{
	free(file->text);
	free(file);
}

static int open_request(void *ctx, const struct tftp_request *request, struct tftp_file *out)
{
	struct fleet_file *file = calloc(1, sizeof(*file));
	int err = file ? find_file(ctx, request, file) : -ENOMEM;

	if (err) {
		if (file)
			free_file(file);
		return err;
	}
	*out = (struct tftp_file){
		.tree = file->text ? NULL : file->tree->export.tree,
		.id = file->node,
		.text = file->text,
		.size = file->size,
		.fixed = !file->tree->pi, /* nobody writes to what all share */
		.owner = file,
	};
	return 0;
}

/*
 * A kernel may ask for its root before its loader's last acknowledgement is missed, or without one: what was lost on
 * the way must not keep the former life.
 */
static void sent_all(void *ctx, const struct tftp_request *request, struct tftp_file *sent)
{
	struct fleet_file *file = sent->owner;
	struct fleet *fleet = ctx;
	struct fleet_pi *pi;

	(void)request;
	if (!file->kernel || !file->id[0])
		return;
	pthread_mutex_lock(&fleet->lock);
	pi = fleet_find(fleet, file->id);
	if (pi)
		file->ending = pi->ending = ++fleet->endings;
	fleet_unlock(fleet);
}

/* Whether its overlay is to be renewed from now on. */
static bool loaded(struct fleet *fleet, struct fleet_pi *pi, const struct fleet_file *file,
		   enum tftp_outcome outcome)
{
	/* unless the kernel has mounted its root meanwhile */
	const bool is_last = file->ending && pi->ending == file->ending;
	char label[FLEET_LABEL_MAX];

	if (is_last)
		pi->ending = 0;
	fleet_label(pi, label);
	if (outcome == TFTP_OUTCOME_TIMEOUT || outcome == TFTP_OUTCOME_ERROR ||
	    outcome == TFTP_OUTCOME_ABORTED)
		fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: %s was not loaded to the end: %s", label,
			  file->path,
			  outcome == TFTP_OUTCOME_TIMEOUT ? "no answer"
			  : outcome == TFTP_OUTCOME_ERROR ? "it cannot be read"
							  : "the Pi gave up");
	if ((outcome != TFTP_OUTCOME_COMPLETE && outcome != TFTP_OUTCOME_UNHEARD) || !is_last ||
	    pi->record.renew || fleet_keep(fleet, pi) != CONFIG_KEEP_UNTIL_REBOOT)
		return false;
	pi->record.renew = true;
	pi->dirty = true;
	return true;
}

static void close_request(void *ctx, const struct tftp_request *request, struct tftp_file *out,
			  enum tftp_outcome outcome, uint64_t sent)
{
	struct fleet_file *file = out->owner;
	struct fleet *fleet = ctx;
	struct fleet_pi *pi;
	struct pi_mac mac;
	bool calm = false, renew = false;

	(void)request;
	pthread_mutex_lock(&fleet->lock);
	pi = file->id[0] ? fleet_find(fleet, file->id) : NULL;
	if (pi) {
		pi->bytes += sent;
		renew = loaded(fleet, pi, file, outcome);
		calm = pi->record.has_mac;
		mac = pi->record.mac;
	}
	fleet_unlock(fleet);
	if (calm && fleet->hooks.loading)
		fleet->hooks.loading(fleet->hooks.ctx, mac.bytes);
	fleet_tree_put(fleet, file->tree);
	free_file(file);
	/* saved at once: the kernel asks for its root soon, and a crash before that changes nothing */
	if (renew)
		fleet_tidy(fleet);
}

bool fleet_tftp_is_of(void *export, const struct tftp_file *out)
{
	const struct fleet_file *file = out->owner;

	return &file->tree->export == export;
}

struct tftp_source fleet_tftp_source(struct fleet *fleet)
{
	return (struct tftp_source){
		.open = open_request, .sent = sent_all, .close = close_request, .ctx = fleet};
}
