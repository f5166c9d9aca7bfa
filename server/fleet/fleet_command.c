/* SPDX-License-Identifier: MIT */
/* The words of `bramble status` and `bramble pi`, which come by the control socket. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"

#define DONE 0
#define FAILED 1
#define USAGE 2

/* Takes @option out of the words. */
static bool take(const char *option, int *argc, char **argv)
{
	bool given = false;
	int kept = 0;

	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], option) == 0)
			given = true;
		else
			argv[kept++] = argv[i];
	}
	*argc = kept;
	return given;
}

int fleet_command_status(struct fleet *fleet, int argc, char **argv, FILE *out, FILE *err)
{
	bool json = take("--json", &argc, argv);

	if (argc > 1) {
		fprintf(err, "bramble: status: %s: takes no such argument\n", argv[1]);
		return USAGE;
	}
	fleet_report_status(fleet, json, out);
	return DONE;
}

/* Changing one ------------------------------------------------------------------------------- */

static int set_name(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why)
{
	char id[FLEET_ID_MAX + 1];

	*why = "not a name: 1 to 64 of a-z, 0-9, \".\", \"_\" and \"-\"";
	if (*value && !state_name_is_valid(value))
		return -EINVAL;
	*why = "is another Pi's name or serial";
	if (*value && fleet_id_of(fleet, value, strlen(value), id) &&
	    strcmp(id, pi->record.id) != 0)
		return -EEXIST;
	snprintf(pi->record.name, sizeof(pi->record.name), "%s", value);
	return 0;
}

static int set_image(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why)
{
	*why = "the configuration has no such image";
	if (*value && !config_find_image(fleet->config, value))
		return -EINVAL;
	snprintf(pi->record.image, sizeof(pi->record.image), "%s", value);
	return 0;
}

static int set_base(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why)
{
	(void)fleet;
	*why = "not the name of an overlay";
	if (*value && !state_name_is_valid(value))
		return -EINVAL;
	*why = "is the Pi's own overlay";
	if (strcmp(value, pi->record.id) == 0)
		return -EINVAL;
	snprintf(pi->record.base, sizeof(pi->record.base), "%s", value);
	return 0;
}

static int set_keep(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why)
{
	(void)fleet;
	*why = "yes or until-reboot";
	if (!*value)
		pi->record.keep = -1;
	else if (strcmp(value, "yes") == 0)
		pi->record.keep = CONFIG_KEEP_YES;
	else if (strcmp(value, "until-reboot") == 0)
		pi->record.keep = CONFIG_KEEP_UNTIL_REBOOT;
	else
		return -EINVAL;
	return 0;
}

static int set_mac(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why)
{
	const struct fleet_pi *other;
	struct pi_mac mac;

	*why = "not an Ethernet address: dc:a6:32:01:02:03";
	/* a group address is nobody's */
	if (*value && (pi_mac_parse(value, strlen(value), &mac) || (mac.bytes[0] & 1)))
		return -EINVAL;
	*why = "another Pi has this address";
	other = *value ? fleet_find_mac(fleet, &mac) : NULL;
	if (other && other != pi)
		return -EEXIST;
	pi->record.has_mac = pi->record.mac_given = *value != '\0';
	if (pi->record.has_mac)
		pi->record.mac = mac;
	/* whoever was bound before is not the machine any more */
	pi->record.has_loader = false;
	return 0;
}

static const struct {
	const char *key;
	int (*set)(struct fleet *fleet, struct fleet_pi *pi, const char *value, const char **why);
} settings[] = {
	{"name", set_name}, {"image", set_image}, {"base", set_base},
	{"keep", set_keep}, {"mac", set_mac},
};

/* With the lock held: one KEY=VALUE. */
static int set_one(struct fleet *fleet, struct fleet_pi *pi, const char *word, FILE *err)
{
	size_t len = strcspn(word, "=");
	const char *why = "name, image, base, keep or mac, and =VALUE";

	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		if (word[len] != '=' || strlen(settings[i].key) != len ||
		    memcmp(settings[i].key, word, len) != 0)
			continue;
		if (settings[i].set(fleet, pi, word + len + 1, &why) == 0)
			return DONE;
		fprintf(err, "bramble: pi: %s: %s\n", word, why);
		return FAILED;
	}
	fprintf(err, "bramble: pi: %s: %s\n", word, why);
	return USAGE;
}

static int set_all(struct fleet *fleet, struct fleet_pi *pi, int argc, char **argv, FILE *err)
{
	struct fleet_record before = pi->record;
	int status = DONE;

	if (pi->listed && argc > 0) {
		fprintf(err, "bramble: pi: %s: is in the configuration: change it there\n",
			pi->record.id);
		return FAILED;
	}
	for (int i = 0; i < argc && status == DONE; i++)
		status = set_one(fleet, pi, argv[i], err);
	if (status != DONE)
		pi->record = before;
	else
		pi->dirty = true;
	return status;
}

