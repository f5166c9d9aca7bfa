/* SPDX-License-Identifier: MIT */
/*
 * Which process has a port: /proc/net names the socket's inode, and a process has it among its file
 * descriptors. Without root only those of our own user can be seen.
 */
#include "daemon/daemon_private.h"

#include <ctype.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TCP_LISTEN 0x0au
#define INODES_MAX 16u
#define COMM_BYTES 64u

struct inodes {
	unsigned long list[INODES_MAX];
	size_t count;
};

static void find_inodes(const char *file, bool tcp, uint16_t port, struct inodes *out)
{
	FILE *in = fopen(file, "re");
	char line[512];

	if (!in)
		return;
	while (fgets(line, sizeof(line), in) && out->count < INODES_MAX) {
		unsigned int local;
		unsigned int state;
		unsigned long inode;

		/* sl: local:port remote:port state tx:rx tr:when retrnsmt uid timeout inode */
		if (sscanf(line,
			   " %*d: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u "
			   "%*d %lu",
			   &local, &state, &inode) != 3)
			continue;
		if (local == port && inode && (!tcp || state == TCP_LISTEN))
			out->list[out->count++] = inode;
	}
	fclose(in);
}

static bool has_inode(const struct inodes *inodes, const char *link)
{
	unsigned long inode;

	if (sscanf(link, "socket:[%lu]", &inode) != 1)
		return false;
	for (size_t i = 0; i < inodes->count; i++) {
		if (inodes->list[i] == inode)
			return true;
	}
	return false;
}

static bool process_has(const char *pid, const struct inodes *inodes)
{
	char path[64 + NAME_MAX];
	char link[64];
	struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	if (!dir)
		return false;
	while (!found && (entry = readdir(dir))) {
		ssize_t len = readlinkat(dirfd(dir), entry->d_name, link, sizeof(link) - 1);

		if (len < 0)
			continue;
		link[len] = '\0';
		found = has_inode(inodes, link);
	}
	closedir(dir);
	return found;
}

static char *describe(const char *pid)
{
	char path[64];
	char comm[COMM_BYTES] = "";
	char *text = NULL;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	in = fopen(path, "re");
	if (in) {
		if (fgets(comm, sizeof(comm), in))
			comm[strcspn(comm, "\n")] = '\0';
		fclose(in);
	}
	if (asprintf(&text, "%s (process %s)", comm[0] ? comm : "a program", pid) < 0)
		return NULL;
	return text;
}

char *daemon_who_has(bool tcp, uint16_t port)
{
	struct inodes inodes = {.count = 0};
	struct dirent *entry;
	char *text = NULL;
	DIR *proc;

	find_inodes(tcp ? "/proc/net/tcp" : "/proc/net/udp", tcp, port, &inodes);
	find_inodes(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", tcp, port, &inodes);
	proc = inodes.count ? opendir("/proc") : NULL;
	if (!proc)
		return NULL;
	while (!text && (entry = readdir(proc))) {
		if (isdigit((unsigned char)entry->d_name[0]) && process_has(entry->d_name, &inodes))
			text = describe(entry->d_name);
	}
	closedir(proc);
	return text;
}
