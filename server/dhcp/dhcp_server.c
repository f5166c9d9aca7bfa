/* SPDX-License-Identifier: MIT */
/*
 * The sockets of DHCP: takes requests, asks the site how the client is to be treated, and sends what
 * dhcp_proxy.c or dhcp_full.c has made of it, perhaps later. No raw sockets: what cannot be sent to an
 * address that the client does not have yet is broadcast on its interface.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/log.h"
#include "dhcp/dhcp_private.h"

/* Bytes of requests that may wait: those of some thousand clients that were switched on together. */
#define ROOM_BYTES ((size_t)4 << 20)

#define PORT 67u
#define CLIENT_PORT 68u

/* Where kicks go: nobody listens there (RFC 863). */
#define KICK_PORT 9u
#define KICK_MS 250u
#define KICKED_MS 60000u
#define KICKED_MAX 256u

/* Replies that wait at once, so that forged requests cannot take all memory. */
#define DELAYED_MAX 1024u

/* How often it is said that the pool is exhausted. */
#define EXHAUSTED_MS 60000u

/* A reply that is to be sent later: when its time has come, or its lease is saved. */
struct pending {
	struct dhcp_server *server; /* borrowed */
	struct pending *next, **link; /* of server->pending */
	struct loop_timer timer;
	struct dhcp_waiting waiting;
	struct dhcp_client client; /* without its guid */
	struct dhcp_here here;
	struct sockaddr_in sender;
	struct in_addr ciaddr, giaddr;
	bool boot_port;
	uint64_t due_ms; /* when it is to be sent, if it is saved by then */
	struct dhcp_answer answer;
};

/* A client whose interface gets broadcasts now and then. */
struct kicked {
	uint8_t mac[DHCP_MAC_BYTES];
	unsigned int interface;
	struct in_addr from;
	uint64_t until; /* milliseconds */
};

struct dhcp_server {
	struct loop *loop; /* borrowed */
	struct dhcp_site site;
	enum dhcp_mode mode;
	struct in_addr address;
	uint16_t port, client_port;
	struct loop_udp udp, boot_udp;
	struct loop_udp kick_udp; /* from port 67 a kick would look like a broken packet of DHCP */
	struct dhcp_interfaces interfaces;
	struct dhcp_pool pool;
	struct dhcp_leases leases;
	struct dhcp_keep *keep; /* owned; NULL: nothing is kept */
	struct pending *pending;
	unsigned int pending_count;
	struct kicked kicked[KICKED_MAX];
	unsigned int kicked_count;
	struct loop_timer kick;
	uint64_t exhausted_ms; /* when it was said that the pool is; 0: never */
	struct dhcp_message message; /* the one that is being answered */
	struct dhcp_answer answer;
};

static bool is_none(struct in_addr address)
{
	return address.s_addr == htonl(INADDR_ANY);
}

/* Kicks -------------------------------------------------------------------------------------- */

static void on_kick(struct loop_timer *timer)
{
	struct dhcp_server *server = container_of(timer, struct dhcp_server, kick);
	struct sockaddr_in all = {
		.sin_family = AF_INET,
		.sin_port = htons(KICK_PORT),
		.sin_addr.s_addr = htonl(INADDR_BROADCAST),
	};
	uint64_t now = loop_now(server->loop);
	unsigned int kept = 0;

	for (unsigned int i = 0; i < server->kicked_count; i++) {
		struct kicked *k = &server->kicked[i];
		bool same = false;

		if (k->until <= now)
			continue;
		/* one for each interface, whoever waits there */
		for (unsigned int j = 0; j < kept; j++)
			same |= server->kicked[j].interface == k->interface;
		if (!same)
			loop_udp_send(&server->kick_udp, "", 1, &all, k->from, k->interface);
		server->kicked[kept++] = *k;
	}
	server->kicked_count = kept;
	if (kept > 0)
		loop_timer_start(server->loop, timer, KICK_MS, on_kick);
}

static void start_kicking(struct dhcp_server *server, const struct dhcp_client *client,
			  struct in_addr from)
{
	struct kicked *k = NULL;

