/* SPDX-License-Identifier: MIT */
/*
 * nfs_manifest [--without FIELD,...] [--skip PATH] URL: prints what an NFS server shows, through libnfs, as
 * lines that manifest.h describes; but not what is below PATH. Exits 1 where something could not be read.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <nfsc/libnfs.h>

#include "support/manifest.h"

#define BUFFER_BYTES (1u << 18)

static struct nfs_context *nfs;
static const char *skipped = "";
static int failures;

static void print_content(const char *path)
{
	char *buffer = malloc(BUFFER_BYTES);
	uint64_t hash = MANIFEST_HASH_START, offset = 0;
	struct nfsfh *file = NULL;
	int n = nfs_open(nfs, path, O_RDONLY, &file);

	while (buffer && n >= 0 && (n = nfs_pread(nfs, file, offset, BUFFER_BYTES, buffer)) > 0) {
		hash = manifest_hash(hash, buffer, (size_t)n);
		offset += (uint64_t)n;
	}
	if (file)
		nfs_close(nfs, file);
	free(buffer);
	if (n < 0) {
		manifest_error("hash", -n);
		failures++;
		return;
	}
	manifest_hash_print(hash);
}

static void print_target(const char *path)
{
	char target[8192];

	if (nfs_readlink(nfs, path, target, sizeof(target)) < 0) {
		manifest_error("target", EIO);
		failures++;
		return;
	}
	manifest_text("target", target, strlen(target));
}

static struct timespec time_of(uint64_t seconds, uint64_t nanoseconds)
{
	return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)nanoseconds};
}

static bool print_entry(const char *path, uint32_t *out_mode)
{
	struct nfs_stat_64 st;
	struct manifest_node node;
	int err = nfs_lstat64(nfs, path, &st);

	manifest_escaped(path, strlen(path));
	if (err < 0) {
		manifest_error("stat", -err);
		putchar('\n');
		failures++;
		return false;
	}
	node = (struct manifest_node){
		.ino = strcmp(path, "/") ? st.nfs_ino : 0,
		.size = st.nfs_size,
		.blocks = st.nfs_used / 512,
		.mode = (uint32_t)st.nfs_mode,
		.nlink = (uint32_t)st.nfs_nlink,
		.uid = (uint32_t)st.nfs_uid,
		.gid = (uint32_t)st.nfs_gid,
		.major = major(st.nfs_rdev),
		.minor = minor(st.nfs_rdev),
		.mtime = time_of(st.nfs_mtime, st.nfs_mtime_nsec),
		.atime = time_of(st.nfs_atime, st.nfs_atime_nsec),
		.ctime = time_of(st.nfs_ctime, st.nfs_ctime_nsec),
	};
	manifest_node_print(&node);
	if (S_ISREG(node.mode))
		print_content(path);
	if (S_ISLNK(node.mode))
		print_target(path);
	putchar('\n');
	*out_mode = node.mode;
	return true;
}

static void walk(const char *path)
{
	struct manifest_names names = {0};
	struct nfsdirent *entry;
	struct nfsdir *dir;
	uint32_t mode;

	if (!print_entry(path, &mode) || !S_ISDIR(mode) || strcmp(path, skipped) == 0)
		return;
	if (nfs_opendir(nfs, path, &dir) < 0) {
		failures++;
		return;
	}
	while ((entry = nfs_readdir(nfs, dir))) {
		if (strcmp(entry->name, ".") != 0 && strcmp(entry->name, "..") != 0)
			manifest_names_add(&names, entry->name, strlen(entry->name));
	}
	nfs_closedir(nfs, dir);
	manifest_names_sort(&names);
	for (size_t i = 0; i < names.count; i++) {
		char below[PATH_MAX];

		snprintf(below, sizeof(below), "%s/%s", strcmp(path, "/") ? path : "",
			 names.names[i]);
		walk(below);
	}
	manifest_names_finish(&names);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {{"without", required_argument, NULL, 'w'},
						{"skip", required_argument, NULL, 's'},
						{0}};
	struct nfs_url *url;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'w')
			manifest_leave_out(optarg);
		else if (option == 's')
			skipped = optarg;
		else
			return 2;
	}
	nfs = nfs_init_context();
	if (!nfs || optind + 1 != argc)
		return 2;
	url = nfs_parse_url_dir(nfs, argv[optind]);
	if (!url || nfs_mount(nfs, url->server, url->path) < 0) {
		fprintf(stderr, "nfs_manifest: %s\n", nfs_get_error(nfs));
		return 2;
	}
	walk("/");
	nfs_destroy_url(url);
	nfs_destroy_context(nfs);
	return failures ? 1 : 0;
}
