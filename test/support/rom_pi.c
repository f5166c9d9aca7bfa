// SPDX-License-Identifier: MIT
/* One Pi from being switched on to its last file: DISCOVER, the offers of the router and of the boot server,
 * REQUEST where the model sends one, ARP, then the files of its model in order.
 */
#include "rom_client.h"

#include <stdlib.h>
#include <string.h>

#define SERVER_PORT 67
#define CLIENT_PORT 68
#define PROXY_PORT 4011
#define DISCOVER 1
#define OFFER 2
#define PACK 5
#define REQUEST_MS 1000
#define ARP_MS 1000
#define ARP_TRIES 10
#define MS 1000ULL
#define NEVER UINT64_MAX

static const uint8_t everybody[6] = {255, 255, 255, 255, 255, 255};

void rom_pi_send(struct rom_pi *pi, uint16_t from_port, uint16_t to_port, const uint8_t *payload,
		 size_t len)
{
	struct rom_frame frame = {.from_ip = pi->address,
				  .to_ip = pi->boot_server,
				  .from_port = from_port,
				  .to_port = to_port,
				  .payload = payload,
				  .len = len};

	memcpy(frame.from_mac, pi->mac, 6);
	memcpy(frame.to_mac, pi->boot_mac, 6);
	rom_net_send_udp(rom_socket, &frame);
}

void rom_pi_die(struct rom_pi *pi, const char *why)
{
	rom_wrong(pi, "%s%s%s: dead", pi->state == ROM_LOADING ? pi->transfer.path : "",
		  pi->state == ROM_LOADING ? ": " : "", why);
	pi->state = ROM_DEAD;
	pi->deadline_us = NEVER;
	rom_counts.dead++;
}

static void broadcast(struct rom_pi *pi, uint16_t port, const uint8_t *payload, size_t len)
{
	struct rom_frame frame = {.to_ip = UINT32_MAX,
				  .from_port = CLIENT_PORT,
				  .to_port = port,
				  .payload = payload,
				  .len = len};

	memcpy(frame.from_mac, pi->mac, 6);
	memcpy(frame.to_mac, everybody, 6);
	rom_net_send_udp(rom_socket, &frame);
}

static void send_discover(struct rom_pi *pi)
{
	uint8_t buf[ROM_DHCP_MAX];
	size_t len = rom_dhcp_discover(pi, buf);

	rom_say(pi, "DISCOVER, %zu bytes", len);
	broadcast(pi, SERVER_PORT, buf, len);
	/* A PC asks the proxy's own port, too (PXE 2.1, 2.2.5). */
	if (rom_options.ask_proxy)
		broadcast(pi, PROXY_PORT, buf, len);
}

static void send_request(struct rom_pi *pi)
{
	uint8_t buf[ROM_DHCP_MAX];
	size_t len = rom_dhcp_request(pi, buf);

	broadcast(pi, SERVER_PORT, buf, len);
}

static void send_arp(struct rom_pi *pi)
{
	struct rom_frame frame = {.arp_op = 1, .from_ip = pi->address, .to_ip = pi->boot_server};

	memcpy(frame.from_mac, pi->mac, 6);
	memcpy(frame.to_mac, everybody, 6);
	rom_net_send_arp(rom_socket, &frame);
}

static void discover(struct rom_pi *pi, uint64_t now)
{
	pi->state = ROM_DISCOVERING;
	pi->tries++;
	pi->deadline_us = now + pi->model->discover_ms * MS;
	pi->step_us = now;
	if (!pi->model->xid)
		pi->xid = (uint32_t)rand();
	send_discover(pi);
}

static void resolve(struct rom_pi *pi, uint64_t now)
{
	pi->state = ROM_RESOLVING;
	pi->tries = 0;
	pi->step_us = now;
	pi->deadline_us = now + ARP_MS * MS;
	send_arp(pi);
}

void rom_pi_start(struct rom_pi *pi, uint64_t now)
{
	pi->begun_us = now;
	pi->xid = pi->model->xid;
	if (!rom_options.server) {
		discover(pi, now);
		return;
	}
	pi->boot_server = rom_options.server;
	resolve(pi, now);
}