	for (unsigned int i = 0; i < server->kicked_count && !k; i++) {
		if (memcmp(server->kicked[i].mac, client->mac, DHCP_MAC_BYTES) == 0)
			k = &server->kicked[i];
	}
	if (!k && server->kicked_count == KICKED_MAX)
		return;
	if (!k)
		k = &server->kicked[server->kicked_count++];
	memcpy(k->mac, client->mac, DHCP_MAC_BYTES);
	k->interface = client->interface;
	k->from = from;
	k->until = loop_now(server->loop) + KICKED_MS;
	if (!loop_timer_runs(&server->kick))
		loop_timer_start(server->loop, &server->kick, KICK_MS, on_kick);
}

void dhcp_server_calm(struct dhcp_server *server, const uint8_t mac[DHCP_MAC_BYTES])
{
	for (unsigned int i = 0; i < server->kicked_count; i++) {
		if (memcmp(server->kicked[i].mac, mac, DHCP_MAC_BYTES) == 0)
			server->kicked[i].until = 0;
	}
}

/* Sending ------------------------------------------------------------------------------------ */

static void send_to(struct dhcp_server *server, const struct pending *p, struct in_addr address,
		    uint16_t port, unsigned int interface)
{
	struct loop_udp *udp = p->boot_port ? &server->boot_udp : &server->udp;
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr = address,
		.sin_port = htons(port),
	};
	int err = loop_udp_send(udp, p->answer.reply.bytes, p->answer.reply.len, &to,
				p->here.address, interface);

	if (err)
		log_debug("dhcp: %s: cannot send: %s", p->answer.what, strerror(-err));
}

static void send_answer(struct dhcp_server *server, const struct pending *p)
{
	struct in_addr all = {.s_addr = htonl(INADDR_BROADCAST)};
	unsigned int interface = p->client.interface;
	enum dhcp_to to = p->answer.to;

	if (to == DHCP_TO_SENDER && is_none(p->sender.sin_addr))
		to = DHCP_TO_ALL;
	switch (to) {
	case DHCP_TO_SENDER:
		send_to(server, p, p->sender.sin_addr, ntohs(p->sender.sin_port), interface);
		break;
	case DHCP_TO_RELAY:
		send_to(server, p, p->giaddr, server->port, 0);
		break;
	case DHCP_TO_CLIENT:
		/* clients that have an address may listen to that one alone, or to broadcasts */
		send_to(server, p, p->ciaddr, server->client_port, interface);
		send_to(server, p, all, server->client_port, interface);
		break;
	case DHCP_TO_ALL:
		send_to(server, p, all, server->client_port, interface);
		break;
	}
	if (server->site.answered)
		server->site.answered(server->site.ctx, &p->client, p->answer.what,
				      p->answer.address);
}

static void end_pending(struct pending *p)
{
	loop_timer_stop(&p->timer);
	*p->link = p->next;
	if (p->next)
		p->next->link = p->link;
	p->server->pending_count--;
	free(p);
}

static void on_due(struct loop_timer *timer)
{
	struct pending *p = container_of(timer, struct pending, timer);

	send_answer(p->server, p);
	end_pending(p);
}

static void start_delay(struct pending *p)
{
	uint64_t now = loop_now(p->server->loop);

	loop_timer_start(p->server->loop, &p->timer, p->due_ms > now ? p->due_ms - now : 0, on_due);
}

static void on_saved(struct dhcp_waiting *waiting)
{
	struct pending *p = container_of(waiting, struct pending, waiting);

	if (p->due_ms > loop_now(p->server->loop)) {
		start_delay(p);
		return;
	}
	send_answer(p->server, p);
	end_pending(p);
}

/*
 * The client asks again before it was answered: it gets one answer, to its last question. Returns when it was due,
 * which stays: who asks more often than the delay would never be answered. UINT64_MAX: there was none.
 */
