// SPDX-License-Identifier: MIT
/* TFTP as boot ROMs speak it: one block at a time (RFC 1350), options tsize and blksize (RFC 2347 to 2349), a port
 * for each request, and "Early terminate" where only the size was of interest.
 */
#include "rom_client.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define SERVER_PORT 69
#define BLOCK_BYTES 512
#define REQUEST_MS 2000
#define ACK_MS 1000
#define TRIES 15
#define REPEAT_AFTER_MS 200 /* of an answer that is taken for lost */
#define MS 1000ULL

enum opcode { RRQ = 1, DATA = 3, ACK = 4, ERROR = 5, OACK = 6 };

#define NOT_FOUND 1
#define REFUSED 2 /* also right for a path that no Pi asks for */
#define WRONG_TID 5

static void send_request(struct rom_pi *pi)
{
	const struct rom_transfer *t = &pi->transfer;
	uint8_t buf[512] = {0, RRQ};
	char *at = (char *)buf + 2;

	at = stpcpy(at, t->path) + 1;
	at = stpcpy(at, "octet") + 1;
	if (t->with_options) {
		at = stpcpy(at, "tsize") + 1;
		at = stpcpy(at, "0") + 1;
		if (t->block_size != BLOCK_BYTES) {
			at = stpcpy(at, "blksize") + 1;
			at += sprintf(at, "%u", t->block_size) + 1;
		}
	}
	rom_pi_send(pi, t->port, SERVER_PORT, buf, (size_t)(at - (char *)buf));
}

static void send_ack(struct rom_pi *pi, uint16_t block)
{
	uint8_t buf[4] = {0, ACK, (uint8_t)(block >> 8), (uint8_t)block};

	rom_pi_send(pi, pi->transfer.port, pi->transfer.peer, buf, sizeof(buf));
}

static void send_error(struct rom_pi *pi, uint16_t peer, uint8_t code, const char *text)
{
	uint8_t buf[64] = {0, ERROR, 0, code};
	size_t len = strlen(text) + 1;

	memcpy(buf + 4, text, len);
	rom_pi_send(pi, pi->transfer.port, peer, buf, 4 + len);
}

static FILE *save_to(const char *name)
{
	char path[512];

	for (const char *slash = strchr(name, '/'); slash; slash = strchr(slash + 1, '/')) {
		snprintf(path, sizeof(path), "%s/%.*s", rom_options.save, (int)(slash - name),
			 name);
		mkdir(path, 0755);
	}
	snprintf(path, sizeof(path), "%s/%s", rom_options.save, name);
	return fopen(path, "w");
}

void rom_tftp_start(struct rom_pi *pi, uint64_t now)
{
	const struct rom_file *file = &pi->model->files[pi->step];
	struct rom_transfer *t = &pi->transfer;
	char serial[16];

	memset(t, 0, sizeof(*t));
	t->file = file;
	snprintf(serial, sizeof(serial), "%08x/", pi->serial);
	snprintf(t->path, sizeof(t->path), "%s%s%s",
		 file->flags & ROM_AT_ROOT ? ""
		 : rom_options.prefix	   ? rom_options.prefix
					   : serial,
		 file->flags & ROM_SLASHES ? "/" : "", file->name);
	t->expected = rom_expect_find(file->name);
	t->compare = rom_options.expect &&
		     !(rom_options.rewritten && strcasecmp(file->name, "cmdline.txt") == 0);
	t->with_options = !(file->flags & ROM_BARE);
	t->block_size = rom_options.block_size ? rom_options.block_size : pi->model->block_size;
	if (!t->with_options || !t->block_size)
		t->block_size = BLOCK_BYTES;
	if (rom_options.save && !(file->flags & ROM_PROBE))
		t->save = save_to(file->name);
	if (pi->next_port < ROM_FIRST_PORT)
		pi->next_port = ROM_FIRST_PORT;
	t->port = pi->next_port++;
	t->begun_us = t->sent_us = now;
	pi->deadline_us = now + REQUEST_MS * MS;
	send_request(pi);
}

static void done(struct rom_pi *pi, uint64_t now)
{
	if (pi->transfer.save)
		fclose(pi->transfer.save);
	pi->transfer.save = NULL;
	pi->transfer.peer = 0;
	rom_pi_file_done(pi, now);
}

static void break_off(struct rom_pi *pi, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;

	send_error(pi, t->peer, 0, "Early terminate");
	rom_counts.probes++;
	rom_say(pi, "file %s: looked at%s, early terminate", t->path,
		t->has_size ? ", size known" : "");
	done(pi, now);
}

