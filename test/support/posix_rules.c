/* SPDX-License-Identifier: MIT */
/*
 * posix_rules make DIR: makes what the rules need, each rule's in a directory of its own: to be put
 * into an image.
 *
 * posix_rules check DIR [SKIPPED...]: makes what is missing below DIR, and checks each rule but those
 * whose names are given. Needs root. Status 1: some are broken; each is said.
 */
#include "posix_rules.h"

#include <grp.h>
#include <stdarg.h>
#include <sys/wait.h>

#define STATUS_SKIPPED 77
#define TICK_NS 12000000L /* three ticks of the kernel's coarse clock */

unsigned int posix_case;
static const char *rule_name;
static bool rule_broken;

void posix_wrong(const char *file, int line, const char *format, ...)
{
	const char *base = strrchr(file, '/');
	va_list arguments;

	rule_broken = true;
	printf("BROKEN %s (%s:%d): ", rule_name, base ? base + 1 : file, line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

int posix_works(long result, const char *call, const char *file, int line)
{
	if (result < 0)
		posix_wrong(file, line, "%s: %s", call, strerror(errno));
	return (int)result;
}

_Noreturn void posix_skip(const char *why)
{
	printf("skipped %s: %s\n", rule_name, why);
	fflush(stdout);
	_exit(STATUS_SKIPPED);
}

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "posix_rules: %s: %s\n", what, strerror(errno));
	exit(2);
}

void posix_become(uid_t uid, gid_t gid)
{
	gid_t groups[1] = {gid};

	if (seteuid(0) < 0 || setgroups(1, groups) < 0 || setegid(gid) < 0 || seteuid(uid) < 0)
		die("becoming another user");
}

struct stat posix_stat(const char *path)
{
	struct stat st;

	memset(&st, 0, sizeof(st));
	if (lstat(path, &st) < 0)
		wrong("lstat(%s): %s", path, strerror(errno));
	return st;
}

bool posix_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int posix_make(const char *path, const char *text, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	size_t len = strlen(text);

	if (fd < 0)
		return -1;
	if (write(fd, text, len) != (ssize_t)len) {
		close(fd);
		return -1;
	}
	return close(fd);
}

bool posix_reads(const char *path, const char *text)
{
	char buf[4096];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;

	if (fd < 0)
		return false;
	got = read(fd, buf, sizeof(buf));
	close(fd);
	return got == (ssize_t)strlen(text) && memcmp(buf, text, (size_t)got) == 0;
}

void posix_tick(void)
{
	nanosleep(&(struct timespec){0, TICK_NS}, NULL);
}

static bool differ(struct timespec a, struct timespec b)
{
	return a.tv_sec != b.tv_sec || a.tv_nsec != b.tv_nsec;
}

unsigned int posix_changed(const struct stat *before, const struct stat *after)
{
	return (differ(before->st_atim, after->st_atim) ? ATIME : 0) |
	       (differ(before->st_mtim, after->st_mtim) ? MTIME : 0) |
	       (differ(before->st_ctim, after->st_ctim) ? CTIME : 0);
}

const char *posix_times(unsigned int which)
{
	static const char *const names[8] = {
		" nothing", " atime",	    " mtime",	    " atime mtime",
		" ctime",   " atime ctime", " mtime ctime", " atime mtime ctime",
	};

	return names[which & 7];
}

/* What each rule finds ------------------------------------------------------------------------ */

