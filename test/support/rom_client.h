// SPDX-License-Identifier: MIT
/* Plays the boot ROMs of Raspberry Pis on a network: DHCP and TFTP, packet by packet, over a packet socket.
 * It shares no code with the servers that it judges.
 */
#ifndef ROM_CLIENT_H
#define ROM_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define ROM_FRAME_MAX 2048
#define ROM_FIRST_PORT 49152
#define ROM_DHCP_MAX 1400

/* How a file is asked for. */
enum rom_file_flags {
	ROM_AT_ROOT = 1 << 0, /* without the serial */
	ROM_SLASHES = 1 << 1, /* with two slashes behind the serial */
	ROM_PROBE = 1 << 2, /* the transfer is broken off when the size is known */
	ROM_BARE = 1 << 3, /* without options, blocks of 512 bytes */
	ROM_EXPECTED = 1 << 4, /* a Pi cannot boot without it */
};

struct rom_file {
	const char *name;
	unsigned int flags;
};

struct rom_model {
	const char *name;
	uint8_t oui[3];
	const char *vendor_class; /* option 60, or NULL */
	uint16_t architecture;
	enum { ROM_ID_CONSTANT, ROM_ID_SERIALS, ROM_ID_BOARD, ROM_ID_UUID } identity;
	char board[5]; /* "RPi4" */
	uint32_t revision; /* of the board */
	uint32_t xid; /* 0: another one each time */
	const uint8_t *wants; /* option 55 */
	size_t wants_count;
	bool needs_spaces; /* option 43 must name "Raspberry Pi Boot   " */
	bool sends_request;
	bool request_has_class;
	unsigned int discovers; /* so many, then it is dead */
	unsigned int discover_ms; /* from one to the next */
	unsigned int block_size; /* asked for; 0: the option is not sent */
	const struct rom_file *files;
	size_t file_count;
};

/* The models, ended by one without a name. */
extern const struct rom_model rom_models[];

struct rom_options {
	const char *interface;
	const struct rom_model *models[8];
	unsigned int model_count;
	unsigned int many;
	uint32_t serial;
	uint8_t mac[6];
	bool has_mac;
	uint32_t server; /* skip DHCP: ask this one */
	uint32_t address; /* the first Pi's; without DHCP */
	const char *expect;
	const char *save;
	FILE *tell; /* where the Pis that have booted are listed */
	const char *prefix; /* NULL: the serial */
	const char *only; /* NULL, or the one file that is asked for */
	unsigned int block_size;
	unsigned int timeout_ms; /* for a whole boot */
	unsigned int spread_ms; /* the Pis are switched on within this time */
	unsigned int not_before_ms;
	unsigned int silence_ms; /* nobody but the router may answer for so long */
	bool ask_proxy; /* also asked on port 4011 */
	uint32_t judge; /* complain of this server alone; 0: of all */
	bool strict;
	bool rewritten; /* cmdline.txt must not be as it is in the image */
	bool dhcp_only;
	bool full; /* one server gives the address and boots */
	bool lagging_ring;
	bool repeat_requests;
	bool double_acks;
	bool hold; /* answer ARP until standard input ends */
	bool json;
	bool verbose;
};

/* -- rom_net.c: frames of one interface */

struct rom_frame {
	enum { ROM_OTHER, ROM_ARP, ROM_UDP } kind;
	uint8_t from_mac[6], to_mac[6];
	uint32_t from_ip, to_ip; /* host order; of ARP: the sender's and the one that is meant */
	uint16_t from_port, to_port;
	uint16_t arp_op;
	const uint8_t *payload;
	size_t len;
	bool bad_checksum;
};

/* Opens @interface; returns a descriptor or a negative errno. */
int rom_net_open(const char *interface);
/* Reads one frame into @buf: its length, 0 if there is none, or a negative errno. @has_checksum is false
 * where the kernel has not filled in the UDP checksum, as between two ends of a veth. */
long rom_net_read(int fd, uint8_t buf[ROM_FRAME_MAX], bool *has_checksum);
void rom_net_parse(const uint8_t *buf, size_t len, bool has_checksum, struct rom_frame *out);
void rom_net_send_udp(int fd, const struct rom_frame *frame);
void rom_net_send_arp(int fd, const struct rom_frame *frame);
/* Both return a buffer of a few that are used in turn. */
const char *rom_ip(uint32_t ip);
const char *rom_mac(const uint8_t mac[6]);

/* -- rom_dhcp.c */

struct rom_reply {
	uint8_t type; /* option 53 */
	uint32_t address, siaddr, id, named; /* yiaddr, siaddr, options 54 and 66 */
	bool has_id, has_named, has_lease, has_mask, has_router;
	bool boots; /* has options 60 and 43 of PXE */
	bool menu, menu_spaces;
	char file[129];
};

