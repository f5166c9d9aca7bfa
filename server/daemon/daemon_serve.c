/* SPDX-License-Identifier: MIT */
/* Starts and ends everything that serves, and says what that is. */
#include "daemon/daemon_private.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "control/control.h"
#include "dhcp/dhcp.h"
#include "fleet/fleet.h"
#include "nfs/nfs.h"
#include "tftp/tftp.h"

#define LEASES_NAME "leases"
#define CONTROL_NAME "control"
#define DHCP_PORT 67u
#define DHCP_CLIENT_PORT 68u
#define PORTMAP_PORT 111u
#define NFS_TRANSFER_MAX (1024u * 1024u)

static uint16_t port_of(const struct daemon *d, enum daemon_port port)
{
	return d->ports.sockets[port].port;
}

static bool is_open(const struct daemon *d, enum daemon_port port)
{
	return port_of(d, port) != 0;
}

static int failed(const char *what, int err)
{
	if (err)
		log_error("serve: %s: %s", what, strerror(-err));
	return err;
}

/* The fleet's hooks ---------------------------------------------------------------------------- */

static void on_loading(void *ctx, const uint8_t mac[DHCP_MAC_BYTES])
{
	struct daemon *d = ctx;

	if (d->dhcp)
		dhcp_server_calm(d->dhcp, mac);
}

static void on_forget(void *ctx, struct nfs_export *export)
{
	struct daemon *d = ctx;

	if (d->nfs)
		nfs_server_forget(d->nfs, export);
	if (d->tftp)
		tftp_server_forget(d->tftp, fleet_tftp_is_of, export);
}

/* Servers -------------------------------------------------------------------------------------- */

static int start_dhcp(struct daemon *d)
{
	const struct config *config = &d->configs->config;
	const struct dhcp_site site = fleet_dhcp_site(d->fleet);
	struct dhcp_options options = {
		.mode = config->dhcp,
		.interface = config->interface,
		.address = config->address,
		.pool = config->pool,
	};

	if (!is_open(d, DAEMON_DHCP))
		return 0;
	d->leases = daemon_state_join(&d->state, LEASES_NAME);
	if (!d->leases)
		return -ENOMEM;
	options.pool.leases = d->leases;
	options.port = port_of(d, DAEMON_DHCP);
	options.proxy_port = port_of(d, DAEMON_PROXY);
	/* as others have it for tests: 1067 and 1068 */
	options.client_port = options.port == DHCP_PORT ? (uint16_t)DHCP_CLIENT_PORT
							: (uint16_t)(options.port + 1);
	options.fd = daemon_ports_take(&d->ports, DAEMON_DHCP);
	options.proxy_fd = daemon_ports_take(&d->ports, DAEMON_PROXY);
	return failed("DHCP", dhcp_server_create(d->loop, &options, &site, &d->dhcp));
}

static struct sockaddr_in address_of(const struct daemon *d, enum daemon_port port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr = d->configs->config.address,
		.sin_port = htons(port_of(d, port)),
	};
}

static int start_tftp(struct daemon *d)
{
	const struct tftp_source source = fleet_tftp_source(d->fleet);
	struct tftp_options options = {.interface = d->configs->config.interface};

	if (!is_open(d, DAEMON_TFTP))
		return 0;
	options.address = address_of(d, DAEMON_TFTP);
	options.fd = daemon_ports_take(&d->ports, DAEMON_TFTP);
	return failed("TFTP", tftp_server_create(d->loop, &options, &source, &d->tftp));
}

/* Our own port mapper, or the one that has the port. */
static int start_portmap(struct daemon *d)
{
	const struct sockaddr_in address = address_of(d, DAEMON_PORTMAP_TCP);
	const struct daemon_socket *tcp = &d->ports.sockets[DAEMON_PORTMAP_TCP];
	const struct daemon_socket *udp = &d->ports.sockets[DAEMON_PORTMAP_UDP];

	if (tcp->fd >= 0 && udp->fd >= 0)
		return nfs_server_portmap(d->nfs, &address,
					  daemon_ports_take(&d->ports, DAEMON_PORTMAP_TCP),
					  daemon_ports_take(&d->ports, DAEMON_PORTMAP_UDP));
	/* one of them is of no use, and whoever asks there would wait for nothing */
	daemon_ports_drop(&d->ports, DAEMON_PORTMAP_TCP);
	daemon_ports_drop(&d->ports, DAEMON_PORTMAP_UDP);
	if (d->configs->config.portmap_port == PORTMAP_PORT &&
	    (tcp->err == -EADDRINUSE || udp->err == -EADDRINUSE))
		return nfs_server_register(d->nfs);
	return 0;
}

