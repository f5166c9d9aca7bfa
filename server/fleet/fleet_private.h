/* SPDX-License-Identifier: MIT */
/* Private to the fleet room: what its files need of each other. */
#ifndef BRAMBLE_FLEET_PRIVATE_H
#define BRAMBLE_FLEET_PRIVATE_H

#include <pthread.h>
#include <time.h>

#include "base/log.h"
#include "fleet/fleet.h"
#include "pi/pi.h"
#include "provision/provision.h"
#include "stack/stack.h"
#include "state/state.h"
#include "store/store.h"

/* A Pi's name in the state directory and in paths: its serial, or its MAC with hyphens. */
#define FLEET_ID_MAX STATE_NAME_MAX

/* Bytes of the longest path that TFTP may ask for. */
#define FLEET_PATH_MAX 512u

/* How long it is not looked again for an overlay that was not there, or could not be opened. */
#define FLEET_ABSENT_MS 2000u
#define FLEET_FAILED_MS 5000u

/* How long an address that has loaded a Pi's files may mount its tree where no MAC can be seen. */
#define FLEET_LOADED_MS (10u * 60 * 1000)

/* fleet_record.c: what is remembered of a Pi, as an INI file. -------------------------------- */

struct fleet_record {
	char id[FLEET_ID_MAX + 1];
	char name[STATE_NAME_MAX + 1]; /* given by `bramble pi set`; or empty */
	char image[STATE_NAME_MAX + 1]; /* likewise: an [image] section; or empty */
	char base[STATE_NAME_MAX + 1]; /* likewise: a frozen overlay; or empty */
	int keep; /* likewise: enum config_keep; -1: not said */
	bool has_mac; /* what DHCP said first with this serial, or `bramble pi set` */
	struct pi_mac mac;
	bool mac_given; /* @mac is the word of `bramble pi set`: no other machine is it */
	bool has_loader; /* which machine loaded its files first */
	struct pi_mac loader;
	enum pi_model model;
	bool joined; /* it is one of ours: it has mounted its tree, or was added */
	bool renew; /* its kernel was loaded: keep = until-reboot starts anew at the next mount */
	int64_t first_seen, last_seen, mounted; /* seconds since 1970, 0: never */
	struct in_addr mounted_by; /* 0.0.0.0: by nobody */
	bool has_overlay; /* @overlay is known */
	uint8_t overlay
		[STATE_ID_BYTES]; /* the uuid of its overlay, which @steps are about; of handles */
	struct provision_report steps; /* that the overlay itself has no notes of */
};

/* @file names it in messages. -EUCLEAN (logged). */
int fleet_record_parse(const char *file, const char *text, size_t len, struct fleet_record *out);

/* The text, to be freed. */
int fleet_record_format(const struct fleet_record *record, char **out);

/* The Pis ------------------------------------------------------------------------------------ */

enum fleet_phase {
	FLEET_KNOWN, /* from before */
	FLEET_SEEN,
	FLEET_OFFERED,
	FLEET_LOADING,
	FLEET_MOUNTED,
	FLEET_UP, /* it has changed something in its tree */
};

struct fleet_tree;
struct ifaddrs;

struct fleet_pi {
	struct fleet_record record;
	bool dirty; /* the record is to be saved */
	bool unsaved; /* not with its present overlay, whose handles it would be lost without */
	bool unsavable; /* the last try has failed */
	bool filed; /* the record is in STATE/pis, at least an older one */
	unsigned int pins; /* who uses it without the lock: it is not freed */
	const struct config_pi *listed; /* borrowed from the configuration; NULL */
	enum fleet_phase phase;
	struct in_addr address; /* that it was seen at last; 0.0.0.0: never */
	struct in_addr loader; /* that its files were loaded by last */
	uint64_t loaded_ms; /* when, fleet_ms; 0: never */
	uint64_t seen_ms;
	uint64_t logged_ms; /* when an offer was logged last */
	uint64_t changes; /* of its export, when the tick looked last */
	int full; /* -ENOSPC or -EDQUOT, which is to be told; 0: none */
	uint64_t full_ms; /* when that was noted last; 0: never */
	uint64_t
		ending; /* which transfer of its kernel has sent all, and waits for the last word; 0: none */
	char file[FLEET_PATH_MAX]; /* that it loads now, or loaded last */
	uint64_t bytes; /* that TFTP has sent to it */
	struct fleet_tree *tree; /* its own, open or being opened; NULL */
	unsigned int lent; /* to how many: it is not to be opened meanwhile */
	unsigned int waiting; /* calls that wait for it to be opened again */
	unsigned int awaiting; /* MNTs and requests of TFTP that do so for longer */
	uint64_t dropped_ms; /* when its tree was closed while it had it in use; 0: not so */
	uint64_t absent_ms; /* when it was found that it has none; 0: not known */
	int failed; /* why it could not be opened; 0: it could */
	uint64_t failed_ms; /* when */
	char refused[96]; /* why it was refused last; or empty */
};

