/* SPDX-License-Identifier: MIT */
/*
 * Opens the ports, before we stop being root and before anything else is done. If one cannot be had, it
 * is said who has it and what helps.
 */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

#define BACKLOG 4096
#define PRIVILEGED_MAX 1023u

static const struct port_kind {
	const char *what;
	const char *option; /* sets its number */
	const char *off; /* does without it */
	bool tcp;
	bool may_be_missing; /* something else takes its place, or few need it */
} kinds[DAEMON_PORTS] = {
	[DAEMON_DHCP] = {"DHCP", "--dhcp-port", "--dhcp off", false, false},
	[DAEMON_PROXY] = {"proxy-DHCP", "--proxy-port", "--proxy-port 0", false, true},
	[DAEMON_TFTP] = {"TFTP", "--tftp-port", "--only dhcp,nfs", false, false},
	[DAEMON_NFS] = {"NFS", "--nfs-port", "--only dhcp,tftp", true, false},
	[DAEMON_NFS_UDP] = {"NFS", "--nfs-port", "--only dhcp,tftp", false, false},
	[DAEMON_MOUNT] = {"MOUNT", "--mount-port", "--mount-port 0", true, false},
	[DAEMON_MOUNT_UDP] = {"MOUNT", "--mount-port", "--mount-port 0", false, false},
	[DAEMON_PORTMAP_TCP] = {"the port mapper", "--portmap-port", "--portmap-port 0", true,
				true},
	[DAEMON_PORTMAP_UDP] = {"the port mapper", "--portmap-port", "--portmap-port 0", false,
				true},
};

static void choose_ports(const struct config *config, uint16_t out[DAEMON_PORTS])
{
	bool nfs = config->nfs && config->nfs_port;

	memset(out, 0, DAEMON_PORTS * sizeof(*out));
	if (config->dhcp != DHCP_OFF) {
		out[DAEMON_DHCP] = config->dhcp_port;
		out[DAEMON_PROXY] = config->dhcp_port ? config->proxy_port : 0;
	}
	if (config->tftp)
		out[DAEMON_TFTP] = config->tftp_port;
	if (!nfs)
		return;
	out[DAEMON_NFS] = out[DAEMON_NFS_UDP] = config->nfs_port;
	if (config->mount_port != config->nfs_port)
		out[DAEMON_MOUNT] = out[DAEMON_MOUNT_UDP] = config->mount_port;
	out[DAEMON_PORTMAP_TCP] = config->portmap_port;
	out[DAEMON_PORTMAP_UDP] = config->portmap_port;
}

/* Whether the server does without it. */
static bool may_be_missing(enum daemon_port port, uint16_t number)
{
	if (port == DAEMON_MOUNT || port == DAEMON_MOUNT_UDP)
		return number == CONFIG_MOUNT_PORT;
	return kinds[port].may_be_missing;
}

static bool is_dhcp(enum daemon_port port)
{
	return port == DAEMON_DHCP || port == DAEMON_PROXY;
}

static int bind_socket(int fd, const struct config *config, enum daemon_port port, uint16_t number)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(number)};
	bool tcp = kinds[port].tcp;
	int on = 1;

	/* what is broadcast does not come to a socket of one address */
	address.sin_addr.s_addr = is_dhcp(port) ? INADDR_ANY : config->address.s_addr;
	/*
	 * TCP: connections of a server before us. DHCP: its servers on other interfaces. For other UDP
	 * ports it would mean to take away datagrams from whoever has the port.
	 */
	if ((tcp || (config->interface && is_dhcp(port))) &&
	    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
		return -errno;
	if (config->interface && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, config->interface,
					    (socklen_t)strlen(config->interface)) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return tcp && listen(fd, BACKLOG) < 0 ? -errno : 0;
}

static int open_socket(const struct config *config, enum daemon_port port, uint16_t number,
		       struct daemon_socket *out)
{
	int type = (kinds[port].tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	CLEANUP(closep) int fd = socket(AF_INET, type, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = bind_socket(fd, config, port, number);
	if (err)
		return err;
	out->fd = take_fd(&fd);
	out->port = number;
	return 0;
}

static void explain_in_use(const struct port_kind *kind, uint16_t port, bool required)
{
	CLEANUP(freep) char *who = daemon_who_has(kind->tcp, port);

	if (required)
		log_error("port %u/%s (%s): in use by %s: stop that, or say %s N, or %s", port,
			  kind->tcp ? "tcp" : "udp", kind->what, who ? who : "another program",
			  kind->option, kind->off);
	else
		log_debug("port %u/%s (%s): in use by %s", port, kind->tcp ? "tcp" : "udp",
			  kind->what, who ? who : "another program");
}

static void explain_denied(const struct port_kind *kind, uint16_t port)
{
	char program[4096] = "bramble";
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (len > 0)
		program[len] = '\0';
	log_error("port %u/%s (%s): not permitted: start as root, or permit it by \"sudo setcap "
		  "cap_net_bind_service+ep %s\", or say %s N with N above %u, or %s",
		  port, kind->tcp ? "tcp" : "udp", kind->what, program, kind->option,
		  PRIVILEGED_MAX, kind->off);
}

static void explain(const struct port_kind *kind, uint16_t port, int err, bool required)
{
	const char *protocol = kind->tcp ? "tcp" : "udp";

	if (err == -EADDRINUSE)
		explain_in_use(kind, port, required);
	else if (!required)
		log_debug("port %u/%s (%s): %s", port, protocol, kind->what, strerror(-err));
	else if (err == -EACCES || err == -EPERM)
		explain_denied(kind, port);
	else
		log_error("port %u/%s (%s): %s", port, protocol, kind->what, strerror(-err));
}

int daemon_ports_open(const struct config *config, struct daemon_ports *out)
{
	uint16_t numbers[DAEMON_PORTS];
	bool wanted[DAEMON_PORTS];
	int failed = 0;

	choose_ports(config, numbers);
	for (int i = 0; i < DAEMON_PORTS; i++) {
		wanted[i] = numbers[i] != 0;
		out->sockets[i] = (struct daemon_socket){.fd = -1};
	}
	daemon_listen_fds(out, wanted);
	for (int i = 0; i < DAEMON_PORTS; i++) {
		bool required = !may_be_missing((enum daemon_port)i, numbers[i]);
		int err;

		if (!wanted[i] || out->sockets[i].fd >= 0)
			continue;
		err = open_socket(config, (enum daemon_port)i, numbers[i], &out->sockets[i]);
		out->sockets[i].err = err;
		if (err)
			explain(&kinds[i], numbers[i], err, required);
		if (err && required)
			failed = err;
	}
	if (failed)
		daemon_ports_close(out);
	return failed;
}

int daemon_ports_take(struct daemon_ports *ports, enum daemon_port port)
{
	int fd = ports->sockets[port].fd;

	ports->sockets[port].fd = -1;
	return fd < 0 ? 0 : fd;
}

void daemon_ports_drop(struct daemon_ports *ports, enum daemon_port port)
{
	struct daemon_socket *socket = &ports->sockets[port];

	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
	socket->port = 0;
}

void daemon_ports_close(struct daemon_ports *ports)
{
	for (int i = 0; i < DAEMON_PORTS; i++) {
		if (ports->sockets[i].fd >= 0)
			close(ports->sockets[i].fd);
		ports->sockets[i].fd = -1;
	}
}
