/* SPDX-License-Identifier: MIT */
/* Files of a boot tree as TFTP hands them out: command lines are rewritten, some are held back. */
#include "fleet/fleet_private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

/* Longer files are no command lines, and no config.txt that counts. */
#define TEXT_MAX 65536u

int fleet_path_clean(const char *name, char out[FLEET_PATH_MAX], const char **out_rest)
{
	size_t len = 0;
	const char *rest = NULL;

	while (*name) {
		size_t part = strcspn(name, "/");

		if (part == 0) {
			name++;
			continue;
		}
		if ((part == 2 && memcmp(name, "..", 2) == 0) || len + part + 2 > FLEET_PATH_MAX)
			return -EACCES;
		for (size_t i = 0; i < part; i++) {
			if ((unsigned char)name[i] < ' ' || name[i] == '\\' || name[i] == 0x7f)
				return -EACCES;
		}
		if (part != 1 || *name != '.') {
			if (len)
				out[len++] = '/';
			if (len && !rest)
				rest = out + len;
			memcpy(out + len, name, part);
			len += part;
		}
		name += part;
	}
	out[len] = '\0';
	*out_rest = rest ? rest : out + len;
	return 0;
}

/*
 * Goes down from @dir; a symbolic link is not followed, so that no name leads out of the boot tree.
 */
static int descend(struct tree *tree, uint64_t dir, const char *path, uint64_t *out)
{
	while (*path) {
		size_t part = strcspn(path, "/");
		int err = part ? tree_lookup(tree, dir, path, part, &dir) : 0;

		if (err)
			return err;
		path += part + (path[part] == '/');
	}
	*out = dir;
	return 0;
}

static int find(struct fleet_tree *tree, const char *path, uint64_t *out_id,
		struct tree_attr *out_attr)
{
	struct tree *nodes = tree->export.tree;
	uint64_t dir;
	int err = tree_walk(nodes, tree->boot, true, &dir);

	if (!err)
		err = descend(nodes, dir, path, out_id);
	return err ? err : tree_getattr(nodes, *out_id, out_attr);
}

/* A small text, to be freed. */
static int read_text(struct fleet_tree *tree, const char *path, char **out, size_t *out_len)
{
	CLEANUP(freep) char *text = NULL;
	struct tree_attr attr;
	uint64_t id;
	ssize_t len;
	int err = find(tree, path, &id, &attr);

	if (err)
		return err;
	if (!S_ISREG(attr.mode) || attr.size > TEXT_MAX)
		return -EFBIG;
	text = malloc(attr.size + 1);
	if (!text)
		return -ENOMEM;
	len = tree_read(tree->export.tree, id, text, attr.size, 0);
	if (len < 0)
		return (int)len;
	text[len] = '\0';
	*out = TAKE(text);
	*out_len = (size_t)len;
	return 0;
}

/* What config.txt says, if there is one. -EAGAIN and errors of reading. */
static int read_config(struct fleet_tree *tree, struct pi_config *out)
{
	CLEANUP(freep) char *text = NULL;
	size_t len;
	int err = read_text(tree, "config.txt", &text, &len);

	pi_config_start(out);
	if (err)
		return err == -ENOENT || err == -EFBIG || err == -ENOTDIR ? 0 : err;
	pi_config_read(out, text, len);
	return 0;
}

static int take_initramfs(void *ctx, const struct tree_entry *entry)
{
	char name[TREE_NAME_MAX + 1];

	memcpy(name, entry->name, entry->name_len);
	name[entry->name_len] = '\0';
	if (pi_file_kind(name) == PI_FILE_INITRAMFS)
		*(bool *)ctx = true;
	return 0;
}

/* Whether the kernel will find its root without an initramfs. */
static int boots_bare(struct fleet_tree *tree, const struct pi_config *config, bool *out)
{
	bool found = false;
	uint64_t dir;
	int err;

	*out = true;
	if (!pi_config_may_load_initramfs(config))
		return 0;
	err = tree_walk(tree->export.tree, tree->boot, true, &dir);
	if (!err)
		err = tree_readdir(tree->export.tree, dir, 0, take_initramfs, &found);
	/* one that config.txt names itself has any name, and may lie anywhere */
	*out = !found && config->initramfs.count == 0;
	return err;
}

static int rewrite(struct fleet_file *file, const struct pi_config *config,
		   const struct pi_netboot *netboot)
{
	CLEANUP(freep) char *text = NULL;
	CLEANUP(freep) char *line = malloc(PI_CMDLINE_BYTES);
	struct pi_netboot boot;
	size_t len, line_len;
	int err;

	if (!netboot)
		return -EACCES;
	if (!line)
		return -ENOMEM;
	err = read_text(file->tree, file->path, &text, &len);
	if (err)
		return err;
	boot = *netboot;
	err = boots_bare(file->tree, config, &boot.no_initramfs);
	if (err)
		return err;
	err = pi_cmdline_rewrite(text, len, &boot, line, PI_CMDLINE_BYTES, &line_len);
	if (err == -E2BIG)
		log_error("pi %s: %s: with what network boot needs it is longer than %u bytes",
			  file->id, file->path, PI_CMDLINE_MAX);
	else if (err)
		log_error("pi %s: %s: cannot be made ready for network boot: %s", file->id,
			  file->path, strerror(-err));
	if (err)
		return err;
	file->text = TAKE(line);
	file->size = line_len;
	return 0;
}

/*
 * A Pi writes such a file into its own flash memory: one that all Pis share must not do that to all of
 * them. -ENOENT: it is the image's.
 */
static int hold_back(struct fleet_file *file, const struct tree_attr *attr,
		     struct fleet_tree *shared)
{
	struct tree_attr theirs;
	uint64_t id;
	int err;

	if (!shared || shared == file->tree)
		return -ENOENT;
	err = find(shared, file->path, &id, &theirs);
	if (err)
		return err == -ENOENT ? 0 : err;
	return theirs.size == attr->size && theirs.mtime.tv_sec == attr->mtime.tv_sec &&
			       theirs.mtime.tv_nsec == attr->mtime.tv_nsec
		       ? -ENOENT
		       : 0;
}

int fleet_file_find(struct fleet_file *file, const struct pi_netboot *netboot,
		    struct fleet_tree *shared, bool eeprom)
{
	enum pi_file_kind kind;
	struct pi_config config;
	struct tree_attr attr;
	int err = find(file->tree, file->path, &file->node, &attr);

	if (err)
		return err;
	if (S_ISDIR(attr.mode))
		return -EISDIR;
	if (!S_ISREG(attr.mode))
		return -EACCES;
	file->size = attr.size;
	kind = pi_file_kind(file->path);
	if (kind == PI_FILE_EEPROM && !eeprom)
		return hold_back(file, &attr, shared);
	if (kind == PI_FILE_FIRMWARE || kind == PI_FILE_DTB)
		return 0;
	err = read_config(file->tree, &config);
	if (err)
		return err;
	file->kernel = pi_config_is_kernel(&config, file->path);
	if (attr.size <= TEXT_MAX && pi_config_is_cmdline(&config, file->path))
		return rewrite(file, &config, netboot);
	return 0;
}
