/* SPDX-License-Identifier: MIT */
/* posix_record: each call that takes two paths, for each pair of kinds of them, by each kind of user. */
#include "posix_record.h"

static long pair_link(const char *from, const char *to)
{
	return link(from, to);
}

static long pair_link_follow(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, AT_SYMLINK_FOLLOW);
}

static long pair_rename(const char *from, const char *to)
{
	return rename(from, to);
}

static long pair_noreplace(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
}

static long pair_exchange(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_EXCHANGE);
}

static const struct {
	const char *name;
	long (*call)(const char *from, const char *to);
} pair_calls[] = {
	{"link", pair_link},	       {"link_follow", pair_link_follow}, {"rename", pair_rename},
	{"noreplace", pair_noreplace}, {"exchange", pair_exchange},
};

static const char *const pair_paths[] = {
	"file",
	"dir",
	"full",
	"full/in",
	"full/sub",
	"full/hard",
	"hard",
	"link",
	"dlink",
	"dangling",
	"loop",
	"loop/x",
	"fifo",
	"sock",
	"chr",
	"missing",
	"missing/x",
	"full/new",
	"full/sub/new",
	"file/x",
	"",
	".",
	"..",
	"dir/.",
	"dir/..",
	"file/",
	"dir/",
	"link/",
	"dlink/",
	"missing/",
	"closed/f",
	"closed/new",
	"fixed/f",
	"fixed/new",
	"sticky/f",
	"sticky/new",
	"sgid/new",
	record_name_longest,
	record_name_too_long,
	record_path_too_long,
};

void record_pairs(void)
{
	size_t count = sizeof(pair_paths) / sizeof(pair_paths[0]);

	for (size_t call = 0; call < sizeof(pair_calls) / sizeof(pair_calls[0]); call++) {
		for (size_t i = 0; i < count * count * record_people_count; i++) {
			const struct record_who *who = &record_people[i % record_people_count];
			const char *from = pair_paths[i / record_people_count % count];
			const char *to = pair_paths[i / record_people_count / count];

			record_begin(who, "%s '%s' '%s'", pair_calls[call].name, record_short(from),
				     record_short(to));
			say_call("is", pair_calls[call].call(from, to));
			record_end();
		}
	}
}
