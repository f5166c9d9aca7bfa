/* SPDX-License-Identifier: MIT */
/*
 * Where requests come in: each becomes a transfer, within limits, as their sender's address may be
 * forged. Transfers are found by the client's address.
 */
#include <assert.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/checked.h"
#include "base/log.h"
#include "tftp/tftp_private.h"

/* Bytes of requests that may wait: those of some thousand clients that were switched on together. */
#define ROOM_BYTES ((size_t)4 << 20)

#define TRANSFERS_DEFAULT 4096u
#define PER_CLIENT_DEFAULT 16u

static struct tftp_transfer **bucket(struct tftp_server *server, struct in_addr address)
{
	uint32_t mixed = ntohl(address.s_addr) * 2654435761u; /* Knuth's multiplicative hash */

	return &server->buckets[mixed >> 22];
}
static_assert(TFTP_BUCKETS == 1u << (32 - 22), "a bucket for each value of the hash");

void tftp_server_add(struct tftp_server *server, struct tftp_transfer *transfer)
{
	struct tftp_transfer **first = bucket(server, transfer->request.peer.sin_addr);

	transfer->next = *first;
	*first = transfer;
	server->transfers++;
}

void tftp_server_remove(struct tftp_server *server, struct tftp_transfer *transfer)
{
	struct tftp_transfer **link = bucket(server, transfer->request.peer.sin_addr);

	while (*link != transfer)
		link = &(*link)->next;
	*link = transfer->next;
	server->transfers--;
}

/* The client's transfer from this port, if any; how many it has; and the oldest. */
static struct tftp_transfer *find(struct tftp_server *server, const struct sockaddr_in *peer,
				  unsigned int *out_count, struct tftp_transfer **out_oldest)
{
	struct tftp_transfer *found = NULL;

	*out_count = 0;
	*out_oldest = NULL;
	for (struct tftp_transfer *t = *bucket(server, peer->sin_addr); t; t = t->next) {
		if (t->request.peer.sin_addr.s_addr != peer->sin_addr.s_addr)
			continue;
		if (t->request.peer.sin_port == peer->sin_port)
			found = t;
		*out_oldest = t;
		(*out_count)++;
	}
	return found;
}

/*
 * A transfer that may give way: its client has not answered, so its address may be forged. The oldest of
 * its bucket; where the search begins, the newcomer's @port says. NULL: all clients have answered.
 */
static struct tftp_transfer *find_unconfirmed(struct tftp_server *server, in_port_t port)
{
	struct tftp_transfer *found = NULL;

	for (size_t i = 0; i < TFTP_BUCKETS && !found; i++) {
		struct tftp_transfer *t = server->buckets[(port + i) % TFTP_BUCKETS];

		for (; t; t = t->next) {
			/* what a worker has stays in memory anyway */
			if (t->is_open && !t->session.confirmed && !tftp_reader_is_busy(&t->reader))
				found = t;
		}
	}
	return found;
}

/* Whether there is room for one more transfer. */
static bool make_room(struct tftp_server *server, in_port_t port)
{
	struct tftp_transfer *other;

	if (server->transfers < server->transfers_max)
		return true;
	other = find_unconfirmed(server, port);
	if (other)
		tftp_transfer_end(other, TFTP_OUTCOME_TIMEOUT);
	return other;
}

/* Nobody but a broken client asks all at once, and all would answer (RFC 1123 4.2.3.4). */
static bool is_broadcast(const struct tftp_server *server, const struct loop_datagram *datagram)
{
	uint32_t to = ntohl(datagram->to.s_addr);
	struct ifreq request = {0};
	struct sockaddr_in address;

	if (to == INADDR_BROADCAST || IN_MULTICAST(to))
		return true;
	if (!if_indextoname(datagram->interface, request.ifr_name) ||
	    ioctl(server->udp.fd, SIOCGIFBRDADDR, &request))
		return false;
	memcpy(&address, &request.ifr_broadaddr, sizeof(address));
	return address.sin_addr.s_addr == datagram->to.s_addr;
}

