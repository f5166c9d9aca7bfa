/* SPDX-License-Identifier: MIT */
/* Single values and items of lists. All of a text must fit what its kind is. */
#include "config/config_private.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/checked.h"
#include "pi/pi.h"

#define WORKERS_MAX 256u
#define TRANSFER_MIN 1024u
#define TRANSFER_MAX (1024u * 1024u)
#define LEASE_MIN_S 60u
#define LEASE_MAX_S (366u * 24u * 3600u)
#define DELAY_MAX_MS 60000u
#define PARTITION_MAX 128u /* as many as a usual GPT has */
#define ADDRESSES_MAX 4u

struct word {
	const char *text;
	int value;
};

static const struct word bool_words[] = {
	{"yes", 1},   {"true", 1}, {"on", 1}, {"1", 1}, {"no", 0},
	{"false", 0}, {"off", 0},  {"0", 0},  {0},
};
static const struct word dhcp_words[] = {
	{"proxy", DHCP_PROXY},
	{"full", DHCP_FULL},
	{"off", DHCP_OFF},
	{0},
};
static const struct word join_words[] = {
	{"any", CONFIG_JOIN_ANY},
	{"listed", CONFIG_JOIN_LISTED},
	{0},
};
static const struct word keep_words[] = {
	{"yes", CONFIG_KEEP_YES},
	{"until-reboot", CONFIG_KEEP_UNTIL_REBOOT},
	{0},
};
static const struct word access_words[] = {
	{"mac", CONFIG_ACCESS_MAC},
	{"subnet", CONFIG_ACCESS_SUBNET},
	{"any", CONFIG_ACCESS_ANY},
	{0},
};

/* Units: how many of the smallest one. */
static const struct word size_units[] = {
	{"", 1}, {"K", 1024}, {"KiB", 1024}, {"M", 1024 * 1024}, {"MiB", 1024 * 1024}, {0},
};
static const struct word second_units[] = {
	{"", 1}, {"s", 1}, {"min", 60}, {"m", 60}, {"h", 3600}, {"d", 86400}, {0},
};
static const struct word millisecond_units[] = {
	{"ms", 1},
	{"", 1000},
	{"s", 1000},
	{0},
};

static bool find_word(const struct word *words, const char *text, int *out)
{
	for (; words->text; words++) {
		if (strcmp(words->text, text) == 0) {
			*out = words->value;
			return true;
		}
	}
	return false;
}

/* Decimal digits; *@text moves behind them. */
static bool parse_digits(const char **text, uint64_t *out)
{
	const char *at = *text;
	uint64_t value = 0;

	for (; *at >= '0' && *at <= '9'; at++) {
		if (value > UINT32_MAX)
			return false;
		value = value * 10 + (uint64_t)(*at - '0');
	}
	if (at == *text)
		return false;
	*text = at;
	*out = value;
	return true;
}

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (!parse_digits(&text, &value) || *text || value < min || value > max)
		return false;
	*out = value;
	return true;
}

/* A number with a unit, in the smallest one. */
static bool parse_amount(const char *text, const struct word *units, uint64_t min, uint64_t max,
			 uint32_t *out)
{
	uint64_t value;
	int unit;

	if (!parse_digits(&text, &value))
		return false;
	text += strspn(text, " \t");
	if (!find_word(units, text, &unit) || value > max || value * (uint64_t)unit > max ||
	    value * (uint64_t)unit < min)
		return false;
	*out = (uint32_t)(value * (uint64_t)unit);
	return true;
}

static bool parse_address(const char *text, struct in_addr *out)
{
	struct in_addr address;

	if (inet_pton(AF_INET, text, &address) != 1 || address.s_addr == 0)
		return false;
	*out = address;
	return true;
}

/* Whether all characters are printable, not blank, and not in @without. */
static bool is_word(const char *text, const char *without)
{
	if (!*text)
		return false;
	for (; *text; text++) {
		if (*text <= ' ' || *text >= 0x7f || strchr(without, *text))
			return false;
	}
	return true;
}

