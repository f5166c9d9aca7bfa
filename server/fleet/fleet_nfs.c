/* SPDX-License-Identifier: MIT */
/* What the NFS server asks: whose tree a path or a handle means, and whether the caller may have it. */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/log.h"

static void find_peer(struct fleet *fleet, const struct rpc_peer *peer, struct fleet_peer *out)
{
	const struct fleet_ends ends = {
		.peer = peer->address,
		.own = peer->local,
		.tcp = peer->tcp,
	};

	fleet_peer_find(fleet, &ends, out);
}

/* Returns @err. Whoever is told to come again is not told of. */
static int refuse(struct fleet *fleet, const char *id, const struct fleet_peer *peer,
		  const char *why, int err)
{
	if (err == -EACCES)
		fleet_refuse(fleet, id, peer->address, why);
	return err;
}

/* With the lock held: an unknown Pi becomes one of ours. */
static int join(struct fleet *fleet, const char *id, const struct fleet_peer *peer,
		struct fleet_pi **pi)
{
	char label[FLEET_LABEL_MAX];
	const char *why;

	if (fleet->config->defaults.join == CONFIG_JOIN_LISTED)
		return refuse(fleet, id, peer, "is not listed", -EACCES);
	if (!fleet_may_join(fleet, peer, &why))
		return refuse(fleet, id, peer, why, -EACCES);
	if (!*pi)
		*pi = fleet_meet(fleet, id);
	if (!*pi)
		return -ENOMEM;
	(*pi)->record.joined = true;
	fleet_bind_joined(*pi, peer);
	(*pi)->dirty = true;
	fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: joined", fleet_label(*pi, label));
	return 0;
}

static int admit(struct fleet *fleet, const char *id, const struct fleet_peer *peer,
		 struct fleet_pi **out)
{
	struct fleet_pi *pi = fleet_find(fleet, id);
	const char *why;
	int err;

	err = fleet_may_mount(fleet, pi, peer, &why);
	if (err)
		return refuse(fleet, id, peer, why, err);
	if (!fleet_image(fleet, pi))
		return refuse(fleet, id, peer, "there is no image for it", -EACCES);
	if (!pi || !fleet_is_ours(pi)) {
		err = join(fleet, id, peer, &pi);
		if (err)
			return err;
	}
	fleet_pin(pi);
	*out = pi;
	return 0;
}

static void note_mounted(struct fleet *fleet, struct fleet_pi *pi, const struct fleet_tree *tree,
			 struct in_addr address)
{
	pthread_mutex_lock(&fleet->lock);
	pi->phase = FLEET_MOUNTED;
	pi->changes = __atomic_load_n(&tree->export.changes, __ATOMIC_RELAXED);
	pi->address = address;
	pi->seen_ms = fleet_ms();
	fleet_forgive(fleet, pi, address);
	pi->record.joined = true;
	pi->record.mounted_by = address;
	pi->record.mounted = pi->record.last_seen = fleet_wall();
	pi->dirty = true;
	fleet_unlock(fleet);
}

static int walk(struct fleet_tree *tree, const char *rest, uint64_t *out_id)
{
	*out_id = TREE_ROOT;
	return *rest ? tree_walk(tree->export.tree, rest, true, out_id) : 0;
}

/* Who has the overlay must be known after a crash, or its handles would be nobody's. */
static int remember(struct fleet *fleet, struct fleet_pi *pi)
{
	int err = fleet_save_pi(fleet, pi);

	pthread_mutex_lock(&fleet->lock);
	if (!pi->unsaved)
		err = 0;
	fleet_unlock(fleet);
	return err;
}

static void tell_mounted(struct fleet *fleet, const struct fleet_pi *pi, struct in_addr address)
{
	char label[FLEET_LABEL_MAX], text[INET_ADDRSTRLEN];

	inet_ntop(AF_INET, &address, text, sizeof(text));
	pthread_mutex_lock(&fleet->lock);
	fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: mounted by %s", fleet_label(pi, label), text);
	fleet_unlock(fleet);
}

static int mount_tree(struct fleet *fleet, struct fleet_pi *pi, const char *rest,
		      struct in_addr address, struct nfs_export **out, uint64_t *out_id)
{
	struct fleet_tree *tree = NULL;
	int err = fleet_tree_await(fleet, pi, true, &tree);

	if (err)
		return err;
	err = walk(tree, rest, out_id);
	if (!err) {
		note_mounted(fleet, pi, tree, address);
		err = remember(fleet, pi);
	}
	if (err) {
		fleet_tree_put(fleet, tree);
		return err;
	}
	tell_mounted(fleet, pi, address);
	*out = &tree->export;
	return 0;
}

static int mount(void *ctx, const char *path, const struct rpc_peer *peer, struct nfs_export **out,
		 uint64_t *out_id)
{
	struct fleet *fleet = ctx;
	char clean[FLEET_PATH_MAX], id[FLEET_ID_MAX + 1];
	struct fleet_peer who;
	struct fleet_pi *pi;
	const char *rest;
	int err = fleet_path_clean(path, clean, &rest);

	if (err)
		return err;
	find_peer(fleet, peer, &who);
	pthread_mutex_lock(&fleet->lock);
	err = fleet_id_of(fleet, clean, strcspn(clean, "/"), id) ? 0 : -ENOENT;
	if (!err)
		err = admit(fleet, id, &who, &pi);
	fleet_unlock(fleet);
	if (err)
		return err;
	err = mount_tree(fleet, pi, rest, who.address, out, out_id);
	if (err)
		log_error("pi %s: cannot be mounted: %s", id, strerror(-err));
	fleet_unpin(fleet, pi);
	return err;
}

