/* SPDX-License-Identifier: MIT */
/* Private to the stack room: a stack while it is built. */
#ifndef BRAMBLE_STACK_PRIVATE_H
#define BRAMBLE_STACK_PRIVATE_H

#include <sys/stat.h>

#include "image/image.h"
#include "pi/pi.h"
#include "stack/stack.h"

/* Bytes of a text file of the image (fstab, cmdline.txt) that are read; the rest is not looked at. */
#define STACK_TEXT_MAX 65536

/* Overlays below the uppermost one. */
#define STACK_BASES_MAX 12

/* One volume and what was opened for it. */
struct stack_slot {
	struct image *slice; /* owned */
	struct tree *tree; /* owned until it is mounted; NULL: not open */
};

struct stack_share;

/*
 * Either of an image, with what was opened of it; or one above such, with an overlay or shared with
 * others, which has @share and asks that for the image.
 */
struct stack {
	char *path; /* owned */
	struct stack_options options;
	struct tree *tree; /* owned; NULL: nothing to show */
	char *real_path; /* owned: of the image; NULL: nobody asked for it */

	/* Of an image: */
	struct image *img; /* owned */
	struct stat opened; /* its file, when it was opened */
	struct partition_table table;
	size_t count;
	struct stack_volume *volumes; /* owned; parallel to table.partitions */
	struct stack_slot *slots; /* owned; likewise */
	uint8_t fingerprint[STATE_FINGERPRINT_BYTES]; /* of the image and what is shown of it */
	struct state_seen seen; /* the image's file, if nothing happened to it meanwhile */

	/* Above one: */
	struct stack_share *share; /* owned reference: what lies below */
	struct state *state; /* owned */
	struct state_overlay *overlay; /* owned: the uppermost; NULL: none */
	bool layered; /* the tree is that of the uppermost overlay */
	uint64_t session; /* by chance, where the info could not be saved; else 0 */
};

/* stack.c: the tree of an image alone. */
int stack_open_image(const char *path, const struct stack_options *options, struct stack **out);

/*
 * stack_share.c: what lies below: an image, or a frozen overlay above another share. Counted; those of a
 * pool are found by all who want the same.
 */
struct stack_share {
	struct stack_pool *pool; /* borrowed; NULL: it has one user */
	struct stack_share *next; /* in the pool */
	unsigned int users;
	bool opening; /* somebody is at it: to be waited for */
	struct stat file; /* of an image: when it was opened */
	struct stack_options options; /* likewise: what is shown of it */
	struct stack_share *below; /* owned reference: of an overlay */
	struct stack *image; /* owned: of an image itself; else borrowed from that at the bottom */
	struct state *state; /* owned: of an overlay */
	struct state_overlay *overlay; /* owned: likewise, open for reading */
	struct tree *tree; /* owned, by an image its stack's */
};

/*
 * The image at @path, and which one it is unless @known (may be NULL) tells. Errors as stack_open.
 * stack_share_put accepts NULL.
 */
int stack_share_image(const char *path, const struct stack_options *options,
		      const struct state_info *known, struct stack_share **out);
void stack_share_put(struct stack_share *share);

DEFINE_CLEANUP(stack_share_putp, struct stack_share *, stack_share_put)

/* What the overlay @above is made on: the image itself, which is @image, or an overlay above it. */
int stack_share_below(const struct state_overlay *above, struct stack_share *image,
		      struct stack_share **out);

/* stack_probe.c: what lies in each partition; free space of FAT volumes only if it is asked for. */
void stack_probe(struct stack *stack, bool count_free);

/* stack_volume.c */

/* Opens volume @i if it is not open yet; its error is kept in the volume. */
int stack_volume_open(struct stack *stack, size_t i);

/* The text of the file @path of an open volume, NUL-terminated, to be freed by the caller. */
int stack_text_read(struct tree *tree, const char *path, char **out);

/* The volume that @device names, or -1. */
int stack_volume_find(const struct stack *stack, const struct pi_device *device);

/* stack_compose.c: chooses root and boot volume and builds stack->tree. -ENOENT: nothing to show. */
int stack_compose(struct stack *stack);

/* stack_fingerprint.c */

/* The image's file, whatever its path leads to; nothing where that would not tell whether it changes. */
void stack_see(struct image *img, struct state_seen *out);

/* Whether both were seen, and are the same file with the same contents. */
bool stack_is_same_file(const struct state_seen *a, const struct state_seen *b);

/* Which image it is, and what is shown of it. */
int stack_fingerprint(struct stack *stack, uint8_t out[STATE_FINGERPRINT_BYTES]);

/* stack_base.c: what an overlay is made on. -ESTALE (logged): on something else. */

/* Opens the image, and finds out which one it is unless @known (may be NULL) tells. */
int stack_open_lower(const char *path, const struct stack_options *options,
		     const struct state_info *known, struct stack **out);

/* Whether the overlay was made on this image, and on this partition: -1 means that nobody said. */
int stack_check_image(const struct state_overlay *overlay, const struct stack *stack);
int stack_check_partition(const struct state_overlay *overlay, int given);

/* Whether @above was made on the overlay @base as it is. */
int stack_check_base(const struct state_overlay *above, const struct state_overlay *base);

/* stack_overlay.c */

/* As stack_open, with an overlay. */
int stack_overlay_open(const char *path, const struct stack_options *options, struct stack **out);

/* Closes the tree, which is the overlay's; the info tells what was made durable. */
int stack_overlay_close(struct stack *stack);

/* What an overlay is that is made of what @image, the stack of an image, shows; its strings are borrowed. */
struct state_info stack_made_on(const struct stack *image);

/* Makes one. */
int stack_create_on(const struct stack *image, struct state *state, const char *name,
		    struct state_overlay **out);

/* Puts the store in @folder above @lower, which is taken on success, for reading. */
int stack_put_stored(const char *folder, struct tree *lower, struct tree **out);

/* Logs that the overlay cannot be opened, and returns @err. */
int stack_cannot_open(const struct state_overlay *overlay, int err);

#endif
