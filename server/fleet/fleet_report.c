/* SPDX-License-Identifier: MIT */
/*
 * What `bramble status` and `bramble pi` print. Facts are copied while the lock is held; then overlays are
 * measured and everything is printed without it.
 */
#include "fleet/fleet_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/json.h"

struct facts {
	struct fleet_record record;
	char name[STATE_NAME_MAX + 1];
	char image[STATE_NAME_MAX + 1];
	char file[FLEET_PATH_MAX]; /* that it loads */
	char base[STATE_NAME_MAX + 1];
	char refused[96];
	enum fleet_phase phase;
	enum config_keep keep;
	bool listed;
	struct in_addr address;
	uint64_t sent; /* bytes, by TFTP */
	bool has_overlay;
	uint64_t overlay; /* bytes on the host */
};

static const char *const phases[] = {
	[FLEET_KNOWN] = "known",     [FLEET_SEEN] = "seen",	  [FLEET_OFFERED] = "offered",
	[FLEET_LOADING] = "loading", [FLEET_MOUNTED] = "mounted", [FLEET_UP] = "up",
};

static void gather(const struct fleet *fleet, const struct fleet_pi *pi, struct facts *out)
{
	const struct config_image *image = fleet_image(fleet, pi);

	*out = (struct facts){
		.record = pi->record,
		.phase = pi->phase,
		.keep = fleet_keep(fleet, pi),
		.listed = pi->listed != NULL,
		.address = pi->address,
		.sent = pi->bytes,
	};
	snprintf(out->name, sizeof(out->name), "%s", fleet_name(pi));
	snprintf(out->image, sizeof(out->image), "%s", image ? image->name : "");
	snprintf(out->base, sizeof(out->base), "%s", fleet_base(fleet, pi));
	snprintf(out->refused, sizeof(out->refused), "%s", pi->refused);
	if (pi->phase == FLEET_LOADING)
		snprintf(out->file, sizeof(out->file), "%s", pi->file);
	if (pi->listed && pi->listed->has_mac) {
		out->record.has_mac = true;
		memcpy(out->record.mac.bytes, pi->listed->mac, sizeof(out->record.mac.bytes));
	}
}

static void measure(struct fleet *fleet, struct facts *facts)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;

	struct provision_report steps;

	if (state_overlay_open(fleet->state, facts->record.id, STATE_LOOK, &overlay) != 0)
		return;
	facts->has_overlay = state_overlay_size(overlay, &facts->overlay) == 0;
	fleet_steps_find(&overlay->info, &facts->record, &steps);
	facts->record.steps = steps;
}

static int by_id(const void *a, const void *b)
{
	return strcmp(((const struct facts *)a)->record.id, ((const struct facts *)b)->record.id);
}

/* All Pis, sorted; to be freed. NULL: no memory. */
static struct facts *gather_all(struct fleet *fleet, size_t *out_count)
{
	struct facts *all;

	pthread_mutex_lock(&fleet->lock);
	all = calloc(fleet->pis_count + 1, sizeof(*all));
	for (size_t i = 0; all && i < fleet->pis_count; i++)
		gather(fleet, fleet->pis[i], &all[i]);
	*out_count = fleet->pis_count;
	fleet_unlock(fleet);
	if (!all)
		return NULL;
	qsort(all, *out_count, sizeof(*all), by_id);
	for (size_t i = 0; i < *out_count; i++)
		measure(fleet, &all[i]);
	return all;
}

/* Text --------------------------------------------------------------------------------------- */

static const char *address_text(struct in_addr address, char out[INET_ADDRSTRLEN])
{
	if (!address.s_addr)
		return "-";
	inet_ntop(AF_INET, &address, out, INET_ADDRSTRLEN);
	return out;
}

