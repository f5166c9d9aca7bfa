/* SPDX-License-Identifier: MIT */
/*
 * mirror DIR_A DIR_B [--seed N] [--ops N] ...: does the same random things to both directories, first
 * to A, then to B, and compares results and errors; now and then it compares the trees whole. Both
 * may have contents, which must be equal. Exits 1 with the seed and what was done last where they
 * differ, 3 where one of the disks is full.
 *
 * Needs root, since each action runs with the directory as its root: links that lead outside stay
 * inside, and devices are never opened unless they have a number that no driver has.
 *
 * Not compared, as file systems differ there by right: atime, ctime (but whether an action changes
 * it), the size of directories, st_blocks, st_blksize, and numbers of links of directories where one
 * of the two does not count.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/checked.h"
#include "support/mirror.h"

#define HISTORY 4096u /* actions that can be told of */
#define LINE 1600u
#define TICK_NS 25000000L /* longer than the kernel's clock for file times stands still */
#define NAMED 4 /* files that an action names, or their directories */
#define WATCHED (NAMED + MIRROR_HANDLES)

static char history[HISTORY][LINE];

static struct {
	uint64_t tried;
	uint64_t succeeded;
} done[MIRROR_KINDS];

/*
 * The files whose times an action may change: what it names, the directories of that, and open files,
 * which may be other names of it.
 */
struct watched {
	char paths[NAMED][MIRROR_PATH];
	struct stat before[2][WATCHED];
	bool known[2][WATCHED];
};

static void parent_of(const char *path, char out[MIRROR_PATH])
{
	size_t len = strlen(path);

	snprintf(out, MIRROR_PATH, "%s", path);
	while (len && out[len - 1] == '/')
		out[--len] = '\0';
	while (len && out[len - 1] != '/')
		out[--len] = '\0';
	if (len == 0)
		strcpy(out, ".");
}

static bool stat_in(const struct mirror_side *side, const char *path, struct stat *out)
{
	mirror_enter(side);
	return lstat(path, out) == 0;
}

static bool stat_watched(const struct mirror_side *side, const struct watched *watched, int i,
			 struct stat *out)
{
	if (i < NAMED)
		return stat_in(side, watched->paths[i], out);
	return side->handles[i - NAMED] >= 0 && fstat(side->handles[i - NAMED], out) == 0;
}

static void watch_times(struct mirror_side sides[2], const struct mirror_action *action,
			struct watched *watched)
{
	const struct timespec tick = {.tv_nsec = TICK_NS};

	snprintf(watched->paths[0], MIRROR_PATH, "%s", action->path);
	snprintf(watched->paths[1], MIRROR_PATH, "%s", action->other);
	parent_of(action->path, watched->paths[2]);
	parent_of(action->other, watched->paths[3]);
	for (int side = 0; side < 2; side++) {
		for (int i = 0; i < WATCHED; i++)
			watched->known[side][i] =
				stat_watched(&sides[side], watched, i, &watched->before[side][i]);
	}
	nanosleep(&tick, NULL);
}

static bool changed(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec != b->tv_sec || a->tv_nsec != b->tv_nsec;
}

/* ext4 changes no time where the value is the same already. */
static bool has_times(const struct mirror_action *action)
{
	return action->kind != MIRROR_SETACL &&
	       (action->kind != MIRROR_SETXATTR || action->flags == XATTR_CREATE);
}

static unsigned int compare_times(struct mirror_side sides[2], const struct watched *watched)
{
	unsigned int differences = 0;

	for (int i = 0; i < WATCHED; i++) {
		const char *path = i < NAMED ? watched->paths[i] : "(an open file)";
		bool mtime[2] = {false}, ctime[2] = {false}, same = true;

		for (int side = 0; side < 2; side++) {
			const struct stat *before = &watched->before[side][i];
			struct stat after;

			same = same && watched->known[side][i] &&
			       stat_watched(&sides[side], watched, i, &after) &&
			       before->st_ino == after.st_ino;
			if (!same)
				break;
			mtime[side] = changed(&before->st_mtim, &after.st_mtim);
			ctime[side] = changed(&before->st_ctim, &after.st_ctim);
		}
		if (same && mtime[0] != mtime[1])
			differences += mirror_differ(path, "mtime was changed", mtime[0], mtime[1]);
		if (same && ctime[0] != ctime[1])
			differences += mirror_differ(path, "ctime was changed", ctime[0], ctime[1]);
	}
	return differences;
}