/* A tree that is open: a Pi's own, or one that is shared by those that have none. */
struct fleet_tree {
	struct nfs_export export; /* first; of a Pi's own alone */
	struct fleet_pi *pi; /* borrowed; NULL: it is shared */
	bool ready; /* it was opened, and may be used */
	bool provisioned; /* it is made ready to be mounted; of a Pi's own */
	char name[STATE_NAME_MAX + 1]; /* the Pi's when it was opened; likewise */
	bool closing; /* no further users */
	unsigned int users;
	uint64_t idle_ms; /* since when nobody uses it */
	struct loop_work forgetting; /* on its way to the loop, while @forgets */
	bool forgets;
	struct fleet *fleet; /* borrowed, while @forgets */
	struct stack *stack;
	char boot[256]; /* the directory that the firmware sees, from the root */
	/* Of a shared one: what it shows. */
	char *file;
	int partition;
	char base[STATE_NAME_MAX + 1];
	enum stack_image_state image; /* what became of the file */
	uint64_t looked_ms; /* when it was looked at */
};

/* An overlay that is lent. */
struct fleet_loan {
	struct fleet_loan *next;
	const void *borrower; /* borrowed, to know it again */
	struct fleet_pi *pi; /* not freed while it is lent */
};

/* One that is refused, for `bramble status`. */
struct fleet_stranger {
	char id[FLEET_ID_MAX + 1];
	struct in_addr address;
	int64_t seen; /* seconds since 1970 */
	char why[96];
};
#define FLEET_STRANGERS 32u

/* What may be done so often at once, and then once more in each interval. */
struct fleet_bucket {
	uint64_t ms; /* up to when it was counted */
	unsigned int used;
};

/* Whether it may be done now, which is counted. */
bool fleet_bucket_take(struct fleet_bucket *bucket, unsigned int max, unsigned int interval_ms);

struct fleet {
	struct loop *loop; /* borrowed */
	pthread_mutex_t interfaces_lock; /* of those below; no other is taken meanwhile */
	struct ifaddrs *interfaces; /* owned; NULL: not looked up */
	uint64_t interfaces_ms; /* when they were, fleet_ms */
	int arp; /* a socket to ask for neighbours with; -1: none */
	pthread_mutex_t saving; /* of records, to the disk; before @lock */
	pthread_mutex_t lock; /* everything below; never held while one waits for a disk */
	pthread_cond_t changed; /* a tree became ready, or unused, or is gone */
	struct fleet_line *lines; /* owned: of the log; see fleet_say */
	const struct config *config; /* borrowed: the present one */
	struct fleet_config *configs; /* owned; likewise the first */
	struct state *state;
	int pis_folder; /* STATE/pis, open */
	struct store_writer *writer;
	struct stack_pool *pool;
	struct fleet_ports ports;
	struct fleet_pi **pis;
	size_t pis_count;
	struct fleet_loan *loans;
	struct fleet_tree **shared;
	size_t shared_count;
	struct fleet_stranger strangers[FLEET_STRANGERS];
	size_t strangers_next;
	struct fleet_bucket joins; /* see fleet_may_join */
	struct fleet_bucket refusals; /* that were logged */
	struct fleet_bucket guests; /* lines of the log about guests */
	char (*forgotten)[FLEET_ID_MAX + 1]; /* guests whose files are to be removed */
	size_t forgotten_count;
	uint64_t endings; /* numbers that were given */
	struct fleet_hooks hooks;
	uint64_t looked_ms; /* when the images were looked at last; the loop's thread alone */
	unsigned int working; /* items of work with the loop's workers; the loop's thread alone */
};

/* CLOCK_MONOTONIC in milliseconds, never 0; and seconds since 1970. */
uint64_t fleet_ms(void);
int64_t fleet_wall(void);

