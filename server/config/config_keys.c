/* SPDX-License-Identifier: MIT */
/* The table of keys: which section has which, what its value is and where that is kept. */
#include "config/config_private.h"

#include <string.h>

#include "base/checked.h"

#define SERVER CONFIG_IN(CONFIG_SECTION_SERVER)
#define IMAGE CONFIG_IN(CONFIG_SECTION_IMAGE)
#define DEFAULTS CONFIG_IN(CONFIG_SECTION_DEFAULTS)
#define PI CONFIG_IN(CONFIG_SECTION_PI)

#define KEY(sections, name, kind, type, member)                                                    \
	{                                                                                          \
		sections, name, CONFIG_##kind, offsetof(struct type, member), false                \
	}
/* The whole struct is the target. */
#define WHOLE(sections, name, kind)                                                                \
	{                                                                                          \
		sections, name, CONFIG_##kind, 0, false                                            \
	}
#define RULE(sections, name, kind, member)                                                         \
	{                                                                                          \
		sections, name, CONFIG_##kind, offsetof(struct config_rules, member), true         \
	}
#define WHOLE_RULE(sections, name, kind)                                                           \
	{                                                                                          \
		sections, name, CONFIG_##kind, 0, true                                             \
	}

const struct config_key config_keys[] = {
	KEY(SERVER, "interface", INTERFACE, config, interface),
	KEY(SERVER, "address", ADDRESS, config, address),
	KEY(SERVER, "dhcp", DHCP, config, dhcp),
	KEY(SERVER, "tftp", BOOL, config, tftp),
	KEY(SERVER, "nfs", BOOL, config, nfs),
	WHOLE(SERVER, "oui", OUI),
	KEY(SERVER, "dhcp-port", PORT, config, dhcp_port),
	KEY(SERVER, "proxy-port", PORT, config, proxy_port),
	KEY(SERVER, "tftp-port", PORT, config, tftp_port),
	KEY(SERVER, "nfs-port", PORT, config, nfs_port),
	KEY(SERVER, "mount-port", PORT, config, mount_port),
	KEY(SERVER, "portmap-port", PORT, config, portmap_port),
	KEY(SERVER, "state", PATH, config, state),
	KEY(SERVER, "user", STRING, config, user),
	KEY(SERVER, "workers", WORKERS, config, workers),
	KEY(SERVER, "pool", POOL, config, pool),
	KEY(SERVER, "netmask", ADDRESS, config, pool.netmask),
	KEY(SERVER, "router", ADDRESSES, config, pool.routers),
	KEY(SERVER, "dns", ADDRESSES, config, pool.dns),
	KEY(SERVER, "ntp", ADDRESSES, config, pool.ntp),
	KEY(SERVER, "domain", DOMAIN, config, pool.domain),
	KEY(SERVER, "lease", LEASE, config, pool.lease_s),

	KEY(IMAGE, "file", PATH, config_image, file),
	KEY(IMAGE, "partition", PARTITION, config_image, partition),

	KEY(PI, "name", SHORT_NAME, config_pi, name),
	WHOLE(PI, "mac", MAC),
	KEY(PI, "bootfile", BOOTFILE, config_pi, bootfile),
	KEY(PI, "prefix", PREFIX, config_pi, prefix),
	KEY(PI, "address", ADDRESS, config_pi, address),

	RULE(DEFAULTS, "join", JOIN, join),
	RULE(DEFAULTS | PI, "image", NAME, image),
	RULE(DEFAULTS | PI, "base", NAME, base),
	RULE(DEFAULTS | PI, "keep", KEEP, keep),
	RULE(DEFAULTS | PI, "access", ACCESS, access),
	WHOLE_RULE(DEFAULTS | PI, "allow", ALLOW),
	RULE(DEFAULTS | PI, "keep-ip", BOOL, keep_ip),
	RULE(DEFAULTS | PI, "eeprom-updates", BOOL, eeprom_updates),
	RULE(DEFAULTS | PI, "root-squash", BOOL, root_squash),
	RULE(DEFAULTS | PI, "reserved-ports", BOOL, reserved_ports),
	RULE(DEFAULTS | PI, "transfer", TRANSFER, transfer),
	WHOLE_RULE(DEFAULTS | PI, "skip", STEPS),
	RULE(DEFAULTS | PI, "reply-delay", DELAY, reply_delay_ms),
	RULE(DEFAULTS | PI, "kick", AUTO, kick),
};

const size_t config_keys_count = ARRAY_SIZE(config_keys);

const struct config_key *config_find_key(enum config_section section, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++) {
		if ((config_keys[i].sections & CONFIG_IN(section)) &&
		    strcmp(config_keys[i].name, name) == 0)
			return &config_keys[i];
	}
	return NULL;
}
