/* SPDX-License-Identifier: MIT */
/* Sockets that systemd has opened (sd_listen_fds(3)), known by FileDescriptorName= and their kind. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/log.h"

static const struct {
	const char *name;
	int type;
	enum daemon_port port;
} known[] = {
	{"dhcp", SOCK_DGRAM, DAEMON_DHCP},	     {"proxy", SOCK_DGRAM, DAEMON_PROXY},
	{"tftp", SOCK_DGRAM, DAEMON_TFTP},	     {"nfs", SOCK_STREAM, DAEMON_NFS},
	{"nfs", SOCK_DGRAM, DAEMON_NFS_UDP},	     {"mount", SOCK_STREAM, DAEMON_MOUNT},
	{"mount", SOCK_DGRAM, DAEMON_MOUNT_UDP},     {"portmap", SOCK_STREAM, DAEMON_PORTMAP_TCP},
	{"portmap", SOCK_DGRAM, DAEMON_PORTMAP_UDP},
};

static int find_port(const char *name, int fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
		if (strcmp(known[i].name, name) == 0 &&
		    sd_is_socket_inet(fd, AF_INET, known[i].type, -1, 0) > 0)
			return (int)known[i].port;
	}
	return -1;
}

static bool use(struct daemon_socket *socket, int fd)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return false;
	socket->fd = fd;
	socket->port = ntohs(address.sin_port);
	return true;
}

void daemon_listen_fds(struct daemon_ports *ports, const bool wanted[DAEMON_PORTS])
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(1, &names);

	for (int i = 0; i < count; i++) {
		int fd = SD_LISTEN_FDS_START + i;
		int port = find_port(names[i], fd);

		if (port < 0)
			log_warn("serve: socket \"%s\" of systemd: not one of an IPv4 address that "
				 "is "
				 "named dhcp, proxy, tftp, nfs, mount or portmap",
				 names[i]);
		if (port < 0 || !wanted[port] || ports->sockets[port].fd >= 0 ||
		    !use(&ports->sockets[port], fd))
			close(fd);
		free(names[i]);
	}
	free(names);
}