static struct fleet_pi *find_overlay(const struct fleet *fleet, const uint8_t *uuid)
{
	for (size_t i = 0; i < fleet->pis_count; i++) {
		const struct fleet_record *record = &fleet->pis[i]->record;

		if (record->has_overlay &&
		    memcmp(record->overlay, uuid, sizeof(record->overlay)) == 0)
			return fleet->pis[i];
	}
	return NULL;
}

/* Of a Pi that runs since before the server was started, nothing else is heard. */
static void note_going_on(struct fleet *fleet, struct fleet_pi *pi, const struct fleet_tree *tree,
			  struct in_addr address)
{
	char label[FLEET_LABEL_MAX], text[INET_ADDRSTRLEN];

	pthread_mutex_lock(&fleet->lock);
	pi->record.last_seen = fleet_wall();
	pi->seen_ms = fleet_ms();
	if (pi->phase == FLEET_KNOWN) {
		pi->phase = FLEET_MOUNTED;
		pi->changes = __atomic_load_n(&tree->export.changes, __ATOMIC_RELAXED);
		pi->address = address;
		pi->dirty = true;
		inet_ntop(AF_INET, &address, text, sizeof(text));
		fleet_say(fleet, LOG_LEVEL_INFO, "pi %s: goes on, at %s", fleet_label(pi, label),
			  text);
	}
	fleet_unlock(fleet);
}

static int find(void *ctx, const uint8_t uuid[NFS_UUID_BYTES], uint64_t epoch,
		const struct rpc_peer *peer, struct nfs_export **out)
{
	struct fleet *fleet = ctx;
	struct fleet_tree *tree = NULL;
	struct fleet_peer who;
	struct fleet_pi *pi;
	const char *why = "";
	int err;

	find_peer(fleet, peer, &who);
	pthread_mutex_lock(&fleet->lock);
	pi = find_overlay(fleet, uuid);
	err = pi ? fleet_may_go_on(fleet, pi, &who, &why) : -ESTALE;
	if (!err)
		fleet_pin(pi);
	else if (pi)
		refuse(fleet, pi->record.id, &who, why, err);
	fleet_unlock(fleet);
	if (err)
		return err;
	err = fleet_tree_open(fleet, pi, false, &tree);
	if (!err &&
	    (memcmp(tree->export.uuid, uuid, NFS_UUID_BYTES) != 0 || tree->export.epoch != epoch)) {
		fleet_tree_put(fleet, tree);
		err = -ESTALE;
	}
	if (!err)
		note_going_on(fleet, pi, tree, who.address);
	fleet_unpin(fleet, pi);
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	*out = &tree->export;
	return 0;
}

static void put(void *ctx, struct nfs_export *export)
{
	/* the first member */
	fleet_tree_put(ctx, (struct fleet_tree *)(void *)export);
}

/* Whom the tree of @pi is for; NULL: not for one machine alone. */
static const char *find_whose(const struct fleet *fleet, const struct fleet_pi *pi,
			      char text[PI_MAC_TEXT])
{
	const struct in_addr address = pi->address.s_addr ? pi->address : pi->record.mounted_by;
	struct pi_mac mac = pi->record.has_mac ? pi->record.mac : pi->record.loader;

	if (fleet_rules(fleet, pi)->access != CONFIG_ACCESS_MAC)
		return NULL;
	if (address.s_addr)
		return inet_ntop(AF_INET, &address, text, PI_MAC_TEXT);
	if (pi->listed && pi->listed->has_mac)
		memcpy(mac.bytes, pi->listed->mac, sizeof(mac.bytes));
	else if (!pi->record.has_mac && !pi->record.has_loader)
		return "(nobody yet)";
	pi_mac_format(&mac, ':', text);
	return text;
}

static void each(void *ctx, const struct rpc_peer *peer,
		 void (*take)(void *to, const char *path, const char *who), void *to)
{
	struct fleet *fleet = ctx;
	char path[FLEET_ID_MAX + 2], whose[PI_MAC_TEXT];
	struct fleet_peer who;
	const char *why;

	find_peer(fleet, peer, &who);
	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < fleet->pis_count; i++) {
		const struct fleet_pi *pi = fleet->pis[i];

		if (!fleet_is_ours(pi))
			continue;
		if (fleet_may_mount(fleet, pi, &who, &why))
			continue;
		snprintf(path, sizeof(path), "/%s", pi->record.id);
		take(to, path, find_whose(fleet, pi, whose));
	}
	fleet_unlock(fleet);
}

static void unmounted(void *ctx, const char *path, const struct rpc_peer *peer)
{
	struct fleet *fleet = ctx;
	char clean[FLEET_PATH_MAX], id[FLEET_ID_MAX + 1], label[FLEET_LABEL_MAX];
	struct fleet_pi *pi = NULL;
	const char *rest;

	(void)peer;
	if (fleet_path_clean(path, clean, &rest))
		return;
	pthread_mutex_lock(&fleet->lock);
	if (fleet_id_of(fleet, clean, strcspn(clean, "/"), id))
		pi = fleet_find(fleet, id);
	if (pi)
		log_debug("pi %s: unmounted", fleet_label(pi, label));
	fleet_unlock(fleet);
}

struct nfs_site fleet_nfs_site(struct fleet *fleet)
{
	return (struct nfs_site){.mount = mount,
				 .find = find,
				 .put = put,
				 .each = each,
				 .unmounted = unmounted,
				 .ctx = fleet};
}