static uint64_t drop_delayed(struct dhcp_server *server, const uint8_t mac[DHCP_MAC_BYTES])
{
	uint64_t due_ms = UINT64_MAX;
	struct pending *next;

	for (struct pending *p = server->pending; p; p = next) {
		next = p->next;
		if (!loop_timer_runs(&p->timer) || memcmp(p->client.mac, mac, DHCP_MAC_BYTES) != 0)
			continue;
		due_ms = min_u64(due_ms, p->due_ms);
		end_pending(p);
	}
	return due_ms;
}

static void send_later(struct dhcp_server *server, const struct pending *now, bool save)
{
	uint64_t due_ms = drop_delayed(server, now->client.mac);
	struct pending *p;

	p = server->pending_count < DELAYED_MAX ? malloc(sizeof(*p)) : NULL;
	if (!p) {
		if (save)
			dhcp_keep_save(server->keep, &server->leases, NULL);
		send_answer(server, now);
		return;
	}
	*p = *now;
	p->due_ms = min_u64(p->due_ms, due_ms);
	memset(&p->timer, 0, sizeof(p->timer));
	p->waiting.saved = on_saved;
	p->next = server->pending;
	p->link = &server->pending;
	if (p->next)
		p->next->link = &p->next;
	server->pending = p;
	server->pending_count++;
	if (save)
		dhcp_keep_save(server->keep, &server->leases, &p->waiting);
	else
		start_delay(p);
}

/* Requests ----------------------------------------------------------------------------------- */

static void describe_client(const struct dhcp_message *message, unsigned int interface,
			    struct dhcp_client *out)
{
	*out = (struct dhcp_client){
		.pxe = dhcp_message_is_pxe(message),
		.arch = UINT16_MAX,
		.interface = interface,
	};
	memcpy(out->mac, message->chaddr, DHCP_MAC_BYTES);
	dhcp_message_u16(message, DHCP_OPT_ARCH, &out->arch);
	out->guid = dhcp_message_option(message, DHCP_OPT_GUID, &out->guid_len);
}

/* False also if it is not said how large that network is. */
static bool is_in_pool_network(const struct dhcp_server *server, struct in_addr address)
{
	uint32_t mask = server->pool.netmask.s_addr;

	return mask && ((address.s_addr ^ server->pool.first.s_addr) & mask) == 0;
}

/* The address that the client is to see, if this server serves its network. */
static bool find_here(struct dhcp_server *server, const struct dhcp_message *message,
		      unsigned int interface, struct dhcp_here *out)
{
	struct in_addr like = {.s_addr = htonl(INADDR_ANY)};
	bool full = server->mode == DHCP_FULL;

	/* behind a relay it is the relay that has to be on the pool's network */
	if (full && is_none(message->giaddr))
		like = server->pool.first;
	else if (full && !is_in_pool_network(server, message->giaddr))
		return false;
	if (!dhcp_interfaces_find(&server->interfaces, interface, like, out))
		return false;
	if (!is_none(server->address))
		out->address = server->address;
	return true;
}

/* Addresses of the pool that other machines have, or none can. */
static void keep_from_clients(struct dhcp_leases *leases, const struct dhcp_pool *pool,
			      const struct dhcp_here *here)
{
	const struct in_addr mask = is_none(pool->netmask) ? here->netmask : pool->netmask;
	const struct in_addr network = {pool->first.s_addr & mask.s_addr};
	const struct in_addr broadcast = {network.s_addr | ~mask.s_addr};
	struct in_addr *p = leases->never;

	*p++ = here->address;
	/* a network of two machines or one has neither (RFC 3021) */
	*p++ = ntohl(~mask.s_addr) > 1 ? network : here->address;
	*p++ = ntohl(~mask.s_addr) > 1 ? broadcast : here->address;
	for (unsigned int i = 0; i < ARRAY_SIZE(pool->routers); i++)
		*p++ = pool->routers[i];
	for (unsigned int i = 0; i < ARRAY_SIZE(pool->dns); i++)
		*p++ = pool->dns[i];
	for (unsigned int i = 0; i < ARRAY_SIZE(pool->ntp); i++)
		*p++ = pool->ntp[i];
}