static unsigned int compare_path(const struct mirror_abilities *abilities,
				 struct mirror_side sides[2], const char *path)
{
	struct stat st[2];
	bool there[2];

	if (!*path)
		return 0;
	for (int i = 0; i < 2; i++)
		there[i] = stat_in(&sides[i], path, &st[i]);
	if (there[0] != there[1])
		return mirror_differ(path, "there", there[0], there[1]);
	return there[0] ? mirror_compare_stat(abilities, path, &st[0], &st[1]) : 0;
}

static unsigned int compare_handle(const struct mirror_abilities *abilities,
				   const struct mirror_side sides[2], int handle)
{
	struct stat st[2];

	for (int i = 0; i < 2; i++) {
		if (fstat(sides[i].handles[handle], &st[i]) < 0)
			err(2, "fstat");
	}
	return mirror_compare_stat(abilities, "(the open file)", &st[0], &st[1]);
}

/* The paths that an action made or removed, for the choice of the next ones. */
static void note_paths(struct mirror_side sides[2], const struct mirror_action *a,
		       const struct mirror_outcome *outcome)
{
	struct stat st;

	if (outcome->error == ENOENT || outcome->error == ENOTDIR) {
		if (!stat_in(&sides[1], a->path, &st))
			mirror_paths_remove(a->path);
		if (!stat_in(&sides[1], a->other, &st))
			mirror_paths_remove(a->other);
	}
	if (outcome->ret < 0 || (a->handle >= 0 && sides[0].handles[a->handle] >= 0))
		return;
	mirror_paths_heat(a->kind == MIRROR_RENAME || a->kind == MIRROR_COPY ? a->other : a->path);
	switch (a->kind) {
	case MIRROR_CREATE:
	case MIRROR_MKDIR:
	case MIRROR_MKNOD:
	case MIRROR_SYMLINK:
	case MIRROR_LINK:
	case MIRROR_TMPFILE:
		mirror_paths_remove(a->path);
		if (stat_in(&sides[1], a->path, &st))
			mirror_paths_add(a->path, st.st_mode);
		break;
	case MIRROR_UNLINK:
	case MIRROR_RMDIR:
		mirror_paths_remove(a->path);
		break;
	case MIRROR_RENAME:
		mirror_paths_remove(a->path);
		mirror_paths_remove(a->other);
		if (stat_in(&sides[1], a->path, &st))
			mirror_paths_add(a->path, st.st_mode);
		if (stat_in(&sides[1], a->other, &st))
			mirror_paths_add(a->other, st.st_mode);
		break;
	default:
		break;
	}
}

/*
 * Of two volumes the kernel knows before it looks at names; A need only fail as well.
 * Whether a listing stayed right while names came and went is asked of A alone: tmpfs, for one, gives
 * names twice when a position is gone back to.
 */
static unsigned int compare_outcomes(const struct mirror_action *action,
				     const struct mirror_outcome outcomes[2])
{
	const struct mirror_outcome *a = &outcomes[0], *b = &outcomes[1];
	bool watched = action->kind == MIRROR_LIST_CHANGING && a->error == 0 && b->error == 0;
	bool same = watched ? a->ret == 0 : a->ret == b->ret;

	if (a->ret < 0 && b->ret < 0 && b->error == EXDEV)
		return 0;
	if (same && a->error == b->error && a->hash == b->hash && !a->note[0])
		return 0;
	printf("difference: returned %lld, %lld, errno %d (%s), %d (%s), saw %llx, %llx %s\n",
	       (long long)a->ret, (long long)b->ret, a->error, strerror(a->error), b->error,
	       strerror(b->error), (unsigned long long)a->hash, (unsigned long long)b->hash,
	       a->note);
	return 1;
}

/* What an action is about: the open file, else what its path leads to. */
static bool stat_subject(const struct mirror_side *side, const struct mirror_action *action,
			 struct stat *out)
{
	int fd = action->handle >= 0 ? side->handles[action->handle] : -1;