static int listen_nfs(struct daemon *d)
{
	const struct sockaddr_in nfs = address_of(d, DAEMON_NFS);
	const struct sockaddr_in mount = address_of(d, DAEMON_MOUNT);
	int err = nfs_server_listen(d->nfs, &nfs, daemon_ports_take(&d->ports, DAEMON_NFS),
				    daemon_ports_take(&d->ports, DAEMON_NFS_UDP));

	if (!err && is_open(d, DAEMON_MOUNT))
		err = nfs_server_listen_mount(d->nfs, &mount,
					      daemon_ports_take(&d->ports, DAEMON_MOUNT),
					      daemon_ports_take(&d->ports, DAEMON_MOUNT_UDP));
	return err ? err : start_portmap(d);
}

static int start_nfs(struct daemon *d)
{
	const struct nfs_site site = fleet_nfs_site(d->fleet);
	struct nfs_options options = {
		.transfer_max = NFS_TRANSFER_MAX,
		.transfer_preferred = NFS_TRANSFER_MAX,
	};
	int err;

	if (!is_open(d, DAEMON_NFS))
		return 0;
	err = fleet_handle_key(d->fleet, options.key);
	if (err)
		return err; /* logged */
	err = nfs_server_create(d->loop, &options, &site, &d->nfs);
	explicit_bzero(options.key, sizeof(options.key));
	return failed("NFS", err ? err : listen_nfs(d));
}

static bool has_port_mapper(const struct daemon *d)
{
	const struct daemon_socket *tcp = &d->ports.sockets[DAEMON_PORTMAP_TCP];
	const struct daemon_socket *udp = &d->ports.sockets[DAEMON_PORTMAP_UDP];

	return d->configs->config.portmap_port == PORTMAP_PORT &&
	       (tcp->port || tcp->err == -EADDRINUSE || udp->err == -EADDRINUSE);
}

static void set_ports(struct daemon *d)
{
	uint16_t mount = port_of(d, DAEMON_MOUNT);
	struct fleet_ports ports = {.nfs = d->nfs ? nfs_server_port(d->nfs) : 0};

	/* 627 is for those who cannot be told a port */
	ports.mount = mount && mount != CONFIG_MOUNT_PORT ? mount : ports.nfs;
	ports.findable = has_port_mapper(d) || mount == CONFIG_MOUNT_PORT;
	fleet_set_ports(d->fleet, &ports);
}

static int start_control(struct daemon *d)
{
	CLEANUP(freep) char *path = daemon_state_join(&d->state, CONTROL_NAME);
	int err;

	if (!path)
		return -ENOMEM;
	err = control_server_create(d->loop, path, daemon_command, daemon_command_gone, d,
				    &d->control);
	if (err)
		log_error("%s: %s%s", path, strerror(-err),
			  err == -ENAMETOOLONG ? ": needs a --state with a shorter path" : "");
	return err;
}

int daemon_serve_start(struct daemon *d)
{
	const struct fleet_hooks hooks = {.loading = on_loading, .forget = on_forget, .ctx = d};
	int err = fleet_create(d->loop, &d->configs->config, &d->fleet);

	if (err)
		return err; /* logged */
	fleet_set_hooks(d->fleet, &hooks);
	err = start_nfs(d);
	if (!err)
		set_ports(d);
	if (!err)
		err = start_tftp(d);
	if (!err)
		err = start_control(d);
	/* last: whoever is answered finds the rest */
	return err ? err : start_dhcp(d);
}