static const char *ago_text(int64_t when, char out[32])
{
	int64_t seconds = fleet_wall() - when;

	if (!when)
		return "never";
	if (seconds < 0)
		seconds = 0;
	if (seconds < 120)
		snprintf(out, 32, "%" PRId64 " s ago", seconds);
	else if (seconds < 2 * 3600)
		snprintf(out, 32, "%" PRId64 " min ago", seconds / 60);
	else if (seconds < 2 * 86400)
		snprintf(out, 32, "%" PRId64 " h ago", seconds / 3600);
	else
		snprintf(out, 32, "%" PRId64 " days ago", seconds / 86400);
	return out;
}

static const char *size_text(const struct facts *facts, char out[32])
{
	static const char units[] = "KMGTP";
	double value = (double)facts->overlay / 1024;
	size_t unit = 0;

	if (!facts->has_overlay)
		return "-";
	for (; value >= 1024 && unit + 2 < sizeof(units); unit++)
		value /= 1024;
	snprintf(out, 32, "%.1f %ciB", value, units[unit]);
	return out;
}

static const char *state_text(const struct facts *facts, char out[FLEET_PATH_MAX + 16])
{
	snprintf(out, FLEET_PATH_MAX + 16, "%s%s%s", phases[facts->phase], *facts->file ? " " : "",
		 facts->file);
	return out;
}

static void print_table(const struct facts *all, size_t count, FILE *out)
{
	fprintf(out, "%-17s %-16s %-8s %-28s %-12s %-15s %s\n", "SERIAL", "NAME", "MODEL", "STATE",
		"LAST SEEN", "ADDRESS", "OVERLAY");
	for (size_t i = 0; i < count; i++) {
		const struct facts *facts = &all[i];
		char state[FLEET_PATH_MAX + 16], ago[32], size[32], address[INET_ADDRSTRLEN];

		fprintf(out, "%-17s %-16s %-8s %-28s %-12s %-15s %s\n", facts->record.id,
			*facts->name ? facts->name : "-", pi_model_name(facts->record.model),
			state_text(facts, state), ago_text(facts->record.last_seen, ago),
			address_text(facts->address, address), size_text(facts, size));
	}
}

/* JSON --------------------------------------------------------------------------------------- */

static void json_mac(struct json *json, const char *key, bool has, const struct pi_mac *mac)
{
	char text[PI_MAC_TEXT] = "";

	if (has)
		pi_mac_format(mac, ':', text);
	json_string_or_null(json, key, text);
}

static void json_facts(struct json *json, const struct facts *facts)
{
	const struct fleet_record *record = &facts->record;
	char address[INET_ADDRSTRLEN] = "";

	if (facts->address.s_addr)
		inet_ntop(AF_INET, &facts->address, address, sizeof(address));
	json_string(json, "serial", record->id);
	json_string_or_null(json, "name", facts->name);
	json_string(json, "model", pi_model_name(record->model));
	json_string(json, "state", phases[facts->phase]);
	json_string_or_null(json, "loading", facts->file);
	json_string_or_null(json, "address", address);
	json_mac(json, "mac", record->has_mac, &record->mac);
	json_mac(json, "loader", record->has_loader, &record->loader);
	json_string_or_null(json, "image", facts->image);
	json_string_or_null(json, "base", facts->base);
	json_string(json, "keep", facts->keep == CONFIG_KEEP_YES ? "yes" : "until-reboot");
	json_bool(json, "joined", record->joined || facts->listed);
	json_bool(json, "listed", facts->listed);
	json_u64(json, "first_seen", (uint64_t)record->first_seen);
	json_u64(json, "last_seen", (uint64_t)record->last_seen);
	json_u64(json, "mounted", (uint64_t)record->mounted);
	json_u64(json, "tftp_bytes", facts->sent);
	json_bool(json, "has_overlay", facts->has_overlay);
	json_u64(json, "overlay_bytes", facts->overlay);
	json_string_or_null(json, "refused", facts->refused);
}

static void json_all(struct json *json, const struct facts *all, size_t count)
{
	json_array(json, "pis");
	for (size_t i = 0; i < count; i++) {
		json_object(json, NULL);
		json_facts(json, &all[i]);
		json_end(json);
	}
	json_end(json);
}