static bool make_answer(struct dhcp_server *server, const struct dhcp_policy *policy,
			const struct dhcp_here *here, bool boot_port, bool *out_changed)
{
	*out_changed = false;
	if (server->mode == DHCP_PROXY)
		return dhcp_proxy_answer(&server->message, policy, here, boot_port,
					 &server->answer);
	keep_from_clients(&server->leases, &server->pool, here);
	return dhcp_full_answer(&server->message, policy, here, &server->pool, &server->leases,
				loop_now(server->loop), out_changed, &server->answer);
}

/* Clients ask again and again. */
static void tell_exhausted(struct dhcp_server *server, const struct dhcp_client *client)
{
	const uint64_t now = loop_now(server->loop);
	const uint8_t *mac = client->mac;
	char first[INET_ADDRSTRLEN], last[INET_ADDRSTRLEN];

	if (server->exhausted_ms && now - server->exhausted_ms < EXHAUSTED_MS)
		return;
	server->exhausted_ms = now;
	inet_ntop(AF_INET, &server->pool.first, first, sizeof(first));
	inet_ntop(AF_INET, &server->pool.last, last, sizeof(last));
	log_warn("dhcp: pool %s-%s: no address is left for %02x:%02x:%02x:%02x:%02x:%02x: make it "
		 "larger, or the lease shorter",
		 first, last, mac[0], mac[1], mac[2], mac[3], mac[4], mac[5]);
}

static void answer(struct dhcp_server *server, const struct loop_datagram *datagram, bool boot_port)
{
	const struct dhcp_message *message = &server->message;
	struct pending now = {.server = server, .sender = datagram->from, .boot_port = boot_port};
	struct dhcp_policy policy = {0};
	bool changed;
	bool save;

	if (!find_here(server, message, datagram->interface, &now.here))
		return;
	describe_client(message, datagram->interface, &now.client);
	server->site.policy(server->site.ctx, &now.client, &policy);
	now.client.guid = NULL;
	now.client.guid_len = 0;
	now.ciaddr = message->ciaddr;
	now.giaddr = message->giaddr;
	if (!make_answer(server, &policy, &now.here, boot_port, &changed)) {
		if (changed && server->keep)
			dhcp_keep_save(server->keep, &server->leases, NULL);
		if (server->mode == DHCP_FULL && server->answer.exhausted)
			tell_exhausted(server, &now.client);
		return;
	}
	now.answer = server->answer;
	now.due_ms = loop_now(server->loop) + policy.delay_ms;
	save = server->keep && now.answer.binds;
	if (policy.delay_ms > 0 || save)
		send_later(server, &now, save);
	else
		send_answer(server, &now);
	if (policy.kick && now.client.pxe && policy.boots)
		start_kicking(server, &now.client, now.here.address);
}

static void receive(struct dhcp_server *server, const struct loop_datagram *datagram,
		    bool boot_port)
{
	struct dhcp_message *message = &server->message;

	if (dhcp_message_parse(datagram->data, datagram->len, message) ||
	    message->op != DHCP_OP_REQUEST || message->htype != DHCP_HTYPE_ETHERNET ||
	    message->hlen != DHCP_MAC_BYTES)
		return;
	answer(server, datagram, boot_port);
}

static void on_request(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	receive(container_of(udp, struct dhcp_server, udp), datagram, false);
}

static void on_boot_request(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	receive(container_of(udp, struct dhcp_server, boot_udp), datagram, true);
}

/* Life --------------------------------------------------------------------------------------- */

/* Nothing is sent to it, or expected from there. */
static void on_kick_answer(struct loop_udp *udp, const struct loop_datagram *datagram)
{
	(void)udp;
	(void)datagram;
}

static int open_socket(struct dhcp_server *server, struct loop_udp *udp,
		       const struct dhcp_options *options, uint16_t port, int fd,
		       loop_udp_fn received)
{
	struct loop_udp_options udp_options = {
		/* what is broadcast does not reach a socket that is bound to an address */
		.address = {.sin_family = AF_INET,
			    .sin_port = htons(port),
			    .sin_addr.s_addr = htonl(INADDR_ANY)},
		.interface = options->interface,
		.broadcast = true,
		.fragments = true,
		.fd = fd,
	};

	return loop_udp_open(server->loop, udp, &udp_options, received);
}