static bool is_interface(const char *text)
{
	return is_word(text, "/:") && strlen(text) < IF_NAMESIZE && strcmp(text, ".") != 0 &&
	       strcmp(text, "..") != 0;
}

/* RFC 1034, 3.5, also with digits in front; dots in between. */
static bool is_domain(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.") ==
		       strlen(text) &&
	       strlen(text) < 254 && *text && *text != '.' && *text != '-' && !strstr(text, "..");
}

static int set_string(bool is_right, const char *text, char **target)
{
	char *copy;

	if (!is_right)
		return -EINVAL;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static int set_array(bool is_right, const char *text, char *target, size_t size)
{
	size_t len = strlen(text);

	if (!is_right || len >= size)
		return -EINVAL;
	memset(target, 0, size);
	memcpy(target, text, len);
	return 0;
}

static int set_bool(const char *text, bool *target)
{
	int value;

	if (!find_word(bool_words, text, &value))
		return -EINVAL;
	*target = value != 0;
	return 0;
}

static int set_word(const struct word *words, const char *text, int *out)
{
	return find_word(words, text, out) ? 0 : -EINVAL;
}

static int set_keep(const char *text, enum config_keep *target)
{
	int value;

	/* "yes" may be written as any other yes; "no" might be taken for a file system in memory */
	if (find_word(keep_words, text, &value)) {
		*target = (enum config_keep)value;
		return 0;
	}
	if (!find_word(bool_words, text, &value) || !value)
		return -EINVAL;
	*target = CONFIG_KEEP_YES;
	return 0;
}

static int set_mac(const char *text, struct config_pi *pi)
{
	struct pi_mac mac;

	/* a group address is nobody's */
	if (pi_mac_parse(text, strlen(text), &mac) || (mac.bytes[0] & 1))
		return -EINVAL;
	memcpy(pi->mac, mac.bytes, sizeof(pi->mac));
	pi->has_mac = true;
	return 0;
}

/* FIRST-LAST */
static int set_pool(const char *text, struct dhcp_pool *pool)
{
	const char *dash = strchr(text, '-');
	char first[INET_ADDRSTRLEN];
	struct in_addr from;
	struct in_addr to;
	size_t len;

	if (!dash)
		return -EINVAL;
	len = (size_t)(dash - text);
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len >= sizeof(first))
		return -EINVAL;
	memcpy(first, text, len);
	first[len] = '\0';
	dash++;
	dash += strspn(dash, " \t");
	if (!parse_address(first, &from) || !parse_address(dash, &to) ||
	    ntohl(from.s_addr) > ntohl(to.s_addr))
		return -EINVAL;
	pool->first = from;
	pool->last = to;
	return 0;
}

static int add_address(const char *text, struct in_addr *list)
{
	struct in_addr address;

	if (!parse_address(text, &address))
		return -EINVAL;
	for (size_t i = 0; i < ADDRESSES_MAX; i++) {
		if (list[i].s_addr == 0) {
			list[i] = address;
			return 0;
		}
	}
	return -ENOSPC;
}

