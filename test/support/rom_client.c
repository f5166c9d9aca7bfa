// SPDX-License-Identifier: MIT
/* Boot ROMs of Raspberry Pis on a network, one or thousands, to try servers with. It needs no hardware but a network
 * interface, best one end of a veth, and the right to open a packet socket. The exit status is 0 if each Pi
 * loaded all its files and nothing was wrong.
 */
#include "rom_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FRAMES_AT_ONCE 256
#define TICK_MS 5
#define MS 1000ULL

struct rom_options rom_options = {.many = 1, .serial = 0x036cb716, .timeout_ms = 120000};
int rom_socket = -1;

static const char usage_text[] =
	"Usage: rom_client --interface IF --model M[,M...] [OPTION...]\n"
	"  --model M            3b, 3b-plus, 4, 5; also pc-bios, pc-efi, plain\n"
	"  --serial HEX         of the first Pi (036cb716); the next ones follow\n"
	"  --mac MAC            of the first Pi; its last three bytes are counted up\n"
	"  --many N             so many Pis, models in turn\n"
	"  --spread MS          switch them on within this time\n"
	"  --timeout MS         for a whole boot (120000)\n"
	"  --expect DIR         files of the boot partition: what is there must come as it is "
	"there,\n"
	"                       what is not there must not be found\n"
	"  --rewritten          cmdline.txt need not be as in DIR\n"
	"  --save DIR           keeps what was loaded\n"
	"  --only FILE          asks for this one file, whatever the model\n"
	"  --prefix TEXT        before file names, instead of SERIAL/\n"
	"  --blksize N          instead of the model's\n"
	"  --server IP --address IP   no DHCP; with --address alone: there is no router\n"
	"  --full               the boot server gives the addresses\n"
	"  --dhcp-only          no TFTP\n"
	"  --strict             also complain of what only our own server promises\n"
	"  --not-before MS      an offer must not come sooner\n"
	"  --silence MS         nobody may offer to boot\n"
	"  --ask-proxy          asked on port 4011, too\n"
	"  --judge IP           complain of this server alone\n"
	"  --lagging-ring       a frame is seen when the next one comes, during DHCP\n"
	"  --repeat-requests    the first answer to each request is taken for lost\n"
	"  --double-acks        some acknowledgements are sent twice\n"
	"  --tell FILE          writes there the serial and address of each Pi that has booted\n"
	"  --hold               afterwards answer ARP until standard input ends\n"
	"  --json               the report as JSON\n"
	"  --verbose            tell what happens, on standard error\n";

static struct rom_pi *pis;

static void usage(int status)
{
	fputs(usage_text, status ? stderr : stdout);
	exit(status);
}

static void add_models(char *names)
{
	for (char *name = strtok(names, ","); name; name = strtok(NULL, ",")) {
		const struct rom_model *model = rom_models;

		while (model->name && strcmp(model->name, name) != 0)
			model++;
		if (!model->name || rom_options.model_count == 8) {
			fprintf(stderr, "rom_client: no such model: %s\n", name);
			exit(2);
		}
		rom_options.models[rom_options.model_count++] = model;
	}
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);

	if (*end || !*text || value > 100000000)
		usage(2);
	return (unsigned int)value;
}

static uint32_t address(const char *text)
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) != 1)
		usage(2);
	return ntohl(in.s_addr);
}

