/* SPDX-License-Identifier: MIT */
/*
 * nfs_edit URL COMMAND...: changes an NFS export through libnfs, which is another project's client.
 *   put FILE PATH     writes the host's FILE to PATH, over what is there
 *   unlink PATH       mkdir PATH       rmdir PATH       rename FROM TO
 * URL names the export, with nfsport= and mountport= if they are not the usual ones.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nfsc/libnfs.h>

static char buffer[65536];

static int fail(struct nfs_context *nfs, const char *what)
{
	fprintf(stderr, "nfs_edit: %s: %s\n", what, nfs_get_error(nfs));
	return 1;
}

static int copy(struct nfs_context *nfs, int from, struct nfsfh *to)
{
	ssize_t n;

	while ((n = read(from, buffer, sizeof(buffer))) > 0) {
		if (nfs_write(nfs, to, (uint64_t)n, buffer) != n)
			return fail(nfs, "write");
	}
	if (n < 0 || nfs_fsync(nfs, to) < 0)
		return fail(nfs, "fsync");
	return 0;
}

static int put(struct nfs_context *nfs, char **args)
{
	int from = open(args[0], O_RDONLY | O_CLOEXEC);
	struct nfsfh *to;
	int status;

	if (from < 0) {
		perror(args[0]);
		return 1;
	}
	status = nfs_open(nfs, args[1], O_WRONLY | O_TRUNC, &to);
	if (status == -ENOENT)
		status = nfs_creat(nfs, args[1], 0644, &to);
	if (status < 0) {
		close(from);
		return fail(nfs, args[1]);
	}
	status = copy(nfs, from, to);
	if (nfs_close(nfs, to) < 0)
		status = fail(nfs, "close");
	close(from);
	return status;
}

static int do_unlink(struct nfs_context *nfs, char **args)
{
	return nfs_unlink(nfs, args[0]) < 0 ? fail(nfs, args[0]) : 0;
}

static int do_mkdir(struct nfs_context *nfs, char **args)
{
	return nfs_mkdir(nfs, args[0]) < 0 ? fail(nfs, args[0]) : 0;
}

static int do_rmdir(struct nfs_context *nfs, char **args)
{
	return nfs_rmdir(nfs, args[0]) < 0 ? fail(nfs, args[0]) : 0;
}

static int do_rename(struct nfs_context *nfs, char **args)
{
	return nfs_rename(nfs, args[0], args[1]) < 0 ? fail(nfs, args[0]) : 0;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct nfs_context *nfs, char **args);
} commands[] = {
	{"put", 2, put},	{"unlink", 1, do_unlink}, {"mkdir", 1, do_mkdir},
	{"rmdir", 1, do_rmdir}, {"rename", 2, do_rename},
};

int main(int argc, char **argv)
{
	struct nfs_context *nfs = nfs_init_context();
	struct nfs_url *url;
	int status = 2;

	if (!nfs || argc < 4)
		return 2;
	url = nfs_parse_url_dir(nfs, argv[1]);
	if (!url || nfs_mount(nfs, url->server, url->path) < 0)
		return fail(nfs, argv[1]);
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++) {
		if (strcmp(argv[2], commands[i].name) == 0 && argc - 3 == commands[i].args)
			status = commands[i].run(nfs, argv + 3);
	}
	nfs_destroy_url(url);
	nfs_destroy_context(nfs);
	return status;
}