static int add_oui(const char *text, struct config *config)
{
	struct pi_oui oui;
	uint8_t(*more)[3];

	if (pi_oui_parse(text, strlen(text), &oui))
		return -EINVAL;
	if (config->oui_count == CONFIG_LIST_MAX)
		return -ENOSPC;
	more = realloc(config->oui, (config->oui_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	config->oui = more;
	memcpy(more[config->oui_count++], oui.bytes, sizeof(oui.bytes));
	return 0;
}

/* ADDRESS or ADDRESS/BITS */
static bool parse_network(const char *text, struct config_network *out)
{
	const char *slash = strchr(text, '/');
	char address[INET_ADDRSTRLEN];
	size_t len = slash ? (size_t)(slash - text) : strlen(text);
	uint64_t bits = 32;

	if (len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';
	if (inet_pton(AF_INET, address, &out->address) != 1 ||
	    (slash && !parse_number(slash + 1, 0, 32, &bits)))
		return false;
	out->mask.s_addr = bits ? htonl(UINT32_MAX << (32 - bits)) : 0;
	out->address.s_addr &= out->mask.s_addr;
	return true;
}

static int add_allow(const char *text, struct config_rules *rules)
{
	struct config_network network;
	struct config_network *more;

	if (!parse_network(text, &network))
		return -EINVAL;
	if (rules->allow_count == CONFIG_LIST_MAX)
		return -ENOSPC;
	more = realloc(rules->allow, (rules->allow_count + 1) * sizeof(*more));
	if (!more)
		return -ENOMEM;
	rules->allow = more;
	more[rules->allow_count++] = network;
	return 0;
}

static int add_step(const char *text, struct config_rules *rules)
{
	char *name;

	if (!state_name_is_valid(text))
		return -EINVAL;
	if (rules->skip_steps_count == CONFIG_LIST_MAX)
		return -ENOSPC;
	name = strdup(text);
	if (!name)
		return -ENOMEM;
	rules->skip_steps[rules->skip_steps_count++] = name;
	return 0;
}

static int set_number(const char *text, uint64_t min, uint64_t max, uint32_t *out)
{
	uint64_t value;

	if (!parse_number(text, min, max, &value))
		return -EINVAL;
	*out = (uint32_t)value;
	return 0;
}

static int set_port(const char *text, uint16_t *target)
{
	uint64_t value;

	if (!parse_number(text, 0, UINT16_MAX, &value) && strcmp(text, "off") != 0)
		return -EINVAL;
	*target = strcmp(text, "off") == 0 ? 0 : (uint16_t)value;
	return 0;
}

static int set_delay(const char *text, uint32_t *target)
{
	if (strcmp(text, "auto") == 0) {
		*target = UINT32_MAX;
		return 0;
	}
	return parse_amount(text, millisecond_units, 0, DELAY_MAX_MS, target) ? 0 : -EINVAL;
}

static int set_auto(const char *text, int *target)
{
	if (strcmp(text, "auto") == 0) {
		*target = -1;
		return 0;
	}
	return set_word(bool_words, text, target);
}

static int set_partition(const char *text, int *target)
{
	uint64_t value;

	if (!parse_number(text, 1, PARTITION_MAX, &value))
		return -EINVAL;
	*target = (int)value;
	return 0;
}

/* Enums are of the compiler's type; the words' values are ints. */
#define SET_ENUM(type, words)                                                                      \
	do {                                                                                       \
		if (!find_word(words, text, &value))                                               \
			return -EINVAL;                                                            \
		*(enum type *)target = (enum type)value;                                           \
		return 0;                                                                          \
	} while (0)

int config_value_parse(enum config_kind kind, const char *text, void *target)
{
	int value;

	switch (kind) {
	case CONFIG_STRING:
		return set_string(is_word(text, ""), text, target);
	case CONFIG_PATH:
		return set_string(text[0] == '/', text, target);
	case CONFIG_INTERFACE:
		return set_string(is_interface(text), text, target);
	case CONFIG_NAME:
		return set_string(state_name_is_valid(text), text, target);
	case CONFIG_SHORT_NAME:
		return set_array(state_name_is_valid(text), text, target, STATE_NAME_MAX + 1);
	case CONFIG_ADDRESS:
		return parse_address(text, target) ? 0 : -EINVAL;
	case CONFIG_PORT:
		return set_port(text, target);
	case CONFIG_BOOL:
		return set_bool(text, target);
	case CONFIG_AUTO:
		return set_auto(text, target);
	case CONFIG_DHCP:
		SET_ENUM(dhcp_mode, dhcp_words);
	case CONFIG_JOIN:
		SET_ENUM(config_join, join_words);
	case CONFIG_KEEP:
		return set_keep(text, target);
	case CONFIG_ACCESS:
		SET_ENUM(config_access, access_words);
	case CONFIG_TRANSFER:
		return parse_amount(text, size_units, TRANSFER_MIN, TRANSFER_MAX, target) ? 0
											  : -EINVAL;
	case CONFIG_LEASE:
		return parse_amount(text, second_units, LEASE_MIN_S, LEASE_MAX_S, target) ? 0
											  : -EINVAL;
	case CONFIG_DELAY:
		return set_delay(text, target);
	case CONFIG_WORKERS:
		return set_number(text, 1, WORKERS_MAX, target);
	case CONFIG_PARTITION:
		return set_partition(text, target);
	case CONFIG_MAC:
		return set_mac(text, target);
	case CONFIG_BOOTFILE:
		return set_array(is_word(text, ""), text, target, DHCP_BOOTFILE_MAX);
	case CONFIG_PREFIX:
		return set_array(is_word(text, ""), text, target, CONFIG_PREFIX_BYTES);
	case CONFIG_DOMAIN:
		return set_array(is_domain(text), text, target,
				 sizeof(((struct dhcp_pool *)0)->domain));
	case CONFIG_POOL:
		return set_pool(text, target);
	case CONFIG_ADDRESSES:
		return add_address(text, target);
	case CONFIG_OUI:
		return add_oui(text, target);
	case CONFIG_ALLOW:
		return add_allow(text, target);
	case CONFIG_STEPS:
		return add_step(text, target);
	}
	return -EINVAL;
}

bool config_kind_is_list(enum config_kind kind)
{
	return kind >= CONFIG_ADDRESSES;
}

void config_value_clear(enum config_kind kind, void *target)
{
	struct config_rules *rules = target;

	switch (kind) {
	case CONFIG_ADDRESSES:
		memset(target, 0, ADDRESSES_MAX * sizeof(struct in_addr));
		break;
	case CONFIG_OUI:
		((struct config *)target)->oui_count = 0;
		break;
	case CONFIG_ALLOW:
		rules->allow_count = 0;
		break;
	case CONFIG_STEPS:
		while (rules->skip_steps_count > 0)
			free(rules->skip_steps[--rules->skip_steps_count]);
		break;
	default:
		break;
	}
}

const char *config_kind_name(enum config_kind kind)
{
	static const char *const names[] = {
		[CONFIG_STRING] = "a word",
		[CONFIG_PATH] = "an absolute path",
		[CONFIG_INTERFACE] = "the name of a network interface",
		[CONFIG_NAME] = "a name of a-z, 0-9, \".\", \"_\" and \"-\"",
		[CONFIG_SHORT_NAME] = "a name of a-z, 0-9, \".\", \"_\" and \"-\"",
		[CONFIG_ADDRESS] = "an IPv4 address",
		[CONFIG_PORT] = "a port, or 0 for off",
		[CONFIG_BOOL] = "yes or no",
		[CONFIG_AUTO] = "yes, no or auto",
		[CONFIG_DHCP] = "proxy, full or off",
		[CONFIG_JOIN] = "any or listed",
		[CONFIG_KEEP] = "yes or until-reboot",
		[CONFIG_ACCESS] = "mac, subnet or any",
		[CONFIG_TRANSFER] = "a size from 1K to 1M",
		[CONFIG_LEASE] = "a time from 1min to 366d",
		[CONFIG_DELAY] = "a time up to 60s, or auto",
		[CONFIG_WORKERS] = "a number from 1 to 256",
		[CONFIG_PARTITION] = "a partition's number",
		[CONFIG_MAC] = "the MAC address of one machine, as dc:a6:32:01:02:03",
		[CONFIG_BOOTFILE] = "a file's name of less than 128 bytes without blanks",
		[CONFIG_PREFIX] = "a prefix of up to 32 bytes without blanks",
		[CONFIG_DOMAIN] = "a domain name",
		[CONFIG_POOL] = "a range of addresses, as 10.0.0.100-10.0.0.199",
		[CONFIG_ADDRESSES] = "an IPv4 address",
		[CONFIG_OUI] = "the first three bytes of a MAC address, as dc:a6:32",
		[CONFIG_ALLOW] = "an address, or a network as 10.0.0.0/24",
		[CONFIG_STEPS] = "the name of a step",
	};

	return names[kind];
}