void daemon_serve_quiesce(struct daemon *d)
{
	dhcp_server_destroy(d->dhcp);
	d->dhcp = NULL;
	/* files that a worker has are closed by the loop, which still runs */
	tftp_server_destroy(d->tftp);
	d->tftp = NULL;
	if (d->nfs)
		nfs_server_quiesce(d->nfs);
	if (d->control)
		control_server_quiesce(d->control);
}

bool daemon_serve_is_idle(const struct daemon *d)
{
	return (!d->nfs || nfs_server_busy(d->nfs) == 0) &&
	       (!d->control || control_server_is_idle(d->control)) && fleet_is_idle(d->fleet) &&
	       loop_is_idle(d->loop);
}

int daemon_serve_end(struct daemon *d)
{
	int err;

	dhcp_server_destroy(d->dhcp);
	tftp_server_destroy(d->tftp);
	control_server_destroy(d->control);
	nfs_server_destroy(d->nfs);
	d->dhcp = NULL;
	d->tftp = NULL;
	d->control = NULL;
	d->nfs = NULL;
	err = fleet_destroy(d->fleet);
	d->fleet = NULL;
	free(d->leases);
	d->leases = NULL;
	return err;
}

/* What is served ------------------------------------------------------------------------------- */

static void tell_dhcp(const struct daemon *d)
{
	const struct config *config = &d->configs->config;
	char proxy[32] = "";

	if (!is_open(d, DAEMON_DHCP)) {
		log_info("DHCP: off: something else has to tell the Pis where to boot from");
		return;
	}
	if (is_open(d, DAEMON_PROXY))
		snprintf(proxy, sizeof(proxy), " and %u", port_of(d, DAEMON_PROXY));
	log_info("DHCP: %s, port%s %u%s: %s", config->dhcp == DHCP_FULL ? "full" : "proxy",
		 *proxy ? "s" : "", port_of(d, DAEMON_DHCP), proxy,
		 config->dhcp == DHCP_FULL ? "gives addresses"
					   : "your router goes on giving the addresses");
}

static void tell_nfs(const struct daemon *d)
{
	char mount[32] = "";
	const char *mapper = "no port mapper";

	if (!d->nfs)
		return;
	if (is_open(d, DAEMON_MOUNT))
		snprintf(mount, sizeof(mount), ", MOUNT also on %u", port_of(d, DAEMON_MOUNT));
	if (is_open(d, DAEMON_PORTMAP_TCP) && is_open(d, DAEMON_PORTMAP_UDP))
		mapper = "port mapper";
	else if (has_port_mapper(d))
		mapper = "port mapper of this host";
	log_info("NFS: port %u%s, %s", nfs_server_port(d->nfs), mount, mapper);
	if (!has_port_mapper(d) && port_of(d, DAEMON_MOUNT) != CONFIG_MOUNT_PORT)
		log_warn(
			"NFS: neither port %u (port mapper) nor %u (MOUNT) is open here: images "
			"with an initramfs, as Raspberry Pi OS and Ubuntu have them, cannot mount "
			"their root: start as root, or \"sudo setcap cap_net_bind_service+ep\" the "
			"program",
			PORTMAP_PORT, CONFIG_MOUNT_PORT);
}

static void tell_images(const struct config *config)
{
	const char *usual = config->defaults.image;

	for (size_t i = 0; i < config->images_count; i++) {
		const struct config_image *image = &config->images[i];

		log_info("image %s: %s%s", image->name, image->file,
			 usual && strcmp(usual, image->name) == 0 && config->images_count > 1
				 ? ", unless a Pi names another one"
				 : "");
	}
	if (config->defaults.join == CONFIG_JOIN_LISTED)
		log_info("Raspberry Pis that are not listed are refused");
}

void daemon_serve_tell(const struct daemon *d)
{
	daemon_interfaces_tell(&d->configs->config);
	tell_dhcp(d);
	if (d->tftp)
		log_info("TFTP: port %u", port_of(d, DAEMON_TFTP));
	tell_nfs(d);
	tell_images(&d->configs->config);
	config_tell_bases(&d->configs->config, d->options->config_path, d->state.path);
	log_info("state: %s", d->state.path);
}
