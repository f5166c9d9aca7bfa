/* SPDX-License-Identifier: MIT */
/* Whom we run as once the ports are open. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"

int daemon_user_find(const char *name, struct daemon_user *out)
{
	const struct passwd *entry;

	*out = (struct daemon_user){.set = false};
	if (!name)
		return 0;
	errno = 0;
	entry = getpwnam(name);
	if (!entry) {
		log_error("user %s: %s", name, errno ? strerror(errno) : "there is none");
		return -ENOENT;
	}
	if (geteuid() == entry->pw_uid)
		return 0;
	if (geteuid() != 0) {
		log_error("user %s: only root can become another user", name);
		return -EPERM;
	}
	*out = (struct daemon_user){.set = true, .uid = entry->pw_uid, .gid = entry->pw_gid};
	return 0;
}

static int reduce_capabilities(void)
{
	const uint32_t keep = 1u << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	if (syscall(SYS_capget, &header, data) < 0)
		return -errno;
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		data[i].permitted &= i == 0 ? keep : 0;
		data[i].effective = data[i].permitted;
		data[i].inheritable = 0;
	}
	/* ambient ones go with the inheritable ones */
	if (syscall(SYS_capset, &header, data) < 0)
		return -errno;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;
}

static int become(const char *name, const struct daemon_user *user)
{
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || initgroups(name, user->gid) < 0 ||
	    setresgid(user->gid, user->gid, user->gid) < 0 ||
	    setresuid(user->uid, user->uid, user->uid) < 0)
		return -errno;
	return 0;
}

int daemon_user_become(const struct config *config, const struct daemon_user *user)
{
	int err = user->set ? become(config->user, user) : 0;

	if (!err && geteuid() != 0)
		err = reduce_capabilities();
	if (err)
		log_error("user %s: %s", config->user ? config->user : "we are", strerror(-err));
	return err;
}