static void on_ask(struct tftp_server *server, const struct loop_datagram *datagram,
		   const struct tftp_ask *ask)
{
	struct tftp_transfer *oldest;
	unsigned int count;
	struct tftp_transfer *same = find(server, &datagram->from, &count, &oldest);

	if (same && tftp_transfer_is_repeated(same, ask)) {
		tftp_transfer_repeat(same);
		return;
	}
	if (same)
		tftp_transfer_end(same, TFTP_OUTCOME_EARLY); /* it begins anew */
	else if (count >= server->per_client_max)
		tftp_transfer_end(oldest, TFTP_OUTCOME_TIMEOUT);
	if (!make_room(server, datagram->from.sin_port)) {
		log_debug("tftp: %u transfers: one more is not answered", server->transfers);
		return;
	}
	tftp_transfer_start(server, datagram, ask);
}

static void on_request(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	struct tftp_server *server = container_of(udp, struct tftp_server, udp);
	struct tftp_ask ask;
	int err;

	if (datagram->from.sin_port == 0 || is_broadcast(server, datagram))
		return;
	err = tftp_packet_parse_ask(datagram->data, datagram->len, &ask);
	if (err == -EBADMSG)
		return; /* most likely of a transfer that is over; an answer might be answered */
	if (err == -EACCES)
		tftp_transfer_refuse(server, datagram, TFTP_ERROR_ACCESS,
				     "nothing is written here");
	else if (err)
		tftp_transfer_refuse(server, datagram, TFTP_ERROR_NOT_FOUND, "file not found");
	else if (ask.mode == TFTP_MODE_OTHER)
		tftp_transfer_refuse(server, datagram, TFTP_ERROR_ILLEGAL,
				     "modes are octet and netascii");
	else
		on_ask(server, datagram, &ask);
}

int tftp_server_create(struct loop *loop, const struct tftp_options *options,
		       const struct tftp_source *source, struct tftp_server **out)
{
	CLEANUP(freep) struct tftp_server *server = calloc(1, sizeof(*server));
	struct loop_udp_options udp = {
		.address = options->address,
		.interface = options->interface,
		.fd = options->fd,
	};
	int err;

	if (!server)
		return -ENOMEM;
	if (options->interface && strlen(options->interface) >= sizeof(server->interface))
		return -ENODEV;
	server->loop = loop;
	server->source = *source;
	server->transfers_max = options->transfers_max ? options->transfers_max : TRANSFERS_DEFAULT;
	server->per_client_max = options->transfers_per_client_max
					 ? options->transfers_per_client_max
					 : PER_CLIENT_DEFAULT;
	if (options->interface)
		strcpy(server->interface, options->interface);
	err = loop_udp_open(loop, &server->udp, &udp, on_request);
	if (err)
		return err;
	server->port = htons(tftp_server_port(server));
	loop_udp_room(&server->udp, ROOM_BYTES);
	*out = TAKE(server);
	return 0;
}

uint16_t tftp_server_port(const struct tftp_server *server)
{
	struct sockaddr_in address = {0};
	socklen_t len = sizeof(address);

	if (getsockname(server->udp.fd, (struct sockaddr *)&address, &len))
		return 0;
	return ntohs(address.sin_port);
}

void tftp_server_forget(struct tftp_server *server,
			bool (*is_meant)(void *ctx, const struct tftp_file *file), void *ctx)
{
	for (size_t i = 0; i < TFTP_BUCKETS; i++) {
		struct tftp_transfer *next;

		for (struct tftp_transfer *t = server->buckets[i]; t; t = next) {
			next = t->next;
			if (t->is_open && is_meant(ctx, &t->file))
				tftp_transfer_end(t, TFTP_OUTCOME_EARLY);
		}
	}
}

void tftp_server_destroy(struct tftp_server *server)
{
	if (!server)
		return;
	for (size_t i = 0; i < TFTP_BUCKETS; i++) {
		while (server->buckets[i])
			tftp_transfer_end(server->buckets[i], TFTP_OUTCOME_TIMEOUT);
	}
	loop_udp_close(&server->udp);
	free(server);
}