/*
 * fleet_log.c. Logs a line once the lock, which is held, is not held any more: fleet_unlock is how it is
 * released.
 */
__attribute__((format(printf, 3, 4))) void fleet_say(struct fleet *fleet, enum log_level level,
						     const char *format, ...);
void fleet_unlock(struct fleet *fleet);

/*
 * fleet_config.c, with the lock held. What rules and images a configuration has may be used without it while
 * that is borrowed. fleet_config_set makes @config the present one (-ENOMEM), and _unset the one before
 * again. Without the lock, at the end: fleet_config_end.
 */
struct fleet_config;
int fleet_config_set(struct fleet *fleet, const struct config *config);
void fleet_config_unset(struct fleet *fleet);
struct fleet_config *fleet_config_borrow(struct fleet *fleet);
void fleet_config_return(struct fleet_config *config);
void fleet_config_end(struct fleet *fleet);

/* fleet_pi.c: finding and keeping them. All with the lock held, unless it is said otherwise. -- */

/*
 * The id that the @len bytes of @text mean: a serial, a MAC in the form of TFTP_PREFIX=2, or the name or
 * prefix of a Pi that there is. False: none.
 */
bool fleet_id_of(const struct fleet *fleet, const char *text, size_t len,
		 char out[FLEET_ID_MAX + 1]);

struct fleet_pi *fleet_find(const struct fleet *fleet, const char *id);
struct fleet_pi *fleet_find_mac(const struct fleet *fleet, const struct pi_mac *mac);
/* By the address that has loaded its files, or that it was seen at last. */
struct fleet_pi *fleet_find_address(const struct fleet *fleet, struct in_addr address);

/* Finds or makes it; NULL: no memory, or too many that are not ours. */
struct fleet_pi *fleet_meet(struct fleet *fleet, const char *id);

int fleet_add(struct fleet *fleet, struct fleet_pi *pi);

/* Whether a line about @pi is for the log; one about a guest only if there were not too many. */
bool fleet_may_log(struct fleet *fleet, const struct fleet_pi *pi);

/* Forgets those that were not seen for a day. */
void fleet_forget_old_guests(struct fleet *fleet);

/* Forgets a guest, if there are too many, or one machine is too many of them. */
bool fleet_forget_a_guest(struct fleet *fleet);

/* Keeps it from being freed while the lock is not held. fleet_unpin takes the lock, and accepts NULL. */
void fleet_pin(struct fleet_pi *pi);
void fleet_unpin(struct fleet *fleet, struct fleet_pi *pi);

/* For logs: "036cb716 (kitchen)". */
#define FLEET_LABEL_MAX 144u
const char *fleet_label(const struct fleet_pi *pi, char out[FLEET_LABEL_MAX]);
const char *fleet_name(const struct fleet_pi *pi);

/* Whether it is listed, or has joined; or it is a guest, who was seen and no more. */
bool fleet_is_ours(const struct fleet_pi *pi);

/* Ties the Pi to its section of the configuration. */
void fleet_list(struct fleet *fleet, struct fleet_pi *pi);

const struct config_rules *fleet_rules(const struct fleet *fleet, const struct fleet_pi *pi);
enum config_keep fleet_keep(const struct fleet *fleet, const struct fleet_pi *pi);
/* NULL: the configuration has no such image. */
const struct config_image *fleet_image(const struct fleet *fleet, const struct fleet_pi *pi);
/* Empty: none. */
const char *fleet_base(const struct fleet *fleet, const struct fleet_pi *pi);

void fleet_refuse(struct fleet *fleet, const char *id, struct in_addr address, const char *why);

/* Whoever was refused has mounted since. */
void fleet_forgive(struct fleet *fleet, struct fleet_pi *pi, struct in_addr address);

/*
 * fleet_save.c. Without the lock: reads STATE/pis; writes the records that are dirty, which those stay that cannot be
 * written (logged); that of one, which is pinned; removes one.
 */
int fleet_load_records(struct fleet *fleet);
int fleet_save_records(struct fleet *fleet);
int fleet_save_pi(struct fleet *fleet, struct fleet_pi *pi);
int fleet_remove_record(struct fleet *fleet, const char *id);

/* fleet_access.c ----------------------------------------------------------------------------- */