static void json_strangers(struct json *json, const struct fleet_stranger *strangers, size_t count)
{
	json_array(json, "refused");
	for (size_t i = 0; i < count; i++) {
		char address[INET_ADDRSTRLEN];

		inet_ntop(AF_INET, &strangers[i].address, address, sizeof(address));
		json_object(json, NULL);
		json_string(json, "serial", strangers[i].id);
		json_string(json, "address", address);
		json_u64(json, "seen", (uint64_t)strangers[i].seen);
		json_string(json, "why", strangers[i].why);
		json_end(json);
	}
	json_end(json);
}

/* Commands ----------------------------------------------------------------------------------- */

static size_t copy_strangers(struct fleet *fleet, struct fleet_stranger out[FLEET_STRANGERS])
{
	size_t count = 0;

	pthread_mutex_lock(&fleet->lock);
	for (size_t i = 0; i < FLEET_STRANGERS; i++) {
		if (fleet->strangers[i].seen)
			out[count++] = fleet->strangers[i];
	}
	fleet_unlock(fleet);
	return count;
}

static bool is_among(const struct fleet_stranger *strangers, size_t count, const char *id)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(strangers[i].id, id) == 0)
			return true;
	}
	return false;
}

void fleet_report_status(struct fleet *fleet, bool json, FILE *out)
{
	struct fleet_stranger strangers[FLEET_STRANGERS];
	size_t refused = copy_strangers(fleet, strangers);
	size_t count;
	CLEANUP(freep) struct facts *all = gather_all(fleet, &count);
	struct json writer = {.out = out};

	if (!all)
		return;
	if (json) {
		json_object(&writer, NULL);
		json_all(&writer, all, count);
		json_strangers(&writer, strangers, refused);
		json_end(&writer);
		return;
	}
	print_table(all, count, out);
	for (size_t i = 0; i < count; i++) {
		if (*all[i].refused && !is_among(strangers, refused, all[i].record.id))
			fprintf(out, "%s: %s\n", all[i].record.id, all[i].refused);
	}
	for (size_t i = 0; i < refused; i++) {
		char address[INET_ADDRSTRLEN], ago[32];

		fprintf(out, "refused: %s from %s, %s: %s\n", strangers[i].id,
			address_text(strangers[i].address, address),
			ago_text(strangers[i].seen, ago), strangers[i].why);
	}
}

void fleet_report_list(struct fleet *fleet, bool json, FILE *out)
{
	size_t count;
	CLEANUP(freep) struct facts *all = gather_all(fleet, &count);
	struct json writer = {.out = out};

	if (!all)
		return;
	if (!json) {
		print_table(all, count, out);
		return;
	}
	json_object(&writer, NULL);
	json_all(&writer, all, count);
	json_end(&writer);
}

struct capabilities {
	struct json *json; /* NULL: text to @out */
	FILE *out;
};

static int take_capability(void *ctx, const char *path)
{
	struct capabilities *to = ctx;

	if (to->json)
		json_string(to->json, NULL, path);
	else
		fprintf(to->out, "  %s\n", path);
	return 0;
}

/* Of the tree that it sees: its own, else the one that it would get. */
static void print_capabilities(struct fleet *fleet, const char *id, struct capabilities *to)
{
	const struct config_image *image;
	struct fleet_config *config;
	struct fleet_tree *tree = NULL;
	char base[STATE_NAME_MAX + 1];
	struct fleet_pi *pi;
	int err = -ENOENT;

	pthread_mutex_lock(&fleet->lock);
	pi = fleet_find(fleet, id);
	if (pi)
		fleet_pin(pi);
	config = fleet_config_borrow(fleet);
	image = fleet_image(fleet, pi);
	snprintf(base, sizeof(base), "%s", fleet_base(fleet, pi));
	fleet_unlock(fleet);
	if (pi)
		err = fleet_tree_open(fleet, pi, false, &tree);
	if (err == -ENOENT && image)
		err = fleet_tree_share(fleet, image, base, &tree);
	if (!err) {
		provision_capabilities(tree->export.tree, take_capability, to);
		fleet_tree_put(fleet, tree);
	}
	pthread_mutex_lock(&fleet->lock);
	fleet_config_return(config);
	fleet_unlock(fleet);
	fleet_unpin(fleet, pi);
}

