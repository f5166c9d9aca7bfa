/* SPDX-License-Identifier: MIT */
/*
 * Answers DHCP, with nothing else of the product around the room.
 *
 *     dhcp_serve [-i INTERFACE] [-f FIRST,LAST] [-l SECONDS] [-L LEASES] [-r ROUTER] [-n DNS] [-t NTP]
 *                [-D DOMAIN] [-d DELAY-MS] [-k] [-m MAC[=BOOTFILE]]... [-R MAC=ADDRESS]... [-H HOSTNAME]
 *
 * Boots from here: machines whose MAC has a prefix of a Raspberry Pi, and those of -m. A proxy unless -f
 * gives a pool. -k kicks those that boot. Prints "ready", then a line "WHAT MAC ADDRESS" for each answer.
 * SIGUSR1 calms all that are kicked. Ends by SIGTERM or SIGINT.
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "dhcp/dhcp.h"

#define LISTED_MAX 16u

struct listed {
	uint8_t mac[DHCP_MAC_BYTES];
	bool boots;
	char bootfile[DHCP_BOOTFILE_MAX];
	struct in_addr address;
};

static struct serve {
	struct listed listed[LISTED_MAX];
	unsigned int count;
	uint32_t delay_ms;
	bool kick;
	const char *hostname;
	struct loop *loop;
	struct dhcp_server *server;
} serve;

static const uint8_t prefixes[][3] = {
	{0xb8, 0x27, 0xeb}, {0xdc, 0xa6, 0x32}, {0xe4, 0x5f, 0x01}, {0xd8, 0x3a, 0xdd},
	{0x28, 0xcd, 0xc1}, {0x2c, 0xcf, 0x67}, {0x88, 0xa2, 0x9e},
};

static struct listed *find(const uint8_t mac[DHCP_MAC_BYTES])
{
	for (unsigned int i = 0; i < serve.count; i++) {
		if (memcmp(serve.listed[i].mac, mac, DHCP_MAC_BYTES) == 0)
			return &serve.listed[i];
	}
	return NULL;
}

static void on_policy(void *ctx, const struct dhcp_client *client, struct dhcp_policy *out)
{
	const struct listed *listed = find(client->mac);

	(void)ctx;
	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		out->boots |= memcmp(prefixes[i], client->mac, 3) == 0;
	out->delay_ms = serve.delay_ms;
	out->kick = serve.kick;
	if (serve.hostname)
		snprintf(out->hostname, sizeof(out->hostname), "%s", serve.hostname);
	if (!listed)
		return;
	out->boots |= listed->boots;
	out->address = listed->address;
	memcpy(out->bootfile, listed->bootfile, sizeof(out->bootfile));
}

static void on_answered(void *ctx, const struct dhcp_client *client, const char *what,
			struct in_addr address)
{
	const uint8_t *m = client->mac;

	(void)ctx;
	printf("%s %02x:%02x:%02x:%02x:%02x:%02x %s\n", what, m[0], m[1], m[2], m[3], m[4], m[5],
	       inet_ntoa(address));
	fflush(stdout);
}

static bool on_reserved(void *ctx, struct in_addr address, const uint8_t mac[DHCP_MAC_BYTES])
{
	(void)ctx;
	for (unsigned int i = 0; i < serve.count; i++) {
		if (serve.listed[i].address.s_addr == address.s_addr &&
		    memcmp(serve.listed[i].mac, mac, DHCP_MAC_BYTES) != 0)
			return true;
	}
	return false;
}

static void on_signal(struct loop_signal *watcher, int number)
{
	(void)watcher;
	if (number != SIGUSR1) {
		loop_stop(serve.loop);
		return;
	}
	for (unsigned int i = 0; i < serve.count; i++)
		dhcp_server_calm(serve.server, serve.listed[i].mac);
}

/* The entry of the machine that @text begins with; what follows "=" is *@out_value, or NULL. */
static struct listed *take_listed(const char *text, const char **out_value)
{
	unsigned int m[DHCP_MAC_BYTES];
	uint8_t mac[DHCP_MAC_BYTES];
	struct listed *listed;

	if (sscanf(text, "%x:%x:%x:%x:%x:%x", &m[0], &m[1], &m[2], &m[3], &m[4], &m[5]) != 6)
		exit(2);
	for (size_t i = 0; i < DHCP_MAC_BYTES; i++)
		mac[i] = (uint8_t)m[i];
	listed = find(mac);
	if (!listed) {
		if (serve.count == LISTED_MAX)
			exit(2);
		listed = &serve.listed[serve.count++];
		memcpy(listed->mac, mac, DHCP_MAC_BYTES);
	}
	*out_value = strchr(text, '=');
	if (*out_value)
		(*out_value)++;
	return listed;
}

static struct in_addr address(const char *text)
{
	struct in_addr parsed;

	if (inet_pton(AF_INET, text, &parsed) != 1)
		exit(2);
	return parsed;
}

static void take_option(int option, char *value, struct dhcp_options *options)
{
	struct listed *listed;
	const char *rest;

	switch (option) {
	case 'i':
		options->interface = value;
		break;
	case 'f':
		options->mode = DHCP_FULL;
		options->pool.first = address(strtok(value, ","));
		options->pool.last = address(strtok(NULL, ","));
		break;
	case 'l':
		options->pool.lease_s = (uint32_t)strtoul(value, NULL, 10);
		break;
	case 'L':
		options->pool.leases = value;
		break;
	case 'r':
		options->pool.routers[0] = address(value);
		break;
	case 'n':
		options->pool.dns[0] = address(value);
		break;
	case 't':
		options->pool.ntp[0] = address(value);
		break;
	case 'D':
		snprintf(options->pool.domain, sizeof(options->pool.domain), "%s", value);
		break;
	case 'd':
		serve.delay_ms = (uint32_t)strtoul(value, NULL, 10);
		break;
	case 'k':
		serve.kick = true;
		break;
	case 'H':
		serve.hostname = value;
		break;
	case 'm':
		listed = take_listed(value, &rest);
		listed->boots = true;
		if (rest)
			snprintf(listed->bootfile, sizeof(listed->bootfile), "%s", rest);
		break;
	case 'R':
		listed = take_listed(value, &rest);
		listed->address = address(rest ? rest : "");
		break;
	default:
		exit(2);
	}
}

int main(int argc, char **argv)
{
	struct dhcp_options options = {.mode = DHCP_PROXY, .proxy_port = 4011};
	struct dhcp_site site = {
		.policy = on_policy, .answered = on_answered, .reserved = on_reserved};
	static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
	struct loop_signal signals[3];
	int option;

	log_set_level(LOG_LEVEL_DEBUG);
	while ((option = getopt(argc, argv, "i:f:l:L:r:n:t:D:d:km:R:H:")) != -1)
		take_option(option, optarg, &options);
	if (loop_create(1, &serve.loop))
		return 1;
	if (dhcp_server_create(serve.loop, &options, &site, &serve.server)) {
		perror("dhcp_serve");
		return 1;
	}
	for (size_t i = 0; i < 3; i++)
		loop_signal_start(serve.loop, &signals[i], numbers[i], on_signal);
	printf("ready\n");
	fflush(stdout);
	loop_run(serve.loop);
	dhcp_server_destroy(serve.server);
	for (size_t i = 0; i < 3; i++)
		loop_signal_stop(serve.loop, &signals[i]);
	loop_destroy(serve.loop);
	return 0;
}
