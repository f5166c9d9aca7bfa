/* SPDX-License-Identifier: MIT */
/*
 * The state directory: where overlays live, each in a folder of its own. The front door of the state
 * room.
 *
 *     STATE/overlays/NAME/info               what it is: struct state_info as an INI file
 *     STATE/overlays/NAME/meta, data, lock   its store
 *     STATE/overlays/NAME/ending             its holder is about to let go
 *     STATE/overlays/NAME/snapshots/SNAP/    info, meta and data as they were
 *     STATE/pis/ID                           what a server knows of a Pi; its name is also its overlay's
 *
 * Folders whose names begin with a dot are being made or removed; those that a crash left are
 * removed at the next change.
 *
 * Errors are logged as one line that begins with the overlay or the file.
 */
#ifndef BRAMBLE_STATE_STATE_H
#define BRAMBLE_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/cleanup.h"
#include "store/store.h"

/* Bytes of the longest name of an overlay or a snapshot. */
#define STATE_NAME_MAX 64u

#define STATE_ID_BYTES 16u
#define STATE_FINGERPRINT_BYTES 32u

/* Of the image: while all are the same, the file was not written to. */
struct state_seen {
	uint64_t size; /* bytes; 0: nothing is known */
	uint64_t device;
	uint64_t inode;
	struct timespec mtime;
	struct timespec ctime;
};

/* What an overlay is, and what it was made on. */
struct state_info {
	uint8_t uuid[STATE_ID_BYTES];
	uint64_t epoch; /* how often it was reset or restored */
	struct timespec created;
	struct timespec used; /* when it was opened for writing or closed last */
	uint64_t next_id; /* ids of new nodes start here, at least */
	bool empty; /* it has no store: nothing was written since it was made or reset */
	bool in_use; /* opened for writing and not closed: next_id is behind */
	uint64_t losses; /* how often it was not closed, so that what was not synced may be lost */
	bool restoring; /* a snapshot is being put in place */
	bool frozen; /* other overlays are made on it: it cannot be changed */
	uint8_t seal[STATE_ID_BYTES]; /* of a frozen one: names what it holds */

	char *image; /* owned; absolute path */
	int partition; /* the one that is shown; -1: the composed tree */
	uint8_t fingerprint[STATE_FINGERPRINT_BYTES]; /* of the image */
	struct state_seen seen;

	char base[STATE_NAME_MAX + 1]; /* the overlay that it is made on, or empty */
	uint8_t base_uuid[STATE_ID_BYTES];
	uint8_t base_seal[STATE_ID_BYTES];

	/*
	 * owned: lines "KEY VALUE" that whoever uses it has left with it; NULL: none. They go with what it holds:
	 * a snapshot and a copy have them, a reset ends them, and a restore brings back those of the snapshot.
	 */
	char *notes;
};

void state_info_finish(struct state_info *info);

/* Copies @from, strings included; *@out is finished by the caller. */
int state_info_copy(const struct state_info *from, struct state_info *out);

/* A random id: for a new overlay's uuid, or a seal. */
int state_id_make(uint8_t id[STATE_ID_BYTES]);

/* As hexadecimal digits, two for each byte, and a NUL; as RFC 9562 writes it. */
#define STATE_UUID_BYTES 37
void state_format_hex(const uint8_t *bytes, size_t count, char *out);
void state_format_uuid(const uint8_t uuid[STATE_ID_BYTES], char out[STATE_UUID_BYTES]);

/* The directory ------------------------------------------------------------------------------ */

/* Whether @name is 1 to STATE_NAME_MAX of a-z, 0-9, ".", "_" and "-" without a dot in front. */
bool state_name_is_valid(const char *name);

/* Logs the rule if @name breaks it: -EINVAL. @what: "overlay" or "snapshot". */
int state_name_check(const char *what, const char *name);

struct state;

/*
 * Opens the state directory @dir; NULL: $BRAMBLE_STATE, else /var/lib/bramble for root, else
 * $XDG_STATE_HOME/bramble, else ~/.local/state/bramble. With @create it is made, for its user alone,
 * and what a crash left in it is removed; else one that does not exist is as one that is empty.
 */
int state_open(const char *dir, bool create, struct state **out);

/* Accepts NULL. */
void state_close(struct state *state);

DEFINE_CLEANUP(state_closep, struct state *, state_close)

const char *state_path(const struct state *state);

/* Gives @take the names of all overlays, sorted. Not 0: stop, and return this. */
typedef int (*state_name_fn)(void *ctx, const char *name);
int state_each(struct state *state, state_name_fn take, void *ctx);

/* Overlays ----------------------------------------------------------------------------------- */

enum state_access {
	STATE_LOOK, /* without a lock: for the info alone, which may change meanwhile */
	STATE_READ, /* shared with other readers */
	STATE_WRITE, /* alone; what other overlays are made on is refused, -EROFS */
};