static void take_error(struct rom_pi *pi, const uint8_t *p, size_t len, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;
	unsigned int code = (unsigned int)p[2] << 8 | p[3];

	if (len < 5 || p[len - 1] != 0)
		rom_wrong(pi, "file %s: an ERROR that does not end with 0", t->path);
	rom_counts.absent++;
	rom_sample(ROM_STEP_ABSENT, now - t->begun_us);
	rom_say(pi, "file %s: error %u %.*s", t->path, code, (int)(len - 4), (const char *)p + 4);
	if (t->started)
		rom_wrong(pi, "file %s: broken off by error %u", t->path, code);
	else if (code != NOT_FOUND && !(code == REFUSED && rom_options.only))
		rom_wrong(pi, "file %s: error %u, not 1", t->path, code);
	else if (t->expected)
		rom_wrong(pi, "file %s: is in the image, but not found", t->path);
	if (t->file->flags & ROM_EXPECTED) {
		rom_pi_die(pi, "cannot boot without it");
		return;
	}
	done(pi, now);
}

/* One option of an OACK. */
static void take_option(struct rom_pi *pi, const char *name, const char *value)
{
	struct rom_transfer *t = &pi->transfer;
	char *end;
	unsigned long long number = strtoull(value, &end, 10);

	if (*end || !*value || number > UINT32_MAX) {
		rom_wrong(pi, "file %s: option %s has the value '%s'", t->path, name, value);
		return;
	}
	if (strcasecmp(name, "tsize") == 0 && !t->has_size) {
		t->has_size = true;
		t->size = number;
		return;
	}
	if (strcasecmp(name, "blksize") == 0 && t->block_size != BLOCK_BYTES && number >= 8 &&
	    number <= t->block_size) {
		t->block_size = (unsigned int)number;
		return;
	}
	rom_wrong(pi, "file %s: an option nobody asked for: %s %s", t->path, name, value);
}

static void take_oack(struct rom_pi *pi, const uint8_t *p, size_t len, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;
	const char *at = (const char *)p + 2, *end = (const char *)p + len, *value;
	unsigned int asked = t->block_size;
	bool blocks = false;

	if (!t->with_options) {
		rom_wrong(pi, "file %s: an OACK to a request without options", t->path);
		return;
	}
	if (t->started) { /* ours was lost, or it was late */
		rom_counts.duplicates++;
		if (t->block == 0)
			send_ack(pi, 0);
		return;
	}
	while (at < end) {
		value = memchr(at, 0, (size_t)(end - at));
		if (!value || !memchr(value + 1, 0, (size_t)(end - value - 1))) {
			rom_wrong(pi, "file %s: an OACK that does not end with 0", t->path);
			return;
		}
		value++;
		blocks = blocks || strcasecmp(at, "blksize") == 0;
		take_option(pi, at, value);
		at = value + strlen(value) + 1;
	}
	if (!blocks)
		t->block_size = BLOCK_BYTES;
	if (rom_options.strict && (t->block_size != asked || !t->has_size))
		rom_wrong(pi, "file %s: blksize %u instead of %u, %s", t->path, t->block_size,
			  asked, t->has_size ? "tsize" : "no tsize");
	if (t->has_size && t->compare && (!t->expected || t->expected->len != t->size))
		rom_wrong(pi, "file %s: tsize %llu, but the image has %zd", t->path,
			  (unsigned long long)t->size,
			  t->expected ? (ssize_t)t->expected->len : -1);
	t->started = true;
	if (t->file->flags & ROM_PROBE) {
		break_off(pi, now);
		return;
	}
	t->sent_us = now;
	pi->deadline_us = now + ACK_MS * MS;
	send_ack(pi, 0);
}

static void compare(struct rom_pi *pi, const uint8_t *data, size_t len)
{
	struct rom_transfer *t = &pi->transfer;

	if (t->save)
		fwrite(data, 1, len, t->save);
	if (!t->compare || t->differs)
		return;
	if (!t->expected || t->got + len > t->expected->len ||
	    (len && memcmp(t->expected->data + t->got, data, len) != 0)) {
		t->differs = true;
		rom_wrong(pi, "file %s: differs from the image in block %u, at byte %llu", t->path,
			  t->block, (unsigned long long)t->got);
	}
}

static void complete(struct rom_pi *pi, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;

	if (t->has_size && t->size != t->got)
		rom_wrong(pi, "file %s: tsize %llu, but %llu bytes came", t->path,
			  (unsigned long long)t->size, (unsigned long long)t->got);
	if (t->compare && !t->differs && t->expected && t->expected->len != t->got)
		rom_wrong(pi, "file %s: %llu bytes of %zu", t->path, (unsigned long long)t->got,
			  t->expected->len);
	rom_counts.files++;
	rom_sample(ROM_STEP_FILE, now - t->begun_us);
	rom_say(pi, "file %s: %llu bytes in blocks of %u, %.1f ms%s", t->path,
		(unsigned long long)t->got, t->block_size, (double)(now - t->begun_us) / 1e3,
		t->compare && !t->differs ? ", as in the image" : "");
	done(pi, now);
}

