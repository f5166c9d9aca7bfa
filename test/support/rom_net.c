// SPDX-License-Identifier: MIT
/* Ethernet, ARP, IPv4 and UDP as boot ROMs have them: no fragments, no options, no checksum in UDP, identification
 * 0 and a time to live of 128.
 */
#include "rom_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ETHERNET_BYTES 14
#define IP_BYTES 20
#define UDP_BYTES 8
#define ARP_BYTES 28
#define TTL 128
#define BUFFER_BYTES (64 << 20)

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put16(uint8_t *p, unsigned int value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

int rom_net_open(const char *interface)
{
	/* ARP, and UDP over IPv4: nothing else concerns a boot ROM. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_ARP, 3, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, ROM_FRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog filter = {.len = sizeof(code) / sizeof(code[0]), .filter = code};
	struct sockaddr_ll at = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct packet_mreq all = {.mr_type = PACKET_MR_PROMISC};
	int fd, one = 1, size = BUFFER_BYTES;

	at.sll_ifindex = (int)if_nametoindex(interface);
	if (at.sll_ifindex == 0)
		return -errno;
	all.mr_ifindex = at.sll_ifindex;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		one = -errno;
		close(fd);
		return one;
	}
	/* Thousands of Pis share this one buffer. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return fd;
}

long rom_net_read(int fd, uint8_t buf[ROM_FRAME_MAX], bool *has_checksum)
{
	union {
		struct cmsghdr header;
		uint8_t space[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct iovec part = {.iov_base = buf, .iov_len = ROM_FRAME_MAX};
	struct msghdr msg = {.msg_iov = &part,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	struct tpacket_auxdata aux;
	ssize_t got = recvmsg(fd, &msg, 0);

	if (got < 0)
		return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? 0 : -errno;
	*has_checksum = true;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		*has_checksum = !(aux.tp_status & TP_STATUS_CSUMNOTREADY);
	}
	return got;
}

static uint32_t sum(const uint8_t *p, size_t len, uint32_t start)
{
	for (; len > 1; p += 2, len -= 2)
		start += get16(p);
	return len ? start + ((uint32_t)*p << 8) : start;
}

static uint16_t fold(uint32_t value)
{
	while (value >> 16)
		value = (value & 0xffff) + (value >> 16);
	return (uint16_t)value;
}

void rom_net_parse(const uint8_t *buf, size_t len, bool has_checksum, struct rom_frame *out)
{
	const uint8_t *ip = buf + ETHERNET_BYTES, *udp;
	size_t header, total;
	unsigned int type;

	memset(out, 0, sizeof(*out));
	if (len < ETHERNET_BYTES + IP_BYTES)
		return;
	memcpy(out->to_mac, buf, 6);
	memcpy(out->from_mac, buf + 6, 6);
	type = get16(buf + 12);
	len -= ETHERNET_BYTES;
	if (type == ETH_P_ARP && len >= ARP_BYTES && get16(ip) == 1 && get16(ip + 2) == ETH_P_IP) {
		out->kind = ROM_ARP;
		out->arp_op = get16(ip + 6);
		out->from_ip = get32(ip + 14);
		out->to_ip = get32(ip + 24);
		return;
	}
	header = (size_t)(ip[0] & 15) * 4;
	total = get16(ip + 2);
	if (type != ETH_P_IP || ip[0] >> 4 != 4 || header < IP_BYTES || total > len ||
	    total < header + UDP_BYTES || ip[9] != IPPROTO_UDP || (get16(ip + 6) & 0x3fff) != 0)
		return;
	udp = ip + header;
	if (get16(udp + 4) < UDP_BYTES || get16(udp + 4) > total - header)
		return;
	out->kind = ROM_UDP;
	out->from_ip = get32(ip + 12);
	out->to_ip = get32(ip + 16);
	out->from_port = get16(udp);
	out->to_port = get16(udp + 2);
	out->payload = udp + UDP_BYTES;
	out->len = get16(udp + 4) - (size_t)UDP_BYTES;
	if (fold(sum(ip, header, 0)) != 0xffff)
		out->bad_checksum = true;
	if (has_checksum && get16(udp + 6) != 0 &&
	    fold(sum(udp, get16(udp + 4), sum(ip + 12, 8, IPPROTO_UDP + get16(udp + 4)))) != 0xffff)
		out->bad_checksum = true;
}

static void transmit(int fd, const uint8_t *buf, size_t len)
{
	/* A full queue loses a frame, as a network may: what is lost is sent again. */
	if (send(fd, buf, len, 0) < 0 && errno != ENOBUFS && errno != EAGAIN)
		fprintf(stderr, "rom_client: cannot send: %s\n", strerror(errno));
}

void rom_net_send_udp(int fd, const struct rom_frame *frame)
{
	uint8_t buf[ROM_FRAME_MAX] = {0};
	uint8_t *ip = buf + ETHERNET_BYTES, *udp = ip + IP_BYTES;
	size_t total = IP_BYTES + UDP_BYTES + frame->len;

	if (total > sizeof(buf) - ETHERNET_BYTES)
		return;
	memcpy(buf, frame->to_mac, 6);
	memcpy(buf + 6, frame->from_mac, 6);
	put16(buf + 12, ETH_P_IP);
	ip[0] = 0x45;
	put16(ip + 2, (unsigned int)total);
	ip[8] = TTL;
	ip[9] = IPPROTO_UDP;
	put32(ip + 12, frame->from_ip);
	put32(ip + 16, frame->to_ip);
	put16(ip + 10, 0xffffU & ~(unsigned int)fold(sum(ip, IP_BYTES, 0)));
	put16(udp, frame->from_port);
	put16(udp + 2, frame->to_port);
	put16(udp + 4, (unsigned int)(UDP_BYTES + frame->len));
	memcpy(udp + UDP_BYTES, frame->payload, frame->len);
	transmit(fd, buf, ETHERNET_BYTES + total);
}

void rom_net_send_arp(int fd, const struct rom_frame *frame)
{
	uint8_t buf[60] = {0};
	uint8_t *arp = buf + ETHERNET_BYTES;

	memcpy(buf, frame->to_mac, 6);
	memcpy(buf + 6, frame->from_mac, 6);
	put16(buf + 12, ETH_P_ARP);
	put16(arp, 1);
	put16(arp + 2, ETH_P_IP);
	arp[4] = 6;
	arp[5] = 4;
	put16(arp + 6, frame->arp_op);
	memcpy(arp + 8, frame->from_mac, 6);
	put32(arp + 14, frame->from_ip);
	if (frame->arp_op == 2)
		memcpy(arp + 18, frame->to_mac, 6);
	put32(arp + 24, frame->to_ip);
	transmit(fd, buf, sizeof(buf));
}

#define TEXTS 4

const char *rom_ip(uint32_t ip)
{
	static char text[TEXTS][16];
	static unsigned int turn;
	char *to = text[turn++ % TEXTS];

	snprintf(to, sizeof(text[0]), "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255,
		 ip & 255);
	return to;
}

const char *rom_mac(const uint8_t mac[6])
{
	static char text[TEXTS][18];
	static unsigned int turn;
	char *to = text[turn++ % TEXTS];

	snprintf(to, sizeof(text[0]), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		 mac[3], mac[4], mac[5]);
	return to;
}