/* Who asks, as far as the network tells. */
struct fleet_peer {
	struct in_addr address;
	bool reserved_port; /* below 1024 */
	bool local; /* this host itself */
	bool trusted; /* likewise: root, or the user who runs the server */
	bool in_network; /* of one of this host's interfaces */
	bool near; /* likewise, by one whose neighbours have MACs: without one it merely was not asked yet */
	bool has_mac; /* the kernel knows it as a neighbour */
	struct pi_mac mac;
};

/*
 * Without the lock. A neighbour whose MAC is not known is asked for it, so that it is when the peer comes again.
 */
struct fleet_ends {
	struct sockaddr_in peer;
	struct sockaddr_in own; /* of this server */
	bool tcp; /* or UDP */
};
void fleet_peer_find(struct fleet *fleet, const struct fleet_ends *ends, struct fleet_peer *out);
/*
 * fleet_user.c: which user of this host has the socket at ends->peer. -ENOENT: none has, or that cannot be told. Others:
 * the kernel does not tell.
 */
int fleet_user_find(const struct fleet_ends *ends, uid_t *out);

int fleet_peer_start(struct fleet *fleet);
void fleet_peer_end(struct fleet *fleet);

/*
 * Whether the rules of @pi (NULL: of all) go by the MAC of @peer, which is not known yet but will be: nothing is
 * granted or remembered until it comes again.
 */
bool fleet_is_hidden(const struct fleet *fleet, const struct fleet_pi *pi,
		     const struct fleet_peer *peer);

/*
 * Whether @peer may mount the tree of @pi (NULL: one that was never seen, under the rules of all): 0,
 * or -EACCES with *@why; -EHOSTUNREACH: see fleet_is_hidden.
 */
int fleet_may_mount(struct fleet *fleet, const struct fleet_pi *pi, const struct fleet_peer *peer,
		    const char **why);

/*
 * Whether @peer may go on with the tree of @pi, which it has a handle of: whoever may mount it, and the
 * address that has, where no MAC can be seen. As above.
 */
int fleet_may_go_on(struct fleet *fleet, const struct fleet_pi *pi, const struct fleet_peer *peer,
		    const char **why);

/*
 * Whether @peer may load the files of @pi: the first machine that does is bound to it, and others may
 * not. As above.
 */
int fleet_may_load(struct fleet *fleet, struct fleet_pi *pi, const struct fleet_peer *peer,
		   const char **why);

/* Whether one more unknown Pi, that @peer comes as, may become ours now. False, with *@why. */
bool fleet_may_join(struct fleet *fleet, const struct fleet_peer *peer, const char **why);

/* The machine that a Pi joins by is bound to it, if none is that loaded its files, which not all rules ask for. */
void fleet_bind_joined(struct fleet_pi *pi, const struct fleet_peer *peer);

/* Whether @mac is an address of Raspberry Pi. */
bool fleet_has_oui(const struct config *config, const struct pi_mac *mac);

/*
 * With the lock held. Before anything was mounted, who was first may have been anybody that had a look: another
 * machine gets @pi, alone, if more speaks for it. @said: it says the serial itself, by DHCP.
 */
bool fleet_take_over(struct fleet *fleet, struct fleet_pi *pi, const struct pi_mac *mac, bool said);

/* Whether @pi is bound to machines of which @mac is none. */
bool fleet_is_other(const struct fleet_pi *pi, const struct pi_mac *mac);

/* fleet_tree.c: opening and closing. Without the lock. ---------------------------------------- */

/*
 * One more user of the Pi's own tree. @make: make and provision it if there is none, and replace one
 * that is to be renewed. -ENOENT: there is none. -EAGAIN: waiting is forbidden, or it is lent.
 */
int fleet_tree_open(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out);

/*
 * fleet_lend.c: the same for those who have no word for "come again": waits for a tree that is lent, but not so
 * many do that no worker is left for the other Pis. -EAGAIN: it still is.
 */
int fleet_tree_await(struct fleet *fleet, struct fleet_pi *pi, bool make, struct fleet_tree **out);

void fleet_tree_put(struct fleet *fleet, struct fleet_tree *tree);

/* How long a Pi's overlay that is wanted for something else waits for calls that are under way. */
#define FLEET_CLOSE_WAIT_MS 5000u

/* Closes the Pi's own tree when its users are gone; waits @wait_ms for them. -EBUSY. */
int fleet_tree_close(struct fleet *fleet, struct fleet_pi *pi, unsigned int wait_ms);