struct state_overlay {
	struct state *state; /* borrowed */
	char name[STATE_NAME_MAX + 1];
	char *path; /* owned: its folder */
	enum state_access access;
	int lock; /* -1: not locked */
	int folder; /* its folder, open as long as it is locked: at @path there may be another later */
	struct state_info info;
};

/*
 * Opens the overlay @name, or if there is none, that of the Pi which STATE/pis says has this name; the
 * same holds for what is deleted. -ENOENT: there is none (logged unless @access is STATE_LOOK). -EBUSY: held
 * by another process, which is named; one that says that it is ending is waited for, 10 s at most.
 * -EUCLEAN: its info is damaged. -EPROTONOSUPPORT: its info is of a later version.
 */
int state_overlay_open(struct state *state, const char *name, enum state_access access,
		       struct state_overlay **out);

/*
 * Makes an overlay; takes a copy of @info, with a uuid and a time of its own, empty. It is locked as
 * by STATE_WRITE. -EEXIST.
 */
int state_overlay_create(struct state *state, const char *name, const struct state_info *info,
			 struct state_overlay **out);

/* Opens the overlay @name for reading and freezes it, if it is not frozen: another is made on it. */
int state_overlay_freeze(struct state *state, const char *name, struct state_overlay **out);

/* Makes overlay->info durable. The overlay is open for writing, or for reading and was frozen. */
int state_overlay_save(struct state_overlay *overlay);

/*
 * Replaces overlay->info.notes, durably. @notes: lines "KEY VALUE", a key like a name, a value of printable
 * ASCII without ";#\"\\" in and blanks around it, less than 190 bytes in all; NULL: none. The overlay is open for writing.
 */
int state_overlay_set_notes(struct state_overlay *overlay, const char *notes);

/* Tells those who want the overlay that its lock will be released soon. */
void state_overlay_ending(struct state_overlay *overlay);

/* Accepts NULL. */
void state_overlay_close(struct state_overlay *overlay);

DEFINE_CLEANUP(state_overlay_closep, struct state_overlay *, state_overlay_close)

/* Gives @take the names of the overlays that are made on @overlay. Not 0: stop, and return this. */
int state_overlay_dependents(struct state_overlay *overlay, state_name_fn take, void *ctx);

/* Who holds the overlay: "process 123 (bramble mount)", to be freed; NULL: nobody. */
int state_overlay_holder(const struct state_overlay *overlay, char **out);

/* Bytes on the host, but for those of its snapshots. */
int state_overlay_size(const struct state_overlay *overlay, uint64_t *out);

/*
 * Throws away all changes, in a new epoch. @next_id: no id below this is given to a new node. The
 * overlay is open for writing, its store is not open. *@out_data, to be closed, or -1: the data that
 * are gone. The host gives their room back when it is closed, which takes it long for gigabytes.
 */
int state_overlay_reset(struct state_overlay *overlay, uint64_t next_id, int *out_data);

/*
 * Says durably that the overlay, which is open for writing and empty, is made on what @made says: the image, what
 * of it is shown, and the base. Nothing else of @made is taken. Snapshots stay, but are of what it was made on.
 */
int state_overlay_remake(struct state_overlay *overlay, const struct state_info *made);

/* Removes the overlay @name and its snapshots, even if its info is damaged. */
int state_overlay_delete(struct state *state, const char *name);

/* A copy of @overlay, which is open for reading, as another overlay. */
int state_overlay_clone(struct state_overlay *overlay, const char *name);

/* A snapshot of an overlay that is open; to change it or take one, open at least for reading. */
struct state_snapshot {
	const char *name;
	const char *path; /* of its folder */
	struct timespec taken; /* of one without an info: when its folder changed last */
	uint64_t size; /* bytes on the host */
};

/* Gives @take all snapshots, sorted by name. Not 0: stop, and return this. */
typedef int (*state_snapshot_fn)(void *ctx, const struct state_snapshot *snapshot);
int state_snapshot_each(const struct state_overlay *overlay, state_snapshot_fn take, void *ctx);
int state_snapshot_take(struct state_overlay *overlay, const char *name);
int state_snapshot_delete(struct state_overlay *overlay, const char *name);

/*
 * What the overlay was when the snapshot was taken; *@out is finished by the caller. -EUCLEAN: it is
 * damaged or missing. -ESTALE: it was made on another base.
 */
int state_snapshot_load(const struct state_overlay *overlay, const char *name,
			struct state_info *out);

/* Whether the store in @folder, a copy of the snapshot's, is sound. -EUCLEAN or -EBADMSG: it is not. */
typedef int (*state_check_fn)(void *ctx, const char *folder);

/*
 * Puts the snapshot's state in the place of the present one, if @check says that it is sound; else as
 * state_overlay_reset. -EUCLEAN: the snapshot is damaged, and the present state stays.
 */
int state_snapshot_restore(struct state_overlay *overlay, const char *name, uint64_t next_id,
			   state_check_fn check, void *ctx);

#endif
