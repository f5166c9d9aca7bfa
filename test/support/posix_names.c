/* SPDX-License-Identifier: MIT */
/* posix_rules: names: listings, links, and what renaming keeps. */
#include "posix_rules.h"

#include <dirent.h>

#define MANY 1500

static void many_path(char *path, size_t size, int number)
{
	snprintf(path, size, "dir/name-%04d", number);
}

static void make_many(void)
{
	char path[64];

	for (int i = 0; i < MANY; i++) {
		many_path(path, sizeof(path), i);
		works(posix_make(path, "", 0644));
	}
}

/* Counts each name once: @seen[i] of name-i. False: a name that was never given. */
static bool count_name(const char *name, int *seen)
{
	if (strncmp(name, "name-", 5) != 0)
		return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
	seen[atoi(name + 5)]++;
	return true;
}

static void listings_agree_with_stat(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;
	int dots = 0, others = 0;

	works(mknod("socket", S_IFSOCK | 0644, 0));
	while ((entry = readdir(dir))) {
		struct stat st = posix_stat(entry->d_name);

		dots += strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
		others++;
		equals(entry->d_ino, st.st_ino);
		if (entry->d_type != DT_UNKNOWN)
			equals(entry->d_type, IFTODT(st.st_mode));
	}
	closedir(dir);
	equals(dots, 2);
	/* Given are eleven and twin; an open listing may or may not show the socket. */
	equals(others == 2 + 12 || others == 2 + 13, true);
}

static void listings_stay_right_while_names_come_and_go(void)
{
	static int seen[2 * MANY];
	struct dirent *entry;
	char path[64];
	DIR *dir;
	int taken = 0;

	make_many();
	dir = opendir("dir");
	while ((entry = readdir(dir))) {
		equals(count_name(entry->d_name, seen), true);
		if (++taken == MANY / 3)
			break;
	}
	/* Every third of those that were not yet listed goes, others come. */
	for (int i = 0; i < MANY; i++) {
		many_path(path, sizeof(path), i);
		if (i % 3 == 0 && !seen[i]) {
			works(unlink(path));
			seen[i] = -1;
		}
	}
	for (int i = MANY; i < 2 * MANY; i++) {
		many_path(path, sizeof(path), i);
		works(posix_make(path, "", 0644));
	}
	while ((entry = readdir(dir)))
		equals(count_name(entry->d_name, seen), true);
	for (int i = 0; i < 2 * MANY; i++) {
		bool right =
			i >= MANY ? seen[i] <= 1 : seen[i] == 1 || (i % 3 == 0 && seen[i] <= 0);

		if (!right)
			wrong("name-%04d is listed %d times", i, seen[i]);
	}
	memset(seen, 0, sizeof(seen));
	rewinddir(dir);
	while ((entry = readdir(dir)))
		equals(count_name(entry->d_name, seen), true);
	for (int i = 0; i < 2 * MANY; i++) {
		many_path(path, sizeof(path), i);
		equals(seen[i], posix_exists(path));
	}
	closedir(dir);
}

static void emptying_while_listing_leaves_nothing(void)
{
	struct dirent *entry;
	DIR *dir;

	make_many();
	dir = opendir("dir");
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			works(unlinkat(dirfd(dir), entry->d_name, 0));
	}
	closedir(dir);
	works(rmdir("dir"));
}

static void places_in_a_listing_are_kept(void)
{
	static char names[MANY + 2][16];
	static long places[MANY + 3];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	make_many();
	dir = opendir("dir");
	places[0] = telldir(dir);
	while ((entry = readdir(dir)) && count < MANY + 2) {
		snprintf(names[count++], sizeof(names[0]), "%.15s", entry->d_name);
		places[count] = telldir(dir);
	}
	equals(count, MANY + 2);
	for (int i = count - 1; i >= 0; i -= 37) {
		seekdir(dir, places[i]);
		entry = readdir(dir);
		if (!entry || strcmp(entry->d_name, names[i]) != 0)
			wrong("at place %d is %s, not %s", i, entry ? entry->d_name : "nothing",
			      names[i]);
	}
	closedir(dir);
	/* and for others who list it later */
	dir = opendir("dir");
	entry = readdir(dir);
	seekdir(dir, places[MANY / 2]);
	entry = readdir(dir);
	equals(entry && strcmp(entry->d_name, names[MANY / 2]) == 0, true);
	closedir(dir);
}

static void links_are_one_file(void)
{
	int fd = works(open("hard", O_WRONLY | O_APPEND));

	equals(posix_stat("hard").st_ino, posix_stat("twin").st_ino);
	equals(posix_stat("hard").st_nlink, 2);
	equals(write(fd, "!", 1), 1);
	equals(posix_reads("twin", "twin!"), true);
	works(chmod("twin", 0600));
	mode_is("hard", 0600);
	works(link("twin", "dir/third"));
	works(unlink("hard"));
	works(unlink("twin"));
	equals(posix_reads("dir/third", "twin!"), true);
	equals(posix_stat("dir/third").st_nlink, 1);
	works(link("link", "hard-to-link"));
	equals(posix_stat("hard-to-link").st_ino, posix_stat("link").st_ino);
	works(linkat(AT_FDCWD, "link", AT_FDCWD, "hard-to-file", AT_SYMLINK_FOLLOW));
	equals(posix_stat("hard-to-file").st_ino, posix_stat("file").st_ino);
	works(link("fifo", "dir/fifo"));
	equals(posix_stat("fifo").st_nlink, 2);
}

