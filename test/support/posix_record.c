/* SPDX-License-Identifier: MIT */
/*
 * posix_record DIR [GROUP...]: the record of the file system that DIR, which must be empty, lies in; of
 * these groups of cases, or of all. Needs root.
 */
#include "posix_record.h"

#include <dirent.h>
#include <grp.h>
#include <stdarg.h>
#include <sys/sysmacros.h>
#include <time.h>

#define TICK_NS 12000000L /* three ticks of the kernel's coarse clock */
#define RECENT_S 3600
#define POOL 48
#define NODES 96
#define SHOWN 24 /* longer names are cut in what is printed */

const struct record_who record_root = {"root", 0, 0, 0};
const struct record_who record_people[] = {
	{"root", 0, 0, 0},
	{"owner", OWNER, OWNER, 0},
	{"member", OTHER, OTHER, GROUP},
	{"stranger", OTHER, OTHER, 0},
};
const size_t record_people_count = sizeof(record_people) / sizeof(record_people[0]);

char record_name_longest[NAME_MAX + 1];
char record_name_too_long[NAME_MAX + 2];
char record_path_longest[PATH_MAX];
char record_path_too_long[PATH_MAX + 1];

static const struct {
	const char *path;
	mode_t mode;
	uid_t uid;
	gid_t gid;
	const char
		*text; /* of a file; of a symbolic link: its target; of a second name: the first */
} given[] = {
	{"file", S_IFREG | 0640, OWNER, GROUP, "0123456789"},
	{"suid", S_IFREG | 06777, OWNER, GROUP, "program"},
	{"dir", S_IFDIR | 0755, OWNER, GROUP, NULL},
	{"full", S_IFDIR | 0775, OWNER, GROUP, NULL},
	{"full/in", S_IFREG | 0664, OWNER, GROUP, "inner"},
	{"full/sub", S_IFDIR | 0755, OWNER, GROUP, NULL},
	{"hard", S_IFREG | 0664, OWNER, GROUP, "twins"},
	{"full/hard", 0, 0, 0, "hard"},
	{"link", S_IFLNK | 0777, OWNER, GROUP, "file"},
	{"dlink", S_IFLNK | 0777, OWNER, GROUP, "full"},
	{"dangling", S_IFLNK | 0777, OWNER, GROUP, "nowhere"},
	{"loop", S_IFLNK | 0777, OWNER, GROUP, "pool"},
	{"pool", S_IFLNK | 0777, OWNER, GROUP, "loop"},
	{"fifo", S_IFIFO | 0660, OWNER, GROUP, NULL},
	{"sock", S_IFSOCK | 0660, OWNER, GROUP, NULL},
	{"chr", S_IFCHR | 0666, OWNER, GROUP, NULL},
	{"closed", S_IFDIR | 0700, OTHER, OTHER, NULL},
	{"closed/f", S_IFREG | 0666, OWNER, GROUP, "closed"},
	{"listed", S_IFDIR | 0666, OWNER, GROUP, NULL},
	{"listed/f", S_IFREG | 0666, OWNER, GROUP, "listed"},
	{"fixed", S_IFDIR | 0555, OWNER, GROUP, NULL},
	{"fixed/f", S_IFREG | 0666, OWNER, GROUP, "fixed"},
	{"sticky", S_IFDIR | 01777, OTHER, OTHER, NULL},
	{"sticky/f", S_IFREG | 0666, OTHER, OTHER, "sticky"},
	{"sgid", S_IFDIR | 02777, OTHER, GROUP, NULL},
};

struct node {
	char name[NAME_MAX + 16];
	char target[64];
	struct stat st;
};
struct picture {
	unsigned int count;
	struct node nodes[NODES];
};

static int root = -1;
static unsigned int next_number, pool_at, pool_end;
static struct picture pool[POOL];
static struct timespec tick;
static bool links_are_refused; /* by FAT: then the cases go without what cannot be made */

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "posix_record: %s: %s\n", what, strerror(errno));
	exit(2);
}

void record_become(const struct record_who *who)
{
	gid_t groups[2] = {who->gid, who->also};

	if (seteuid(0) < 0 || setgroups(who->also ? 2 : 1, groups) < 0 || setegid(who->gid) < 0 ||
	    seteuid(who->uid) < 0)
		die("becoming another user");
}

void record_tick(void)
{
	nanosleep(&(struct timespec){0, TICK_NS}, NULL);
}

void record_say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

long record_result(long result)
{
	if (result < 0)
		record_say("%s", strerrorname_np(errno));
	else
		record_say("%ld", result);
	return result;
}