static const struct {
	const char *path;
	mode_t mode; /* with its type */
	unsigned int owner;
	const char *text; /* of a file; of a symbolic link: its target */
} given[] = {
	{"file", S_IFREG | 0644, 0, FILE_TEXT},
	{"other", S_IFREG | 0644, 0, "other"},
	{"hard", S_IFREG | 0644, 0, "twin"},
	{"dir", S_IFDIR | 0755, 0, NULL},
	{"full", S_IFDIR | 0755, 0, NULL},
	{"full/inner", S_IFREG | 0644, 0, "inner"},
	{"link", S_IFLNK | 0777, 0, "file"},
	{"dangling", S_IFLNK | 0777, 0, "nowhere"},
	{"loop", S_IFLNK | 0777, 0, "loop"},
	{"fifo", S_IFIFO | 0644, 0, NULL},
	{"user", S_IFDIR | 0755, USER, NULL},
	{"user/file", S_IFREG | 0644, USER, "mine"},
	{"sticky", S_IFDIR | 01777, 0, NULL},
	{"sticky/mine", S_IFREG | 0644, USER, "mine"},
	{"sticky/theirs", S_IFREG | 0644, OTHER, "theirs"},
	{"sticky/dir", S_IFDIR | 0755, OTHER, NULL},
};

static int make_one(const char *path, mode_t mode, const char *text)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return posix_make(path, text, mode & 07777);
	case S_IFDIR:
		return mkdir(path, mode & 07777);
	case S_IFLNK:
		return symlink(text, path);
	default:
		return mkfifo(path, mode & 07777);
	}
}

/* Makes what is not there yet; what is, and is right, is not touched. In the working directory. */
static void make_given(void)
{
	struct stat st;

	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		const char *path = given[i].path;

		if (lstat(path, &st) < 0) {
			if (make_one(path, given[i].mode, given[i].text) < 0 ||
			    lstat(path, &st) < 0)
				die(path);
		}
		if ((st.st_uid != given[i].owner || st.st_gid != given[i].owner) &&
		    lchown(path, given[i].owner, given[i].owner) < 0)
			die(path);
		if (!S_ISLNK(st.st_mode) && st.st_mode != given[i].mode &&
		    chmod(path, given[i].mode & 07777) < 0)
			die(path);
	}
	if (lstat("twin", &st) < 0 && link("hard", "twin") < 0)
		die("twin");
}

static void enter(int root, unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "rule%u", number);
	if (fchdir(root) < 0 || (mkdir(name, 0755) < 0 && errno != EEXIST) || chdir(name) < 0)
		die(name);
	make_given();
}

static int check(int root, unsigned int number, const struct posix_rule *rule)
{
	int status;
	pid_t child;

	fflush(stdout);
	child = fork();
	if (child < 0)
		die("fork");
	if (child == 0) {
		rule_name = rule->name;
		enter(root, number);
		rule->check();
		fflush(stdout);
		_exit(rule_broken);
	}
	if (waitpid(child, &status, 0) < 0)
		die("waitpid");
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	printf("BROKEN %s: ended by signal %d\n", rule->name, WTERMSIG(status));
	return 1;
}

static bool is_among(const char *name, char **names)
{
	while (*names && strcmp(*names, name) != 0)
		names++;
	return *names;
}

int main(int argc, char **argv)
{
	static const struct posix_rule *const all[] = {
		posix_error_rules, posix_time_rules, posix_access_rules,
		posix_file_rules,  posix_name_rules,
	};
	unsigned int number = 0, broken = 0, skipped = 0;
	int root = argc > 2 ? open(argv[2], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	bool make = argc > 2 && strcmp(argv[1], "make") == 0;

	if (root < 0 || (!make && strcmp(argv[1], "check") != 0)) {
		fprintf(stderr, "usage: posix_rules make|check DIR [SKIPPED...]\n");
		return 2;
	}
	umask(0);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		for (const struct posix_rule *rule = all[i]; rule->name; rule++) {
			bool skip = is_among(rule->name, argv + 3);

			for (posix_case = 0; posix_case < rule->cases; posix_case++, number++) {
				int status = skip ? STATUS_SKIPPED : 0;

				if (make)
					enter(root, number);
				else if (!skip)
					status = check(root, number, rule);
				skipped += status == STATUS_SKIPPED;
				broken += status != 0 && status != STATUS_SKIPPED;
			}
		}
	}
	printf("%u rules, %u broken, %u skipped\n", number, broken, skipped);
	return broken ? 1 : 0;
}