	mirror_enter(side);
	return (fd >= 0 ? fstat(fd, out) : stat(action->path, out)) == 0;
}

/*
 * What may differ by right, and would make the sides differ ever after:
 * - Linux takes setgid without execution by the group from a file that somebody writes to who is not
 *   in its group. FUSE_HANDLE_KILLPRIV_V2 knows but what was the rule before: setgid goes together
 *   with execution by the group.
 * - What is written to a pipe that has a name changes its times, but not in a FUSE mount.
 * - Where B is two volumes and A one that looks like them, only A copies between them.
 */
static bool is_left_out(const struct mirror_abilities *abilities, const struct mirror_side *b,
			const struct mirror_action *action)
{
	bool copies = action->kind == MIRROR_COPY;
	struct stat from, to;

	if (!stat_subject(b, action, copies ? &from : &to))
		return false;
	if (copies && stat(action->other, &to) < 0)
		return false;
	if (copies && from.st_dev != to.st_dev)
		return true;
	if (abilities->fuse && S_ISFIFO(to.st_mode) &&
	    (action->kind == MIRROR_APPEND || action->kind == MIRROR_CREATE))
		return true;
	return abilities->fuse && action->user && S_ISREG(to.st_mode) &&
	       (to.st_mode & (S_ISGID | S_IXGRP)) == S_ISGID;
}

static bool is_full(const struct mirror_outcome *outcome)
{
	return outcome->error == ENOSPC || outcome->error == EDQUOT || outcome->error == ENOMEM;
}

static void tell_history(uint64_t last, uint64_t count)
{
	count = min_u64(min_u64(count, HISTORY), last);
	printf("what was done:\n");
	for (uint64_t i = last - count + 1; i <= last; i++)
		printf("%s\n", history[i % HISTORY]);
}

/* One action on both sides; how many differences there are. */
static unsigned int step(const struct mirror_options *options,
			 const struct mirror_abilities *abilities, struct mirror_side sides[2],
			 uint64_t number, size_t room)
{
	static struct watched watched;
	struct mirror_outcome outcomes[2];
	struct mirror_action action;
	unsigned int differences;
	char *line = history[number % HISTORY];
	bool timed;

	mirror_choose(options, abilities, number, room, &action);
	timed = options->times_every && number % options->times_every == 0 && has_times(&action);
	mirror_describe(&action, line, LINE - 100);
	if (is_left_out(abilities, &sides[1], &action)) {
		strcat(line, " left out");
		return 0;
	}
	if (timed)
		watch_times(sides, &action, &watched);
	for (int i = 0; i < 2; i++)
		mirror_do(&sides[i], &action, &outcomes[i]);
	snprintf(line + strlen(line), 100, " -> %lld errno %d", (long long)outcomes[1].ret,
		 outcomes[1].error);
	if (is_full(&outcomes[0]) || is_full(&outcomes[1])) {
		printf("action %llu: no space: %s, %s\n", (unsigned long long)number,
		       strerror(outcomes[0].error), strerror(outcomes[1].error));
		_exit(3);
	}
	differences = compare_outcomes(&action, outcomes);
	if (action.handle >= 0 && sides[0].handles[action.handle] >= 0) {
		differences += compare_handle(abilities, sides, action.handle);
	} else {
		differences += compare_path(abilities, sides, action.path);
		if (action.kind != MIRROR_SYMLINK)
			differences += compare_path(abilities, sides, action.other);
	}
	if (timed && !differences)
		differences += compare_times(sides, &watched);
	note_paths(sides, &action, &outcomes[1]);
	done[action.kind].tried++;
	done[action.kind].succeeded += outcomes[1].ret >= 0;
	return differences;
}

