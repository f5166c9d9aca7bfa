/* SPDX-License-Identifier: MIT */
/*
 * The fleet: which Raspberry Pis there are, what each of them boots, and who may have what. The front
 * door of the fleet room. It answers what the three servers ask (struct dhcp_site, tftp_source and
 * nfs_site), opens and provisions overlays, and remembers in the state directory which machine has
 * which serial:
 *
 *     STATE/pis/SERIAL       struct fleet_record as an INI file
 *     STATE/handle-key       seals NFS handles: 32 hexadecimal digits
 *
 * Everything may be called from any thread. One mutex guards what is known of the Pis; it is never held
 * while one waits for a disk.
 */
#ifndef BRAMBLE_FLEET_FLEET_H
#define BRAMBLE_FLEET_FLEET_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "config/config.h"
#include "dhcp/dhcp.h"
#include "loop/loop.h"
#include "nfs/nfs.h"
#include "tftp/tftp.h"

struct fleet;

struct fleet_ports {
	uint16_t nfs;
	uint16_t mount;
	/* Whether a client without a port in its command line finds MOUNT: by 111, or 627. */
	bool findable;
};

/*
 * Opens every image of @config (an error of one is logged and fails), and reads what the state directory
 * has. @loop is borrowed until the end; @config, and that of every fleet_reload, until then or until
 * fleet_forget_config says that it is not needed any more.
 */
int fleet_create(struct loop *loop, const struct config *config, struct fleet **out);

/*
 * Closes all overlays, which nobody uses any more: an error (logged) means that not everything is
 * durable. Waits. Not while work of the fleet is with a worker: see fleet_is_idle. Accepts NULL.
 */
bool fleet_is_idle(struct fleet *fleet);
int fleet_destroy(struct fleet *fleet);

/*
 * Another configuration, if this succeeds; waits, for a worker. Pis whose image or base is
 * another one now go on with what their overlay was made on until it is reset; nobody is disconnected.
 */
int fleet_reload(struct fleet *fleet, const struct config *config);

/* True: nobody uses @config, which another one has followed, and nobody will. Does not wait. */
bool fleet_forget_config(struct fleet *fleet, const struct config *config);

void fleet_set_ports(struct fleet *fleet, const struct fleet_ports *ports);

/* The key of NFS handles, made when it is asked for first. */
int fleet_handle_key(struct fleet *fleet, uint8_t out_key[NFS_KEY_BYTES]);

/* What the servers ask; ctx is the fleet. */
struct dhcp_site fleet_dhcp_site(struct fleet *fleet);
struct tftp_source fleet_tftp_source(struct fleet *fleet);
struct nfs_site fleet_nfs_site(struct fleet *fleet);

/* Whether @file, of the fleet's tftp_source, belongs to @export, a struct nfs_export. */
bool fleet_tftp_is_of(void *export, const struct tftp_file *file);

/* What the fleet tells of, on the loop. */
struct fleet_hooks {
	/* A Pi begins to load files: its ROM need not be kicked any more. */
	void (*loading)(void *ctx, const uint8_t mac[DHCP_MAC_BYTES]);
	/* An export is to be ended: see nfs_server_forget, and tftp_server_forget with fleet_tftp_is_of. */
	void (*forget)(void *ctx, struct nfs_export *export);
	void *ctx;
};
void fleet_set_hooks(struct fleet *fleet, const struct fleet_hooks *hooks);

/* From the loop, once in a second: what is to be written back or given up. Must not wait. */
void fleet_tick(struct fleet *fleet);

/*
 * Commands of the control socket, in a worker: @argv[0] is the command's first word. What they print
 * goes to @out, and errors as "bramble: what: why" to @err. Return the exit status.
 */
int fleet_command_status(struct fleet *fleet, int argc, char **argv, FILE *out, FILE *err);
int fleet_command_pi(struct fleet *fleet, int argc, char **argv, FILE *out, FILE *err);

/* The serial of the Pi that @word names: it, its name, or its MAC. -ENOENT: none that is known. */
int fleet_find_serial(struct fleet *fleet, const char *word, char out[STATE_NAME_MAX + 1]);

/*
 * -ETXTBSY: the Pi that @name means has its tree in use, as @why says. -ENOENT: there is no such Pi.
 */
#define FLEET_UP_BYTES 256u
int fleet_check_off(struct fleet *fleet, const char *name, char why[FLEET_UP_BYTES]);

/*
 * `bramble overlay` works on an overlay that is open here as on any other: it asks the server to let go
 * of it, and locks it. Syncs and closes the overlay @name, in a worker; calls of its Pi are told to come
 * again until it is taken back. @borrower stands for whoever gets it, and is at its end given again,
 * whether it was lent something or not. -ENOENT: it is not open here. With @why not NULL, for what takes
 * a Pi's files away: -ETXTBSY as fleet_check_off.
 */
int fleet_lend(struct fleet *fleet, const void *borrower, const char *name,
	       char why[FLEET_UP_BYTES]);
void fleet_take_back(struct fleet *fleet, const void *borrower);

#endif
