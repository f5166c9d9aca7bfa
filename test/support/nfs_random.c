/* SPDX-License-Identifier: MIT */
/*
 * Changes a tree by NFS at random, and looks whether it is what it should be, while somebody else kills the
 * server now and then and starts it again:
 *
 *     nfs_random PORT SEED COUNT DIRECTORY
 *
 * Does what a client has to do: sends calls again on a new connection, and data again that were not
 * committed when the write verifier changes. Then every call happens exactly once, and nothing is lost.
 * Says how often it had to connect again. The directory is made.
 */
#include <stdlib.h>
#include <string.h>

#include "support/nfs_client.h"

#define FILES 4u
#define NAMES 32u
#define SIZE_MAX_BYTES (200u * 1024)
#define WRITE_MAX 20000u
#define PENDING_MAX 64u

/* A write that may be lost still. */
struct pending {
	uint64_t offset;
	uint32_t len;
	char *data;
};

struct file {
	char name[8];
	struct handle handle;
	char *data; /* what it should be */
	uint32_t size;
	struct pending pending[PENDING_MAX];
	unsigned int pending_count;
	char verifier[8]; /* of these */
};

static struct client client;
static struct handle dir;
static struct file files[FILES];
static bool names[NAMES]; /* which are there */
static uint64_t state;

static uint32_t choose(uint32_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 11) % below);
}

static void expect(const char *what, nfsstat3 got, nfsstat3 wanted)
{
	if (got == wanted)
		return;
	printf("%s: status %d, not %d\n", what, got, wanted);
	exit(1);
}

/* Data ---------------------------------------------------------------------------------------- */

static void forget_pending(struct file *file)
{
	while (file->pending_count)
		free(file->pending[--file->pending_count].data);
}

static void send_write(struct file *file, uint64_t offset, const char *data, uint32_t len)
{
	WRITE3resok res;

	expect("WRITE", do_write(&client, &file->handle, offset, data, len, UNSTABLE, &res),
	       NFS3_OK);
	if (res.count != len) {
		printf("WRITE: %u bytes of %u\n", res.count, len);
		exit(1);
	}
	if (file->pending_count == 0)
		memcpy(file->verifier, res.verf, sizeof(file->verifier));
}

/* Until all that was written is durable. */
static void commit(struct file *file)
{
	COMMIT3resok res;

	for (;;) {
		expect("COMMIT", do_commit(&client, &file->handle, &res), NFS3_OK);
		if (memcmp(res.verf, file->verifier, sizeof(res.verf)) == 0)
			break;
		/* the server has lost its memory: once more */
		memcpy(file->verifier, res.verf, sizeof(res.verf));
		for (unsigned int i = 0; i < file->pending_count; i++) {
			const struct pending *p = &file->pending[i];
			WRITE3resok written;

			expect("WRITE",
			       do_write(&client, &file->handle, p->offset, p->data, p->len,
					UNSTABLE, &written),
			       NFS3_OK);
			if (i == 0)
				memcpy(file->verifier, written.verf, sizeof(written.verf));
		}
	}
	forget_pending(file);
}

static void write_some(struct file *file)
{
	const uint32_t len = 1 + choose(WRITE_MAX);
	const uint32_t offset = choose(SIZE_MAX_BYTES - len);
	char *data = malloc(len);

	if (!data)
		exit(2);
	if (file->pending_count == PENDING_MAX)
		commit(file);
	for (uint32_t i = 0; i < len; i++)
		data[i] = (char)choose(256);
	send_write(file, offset, data, len);
	file->pending[file->pending_count++] =
		(struct pending){.offset = offset, .len = len, .data = data};
	memcpy(file->data + offset, data, len);
	if (file->size < offset + len)
		file->size = offset + len;
}