static void take_data(struct rom_pi *pi, const uint8_t *p, size_t len, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;
	uint16_t block = (uint16_t)(p[2] << 8 | p[3]);

	len -= 4;
	if (!t->started) {
		if (t->with_options && rom_options.strict)
			rom_wrong(pi, "file %s: the options were ignored", t->path);
		t->started = true;
		t->block_size = BLOCK_BYTES;
	}
	if (block == t->block) {
		rom_counts.duplicates++;
		send_ack(pi, block);
		return;
	}
	if (block != (uint16_t)(t->block + 1)) {
		rom_wrong(pi, "file %s: block %u behind %u", t->path, block, t->block);
		return;
	}
	if (len > t->block_size) {
		rom_wrong(pi, "file %s: a block of %zu bytes, not %u", t->path, len, t->block_size);
		return;
	}
	t->block = block;
	t->tries = 0;
	compare(pi, p + 4, len);
	t->got += len;
	rom_counts.bytes += len;
	rom_counts.blocks++;
	rom_sample(ROM_STEP_BLOCK, now - t->sent_us);
	if (t->file->flags & ROM_PROBE) {
		break_off(pi, now);
		return;
	}
	send_ack(pi, block);
	/* As a Pi does now and then. Another block must not come for it (RFC 1123 4.2.3.1). */
	if (rom_options.double_acks && block % 16 == 5)
		send_ack(pi, block);
	t->sent_us = now;
	pi->deadline_us = now + ACK_MS * MS;
	if (len < t->block_size)
		complete(pi, now);
}

void rom_tftp_packet(struct rom_pi *pi, const struct rom_frame *frame, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;
	const uint8_t *p = frame->payload;

	if (frame->to_port != t->port || pi->state != ROM_LOADING) {
		rom_counts.late++;
		if (rom_options.strict)
			rom_wrong(pi, "a packet (opcode %u) to port %u, where nothing waits", p[1],
				  frame->to_port);
		return;
	}
	if (frame->len < 4 || p[0] != 0) {
		rom_wrong(pi, "file %s: a packet of %zu bytes", t->path, frame->len);
		return;
	}
	if (frame->bad_checksum)
		rom_wrong(pi, "file %s: a wrong checksum", t->path);
	if (frame->from_port == SERVER_PORT && rom_options.strict && p[1] != ERROR)
		rom_wrong(pi, "file %s: sent from port 69", t->path);
	if (t->peer == 0 || (t->repeated && !t->started)) {
		if (t->peer == 0)
			rom_sample(ROM_STEP_FIRST, now - t->begun_us);
		t->peer = frame->from_port;
		/* The answer is taken for lost, once: the request comes again from the same port. */
		if (rom_options.repeat_requests && !t->repeated && p[1] != ERROR) {
			t->repeated = true;
			pi->deadline_us = now + REPEAT_AFTER_MS * MS;
			return;
		}
	}
	if (frame->from_port != t->peer) {
		rom_counts.late++;
		send_error(pi, frame->from_port, WRONG_TID, "Unknown transfer ID");
		return;
	}
	switch (p[1]) {
	case DATA:
		take_data(pi, p, frame->len, now);
		return;
	case OACK:
		take_oack(pi, p, frame->len, now);
		return;
	case ERROR:
		take_error(pi, p, frame->len, now);
		return;
	default:
		rom_wrong(pi, "file %s: opcode %u", t->path, p[1]);
	}
}

void rom_tftp_timer(struct rom_pi *pi, uint64_t now)
{
	struct rom_transfer *t = &pi->transfer;

	if (++t->tries > TRIES) {
		if (t->save)
			fclose(t->save);
		rom_pi_die(pi, "TFTP: no answer");
		return;
	}
	if (!t->started) {
		if (!(t->repeated && t->tries == 1)) {
			rom_counts.repeated_requests++;
			rom_say(pi, "file %s: asked for again", t->path);
		}
		pi->deadline_us = now + REQUEST_MS * MS;
		send_request(pi);
		return;
	}
	rom_counts.repeated_acks++;
	rom_say(pi, "file %s: block %u acknowledged again", t->path, t->block);
	pi->deadline_us = now + ACK_MS * MS;
	send_ack(pi, t->block);
}