static void print_pi(struct fleet *fleet, const struct facts *facts, FILE *out)
{
	const struct fleet_record *record = &facts->record;
	char state[FLEET_PATH_MAX + 16], ago[32], size[32], address[INET_ADDRSTRLEN];
	char mac[PI_MAC_TEXT] = "-", loader[PI_MAC_TEXT] = "-";
	struct capabilities to = {.out = out};

	if (record->has_mac)
		pi_mac_format(&record->mac, ':', mac);
	if (record->has_loader)
		pi_mac_format(&record->loader, ':', loader);
	fprintf(out, "serial:     %s\n", record->id);
	fprintf(out, "name:       %s\n", *facts->name ? facts->name : "-");
	fprintf(out, "model:      %s\n", pi_model_name(record->model));
	fprintf(out, "state:      %s\n", state_text(facts, state));
	fprintf(out, "address:    %s\n", address_text(facts->address, address));
	fprintf(out, "mac:        %s\n", mac);
	fprintf(out, "loaded by:  %s\n", loader);
	fprintf(out, "image:      %s\n", *facts->image ? facts->image : "-");
	if (*facts->base)
		fprintf(out, "base:       %s\n", facts->base);
	fprintf(out, "keep:       %s\n", facts->keep == CONFIG_KEEP_YES ? "yes" : "until-reboot");
	fprintf(out, "listed:     %s\n", facts->listed ? "in the configuration" : "no");
	fprintf(out, "last seen:  %s\n", ago_text(record->last_seen, ago));
	fprintf(out, "mounted:    %s\n", ago_text(record->mounted, ago));
	fprintf(out, "overlay:    %s\n", size_text(facts, size));
	if (*facts->refused)
		fprintf(out, "refused:    %s\n", facts->refused);
	fprintf(out, "steps:\n");
	for (size_t i = 0; i < record->steps.count; i++)
		fprintf(out, "  %-16s %s\n", record->steps.entries[i].step,
			provision_result_name(record->steps.entries[i].result));
	fprintf(out, "programs whose capabilities NFS does not carry:\n");
	print_capabilities(fleet, record->id, &to);
}

static void json_pi(struct fleet *fleet, const struct facts *facts, FILE *out)
{
	const struct provision_report *steps = &facts->record.steps;
	struct json json = {.out = out};
	struct capabilities to = {.json = &json};

	json_object(&json, NULL);
	json_facts(&json, facts);
	json_array(&json, "steps");
	for (size_t i = 0; i < steps->count; i++) {
		json_object(&json, NULL);
		json_string(&json, "step", steps->entries[i].step);
		json_u64(&json, "version", steps->entries[i].version);
		json_string(&json, "result", provision_result_name(steps->entries[i].result));
		json_end(&json);
	}
	json_end(&json);
	json_array(&json, "lost_capabilities");
	print_capabilities(fleet, facts->record.id, &to);
	json_end(&json);
	json_end(&json);
}

int fleet_report_pi(struct fleet *fleet, const char *id, bool json, FILE *out)
{
	CLEANUP(freep) struct facts *facts = calloc(1, sizeof(*facts));
	const struct fleet_pi *pi;

	if (!facts)
		return -ENOMEM;
	pthread_mutex_lock(&fleet->lock);
	pi = fleet_find(fleet, id);
	if (pi)
		gather(fleet, pi, facts);
	fleet_unlock(fleet);
	if (!pi)
		return -ENOENT;
	measure(fleet, facts);
	if (json)
		json_pi(fleet, facts, out);
	else
		print_pi(fleet, facts, out);
	return 0;
}