static void renaming_keeps_the_file(void)
{
	struct stat before = posix_stat("file");

	works(rename("file", "dir/new"));
	equals(posix_stat("dir/new").st_ino, before.st_ino);
	equals(posix_exists("file"), false);
	works(rename("dir/new", "other"));
	equals(posix_stat("other").st_ino, before.st_ino);
	equals(posix_reads("other", FILE_TEXT), true);
	works(rename("hard", "twin"));
	equals(posix_exists("hard") && posix_exists("twin"), true);
	works(rename("link", "renamed"));
	equals(posix_stat("renamed").st_mode & S_IFMT, S_IFLNK);
	works(rename("fifo", "dangling"));
	equals(posix_stat("dangling").st_mode & S_IFMT, S_IFIFO);
}

static void renaming_a_directory_keeps_what_is_in_it(void)
{
	struct stat above = posix_stat("dir"), before = posix_stat("full");
	int fd = works(open("full/inner", O_RDWR)), full = works(open("full", O_RDONLY));

	works(mkdir("full/sub", 0755));
	works(rename("full", "dir/new"));
	equals(posix_stat("dir/new").st_ino, before.st_ino);
	equals(posix_stat("dir/new/..").st_ino, above.st_ino);
	equals(posix_stat("dir/new/sub/../..").st_ino, above.st_ino);
	equals(posix_reads("dir/new/inner", "inner"), true);
	equals(pwrite(fd, "I", 1, 0), 1);
	equals(posix_reads("dir/new/inner", "Inner"), true);
	works(mkdirat(full, "later", 0755));
	equals(posix_exists("dir/new/later"), true);
	equals(posix_stat("dir").st_nlink, 3);
	refuses(EINVAL, rename("dir", "dir/new/sub/x"));
	works(mkdir("empty", 0755));
	works(rename("dir/new", "empty"));
	equals(posix_stat("dir").st_nlink, 2);
	equals(posix_stat("empty").st_ino, before.st_ino);
	works(rmdir("dir"));
}

static void exchanging_swaps_whatever_they_are(void)
{
	ino_t file = posix_stat("file").st_ino, full = posix_stat("full").st_ino;
	ino_t link = posix_stat("link").st_ino;

	works(renameat2(AT_FDCWD, "file", AT_FDCWD, "full", RENAME_EXCHANGE));
	equals(posix_stat("full").st_ino, file);
	equals(posix_stat("file").st_ino, full);
	equals(posix_reads("file/inner", "inner"), true);
	works(renameat2(AT_FDCWD, "link", AT_FDCWD, "file/inner", RENAME_EXCHANGE));
	equals(posix_stat("file/inner").st_ino, link);
	works(renameat2(AT_FDCWD, "dir", AT_FDCWD, "file/inner", RENAME_EXCHANGE));
	equals(posix_stat("file").st_nlink, 3);
	equals(posix_stat("file/inner/..").st_ino, full);
	works(renameat2(AT_FDCWD, "full", AT_FDCWD, "free", RENAME_NOREPLACE));
	equals(posix_stat("free").st_ino, file);
	works(renameat2(AT_FDCWD, "hard", AT_FDCWD, "twin", RENAME_EXCHANGE));
	equals(posix_stat("twin").st_nlink, 2);
}

static void names_are_bytes(void)
{
	static const char *const names[] = {
		" ",	     "-",	 "back\\slash", "new\nline",
		"tab\there", "\x7f\x01", "Gr\xc3\xbc",	"\xf0\x9f\xab\x90",
		"trailing.", "...",	 "a:b*c?\"<>|",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		works(posix_make(names[i], names[i], 0644));
		equals(posix_reads(names[i], names[i]), true);
	}
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		works(unlink(names[i]));
}

static void removed_names_can_be_given_again(void)
{
	for (int i = 0; i < 20; i++) {
		works(unlink("file"));
		equals(posix_exists("file"), false);
		if (i % 3 == 0) {
			works(mkdir("file", 0755));
			equals(posix_stat("file").st_nlink, 2);
			works(rmdir("file"));
		}
		works(posix_make("file", i % 2 ? "odd" : "even", 0644));
		equals(posix_reads("file", i % 2 ? "odd" : "even"), true);
	}
	works(unlink("full/inner"));
	works(rmdir("full"));
	works(mkdir("full", 0755));
	/* A new directory has nothing of one that had its name. */
	equals(posix_exists("full/inner"), false);
	works(rmdir("full"));
}

static void directories_count_their_directories(void)
{
	nlink_t before = posix_stat(".").st_nlink;

	equals(posix_stat("dir").st_nlink, 2);
	for (int i = 0; i < 5; i++) {
		char path[32];

		snprintf(path, sizeof(path), "dir/sub%d", i);
		works(mkdir(path, 0755));
		equals(posix_stat("dir").st_nlink, 3 + i);
	}
	works(posix_make("dir/file", "", 0644));
	equals(posix_stat("dir").st_nlink, 7);
	works(rename("dir/sub0", "sub"));
	equals(posix_stat("dir").st_nlink, 6);
	equals(posix_stat(".").st_nlink, before + 1);
	works(rename("dir/sub1", "sub"));
	equals(posix_stat("dir").st_nlink, 5);
	equals(posix_stat(".").st_nlink, before + 1);
	works(rmdir("dir/sub2"));
	equals(posix_stat("dir").st_nlink, 4);
}

const struct posix_rule posix_name_rules[] = {
	RULE(listings_agree_with_stat),
	RULE(listings_stay_right_while_names_come_and_go),
	RULE(emptying_while_listing_leaves_nothing),
	RULE(places_in_a_listing_are_kept),
	RULE(links_are_one_file),
	RULE(renaming_keeps_the_file),
	RULE(renaming_a_directory_keeps_what_is_in_it),
	RULE(exchanging_swaps_whatever_they_are),
	RULE(names_are_bytes),
	RULE(removed_names_can_be_given_again),
	RULE(directories_count_their_directories),
	{NULL, NULL, 0},
};