enum {
	OPT_INTERFACE = 256,
	OPT_MODEL,
	OPT_SERIAL,
	OPT_MAC,
	OPT_MANY,
	OPT_SPREAD,
	OPT_TIMEOUT,
	OPT_EXPECT,
	OPT_SAVE,
	OPT_TELL,
	OPT_ONLY,
	OPT_PREFIX,
	OPT_BLKSIZE,
	OPT_SERVER,
	OPT_ADDRESS,
	OPT_NOT_BEFORE,
	OPT_SILENCE,
	OPT_REWRITTEN,
	OPT_FULL,
	OPT_DHCP_ONLY,
	OPT_STRICT,
	OPT_ASK_PROXY,
	OPT_JUDGE,
	OPT_LAGGING,
	OPT_REPEAT,
	OPT_DOUBLE,
	OPT_HOLD,
	OPT_JSON,
	OPT_VERBOSE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"interface", 1, NULL, OPT_INTERFACE},
	{"model", 1, NULL, OPT_MODEL},
	{"serial", 1, NULL, OPT_SERIAL},
	{"mac", 1, NULL, OPT_MAC},
	{"many", 1, NULL, OPT_MANY},
	{"spread", 1, NULL, OPT_SPREAD},
	{"timeout", 1, NULL, OPT_TIMEOUT},
	{"expect", 1, NULL, OPT_EXPECT},
	{"save", 1, NULL, OPT_SAVE},
	{"tell", 1, NULL, OPT_TELL},
	{"only", 1, NULL, OPT_ONLY},
	{"prefix", 1, NULL, OPT_PREFIX},
	{"blksize", 1, NULL, OPT_BLKSIZE},
	{"server", 1, NULL, OPT_SERVER},
	{"address", 1, NULL, OPT_ADDRESS},
	{"not-before", 1, NULL, OPT_NOT_BEFORE},
	{"silence", 1, NULL, OPT_SILENCE},
	{"rewritten", 0, NULL, OPT_REWRITTEN},
	{"full", 0, NULL, OPT_FULL},
	{"dhcp-only", 0, NULL, OPT_DHCP_ONLY},
	{"strict", 0, NULL, OPT_STRICT},
	{"ask-proxy", 0, NULL, OPT_ASK_PROXY},
	{"judge", 1, NULL, OPT_JUDGE},
	{"lagging-ring", 0, NULL, OPT_LAGGING},
	{"repeat-requests", 0, NULL, OPT_REPEAT},
	{"double-acks", 0, NULL, OPT_DOUBLE},
	{"hold", 0, NULL, OPT_HOLD},
	{"json", 0, NULL, OPT_JSON},
	{"verbose", 0, NULL, OPT_VERBOSE},
	{"help", 0, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static void take_option(int code)
{
	struct rom_options *o = &rom_options;
	uint8_t *m = o->mac;

	switch (code) {
	case OPT_INTERFACE:
		o->interface = optarg;
		return;
	case OPT_MODEL:
		add_models(optarg);
		return;
	case OPT_SERIAL:
		o->serial = (uint32_t)strtoul(optarg, NULL, 16);
		return;
	case OPT_MAC:
		if (sscanf(optarg, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", m, m + 1, m + 2, m + 3, m + 4,
			   m + 5) != 6)
			usage(2);
		o->has_mac = true;
		return;
	case OPT_MANY:
		o->many = number(optarg);
		return;
	case OPT_SPREAD:
		o->spread_ms = number(optarg);
		return;
	case OPT_TIMEOUT:
		o->timeout_ms = number(optarg);
		return;
	case OPT_EXPECT:
		o->expect = optarg;
		return;
	case OPT_SAVE:
		o->save = optarg;
		return;
	case OPT_TELL:
		o->tell = fopen(optarg, "we");
		if (o->tell)
			return;
		perror(optarg);
		exit(2);
	case OPT_ONLY:
		o->only = optarg;
		return;
	case OPT_PREFIX:
		o->prefix = optarg;
		return;
	case OPT_BLKSIZE:
		o->block_size = number(optarg);
		return;
	case OPT_SERVER:
		o->server = address(optarg);
		return;
	case OPT_ADDRESS:
		o->address = address(optarg);
		return;
	case OPT_JUDGE:
		o->judge = address(optarg);
		return;
	case OPT_NOT_BEFORE:
		o->not_before_ms = number(optarg);
		return;
	case OPT_SILENCE:
		o->silence_ms = number(optarg);
		return;
	case OPT_REWRITTEN:
		o->rewritten = true;
		return;
	case OPT_FULL:
		o->full = true;
		return;
	case OPT_DHCP_ONLY:
		o->dhcp_only = true;
		return;
	case OPT_STRICT:
		o->strict = true;
		return;
	case OPT_ASK_PROXY:
		o->ask_proxy = true;
		return;
	case OPT_LAGGING:
		o->lagging_ring = true;
		return;
	case OPT_REPEAT:
		o->repeat_requests = true;
		return;
	case OPT_DOUBLE:
		o->double_acks = true;
		return;
	case OPT_HOLD:
		o->hold = true;
		return;
	case OPT_JSON:
		o->json = true;
		return;
	case OPT_VERBOSE:
		o->verbose = true;
		return;
	case OPT_HELP:
		usage(0);
	}
	usage(2);
}

/* One file takes the place of each model's list; without files to compare it must be there. */
static void ask_for_one(void)
{
	static struct rom_model models[8];
	static struct rom_file file;

	file.name = rom_options.only;
	file.flags = rom_options.expect ? 0 : ROM_EXPECTED;
	for (unsigned int i = 0; i < rom_options.model_count; i++) {
		models[i] = *rom_options.models[i];
		models[i].files = &file;
		models[i].file_count = 1;
		rom_options.models[i] = &models[i];
	}
}

static uint32_t low24(const uint8_t mac[6])
{
	return (uint32_t)mac[3] << 16 | (uint32_t)mac[4] << 8 | mac[5];
}

/* The last three bytes count up, so that a Pi is found by its address. */
static uint32_t first24(void)
{
	return rom_options.has_mac ? low24(rom_options.mac) : rom_options.serial & 0xffffff;
}

static void make_pis(uint64_t now)
{
	pis = calloc(rom_options.many, sizeof(*pis));
	if (!pis)
		exit(1);
	for (unsigned int i = 0; i < rom_options.many; i++) {
		struct rom_pi *pi = &pis[i];
		uint32_t low = (first24() + i) & 0xffffff;

		pi->model = rom_options.models[i % rom_options.model_count];
		memcpy(pi->mac, rom_options.has_mac ? rom_options.mac : pi->model->oui, 3);
		pi->mac[3] = (uint8_t)(low >> 16);
		pi->mac[4] = (uint8_t)(low >> 8);
		pi->mac[5] = (uint8_t)low;
		pi->serial = rom_options.serial + i;
		pi->next_port = ROM_FIRST_PORT;
		if (rom_options.address && rom_options.server)
			pi->address = rom_options.address + i;
		pi->on_us = now + rom_options.spread_ms * MS * i / rom_options.many;
		pi->deadline_us = pi->on_us;
	}
}

static struct rom_pi *pi_by_mac(const uint8_t mac[6])
{
	uint32_t index = (low24(mac) - first24()) & 0xffffff;

	if (index >= rom_options.many || memcmp(pis[index].mac, mac, 6) != 0)
		return NULL;
	return &pis[index];
}

static void dispatch(const uint8_t *buf, size_t len, bool has_checksum)
{
	uint64_t now = rom_now_us();
	struct rom_frame frame;
	struct rom_pi *pi;
	uint8_t owner[6];

	rom_net_parse(buf, len, has_checksum, &frame);
	pi = pi_by_mac(frame.to_mac);
	/* The reply to a DISCOVER may be broadcast; with a lagging ring each frame counts. */
	if (!pi && !rom_options.lagging_ring && rom_dhcp_owner(&frame, owner))
		pi = pi_by_mac(owner);
	if (pi) {
		rom_pi_frame(pi, buf, len, has_checksum, now);
		return;
	}
	if (!(frame.to_mac[0] & 1))
		return;
	for (unsigned int i = 0; i < rom_options.many; i++)
		if (rom_options.lagging_ring ||
		    (frame.kind == ROM_ARP && frame.to_ip == pis[i].address))
			rom_pi_frame(&pis[i], buf, len, has_checksum, now);
}

/* True if there was anything. */
static bool receive(void)
{
	static uint8_t buf[ROM_FRAME_MAX];
	bool has_checksum = true;
	long len = 0;
	int i;

	for (i = 0; i < FRAMES_AT_ONCE; i++) {
		len = rom_net_read(rom_socket, buf, &has_checksum);
		if (len <= 0)
			break;
		dispatch(buf, (size_t)len, has_checksum);
	}
	if (len < 0) {
		fprintf(stderr, "rom_client: %s: %s\n", rom_options.interface, strerror((int)-len));
		exit(1);
	}
	return i > 0;
}

static void timers(uint64_t now)
{
	for (unsigned int i = 0; i < rom_options.many; i++) {
		struct rom_pi *pi = &pis[i];

		if (pi->state < ROM_BOOTED && now > pi->on_us + rom_options.timeout_ms * MS)
			rom_pi_die(pi, "it takes too long");
		else if (now >= pi->deadline_us)
			rom_pi_timer(pi, now);
	}
}

static void play(uint64_t begun)
{
	struct pollfd ready = {.fd = rom_socket, .events = POLLIN};
	uint64_t tick = 0, now;

	for (;;) {
		poll(&ready, 1, TICK_MS);
		receive();
		now = rom_now_us();
		if (now - tick >= TICK_MS * MS) {
			tick = now;
			timers(now);
		}
		if (rom_counts.booted + rom_counts.dead == rom_options.many)
			return;
		if (rom_options.silence_ms && now - begun > rom_options.silence_ms * MS)
			return;
	}
}

/* Packets that come when all is over, and ARP for those who use the addresses from now on. */
static void linger(void)
{
	struct pollfd ready[2] = {{.fd = rom_socket, .events = POLLIN},
				  {.fd = 0, .events = POLLIN}};
	uint64_t until = rom_now_us() + 300 * MS;
	char discard[64];

	while (rom_now_us() < until) {
		poll(ready, 1, TICK_MS);
		receive();
	}
	while (rom_options.hold) {
		poll(ready, 2, -1);
		receive();
		if (ready[1].revents && read(0, discard, sizeof(discard)) <= 0)
			return;
	}
}

int main(int argc, char **argv)
{
	uint64_t begun;
	int code;

	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1)
		take_option(code);
	if (optind != argc || !rom_options.interface || !rom_options.model_count ||
	    !rom_options.many || (rom_options.server && !rom_options.address))
		usage(2);
	if (rom_options.expect)
		rom_expect_load(rom_options.expect);
	rom_socket = rom_net_open(rom_options.interface);
	if (rom_socket < 0) {
		fprintf(stderr, "rom_client: cannot open %s: %s\n", rom_options.interface,
			strerror(-rom_socket));
		return 1;
	}
	if (rom_options.only)
		ask_for_one();
	begun = rom_now_us();
	srand((unsigned int)begun);
	make_pis(begun);
	play(begun);
	rom_report(stdout, rom_now_us() - begun);
	linger();
	return rom_counts.complaints || rom_counts.dead ? 1 : 0;
}