static void booted(struct rom_pi *pi, uint64_t now)
{
	pi->state = ROM_BOOTED;
	pi->deadline_us = NEVER;
	rom_counts.booted++;
	rom_sample(ROM_STEP_BOOT, now - pi->begun_us);
	if (pi->load_us)
		rom_sample(ROM_STEP_LOAD, now - pi->load_us);
	if (rom_options.tell) {
		fprintf(rom_options.tell, "%08x %s\n", pi->serial, rom_ip(pi->address));
		fflush(rom_options.tell);
	}
	rom_say(pi, "done in %.3f s", (double)(now - pi->begun_us) / 1e6);
}

static void next_file(struct rom_pi *pi, uint64_t now)
{
	if (pi->step == pi->model->file_count)
		booted(pi, now);
	else
		rom_tftp_start(pi, now);
}

void rom_pi_file_done(struct rom_pi *pi, uint64_t now)
{
	pi->step++;
	next_file(pi, now);
}

static void resolved(struct rom_pi *pi, const struct rom_frame *frame, uint64_t now)
{
	rom_sample(ROM_STEP_ARP, now - pi->step_us);
	memcpy(pi->boot_mac, frame->from_mac, 6);
	pi->state = ROM_LOADING;
	pi->load_us = now;
	next_file(pi, now);
}

/* With both offers at hand, the model goes on in its way. */
static void got_offers(struct rom_pi *pi, uint64_t now)
{
	if (!pi->boot_server || !pi->address)
		return;
	if (rom_options.dhcp_only) {
		booted(pi, now);
		return;
	}
	if (!pi->model->sends_request || !pi->router) {
		rom_sample(ROM_STEP_ADDRESS, now - pi->begun_us);
		resolve(pi, now);
		return;
	}
	pi->state = ROM_REQUESTING;
	pi->tries = 0;
	pi->deadline_us = now + REQUEST_MS * MS;
	send_request(pi);
}

static void take_offer(struct rom_pi *pi, const struct rom_frame *frame,
		       const struct rom_reply *reply, uint64_t now)
{
	bool good = pi->model->needs_spaces ? reply->menu_spaces : reply->menu;
	bool judged = !rom_options.judge || frame->from_ip == rom_options.judge;

	if (pi->model->identity == ROM_ID_UUID) /* a PC boots a file */
		good = judged && reply->file[0];

	rom_say(pi, "OFFER from %s after %.1f ms: address %s%s", rom_ip(frame->from_ip),
		(double)(now - pi->step_us) / 1e3, rom_ip(reply->address),
		reply->boots ? ", boots" : "");
	if (reply->address && !pi->address) {
		pi->address = reply->address;
		pi->router = reply->id;
	}
	if (reply->boots && rom_options.silence_ms && judged)
		rom_wrong(pi, "a boot server answers: %s, file '%s'", rom_ip(frame->from_ip),
			  reply->file);
	if (reply->boots && good && !pi->boot_server) {
		rom_sample(ROM_STEP_OFFER, now - pi->step_us);
		if (now - pi->step_us < rom_options.not_before_ms * MS)
			rom_wrong(pi, "the offer comes too soon, after %.1f ms",
				  (double)(now - pi->step_us) / 1e3);
		/* 3: option 66, else 54; 4: siaddr, else 54; 5: where it came from. */
		pi->boot_server = frame->from_ip;
		if (pi->model->identity != ROM_ID_BOARD)
			pi->boot_server = reply->has_named ? reply->named : reply->id;
		else if (strcmp(pi->model->name, "4") == 0)
			pi->boot_server = reply->siaddr ? reply->siaddr : reply->id;
	}
	got_offers(pi, now);
}

static void take_reply(struct rom_pi *pi, const struct rom_frame *frame, uint64_t now)
{
	struct rom_reply reply;

	if (!rom_dhcp_judge(pi, frame, &reply))
		return;
	if (rom_options.address && !pi->address) /* where there is no router */
		pi->address = rom_options.address + (pi->serial - rom_options.serial);
	if (reply.type == OFFER && pi->state == ROM_DISCOVERING) {
		take_offer(pi, frame, &reply, now);
	} else if (reply.type == PACK && pi->state == ROM_REQUESTING) {
		if (reply.boots && !rom_options.full)
			rom_wrong(pi, "a proxy answers a REQUEST");
		if (reply.address != pi->address)
			rom_wrong(pi, "acknowledged is %s, not %s", rom_ip(reply.address),
				  rom_ip(pi->address));
		rom_sample(ROM_STEP_ADDRESS, now - pi->begun_us);
		rom_say(pi, "ACK from %s", rom_ip(frame->from_ip));
		resolve(pi, now);
	}
}

