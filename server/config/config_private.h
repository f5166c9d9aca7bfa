/* SPDX-License-Identifier: MIT */
/* What the files of the config room share: kinds of values, and the table of keys. */
#ifndef BRAMBLE_CONFIG_PRIVATE_H
#define BRAMBLE_CONFIG_PRIVATE_H

#include "config/config.h"

/* What a value is; of single values, @target of config_value_parse is the member itself. */
enum config_kind {
	CONFIG_STRING, /* char *: neither empty nor with blanks */
	CONFIG_PATH, /* char *: absolute */
	CONFIG_INTERFACE, /* char * */
	CONFIG_NAME, /* char *: a name as overlays have */
	CONFIG_SHORT_NAME, /* char[STATE_NAME_MAX + 1]: the same */
	CONFIG_ADDRESS, /* struct in_addr */
	CONFIG_PORT, /* uint16_t */
	CONFIG_BOOL, /* bool */
	CONFIG_AUTO, /* int: 0, 1, or -1 for "auto" */
	CONFIG_DHCP, /* enum dhcp_mode */
	CONFIG_JOIN, /* enum config_join */
	CONFIG_KEEP, /* enum config_keep */
	CONFIG_ACCESS, /* enum config_access */
	CONFIG_TRANSFER, /* uint32_t: bytes */
	CONFIG_LEASE, /* uint32_t: seconds */
	CONFIG_DELAY, /* uint32_t: milliseconds, or UINT32_MAX for "auto" */
	CONFIG_WORKERS, /* unsigned int */
	CONFIG_PARTITION, /* int */
	CONFIG_MAC, /* struct config_pi: mac and has_mac */
	CONFIG_BOOTFILE, /* char[DHCP_BOOTFILE_MAX] */
	CONFIG_PREFIX, /* char[33] */
	CONFIG_DOMAIN, /* char[256] */
	CONFIG_POOL, /* struct dhcp_pool: first and last */
	/* Lists: one more item is added at each call. */
	CONFIG_ADDRESSES, /* struct in_addr[4] */
	CONFIG_OUI, /* struct config: oui */
	CONFIG_ALLOW, /* struct config_rules: allow */
	CONFIG_STEPS, /* struct config_rules: skip_steps */
};

bool config_kind_is_list(enum config_kind kind);

/*
 * Sets @target from @text, or from one item of a list. What there was is released. -EINVAL: it is not
 * what config_kind_name says, and @target is as before; -ENOSPC: the list is too long; -ENOMEM.
 */
int config_value_parse(enum config_kind kind, const char *text, void *target);
const char *config_kind_name(enum config_kind kind);

/* Makes a list empty. */
void config_value_clear(enum config_kind kind, void *target);

/* Parts of config_finish and config_copy. */
void config_rules_finish(struct config_rules *rules);
int config_rules_copy(const struct config_rules *from, struct config_rules *out);

/* Keys. */
enum config_section {
	CONFIG_SECTION_NONE, /* in front of the first one, or one that is not known */
	CONFIG_SECTION_SERVER,
	CONFIG_SECTION_IMAGE,
	CONFIG_SECTION_DEFAULTS,
	CONFIG_SECTION_PI,
};

#define CONFIG_IN(section) (1u << (section))

struct config_key {
	unsigned int sections; /* CONFIG_IN bits */
	const char *name;
	enum config_kind kind;
	/* In struct config, config_image, or config_pi; for a rule, in struct config_rules. */
	size_t offset;
	bool is_rule;
};

extern const struct config_key config_keys[];
extern const size_t config_keys_count;

/* NULL: the section has no such key. */
const struct config_key *config_find_key(enum config_section section, const char *name);

#endif
