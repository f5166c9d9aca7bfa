/* SPDX-License-Identifier: MIT */
/*
 * The SSH host key: an Ed25519 key of this Pi's own, known before it boots for the first time, in place
 * of all keys of the image. Written in the format of OpenSSH's PROTOCOL.key and RFC 4253, 6.6; RFC 8709.
 */
#include "provision/provision_private.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/key.h"

#define KEY_PATH "/etc/ssh/ssh_host_ed25519_key"
#define KEY_TYPE "ssh-ed25519"
#define MAGIC "openssh-key-v1" /* its NUL belongs to it */
#define BLOCK_BYTES 8u /* of the padding where nothing is encrypted */
#define LINE_BYTES 70u /* of base64 */
#define COMMENT_MAX 100u
#define BLOB_MAX 512u
#define FILE_MAX_BYTES 1024u

/* What is being put together. Everything in it is bounded: the comment is the only part that varies. */
struct blob {
	uint8_t bytes[BLOB_MAX];
	size_t len;
};

static void put(struct blob *blob, const void *bytes, size_t len)
{
	memcpy(blob->bytes + blob->len, bytes, len);
	blob->len += len;
}

static void put_number(struct blob *blob, uint32_t value)
{
	const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16),
				 (uint8_t)(value >> 8), (uint8_t)value};

	put(blob, bytes, sizeof(bytes));
}

static void put_string(struct blob *blob, const void *bytes, size_t len)
{
	put_number(blob, (uint32_t)len);
	put(blob, bytes, len);
}

static void put_text(struct blob *blob, const char *text)
{
	put_string(blob, text, strlen(text));
}

static void put_public(struct blob *blob, const struct key_ed25519 *key)
{
	put_text(blob, KEY_TYPE);
	put_string(blob, key->public, sizeof(key->public));
}

/* The part that a passphrase would encrypt. */
static void put_private(struct blob *blob, const struct key_ed25519 *key, const char *comment)
{
	uint32_t check;

	key_random(&check, sizeof(check));
	put_number(blob, check);
	put_number(blob, check);
	put_public(blob, key);
	put_string(blob, key->secret, sizeof(key->secret));
	put_text(blob, comment);
	for (uint8_t pad = 1; blob->len % BLOCK_BYTES != 0; pad++)
		put(blob, &pad, 1);
}

static void put_key(struct blob *blob, const struct key_ed25519 *key, const char *comment)
{
	struct blob public = {.len = 0}, private = {.len = 0};

	put_public(&public, key);
	put_private(&private, key, comment);
	put(blob, MAGIC, sizeof(MAGIC));
	put_text(blob, "none"); /* cipher */
	put_text(blob, "none"); /* key derivation */
	put_text(blob, ""); /* its options */
	put_number(blob, 1); /* keys */
	put_string(blob, public.bytes, public.len);
	put_string(blob, private.bytes, private.len);
	key_wipe(&private, sizeof(private));
}

static int write_private(struct provision_job *job, const struct key_ed25519 *key,
			 const char *comment)
{
	struct blob blob = {.len = 0};
	char base64[KEY_BASE64_BYTES(BLOB_MAX)], text[FILE_MAX_BYTES];
	size_t used;
	int err;

	put_key(&blob, key, comment);
	key_base64(blob.bytes, blob.len, base64, sizeof(base64));
	used = (size_t)snprintf(text, sizeof(text), "-----BEGIN OPENSSH PRIVATE KEY-----\n");
	for (const char *p = base64; *p; p += strnlen(p, LINE_BYTES))
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%.*s\n",
					 (int)LINE_BYTES, p);
	used += (size_t)snprintf(text + used, sizeof(text) - used,
				 "-----END OPENSSH PRIVATE KEY-----\n");
	err = provision_write(job, KEY_PATH, text, used, 0600);
	key_wipe(&blob, sizeof(blob));
	key_wipe(base64, sizeof(base64));
	key_wipe(text, sizeof(text));
	return err;
}

static int write_public(struct provision_job *job, const struct key_ed25519 *key,
			const char *comment)
{
	struct blob blob = {.len = 0};
	char base64[KEY_BASE64_BYTES(BLOB_MAX)], text[FILE_MAX_BYTES];

	put_public(&blob, key);
	key_base64(blob.bytes, blob.len, base64, sizeof(base64));
	snprintf(text, sizeof(text), KEY_TYPE " %s %s\n", base64, comment);
	return provision_write(job, KEY_PATH ".pub", text, strlen(text), 0644);
}

/* Keys of other types and certificates of keys: those of the image, which all its Pis would share. */
static int remove_key(struct provision_job *job, const char *path, const char *name)
{
	if (fnmatch("ssh_host_*_key*", name, 0) != 0 || strcmp(path, KEY_PATH) == 0 ||
	    strcmp(path, KEY_PATH ".pub") == 0)
		return 0;
	return provision_remove(job, path);
}

/* Those who would make other keys when the Pi boots for the first time. */
static int keep_key(struct provision_job *job)
{
	static const char *const units[] = {
		"regenerate_ssh_host_keys.service", /* Raspberry Pi OS */
		"rpi-generate-ssh-host-keys.service", /* Debian */
	};

	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int err = provision_unit_mask(job, units[i]);

		if (err)
			return err;
	}
	if (!provision_is_directory(job, "/etc/cloud/cloud.cfg.d"))
		return 0;
	return provision_write_text(job, "/etc/cloud/cloud.cfg.d/99-bramble-ssh.cfg",
				    "# Written by bramble: this Pi has a host key of its own.\n"
				    "ssh_deletekeys: false\n"
				    "ssh_genkeytypes: [ed25519]\n");
}

int provision_ssh_host_key(struct provision_job *job)
{
	char comment[COMMENT_MAX];
	struct key_ed25519 key;
	int err;

	if (!provision_exists(job, "/etc/ssh/sshd_config") &&
	    !provision_exists(job, "/usr/sbin/sshd"))
		return 0;
	snprintf(comment, sizeof(comment), "root@pi-%s", job->pi->serial.text);
	key_ed25519_make(&key);
	err = provision_each(job, "/etc/ssh", remove_key);
	if (!err)
		err = write_private(job, &key, comment);
	if (!err)
		err = write_public(job, &key, comment);
	key_wipe(&key, sizeof(key));
	return err ? err : keep_key(job);
}
