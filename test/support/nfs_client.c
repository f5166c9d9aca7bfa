/* SPDX-License-Identifier: MIT */
/* A client of NFSv3 for tests: ONC RPC by hand, arguments and results by libnfs. */
#include "support/nfs_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define RECORD_MAX ((size_t)3 << 20)
#define LAST_FRAGMENT 0x80000000u
#define RPC_CALL 0u
#define WAIT_MS 20000
#define DATAGRAM_MAX 65536u

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "nfs_client: %s (%s)\n", what, strerror(errno));
	exit(2);
}

/* Of the wire --------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *p, uint32_t value)
{
	value = htonl(value);
	memcpy(p, &value, sizeof(value));
	return p + sizeof(value);
}

static uint32_t get(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return ntohl(value);
}

static bool connect_client(struct client *client)
{
	const struct sockaddr_in *from = &client->from;
	int on = 1;

	client->fd = socket(AF_INET, client->udp ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (client->fd < 0)
		return false;
	if (from->sin_port &&
	    (setsockopt(client->fd, IPPROTO_IP, IP_TRANSPARENT, &on, sizeof(on)) ||
	     bind(client->fd, (const struct sockaddr *)from, sizeof(*from))))
		return false;
	return connect(client->fd, (const struct sockaddr *)&client->server,
		       sizeof(client->server)) == 0;
}

static void open_client(struct client *client)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	client->xid = (uint32_t)now.tv_nsec ^ (uint32_t)now.tv_sec << 20;
	client->data = malloc(RECORD_MAX);
	if (!client->data || !connect_client(client))
		die("cannot connect");
}

void client_open(struct client *client, uint16_t port, bool udp)
{
	*client = (struct client){
		.udp = udp,
		.server = {.sin_family = AF_INET,
			   .sin_port = htons(port),
			   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
	};
	open_client(client);
}

void client_open_from(struct client *client, const struct sockaddr_in *server,
		      const struct sockaddr_in *from)
{
	*client = (struct client){.server = *server, .from = *from};
	open_client(client);
}

static void connect_again(struct client *client)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int i = 0; i < 3000; i++) {
		close(client->fd);
		if (connect_client(client)) {
			client->reconnected++;
			return;
		}
		nanosleep(&pause, NULL);
	}
	die("cannot connect again");
}

static void forget_results(struct client *client)
{
	if (client->decoded)
		libnfs_zdr_destroy(&client->zdr);
	client->decoded = false;
}

void client_close(struct client *client)
{
	forget_results(client);
	free(client->data);
	close(client->fd);
}

static uint8_t *put_credentials(const struct client *client, uint8_t *p)
{
	if (client->nobody)
		return put(put(p, AUTH_NONE), 0);
	p = put(p, AUTH_UNIX);
	p = put(p, 20 + 4 * client->groups_count);
	p = put(p, 0); /* stamp */
	p = put(p, 0); /* name of the machine: empty */
	p = put(put(p, client->uid), client->gid);
	p = put(p, client->groups_count);
	for (uint32_t i = 0; i < client->groups_count; i++)
		p = put(p, client->groups[i]);
	return p;
}

static void send_all(struct client *client, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = send(client->fd, data, len, MSG_NOSIGNAL);

		if (n <= 0 && client->patient)
			return; /* there will be no answer, and so it is sent again */
		if (n <= 0)
			die("cannot send");
		data += n;
		len -= (size_t)n;
	}
}

void client_send(struct client *client, uint32_t xid, uint32_t program, uint32_t version,
		 uint32_t procedure, const void *args, size_t len)
{
	uint8_t *record = malloc(RECORD_MAX);
	uint8_t *p = record ? record + 4 : NULL;
	size_t all;

	if (!p)
		die("no memory");
	p = put(put(p, xid), RPC_CALL);
	p = put(p, RPC_MSG_VERSION);
	p = put(put(put(p, program), version), procedure);
	p = put_credentials(client, p);
	p = put(put(p, AUTH_NONE), 0);
	if (len)
		memcpy(p, args, len);
	all = (size_t)(p - record) - 4 + len;
	put(record, LAST_FRAGMENT | (uint32_t)all);
	if (client->udp)
		send_all(client, record + 4, all);
	else
		send_all(client, record, all + 4);
	free(record);
}