static void truncate_file(struct file *file)
{
	const uint32_t size = choose(SIZE_MAX_BYTES);
	const sattr3 set = set_size(size);

	commit(file);
	expect("SETATTR", do_setattr(&client, &file->handle, &set, NULL, NULL), NFS3_OK);
	if (size < file->size)
		memset(file->data + size, 0, file->size - size);
	file->size = size;
}

/* What was lost is sent again before it is looked at. */
static void compare(struct file *file)
{
	char *data = malloc(SIZE_MAX_BYTES);
	uint32_t len;
	bool eof;

	if (!data)
		exit(2);
	commit(file);
	expect("READ", do_read(&client, &file->handle, 0, SIZE_MAX_BYTES, data, &len, &eof),
	       NFS3_OK);
	if (len != file->size || !eof || memcmp(data, file->data, len) != 0) {
		printf("%s: %u bytes, not %u, or other ones\n", file->name, len, file->size);
		exit(1);
	}
	free(data);
}

/* Names --------------------------------------------------------------------------------------- */

static void name_of(uint32_t number, char out[8])
{
	snprintf(out, 8, "n%u", number % NAMES);
}

/* Every one has to succeed exactly where it should: that a call came twice must not be seen. */
static void change_names(void)
{
	const uint32_t a = choose(NAMES), b = choose(NAMES);
	const sattr3 set = set_mode(0644);
	char name[8], other[8];

	name_of(a, name);
	name_of(b, other);
	if (!names[a]) {
		expect("CREATE", do_create(&client, &dir, name, GUARDED, &set, NULL, NULL),
		       NFS3_OK);
		names[a] = true;
		return;
	}
	switch (choose(4)) {
	case 0:
		expect("CREATE", do_create(&client, &dir, name, GUARDED, &set, NULL, NULL),
		       NFS3ERR_EXIST);
		break;
	case 1:
		if (a == b)
			break;
		expect("RENAME", do_rename(&client, &dir, name, &dir, other), NFS3_OK);
		names[a] = false;
		names[b] = true;
		break;
	default:
		expect("REMOVE", do_remove(&client, &dir, name, NULL), NFS3_OK);
		names[a] = false;
	}
}

static void compare_names(void)
{
	char name[8];

	for (uint32_t i = 0; i < NAMES; i++) {
		name_of(i, name);
		expect(name, do_lookup(&client, &dir, name, NULL),
		       names[i] ? NFS3_OK : NFS3ERR_NOENT);
	}
}

static void begin(const char *path)
{
	const sattr3 set = set_mode(0644);
	struct handle export;

	if (do_mount(&client, "/export", &export) != MNT3_OK)
		exit(2);
	expect("MKDIR", do_mkdir(&client, &export, path, 0755, &dir), NFS3_OK);
	for (uint32_t i = 0; i < FILES; i++) {
		snprintf(files[i].name, sizeof(files[i].name), "f%u", i);
		files[i].data = calloc(1, SIZE_MAX_BYTES);
		if (!files[i].data)
			exit(2);
		expect("CREATE",
		       do_create(&client, &dir, files[i].name, GUARDED, &set, NULL,
				 &files[i].handle),
		       NFS3_OK);
	}
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	client_open(&client, (uint16_t)atoi(argv[1]), false);
	client.patient = true;
	state = strtoull(argv[2], NULL, 10) * 0x9e3779b97f4a7c15u + 1;
	begin(argv[4]);
	for (long i = atol(argv[3]); i > 0; i--) {
		struct file *file = &files[choose(FILES)];

		switch (choose(10)) {
		case 0:
			truncate_file(file);
			break;
		case 1:
			compare(file);
			break;
		case 2:
		case 3:
		case 4:
			change_names();
			break;
		default:
			write_some(file);
		}
	}
	for (uint32_t i = 0; i < FILES; i++) {
		compare(&files[i]);
		free(files[i].data);
	}
	compare_names();
	printf("connected again %u times\n", client.reconnected);
	client_close(&client);
	return 0;
}