static void load_leases(struct dhcp_server *server, const char *path)
{
	uint64_t longest_ms =
		(server->pool.lease_s ? server->pool.lease_s : UINT32_MAX) * (uint64_t)1000;
	CLEANUP(freep) char *text = NULL;
	size_t len = 0;
	size_t left_out;
	int err = dhcp_keep_load(server->keep, &text, &len);

	if (err == -ENOENT)
		return;
	if (err) {
		log_warn("dhcp: %s: leases cannot be read: %s", path, strerror(-err));
		return;
	}
	left_out = dhcp_leases_parse(&server->leases, text, len, loop_now(server->loop),
				     (int64_t)time(NULL), longest_ms);
	if (left_out)
		log_warn("dhcp: %s: %zu lines are no leases of this pool", path, left_out);
}

static int open_pool(struct dhcp_server *server, const struct dhcp_options *options)
{
	int err = dhcp_leases_init(&server->leases, options->pool.first, options->pool.last);

	if (err)
		return err;
	server->leases.reserved = server->site.reserved;
	server->leases.ctx = server->site.ctx;
	if (!options->pool.leases)
		return 0;
	err = dhcp_keep_open(server->loop, options->pool.leases, &server->keep);
	if (err)
		return err;
	load_leases(server, options->pool.leases);
	return 0;
}

static int open_all(struct dhcp_server *server, const struct dhcp_options *options)
{
	int err = 0;

	if (server->mode == DHCP_FULL)
		err = open_pool(server, options);
	if (err == 0)
		err = open_socket(server, &server->udp, options, server->port, options->fd,
				  on_request);
	if (err == 0)
		loop_udp_room(&server->udp, ROOM_BYTES);
	if (err == 0)
		err = open_socket(server, &server->kick_udp, options, 0, -1, on_kick_answer);
	if (err == 0 && server->mode == DHCP_PROXY && options->proxy_port)
		err = open_socket(server, &server->boot_udp, options, options->proxy_port,
				  options->proxy_fd, on_boot_request);
	return err;
}

int dhcp_server_create(struct loop *loop, const struct dhcp_options *options,
		       const struct dhcp_site *site, struct dhcp_server **out)
{
	struct dhcp_server *server;
	int err = 0;

	if (options->mode != DHCP_OFF && !site->policy)
		return -EINVAL;
	server = calloc(1, sizeof(*server));
	if (!server)
		return -ENOMEM;
	server->loop = loop;
	server->site = *site;
	server->mode = options->mode;
	server->address = options->address;
	server->pool = options->pool;
	server->port = options->port ? options->port : PORT;
	server->client_port = options->client_port ? options->client_port : CLIENT_PORT;
	dhcp_interfaces_init(&server->interfaces, loop);
	if (options->mode != DHCP_OFF)
		err = open_all(server, options);
	if (err) {
		dhcp_server_destroy(server);
		return err;
	}
	*out = server;
	return 0;
}

bool dhcp_server_lease(const struct dhcp_server *server, struct in_addr address,
		       uint8_t out_mac[DHCP_MAC_BYTES])
{
	const struct dhcp_lease *lease;

	if (server->mode != DHCP_FULL)
		return false;
	lease = dhcp_leases_at(&server->leases, address);
	if (!lease || lease->until <= loop_now(server->loop) ||
	    (lease->state != DHCP_LEASE_BOUND && lease->state != DHCP_LEASE_OFFERED))
		return false;
	memcpy(out_mac, lease->mac, DHCP_MAC_BYTES);
	return true;
}

void dhcp_server_destroy(struct dhcp_server *server)
{
	if (!server)
		return;
	dhcp_keep_close(server->keep); /* sends what has waited for it */
	while (server->pending)
		end_pending(server->pending);
	loop_timer_stop(&server->kick);
	loop_udp_close(&server->udp);
	loop_udp_close(&server->boot_udp);
	loop_udp_close(&server->kick_udp);
	dhcp_interfaces_finish(&server->interfaces);
	dhcp_leases_finish(&server->leases);
	free(server);
}