/* Notes the directory that the firmware sees. */
void fleet_tree_find_boot(struct fleet_tree *tree);
void fleet_tree_free(struct fleet_tree *tree);

/* With the lock held: whether nobody has used it for so long that it is to be closed. NULL is not. */
bool fleet_tree_is_idle(const struct fleet_tree *tree);

/* Work for the loop's workers: closes what is idle, saves records. From the tick. */
void fleet_tidy(struct fleet *fleet);

/* fleet_lend.c, with the lock held: as fleet_check_off. */
int fleet_check_pi_off(const struct fleet_pi *pi, char why[FLEET_UP_BYTES]);

/* fleet_base.c. Without the lock, waits. ------------------------------------------------------ */

/* Bytes of a reason: names, and a path. */
#define FLEET_WHY_MAX 1024u

/*
 * Whether overlays of Pis can be made on the overlay @base, above the image @file (NULL: the one that it was made on);
 * freezes it if it is not frozen. An error with @why.
 */
int fleet_base_check(struct fleet *fleet, const char *file, int partition, const char *base,
		     char why[FLEET_WHY_MAX]);

/* fleet_full.c: Pis whose writes fail for lack of room. ------------------------------------------ */

/* With the lock held, on the loop: whether there is something to tell of @pi. */
bool fleet_full_note(struct fleet_pi *pi);

/* Without the lock, in a worker: warns of each. */
void fleet_full_tell(struct fleet *fleet);

/* fleet_shared.c. Without the lock. ------------------------------------------------------------ */

/* One more user of the tree that Pis without one of their own see. Ended by fleet_tree_put. */
int fleet_tree_share(struct fleet *fleet, const struct config_image *image, const char *base,
		     struct fleet_tree **out);

/* In a worker: what became of the images' files; an image that is another one is opened anew. */
void fleet_shared_look(struct fleet *fleet);

/* At the end. */
void fleet_shared_close(struct fleet *fleet);

/* fleet_provision.c: without the lock, in a worker. ------------------------------------------- */

/*
 * What was done to the overlay: true, by its own notes; false, by what @record remembers of it, which is how
 * it was before overlays had notes. With the lock or without.
 */
bool fleet_steps_find(const struct state_info *info, const struct fleet_record *record,
		      struct provision_report *out);

/* Whether fleet_provision would do nothing. With the lock or without. */
bool fleet_is_provisioned(const char *name, const struct config_rules *rules, struct stack *stack,
			  const struct fleet_record *record);

/*
 * Runs the steps that the overlay has not seen, and notes them with it. @name: of the Pi, or empty. @record
 * learns which overlay it is.
 */
int fleet_provision(const char *name, const struct config_rules *rules, struct stack *stack,
		    struct fleet_record *record);

/* fleet_boot.c ------------------------------------------------------------------------------- */

/* A file that TFTP hands out, or is about to. */
struct fleet_file {
	struct fleet_tree *tree;
	char id[FLEET_ID_MAX + 1]; /* the Pi's; or empty: unknown */
	char path[FLEET_PATH_MAX]; /* within the boot tree */
	bool kernel;
	uint64_t ending; /* its number in fleet_pi, once all of it was sent; 0: not yet */
	uint64_t node;
	uint64_t size; /* bytes */
	char *text; /* owned: a rewritten command line; NULL */
};

/*
 * What @path, from the boot directory of file->tree on, is. @netboot: for command lines; NULL: it is not
 * known whose. @shared: an EEPROM's file is left out unless it differs from that tree's. -ENOENT,
 * -EISDIR, -EACCES, -E2BIG (logged).
 */
int fleet_file_find(struct fleet_file *file, const struct pi_netboot *netboot,
		    struct fleet_tree *shared, bool eeprom);

/*
 * @name as a path without empty parts; @out_rest points behind its first part in @out. -EACCES: it has
 * "..", a backslash or control characters, or is too long.
 */
int fleet_path_clean(const char *name, char out[FLEET_PATH_MAX], const char **out_rest);

/* fleet_report.c: facts for `status` and `pi`; fleet_command.c: their words. ------------------- */

void fleet_report_status(struct fleet *fleet, bool json, FILE *out);
void fleet_report_list(struct fleet *fleet, bool json, FILE *out);
/* -ENOENT: there is no such Pi. */
int fleet_report_pi(struct fleet *fleet, const char *id, bool json, FILE *out);

#endif