const char *record_short(const char *path)
{
	static char shown[4][SHOWN + 32];
	static unsigned int at;
	size_t len = strlen(path);
	char *to = shown[at++ % 4];

	if (len <= SHOWN)
		return path;
	snprintf(to, sizeof(shown[0]), "%.8s(%zu)%s", path, len, path + len - 4);
	return to;
}

/* What each case finds -------------------------------------------------------------------------- */

static int make_one(const char *path, mode_t mode, const char *text)
{
	int fd;

	switch (mode & S_IFMT) {
	case 0:
		return link(text, path);
	case S_IFREG:
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
			die(path);
		return close(fd);
	case S_IFDIR:
		return mkdir(path, 0700);
	case S_IFLNK:
		return symlink(text, path);
	case S_IFCHR:
		return mknod(path, mode, makedev(1, 3));
	default:
		return mknod(path, mode, 0);
	}
}

/* In the working directory; owners and modes last, so that times of directories are the last too. */
static void make_given(void)
{
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		if (make_one(given[i].path, given[i].mode, given[i].text) < 0 && !links_are_refused)
			die(given[i].path);
	}
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		if (!given[i].mode || links_are_refused)
			continue;
		if (lchown(given[i].path, given[i].uid, given[i].gid) < 0)
			die(given[i].path);
		if (!S_ISLNK(given[i].mode) && chmod(given[i].path, given[i].mode & 07777) < 0)
			die(given[i].path);
	}
	if (!links_are_refused && (chown(".", OWNER, GROUP) < 0 || chmod(".", 0775) < 0))
		die(".");
}