bool client_waits(struct client *client, int ms)
{
	struct pollfd wait = {.fd = client->fd, .events = POLLIN};

	return poll(&wait, 1, ms) > 0;
}

static bool receive_all(struct client *client, uint8_t *to, size_t len)
{
	while (len) {
		ssize_t n;

		if (!client_waits(client, WAIT_MS))
			die("no answer");
		n = recv(client->fd, to, len, 0);
		if (n <= 0)
			return false;
		to += n;
		len -= (size_t)n;
	}
	return true;
}

static bool receive_record(struct client *client)
{
	uint32_t mark = 0;

	client->data_len = 0;
	if (client->udp) {
		ssize_t n;

		if (!client_waits(client, WAIT_MS))
			die("no answer");
		n = recv(client->fd, client->data, DATAGRAM_MAX, 0);
		client->data_len = n < 0 ? 0 : (size_t)n;
		return n >= 0;
	}
	while (!(mark & LAST_FRAGMENT)) {
		uint8_t head[4];
		size_t len;

		if (!receive_all(client, head, sizeof(head)))
			return false;
		mark = get(head);
		len = mark & ~LAST_FRAGMENT;
		if (len > RECORD_MAX - client->data_len)
			die("an answer is too long");
		if (!receive_all(client, client->data + client->data_len, len))
			return false;
		client->data_len += len;
	}
	return true;
}

int client_receive(struct client *client, uint32_t *out_xid, const uint8_t **out, size_t *out_len)
{
	const uint8_t *p = client->data;
	size_t head;

	forget_results(client);
	if (!receive_record(client))
		return CLIENT_CLOSED;
	if (client->data_len < 24 || get(p + 4) != REPLY || get(p + 8) != MSG_ACCEPTED)
		die("no answer that was accepted");
	*out_xid = get(p);
	head = 24 + ((get(p + 16) + 3) & ~3u);
	if (head > client->data_len)
		die("an answer is too short");
	*out = p + head;
	*out_len = client->data_len - head;
	return (int)get(p + head - 4);
}

/* Calls --------------------------------------------------------------------------------------- */

static size_t encode_args(zdrproc_t encode, void *args, char *out, size_t size)
{
	ZDR zdr;
	size_t len;

	if (!encode)
		return 0;
	libnfs_zdrmem_create(&zdr, out, (uint32_t)size, ZDR_ENCODE);
	if (!encode(&zdr, args))
		die("arguments cannot be encoded");
	len = (size_t)zdr.pos;
	libnfs_zdr_destroy(&zdr);
	return len;
}

static void call_as(struct client *client, uint32_t xid, uint32_t program, uint32_t procedure,
		    zdrproc_t encode, void *args, zdrproc_t decode, void *res, size_t size)
{
	char *encoded = malloc(RECORD_MAX / 2);
	const uint8_t *results;
	uint32_t answered;
	size_t len, args_len;
	int stat;

	if (!encoded)
		die("no memory");
	args_len = encode_args(encode, args, encoded, RECORD_MAX / 2);
	client_send(client, xid, program, 3, procedure, encoded, args_len);
	stat = client_receive(client, &answered, &results, &len);
	while (stat == CLIENT_CLOSED && client->patient) {
		connect_again(client);
		client_send(client, xid, program, 3, procedure, encoded, args_len);
		stat = client_receive(client, &answered, &results, &len);
	}
	free(encoded);
	if (stat != SUCCESS)
		die("a call was refused");
	if (answered != xid)
		die("an answer has another number");
	libnfs_zdrmem_create(&client->zdr, (char *)(uintptr_t)results, (uint32_t)len, ZDR_DECODE);
	client->decoded = true;
	memset(res, 0, size);
	if (!decode(&client->zdr, res))
		die("results cannot be decoded");
	if ((size_t)client->zdr.pos != len)
		die("there is more behind the results");
}

void client_call(struct client *client, uint32_t program, uint32_t procedure, zdrproc_t encode,
		 void *args, zdrproc_t decode, void *res, size_t size)
{
	call_as(client, ++client->xid, program, procedure, encode, args, decode, res, size);
}

void client_call_as(struct client *client, uint32_t xid, uint32_t procedure, zdrproc_t encode,
		    void *args, zdrproc_t decode, void *res, size_t size)
{
	call_as(client, xid, CLIENT_PROGRAM_NFS, procedure, encode, args, decode, res, size);
}