struct rom_pi;
/* Each returns the length of what it made in @buf, ROM_DHCP_MAX bytes. */
size_t rom_dhcp_discover(const struct rom_pi *pi, uint8_t *buf);
size_t rom_dhcp_request(const struct rom_pi *pi, uint8_t *buf);
/* Whose reply is it: copies the hardware address; false if it is no reply at all. */
bool rom_dhcp_owner(const struct rom_frame *frame, uint8_t mac[6]);
/* Takes a reply to @pi apart and complains of what no Pi, or in strict mode we, would take. */
bool rom_dhcp_judge(struct rom_pi *pi, const struct rom_frame *frame, struct rom_reply *out);

/* -- rom_expect.c: what the files must be */

struct rom_expected {
	char *path;
	const uint8_t *data;
	size_t len;
};

void rom_expect_load(const char *dir);
/* By path, upper and lower case alike; NULL if there is none. */
const struct rom_expected *rom_expect_find(const char *path);

/* -- rom_report.c */

enum rom_step {
	ROM_STEP_OFFER, /* first DISCOVER to the boot server's OFFER */
	ROM_STEP_ADDRESS, /* first DISCOVER to an address that may be used */
	ROM_STEP_ARP,
	ROM_STEP_ABSENT, /* request to "file not found" */
	ROM_STEP_FIRST, /* request to the first answer */
	ROM_STEP_BLOCK, /* acknowledgement to the next block */
	ROM_STEP_FILE, /* request to the last block */
	ROM_STEP_LOAD, /* the first request to the last file */
	ROM_STEP_BOOT, /* switched on until the last file */
	ROM_STEPS
};

struct rom_counts {
	uint64_t bytes, blocks, files, absent, probes;
	uint64_t booted, dead, complaints;
	uint64_t repeated_discovers, repeated_requests, repeated_acks, repeated_arps;
	uint64_t duplicates; /* blocks that came again */
	uint64_t late; /* packets behind the end of a transfer */
};

extern struct rom_counts rom_counts;
extern struct rom_options rom_options;

uint64_t rom_now_us(void);
void rom_sample(enum rom_step step, uint64_t us);
void rom_say(const struct rom_pi *pi, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Something is wrong, which decides the exit status. */
void rom_wrong(const struct rom_pi *pi, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void rom_report(FILE *to, uint64_t wall_us);

/* -- rom_tftp.c and rom_pi.c: one Pi */

struct rom_transfer {
	char path[160];
	const struct rom_file *file;
	const struct rom_expected *expected;
	FILE *save;
	uint64_t begun_us, sent_us;
	uint64_t got; /* bytes */
	uint64_t size; /* as the OACK said */
	unsigned int block_size;
	unsigned int tries;
	uint16_t port, peer;
	uint16_t block; /* the last one that came */
	bool started, has_size, with_options, repeated, differs, compare;
};

enum rom_state {
	ROM_OFF,
	ROM_DISCOVERING,
	ROM_REQUESTING,
	ROM_RESOLVING,
	ROM_LOADING,
	ROM_BOOTED,
	ROM_DEAD,
};

struct rom_pi {
	const struct rom_model *model;
	uint8_t mac[6];
	uint32_t serial;
	uint32_t xid;
	enum rom_state state;
	uint64_t on_us, deadline_us, begun_us, step_us, load_us;
	unsigned int tries;
	uint32_t address, router, boot_server;
	uint8_t boot_mac[6];
	bool has_boot_mac, resolved;
	uint16_t next_port;
	size_t step;
	struct rom_transfer transfer;
	uint8_t *held; /* of the lagging ring */
	size_t held_len;
};

void rom_pi_start(struct rom_pi *pi, uint64_t now);
void rom_pi_frame(struct rom_pi *pi, const uint8_t *buf, size_t len, bool has_checksum,
		  uint64_t now);
void rom_pi_timer(struct rom_pi *pi, uint64_t now);
void rom_pi_send(struct rom_pi *pi, uint16_t from_port, uint16_t to_port, const uint8_t *payload,
		 size_t len);
/* The next file is over, or there is none left. */
void rom_pi_file_done(struct rom_pi *pi, uint64_t now);
void rom_pi_die(struct rom_pi *pi, const char *why);
extern int rom_socket;

/* Asks for the file of pi->step. */
void rom_tftp_start(struct rom_pi *pi, uint64_t now);
void rom_tftp_packet(struct rom_pi *pi, const struct rom_frame *frame, uint64_t now);
void rom_tftp_timer(struct rom_pi *pi, uint64_t now);

#endif