static int run(const struct mirror_options *options, struct mirror_side sides[2])
{
	struct mirror_abilities abilities;
	unsigned int differences;
	size_t at_start;

	if (options->inodes >= 0 && mirror_inodes_check(&sides[0], options->inodes))
		return 1;
	mirror_probe(sides, &abilities);
	differences = mirror_compare_trees(&abilities, sides, true);
	if (differences) {
		printf("the trees differ before anything was done\n");
		return 1;
	}
	at_start = mirror_paths_count();
	for (uint64_t i = 1; i <= options->ops; i++) {
		size_t count = mirror_paths_count();
		size_t room = count < at_start + options->nodes ? 1 : 0;

		differences = step(options, &abilities, sides, i, room);
		if (!differences && (i % options->compare_every == 0 || i == options->ops))
			differences = mirror_compare_trees(&abilities, sides, true);
		if (differences) {
			tell_history(i, options->history);
			printf("seed %llu: %u differences after action %llu\n",
			       (unsigned long long)options->seed, differences,
			       (unsigned long long)i);
			return 1;
		}
	}
	if (options->inodes >= 0)
		mirror_inodes_keep(&sides[0], options->inodes);
	for (int i = 0; options->stats && i < MIRROR_KINDS; i++)
		printf("%14s %8llu of %8llu succeeded\n", mirror_kind_name((enum mirror_kind)i),
		       (unsigned long long)done[i].succeeded, (unsigned long long)done[i].tried);
	printf("seed %llu: %llu actions, %zu names, no difference\n",
	       (unsigned long long)options->seed, (unsigned long long)options->ops,
	       mirror_paths_count());
	return 0;
}

/* Back to the root that this process was started with: what runs at its end may need /proc. */
static void leave(int home)
{
	if (fchdir(home) < 0 || chroot(".") < 0)
		err(2, "the way back");
}

static void open_side(const char *dir, struct mirror_side *out)
{
	out->dir = dir;
	out->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (out->root < 0)
		err(2, "%s", dir);
	for (int i = 0; i < MIRROR_HANDLES; i++)
		out->handles[i] = -1;
}

static uint64_t number_of(const char *text)
{
	char *end;
	uint64_t number = strtoull(text, &end, 0);

	if (*end || !*text)
		errx(2, "%s is no number", text);
	return number;
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{"seed", required_argument, NULL, 's'},
		{"ops", required_argument, NULL, 'o'},
		{"compare-every", required_argument, NULL, 'c'},
		{"times-every", required_argument, NULL, 't'},
		{"nodes", required_argument, NULL, 'n'},
		{"users", no_argument, NULL, 'u'},
		{"caseless", no_argument, NULL, 'i'},
		{"history", required_argument, NULL, 'h'},
		{"stats", no_argument, NULL, 'p'},
		{"inodes", required_argument, NULL, 'k'},
		{0},
	};
	struct mirror_options options = {.seed = 1,
					 .ops = 10000,
					 .compare_every = 1000,
					 .times_every = 100,
					 .nodes = 600,
					 .history = 60,
					 .inodes = -1};
	struct mirror_side sides[2];
	int home = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int letter, status;

	while ((letter = getopt_long(argc, argv, "", known, NULL)) != -1) {
		switch (letter) {
		case 's':
			options.seed = number_of(optarg);
			break;
		case 'o':
			options.ops = number_of(optarg);
			break;
		case 'c':
			options.compare_every = max_u64(number_of(optarg), 1);
			break;
		case 't':
			options.times_every = number_of(optarg);
			break;
		case 'n':
			options.nodes = number_of(optarg);
			break;
		case 'u':
			options.users = true;
			break;
		case 'i':
			options.caseless = true;
			break;
		case 'h':
			options.history = number_of(optarg);
			break;
		case 'p':
			options.stats = true;
			break;
		case 'k':
			/* by name it could not be found from within a side */
			options.inodes = open(optarg, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
			if (options.inodes < 0)
				err(2, "%s", optarg);
			break;
		default:
			return 2;
		}
	}
	if (argc - optind != 2)
		errx(2,
		     "usage: mirror DIR_A DIR_B [--seed N] [--ops N] [--compare-every N] "
		     "[--times-every N] [--nodes N] [--users] [--caseless] [--stats] [--history N] "
		     "[--inodes FILE]");
	open_side(argv[optind], &sides[0]);
	open_side(argv[optind + 1], &sides[1]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	umask(0);
	mirror_seed(options.seed);
	status = home < 0 ? 2 : run(&options, sides);
	leave(home);
	return status;
}