/* What the last KEY=VALUE of @key says; NULL: none does. */
static const char *find_value(int argc, char **argv, const char *key)
{
	const size_t len = strlen(key);
	const char *value = NULL;

	for (int i = 0; i < argc; i++) {
		if (strncmp(argv[i], key, len) == 0 && argv[i][len] == '=')
			value = argv[i] + len + 1;
	}
	return value;
}

/* What a Pi is to boot, as copied while the lock was held. */
struct wanted {
	char base[STATE_NAME_MAX + 1]; /* empty: none, or none that is new */
	char *file; /* owned; NULL: not known */
	int partition;
};

/* With the lock held. -ENOMEM. */
static int find_wanted(struct fleet *fleet, const char *word, int argc, char **argv,
		       struct wanted *out)
{
	const char *base = find_value(argc, argv, "base");
	const char *name = find_value(argc, argv, "image");
	const struct config_image *image;
	char id[FLEET_ID_MAX + 1];
	const struct fleet_pi *pi = NULL;

	if (fleet_id_of(fleet, word, strlen(word), id))
		pi = fleet_find(fleet, id);
	if ((!base && !name) || (pi && pi->listed))
		return 0;
	image = name && *name ? config_find_image(fleet->config, name) : fleet_image(fleet, pi);
	snprintf(out->base, sizeof(out->base), "%s", base ? base : fleet_base(fleet, pi));
	out->partition = image ? image->partition : -1;
	out->file = image ? strdup(image->file) : NULL;
	return image && !out->file ? -ENOMEM : 0;
}

/* Whether a base that is set, or the one below another image, can be booted above; waits for the disk. */
static int check_base(struct fleet *fleet, const char *word, int argc, char **argv, FILE *err)
{
	struct wanted wanted = {.base = ""};
	char why[FLEET_WHY_MAX];
	int failed;

	pthread_mutex_lock(&fleet->lock);
	failed = find_wanted(fleet, word, argc, argv, &wanted);
	fleet_unlock(fleet);
	if (failed)
		snprintf(why, sizeof(why), "%s", strerror(-failed));
	/* what is no name is told of with the other words */
	else if (state_name_is_valid(wanted.base))
		failed = fleet_base_check(fleet, wanted.file, wanted.partition, wanted.base, why);
	free(wanted.file);
	if (!failed)
		return DONE;
	fprintf(err, "bramble: pi: base=%s: %s\n", wanted.base, why);
	return FAILED;
}

static int save(struct fleet *fleet, int status, FILE *err)
{
	int failed = status == DONE ? fleet_save_records(fleet) : 0;

	if (!failed)
		return status;
	fprintf(err, "bramble: pi: cannot be saved: %s\n", strerror(-failed));
	return FAILED;
}

/* The id that a word means; false: said to @err. */
static bool find_id(struct fleet *fleet, const char *word, char out[FLEET_ID_MAX + 1], FILE *err)
{
	bool found = fleet_id_of(fleet, word, strlen(word), out);

	if (!found)
		fprintf(err, "bramble: pi: %s: no Pi of this name, and not a serial\n", word);
	return found;
}

static int unknown(const char *word, FILE *err)
{
	fprintf(err, "bramble: pi: %s: no such Pi: see \"bramble pi list\"\n", word);
	return FAILED;
}

static int do_list(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	(void)argc;
	(void)argv;
	(void)err;
	fleet_report_list(fleet, json, out);
	return DONE;
}

static int do_show(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	char id[FLEET_ID_MAX + 1];
	bool found;

	(void)argc;
	pthread_mutex_lock(&fleet->lock);
	found = find_id(fleet, argv[0], id, err);
	fleet_unlock(fleet);
	if (!found)
		return FAILED;
	return fleet_report_pi(fleet, id, json, out) ? unknown(argv[0], err) : DONE;
}

/* With the lock held: takes it out of the list, if nobody uses it. */
static int take_out(struct fleet *fleet, struct fleet_pi *pi)
{
	if (pi->tree || pi->pins || pi->lent)
		return -EBUSY;
	for (size_t i = 0; i < fleet->pis_count; i++) {
		if (fleet->pis[i] == pi)
			fleet->pis[i] = fleet->pis[--fleet->pis_count];
	}
	free(pi);
	return 0;
}

static int do_add(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	char id[FLEET_ID_MAX + 1];
	struct fleet_pi *pi, *seen;
	int status = FAILED;

	(void)json;
	(void)out;
	if (check_base(fleet, argv[0], argc - 1, argv + 1, err) != DONE)
		return FAILED;
	pthread_mutex_lock(&fleet->lock);
	if (find_id(fleet, argv[0], id, err)) {
		pi = seen = fleet_find(fleet, id);
		if (pi && fleet_is_ours(pi)) {
			fprintf(err, "bramble: pi: %s: is there already\n", argv[0]);
		} else {
			pi = fleet_meet(fleet, id);
			status = pi ? set_all(fleet, pi, argc - 1, argv + 1, err) : FAILED;
		}
		if (status == DONE) {
			pi->record.joined = true;
			pi->dirty = true;
		} else if (pi && !seen) {
			take_out(fleet, pi);
		}
	}
	fleet_unlock(fleet);
	return save(fleet, status, err);
}