static void take_arp(struct rom_pi *pi, const struct rom_frame *frame, uint64_t now)
{
	struct rom_frame answer = {.arp_op = 2, .from_ip = pi->address, .to_ip = frame->from_ip};
	/* The ROM of the 3B itself is deaf to ARP while it loads bootcode.bin. */
	bool deaf = pi->model->needs_spaces && pi->state == ROM_LOADING && pi->transfer.file &&
		    pi->transfer.file->flags & ROM_AT_ROOT;

	if (frame->arp_op == 2 && frame->from_ip == pi->boot_server && pi->state == ROM_RESOLVING)
		resolved(pi, frame, now);
	if (frame->arp_op != 1 || frame->to_ip != pi->address || !pi->address ||
	    pi->state < ROM_RESOLVING || deaf)
		return;
	memcpy(answer.from_mac, pi->mac, 6);
	memcpy(answer.to_mac, frame->from_mac, 6);
	rom_net_send_arp(rom_socket, &answer);
}

static void take_frame(struct rom_pi *pi, const uint8_t *buf, size_t len, bool has_checksum,
		       uint64_t now)
{
	struct rom_frame frame;
	uint8_t owner[6];

	rom_net_parse(buf, len, has_checksum, &frame);
	if (frame.kind == ROM_ARP) {
		take_arp(pi, &frame, now);
	} else if (rom_dhcp_owner(&frame, owner)) {
		if (memcmp(owner, pi->mac, 6) == 0)
			take_reply(pi, &frame, now);
	} else if (frame.kind == ROM_UDP && frame.to_port >= ROM_FIRST_PORT &&
		   frame.to_ip == pi->address && pi->address && frame.from_ip == pi->boot_server &&
		   frame.to_port < pi->next_port) {
		rom_tftp_packet(pi, &frame, now);
	}
}

void rom_pi_frame(struct rom_pi *pi, const uint8_t *buf, size_t len, bool has_checksum,
		  uint64_t now)
{
	if (pi->state == ROM_OFF)
		return;
	if (!rom_options.lagging_ring || pi->state != ROM_DISCOVERING) {
		take_frame(pi, buf, len, has_checksum, now);
		return;
	}
	/* A frame is seen only when the next one comes (firmware#764, #894). */
	if (!pi->held)
		pi->held = malloc(ROM_FRAME_MAX);
	if (!pi->held)
		return;
	if (pi->held_len)
		take_frame(pi, pi->held, pi->held_len, has_checksum, now);
	memcpy(pi->held, buf, len);
	pi->held_len = len;
}

void rom_pi_timer(struct rom_pi *pi, uint64_t now)
{
	switch (pi->state) {
	case ROM_OFF:
		rom_pi_start(pi, now);
		return;
	case ROM_DISCOVERING:
		if (pi->tries >= pi->model->discovers) {
			rom_pi_die(pi, pi->address ? "no boot server answered"
						   : "no DHCP server answered");
			return;
		}
		rom_counts.repeated_discovers++;
		pi->address = 0;
		discover(pi, now);
		return;
	case ROM_REQUESTING:
		if (++pi->tries > ARP_TRIES) {
			rom_pi_die(pi, "the router does not acknowledge");
			return;
		}
		rom_counts.repeated_discovers++;
		pi->deadline_us = now + REQUEST_MS * MS;
		send_request(pi);
		return;
	case ROM_RESOLVING:
		if (++pi->tries > ARP_TRIES) {
			rom_pi_die(pi, "ARP: no answer");
			return;
		}
		rom_counts.repeated_arps++;
		pi->deadline_us = now + ARP_MS * MS;
		send_arp(pi);
		return;
	case ROM_LOADING:
		rom_tftp_timer(pi, now);
		return;
	case ROM_BOOTED:
	case ROM_DEAD:
		pi->deadline_us = NEVER;
	}
}
