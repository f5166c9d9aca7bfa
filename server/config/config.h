/* SPDX-License-Identifier: MIT */
/*
 * The configuration file of `bramble serve` (bramble.conf(5)), as a struct. The front door of the
 * config room (INI by fs/keyfile). A wrong line is an error that names file and line.
 */
#ifndef BRAMBLE_CONFIG_CONFIG_H
#define BRAMBLE_CONFIG_CONFIG_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "dhcp/dhcp.h"
#include "state/state.h"

#define CONFIG_LIST_MAX 64u
/* Where klibc looks for MOUNT if there is no port mapper. */
#define CONFIG_MOUNT_PORT 627u
#define CONFIG_SERIAL_BYTES 9u /* 8 hexadecimal digits and NUL */
#define CONFIG_PREFIX_BYTES 33u

enum config_join {
	CONFIG_JOIN_ANY, /* an unknown Pi becomes one of ours at its first permitted mount */
	CONFIG_JOIN_LISTED, /* it is refused */
};

enum config_keep {
	CONFIG_KEEP_YES,
	CONFIG_KEEP_UNTIL_REBOOT,
};

/* Who may mount a Pi's tree. */
enum config_access {
	CONFIG_ACCESS_MAC, /* the machine with the MAC that is bound to the serial */
	CONFIG_ACCESS_SUBNET, /* everybody on a network that the server has an interface in */
	CONFIG_ACCESS_ANY,
};

struct config_network {
	struct in_addr address;
	struct in_addr mask;
};

/* What holds for one Pi; in [defaults] for all, in [pi SERIAL] for one. */
struct config_rules {
	char *image; /* name of an [image] section; owned */
	char *base; /* a frozen overlay below the Pi's own; owned, or NULL */
	enum config_join join; /* [defaults] alone */
	enum config_keep keep;
	enum config_access access;
	struct config_network *allow; /* owned: may mount whatever `access` says */
	size_t allow_count;
	bool keep_ip; /* a user's own ip= in cmdline.txt stays */
	bool eeprom_updates; /* pieeprom.* and the like are also served from the shared image */
	bool root_squash;
	/*
	 * Calls must come from a port below 1024, which only root of the Pi can have, but from the
	 * server's own host: as knfsd's "secure". Default: yes.
	 */
	bool reserved_ports;
	uint32_t transfer; /* rsize and wsize in nfsroot=, bytes */
	char *skip_steps[CONFIG_LIST_MAX]; /* provisioning steps that are switched off; owned */
	size_t skip_steps_count;
	uint32_t reply_delay_ms; /* DHCP; UINT32_MAX: by model */
	int kick; /* DHCP: 0 no, 1 yes, -1 by model */
	unsigned int image_line; /* of the file, as are others named line; 0: not from it */
	unsigned int base_line;
};

struct config_image {
	char *name; /* owned */
	char *file; /* owned */
	int partition; /* -1: the composed tree */
	unsigned int line;
};

struct config_pi {
	char serial[CONFIG_SERIAL_BYTES]; /* empty: a machine that is known by its mac alone */
	char name[STATE_NAME_MAX + 1]; /* or empty */
	bool has_mac;
	uint8_t mac[DHCP_MAC_BYTES];
	char bootfile[DHCP_BOOTFILE_MAX]; /* or empty */
	char prefix[CONFIG_PREFIX_BYTES]; /* TFTP_PREFIX_STR of its EEPROM, or empty */
	struct in_addr address; /* reserved in full mode; 0.0.0.0: none */
	struct config_rules rules; /* complete: what it does not say is that of [defaults] */
	unsigned int line;
};

struct config {
	char *interface; /* NULL: all; owned, as are all strings below */
	struct in_addr address; /* 0.0.0.0: that of the interface */
	enum dhcp_mode dhcp;
	struct dhcp_pool pool;
	bool tftp, nfs; /* --only */
	uint8_t (*oui)[3]; /* address prefixes of machines that are taken for a Pi */
	size_t oui_count;
	uint16_t dhcp_port, proxy_port, tftp_port, portmap_port; /* 0: off */
	uint16_t nfs_port; /* of MOUNT, too */
	uint16_t mount_port; /* of MOUNT once more; 0: none. CONFIG_MOUNT_PORT: only if permitted */
	char *state; /* NULL: the usual directory */
	char *user; /* to run as after the ports are open; NULL: as it was started */
	unsigned int workers;

	struct config_image *images;
	size_t images_count;
	struct config_rules defaults;
	struct config_pi *pis;
	size_t pis_count;
};

/* The values of an empty file. -ENOMEM; else ended by config_finish. */
int config_init(struct config *config);

/* *@out is a copy in all depth, ended by config_finish. -ENOMEM. */
int config_copy(const struct config *from, struct config *out);

/*
 * Adds the image @file with @partition, named after the file, as that of all Pis that name no other:
 * what `bramble serve IMAGE` means. Before config_read, with "defaults.image" being locked. @file is
 * an absolute path.
 */
int config_add_image(struct config *config, const char *file, int partition);

/*
 * Reads @path into @config, which is as config_init has left it, or as the command line has changed it
 * before: what the file says then wins over nothing that is in @locked (keys like "server.interface",
 * NULL at the end; may be NULL). Every error is logged with file and line: -EINVAL.
 */
int config_read(struct config *config, const char *path, const char *const *locked);

/* The same of a text; @path is for messages. */
int config_parse(struct config *config, const char *path, const char *text, size_t len,
		 const char *const *locked);

/*
 * Whether all that is referred to exists, and exists once, and fits together; with no file @path is
 * NULL. Logs: -EINVAL.
 */
int config_check(const struct config *config, const char *path);

/*
 * Warns of each base that is no overlay in the state directory @state: it may be made later, but until
 * then no Pi that has it can boot. Waits for the disk.
 */
void config_tell_bases(const struct config *config, const char *path, const char *state);

void config_finish(struct config *config);

/* NULL: there is none. */
const struct config_image *config_find_image(const struct config *config, const char *name);

/* Parses a key's value as in the file, for the command line: "server.dhcp", "full". -EINVAL: logged. */
int config_set(struct config *config, const char *key, const char *value);

#endif