static void look(struct picture *out, const char *prefix)
{
	DIR *dir = opendir(*prefix ? prefix : ".");
	struct dirent *entry;

	if (!dir)
		die("looking");
	while ((entry = readdir(dir))) {
		struct node *node = &out->nodes[out->count];
		bool is_self = strcmp(entry->d_name, ".") == 0;
		ssize_t len;

		if (strcmp(entry->d_name, "..") == 0 || (is_self && *prefix))
			continue;
		if (out->count == NODES)
			die("too much to look at");
		out->count++;
		memset(node, 0, sizeof(*node));
		snprintf(node->name, sizeof(node->name), "%s%s%s", prefix, *prefix ? "/" : "",
			 entry->d_name);
		if (lstat(node->name, &node->st) < 0)
			die(node->name);
		if (S_ISLNK(node->st.st_mode)) {
			len = readlink(node->name, node->target, sizeof(node->target) - 1);
			if (len < 0)
				die(node->name);
		}
		if (S_ISDIR(node->st.st_mode) && !is_self && strlen(node->name) < 64)
			look(out, node->name);
	}
	closedir(dir);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static void look_at_all(struct picture *out)
{
	out->count = 0;
	look(out, "");
	qsort(out->nodes, out->count, sizeof(out->nodes[0]), by_name);
}

static void enter(unsigned int number)
{
	char name[16];

	snprintf(name, sizeof(name), "c%u", number);
	if (fchdir(root) < 0 || chdir(name) < 0)
		die(name);
}

static void fill_pool(void)
{
	char name[16];

	for (unsigned int i = 0; i < POOL; i++) {
		snprintf(name, sizeof(name), "c%u", next_number + i);
		if (fchdir(root) < 0 || mkdir(name, 0755) < 0)
			die(name);
		enter(next_number + i);
		make_given();
	}
	for (unsigned int i = 0; i < POOL; i++) {
		enter(next_number + i);
		look_at_all(&pool[i]);
	}
	pool_at = 0;
	pool_end = POOL;
	record_tick();
}

/* What became different ------------------------------------------------------------------------- */

static bool is_now(struct timespec time)
{
	return time.tv_sec > tick.tv_sec ||
	       (time.tv_sec == tick.tv_sec && time.tv_nsec >= tick.tv_nsec);
}

static void say_time(const char *what, struct timespec before, struct timespec after)
{
	if (before.tv_sec == after.tv_sec && before.tv_nsec == after.tv_nsec)
		return;
	if (is_now(after))
		record_say(" %s", what);
	else if (tick.tv_sec - after.tv_sec >= 0 && tick.tv_sec - after.tv_sec < RECENT_S)
		record_say(" old %s", what);
	else
		record_say(" %s=%lld.%09ld", what, (long long)after.tv_sec, after.tv_nsec);
}

static void say_node(const char *sign, const struct node *node)
{
	static const char types[] = "?pc?d?b?-?l?s???";

	record_say(" %s%s(%c%04o %u:%u", sign, record_short(node->name),
		   types[node->st.st_mode >> 12 & 15], node->st.st_mode & 07777, node->st.st_uid,
		   node->st.st_gid);
	record_say(" n%u", (unsigned int)node->st.st_nlink);
	if (!S_ISDIR(node->st.st_mode))
		record_say(" s%lld", (long long)node->st.st_size);
	if (node->st.st_rdev)
		record_say(" r%x:%x", major(node->st.st_rdev), minor(node->st.st_rdev));
	if (*node->target)
		record_say(" ->%s", node->target);
	if (!is_now(node->st.st_ctim) && *sign == '+')
		record_say(" old");
	record_say(")");
}

static bool say_difference(const struct node *before, const struct node *after)
{
	const struct stat *a = &before->st, *b = &after->st;
	bool attributes = a->st_mode != b->st_mode || a->st_uid != b->st_uid ||
			  a->st_gid != b->st_gid || a->st_nlink != b->st_nlink ||
			  a->st_ino != b->st_ino || a->st_rdev != b->st_rdev ||
			  (!S_ISDIR(a->st_mode) && a->st_size != b->st_size);
	bool times = memcmp(&a->st_atim, &b->st_atim, sizeof(a->st_atim)) != 0 ||
		     memcmp(&a->st_mtim, &b->st_mtim, sizeof(a->st_mtim)) != 0 ||
		     memcmp(&a->st_ctim, &b->st_ctim, sizeof(a->st_ctim)) != 0;

	if (!attributes && !times)
		return false;
	if (attributes)
		say_node(a->st_ino != b->st_ino ? "!" : "~", after);
	else
		record_say(" ~%s", record_short(after->name));
	record_say("[");
	/* of another node the times before do not matter */
	if (a->st_ino == b->st_ino) {
		say_time("a", a->st_atim, b->st_atim);
		say_time("m", a->st_mtim, b->st_mtim);
	}
	if (a->st_ino == b->st_ino || is_now(b->st_ctim))
		say_time("c", a->st_ctim, b->st_ctim);
	record_say(" ]");
	return true;
}

static bool say_changes(const struct picture *before, const struct picture *after)
{
	unsigned int i = 0, j = 0;
	bool changed = false;

	while (i < before->count || j < after->count) {
		int order = i == before->count ? 1
			    : j == after->count
				    ? -1
				    : strcmp(before->nodes[i].name, after->nodes[j].name);

		if (order < 0) {
			record_say(" -%s", record_short(before->nodes[i++].name));
			changed = true;
		} else if (order > 0) {
			say_node("+", &after->nodes[j++]);
			changed = true;
		} else {
			changed |= say_difference(&before->nodes[i++], &after->nodes[j++]);
		}
	}
	return changed;
}

void record_begin(const struct record_who *who, const char *format, ...)
{
	va_list arguments;

	if (pool_at == pool_end)
		fill_pool();
	enter(next_number);
	clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	record_say(" %s:", who->name);
	record_become(who);
}

void record_end(void)
{
	static struct picture after;

	record_become(&record_root);
	enter(next_number);
	look_at_all(&after);
	if (say_changes(&pool[pool_at], &after)) {
		pool_at++;
		next_number++;
	}
	putchar('\n');
	fflush(stdout);
}

static void make_names(void)
{
	memset(record_name_longest, 'n', NAME_MAX);
	memset(record_name_too_long, 'n', NAME_MAX + 1);
	for (size_t i = 0; i + 1 < PATH_MAX; i++) {
		record_path_longest[i] = i % 2 ? '/' : '.';
		record_path_too_long[i] = i % 2 ? '/' : '.';
	}
	memcpy(record_path_longest + PATH_MAX - 5, "file", 4);
	record_path_longest[PATH_MAX - 6] = '/';
	memcpy(record_path_too_long + PATH_MAX - 4, "file", 4);
	record_path_too_long[PATH_MAX - 5] = '/';
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} groups[] = {
		{"paths", record_paths},	   {"pairs", record_pairs},
		{"owners", record_owners},	   {"modes", record_modes},
		{"files", record_files},	   {"ranges", record_ranges},
		{"attributes", record_attributes}, {"times", record_times},
	};

	root = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	if (root < 0) {
		fprintf(stderr, "usage: posix_record DIR [GROUP...]\n");
		return 2;
	}
	if (fchdir(root) < 0 || (symlink("x", "probe") < 0 && errno != EPERM))
		die("probe");
	links_are_refused = unlink("probe") < 0;
	umask(0);
	make_names();
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		bool wanted = argc == 2;

		for (int j = 2; j < argc; j++)
			wanted |= strcmp(argv[j], groups[i].name) == 0;
		if (wanted)
			groups[i].run();
	}
	return 0;
}
