/* SPDX-License-Identifier: MIT */
/* What tells one Pi from another that has the same image. */
#include "provision/provision_private.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/key.h"

#define HOSTNAME_BYTES PROVISION_HOSTNAME_BYTES

static void name_by_serial(const struct provision_pi *pi, char out[HOSTNAME_BYTES])
{
	snprintf(out, HOSTNAME_BYTES, "pi-%s", pi->serial.text);
}

/* Letters, digits and "-" as RFC 1123 2.1 has them; other characters of a Pi's name become "-". */
void provision_make_hostname(const struct provision_pi *pi, char out[HOSTNAME_BYTES])
{
	size_t used = 0;

	for (const char *p = pi->name ? pi->name : ""; *p && used + 1 < HOSTNAME_BYTES; p++) {
		char c = isalnum((unsigned char)*p) || *p == '.' ? *p : '-';

		/* neither begins nor ends with one, nor has an empty label */
		if (!isalnum((unsigned char)c) &&
		    (used == 0 || !isalnum((unsigned char)out[used - 1])))
			continue;
		out[used++] = c;
	}
	while (used > 0 && !isalnum((unsigned char)out[used - 1]))
		used--;
	out[used] = '\0';
	if (used == 0)
		name_by_serial(pi, out);
}

/* The first word of the first line that is no comment, as hostname(5) reads it. */
static void first_word(const char *text, char out[HOSTNAME_BYTES])
{
	size_t len;

	out[0] = '\0';
	while (*(text += strspn(text, " \t\r\n")) == '#')
		text += strcspn(text, "\n");
	len = strcspn(text, " \t\r\n");
	if (len < HOSTNAME_BYTES) {
		memcpy(out, text, len);
		out[len] = '\0';
	}
}

static bool is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && memcmp(text, word, len) == 0;
}

/* Copies one line of hosts(5); in that of 127.0.1.1 the old name gives way to the new one. */
static bool copy_line(FILE *out, const char *line, size_t len, const char *from, const char *to)
{
	const char *end = line + len;
	size_t word = strcspn(line, " \t\n");
	bool own = is_word(line, min_u64(word, len), "127.0.1.1");

	while (line < end) {
		size_t blank = min_u64(strspn(line, " \t\r\n"), (size_t)(end - line));
		const char *text = line + blank;
		size_t text_len = min_u64(strcspn(text, " \t\r\n"), (size_t)(end - text));

		fwrite(line, 1, blank, out);
		if (own && is_word(text, text_len, from))
			fputs(to, out);
		else
			fwrite(text, 1, text_len, out);
		line = text + text_len;
	}
	return own;
}

/* @add: if there is no line of 127.0.1.1, too. */
static int rename_in_hosts(struct provision_job *job, const char *from, const char *to, bool add)
{
	CLEANUP(freep) char *old = NULL;
	CLEANUP(freep) char *new = NULL;
	size_t old_len, new_len;
	bool found = false;
	FILE *out;
	int err = provision_read(job, "/etc/hosts", &old, &old_len);

	if (err)
		return err == -ENOENT ? 0 : err;
	out = open_memstream(&new, &new_len);
	if (!out)
		return -ENOMEM;
	for (const char *line = old; *line;) {
		size_t len = strcspn(line, "\n");

		len += line[len] == '\n';
		found = copy_line(out, line, len, from, to) || found;
		line += len;
	}
	/* so that sudo finds the name without a server */
	if (!found && add)
		fprintf(out, "%s127.0.1.1\t%s\n",
			old_len > 0 && old[old_len - 1] != '\n' ? "\n" : "", to);
	if (fclose(out))
		return -ENOMEM;
	return provision_write(job, "/etc/hosts", new, new_len, PROVISION_KEEP_MODE);
}

/* @old: what /etc/hostname says; NULL: there is none. */
static int set_hostname(struct provision_job *job, const char *old, const char *to, bool add)
{
	char from[HOSTNAME_BYTES], line[HOSTNAME_BYTES + 1];
	int err;

	first_word(old ? old : "", from);
	snprintf(line, sizeof(line), "%s\n", to);
	/* hosts first: a broken off run still finds the old name in /etc/hostname */
	err = rename_in_hosts(job, from, to, add);
	return err ? err : provision_write_text(job, "/etc/hostname", line);
}

int provision_hostname(struct provision_job *job)
{
	CLEANUP(freep) char *old = NULL;
	char to[HOSTNAME_BYTES];
	size_t len;
	int err = provision_read(job, "/etc/hostname", &old, &len);

	if (err && err != -ENOENT)
		return err;
	if (!provision_is_directory(job, "/etc"))
		return 0;
	provision_make_hostname(job->pi, to);
	err = set_hostname(job, old, to, true);
	if (!err)
		snprintf(job->hostname, HOSTNAME_BYTES, "%s", to);
	return err;
}

/* What somebody has changed on the Pi is theirs. */
int provision_hostname_again(struct provision_job *job)
{
	CLEANUP(freep) char *old = NULL;
	char was[HOSTNAME_BYTES], now[HOSTNAME_BYTES], to[HOSTNAME_BYTES];
	size_t len;
	int err = 0;

	snprintf(was, sizeof(was), "%s", job->hostname);
	if (!*was)
		name_by_serial(job->pi, was);
	provision_make_hostname(job->pi, to);
	if (strcmp(was, to) != 0)
		err = provision_read(job, "/etc/hostname", &old, &len);
	if (err && err != -ENOENT)
		return err;
	first_word(old ? old : "", now);
	err = old && strcmp(now, was) == 0 ? set_hostname(job, old, to, false) : 0;
	if (!err)
		snprintf(job->hostname, HOSTNAME_BYTES, "%s", to);
	return err;
}

#define MACHINE_ID_BYTES 16u

/* A random UUID (RFC 9562, 5.4) in the form of machine-id(5). */
static void make_machine_id(char out[2 * MACHINE_ID_BYTES + 2])
{
	uint8_t bytes[MACHINE_ID_BYTES];

	key_random(bytes, sizeof(bytes));
	bytes[6] = (uint8_t)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (uint8_t)((bytes[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
	memcpy(out + 2 * MACHINE_ID_BYTES, "\n", 2);
}

int provision_machine_id(struct provision_job *job)
{
	static const char dbus[] = "/var/lib/dbus/machine-id";
	char id[2 * MACHINE_ID_BYTES + 2];
	int err;

	if (!provision_is_directory(job, "/etc"))
		return 0;
	make_machine_id(id);
	err = provision_write(job, "/etc/machine-id", id, strlen(id), 0444);
	if (err || !provision_is_directory(job, "/var/lib/dbus"))
		return err;
	/* a copy on some releases, a link on others; a copy would be the image's */
	err = provision_remove(job, dbus);
	return err ? err : provision_symlink(job, dbus, "/etc/machine-id");
}

#define SEED_BYTES 512u

int provision_random_seed(struct provision_job *job)
{
	uint8_t seed[SEED_BYTES];
	int err;

	if (!provision_is_directory(job, "/var/lib/systemd"))
		return 0;
	key_random(seed, sizeof(seed));
	err = provision_write(job, "/var/lib/systemd/random-seed", seed, sizeof(seed), 0600);
	key_wipe(seed, sizeof(seed));
	return err;
}
