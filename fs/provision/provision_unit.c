/* SPDX-License-Identifier: MIT */
/* Units of systemd in a tree that is not running, as `systemctl --root` changes them. */
#include "provision/provision_private.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"

#define ETC "/etc/systemd/system"

/* Where packages have their units; the first is the second where /lib is a link. */
static const char *const unit_directories[] = {
	"/lib/systemd/system",
	"/usr/lib/systemd/system",
	"/usr/local/lib/systemd/system",
	ETC,
};

static bool has_init_script(struct provision_job *job, const char *name)
{
	static const char service[] = ".service";
	size_t len = strlen(name);
	char path[PATH_MAX];

	if (len < sizeof(service) || strcmp(name + len - (sizeof(service) - 1), service) != 0)
		return false;
	snprintf(path, sizeof(path), "/etc/init.d/%.*s", (int)(len - (sizeof(service) - 1)), name);
	return provision_exists(job, path);
}

bool provision_unit_exists(struct provision_job *job, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(unit_directories); i++) {
		char path[PATH_MAX];

		snprintf(path, sizeof(path), "%s/%s", unit_directories[i], name);
		if (provision_exists(job, path))
			return true;
	}
	return has_init_script(job, name);
}

/* Removes what wants or requires @name: /etc/systemd/system/TARGET.wants/@name */
static int disable(struct provision_job *job, const char *name)
{
	static const char *const targets[] = {
		"sysinit.target",   "basic.target",   "multi-user.target",
		"graphical.target", "default.target", "local-fs.target",
		"swap.target",	    "timers.target",  "first-boot-complete.target",
	};
	static const char *const kinds[] = {"wants", "requires"};

	for (size_t i = 0; i < ARRAY_SIZE(targets) * ARRAY_SIZE(kinds); i++) {
		char path[PATH_MAX];
		int err;

		snprintf(path, sizeof(path), ETC "/%s.%s/%s", targets[i / ARRAY_SIZE(kinds)],
			 kinds[i % ARRAY_SIZE(kinds)], name);
		err = provision_remove(job, path);
		if (err && err != -ENOTDIR)
			return err;
	}
	return 0;
}

int provision_unit_mask(struct provision_job *job, const char *name)
{
	char path[PATH_MAX];
	int err;

	if (!provision_unit_exists(job, name))
		return 0;
	snprintf(path, sizeof(path), ETC "/%s", name);
	err = provision_symlink(job, path, "/dev/null");
	return err == -EEXIST ? disable(job, name) : err;
}

int provision_unit_add(struct provision_job *job, const char *name, const char *text,
		       const char *wanted_by)
{
	char path[PATH_MAX], link[PATH_MAX];
	int err;

	snprintf(path, sizeof(path), ETC "/%s", name);
	snprintf(link, sizeof(link), ETC "/%s.wants/%s", wanted_by, name);
	err = provision_write_text(job, path, text);
	return err ? err : provision_symlink(job, link, path);
}

int provision_unit_drop_in(struct provision_job *job, const char *name, const char *text)
{
	char path[PATH_MAX];

	if (!provision_unit_exists(job, name))
		return 0;
	snprintf(path, sizeof(path), ETC "/%s.d/bramble.conf", name);
	return provision_write_text(job, path, text);
}