static int do_set(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	char id[FLEET_ID_MAX + 1];
	struct fleet_pi *pi;
	int status = FAILED;

	(void)json;
	(void)out;
	if (argc < 2) {
		fprintf(err, "bramble: pi set: KEY=VALUE is missing\n");
		return USAGE;
	}
	if (check_base(fleet, argv[0], argc - 1, argv + 1, err) != DONE)
		return FAILED;
	pthread_mutex_lock(&fleet->lock);
	if (find_id(fleet, argv[0], id, err)) {
		pi = fleet_find(fleet, id);
		status = pi ? set_all(fleet, pi, argc - 1, argv + 1, err) : unknown(argv[0], err);
	}
	fleet_unlock(fleet);
	return save(fleet, status, err);
}

/* Forgets which machine it is: another board may take its place. */
static int do_forget(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	char id[FLEET_ID_MAX + 1];
	struct fleet_pi *pi;
	int status = FAILED;

	(void)argc;
	(void)json;
	(void)out;
	pthread_mutex_lock(&fleet->lock);
	if (find_id(fleet, argv[0], id, err)) {
		pi = fleet_find(fleet, id);
		status = pi ? DONE : unknown(argv[0], err);
		if (pi) {
			pi->record.has_mac = pi->record.mac_given = false;
			pi->record.has_loader = false;
			pi->record.mounted_by.s_addr = 0;
			pi->record.model = PI_MODEL_UNKNOWN;
			pi->loaded_ms = 0;
			pi->refused[0] = '\0';
			pi->dirty = true;
		}
	}
	fleet_unlock(fleet);
	return save(fleet, status, err);
}

/* -ETXTBSY with @why: it is up; not with @force. */
static int remove_pi(struct fleet *fleet, const char *id, bool force, char why[FLEET_UP_BYTES])
{
	struct fleet_pi *pi;
	int err;

	pthread_mutex_lock(&fleet->lock);
	pi = fleet_find(fleet, id);
	err = pi ? 0 : -ENOENT;
	if (!err && !force)
		err = fleet_check_pi_off(pi, why);
	if (!err)
		fleet_pin(pi);
	fleet_unlock(fleet);
	if (err)
		return err;
	err = fleet_tree_close(fleet, pi, FLEET_CLOSE_WAIT_MS);
	pthread_mutex_lock(&fleet->lock);
	pi->pins--;
	if (!err)
		err = take_out(fleet, pi);
	fleet_unlock(fleet);
	return err ? err : fleet_remove_record(fleet, id);
}

/* Not ours any more; its overlay stays, for `bramble overlay delete`. */
static int do_remove(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err)
{
	const bool force = take("--force", &argc, argv);
	char id[FLEET_ID_MAX + 1], why[FLEET_UP_BYTES] = "";
	const struct fleet_pi *pi = NULL;
	bool found, listed;
	int failed;

	if (argc != 1) {
		fprintf(err, "bramble: pi remove: which Pi?\n");
		return USAGE;
	}
	(void)json;
	(void)out;
	pthread_mutex_lock(&fleet->lock);
	found = find_id(fleet, argv[0], id, err);
	if (found)
		pi = fleet_find(fleet, id);
	listed = pi && pi->listed;
	fleet_unlock(fleet);
	if (!pi)
		return found ? unknown(argv[0], err) : FAILED;
	if (listed) {
		fprintf(err, "bramble: pi: %s: is in the configuration: remove it there\n",
			argv[0]);
		return FAILED;
	}
	failed = remove_pi(fleet, id, force, why);
	if (failed == -ETXTBSY)
		fprintf(err, "bramble: pi: %s: switch it off first, or say --force\n", why);
	else if (failed)
		fprintf(err, "bramble: pi: %s: %s\n", argv[0],
			failed == -EBUSY ? "is in use: switch it off first" : strerror(-failed));
	return failed ? FAILED : DONE;
}

static const struct {
	const char *name;
	int least, most; /* words after it */
	int (*run)(struct fleet *fleet, int argc, char **argv, bool json, FILE *out, FILE *err);
} commands[] = {
	{"list", 0, 0, do_list}, {"show", 1, 1, do_show},     {"add", 1, 64, do_add},
	{"set", 1, 64, do_set},	 {"remove", 1, 2, do_remove}, {"forget", 1, 1, do_forget},
};

int fleet_command_pi(struct fleet *fleet, int argc, char **argv, FILE *out, FILE *err)
{
	bool json = take("--json", &argc, argv);

	for (size_t i = 0; argc >= 2 && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (argc - 2 < commands[i].least || argc - 2 > commands[i].most) {
			fprintf(err, "bramble: pi %s: %s\n", argv[1],
				argc - 2 < commands[i].least ? "which Pi?" : "too many words");
			return USAGE;
		}
		return commands[i].run(fleet, argc - 2, argv + 2, json, out, err);
	}
	fprintf(err, "bramble: pi: list, show, add, set, remove or forget\n");
	return USAGE;
}
