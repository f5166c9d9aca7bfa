/* SPDX-License-Identifier: MIT */
/* Whether a configuration fits together. What is wrong is told all at once. */
#include "config/config_private.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "pi/pi.h"
#include "provision/provision.h"

struct check {
	const struct config *config;
	const char *path;
	bool failed;
};

/* @line 0: it is about no line of the file. */
__attribute__((format(printf, 3, 4))) static void wrong(struct check *c, unsigned int line,
							const char *format, ...)
{
	char what[512];
	va_list args;

	va_start(args, format);
	if (vsnprintf(what, sizeof(what), format, args) < 0)
		what[0] = '\0';
	va_end(args);
	if (c->path && line)
		log_error("%s:%u: %s", c->path, line, what);
	else if (c->path)
		log_error("%s: %s", c->path, what);
	else
		log_error("serve: %s", what);
	c->failed = true;
}

/* How a section is called in messages. */
static const char *title(const struct config_pi *pi)
{
	if (pi->serial[0])
		return pi->serial;
	return pi->name[0] ? pi->name : "MAC";
}

static void check_images(struct check *c)
{
	const struct config *config = c->config;

	for (size_t i = 0; i < config->images_count; i++) {
		if (!config->images[i].file)
			wrong(c, config->images[i].line, "section [image %s]: file is missing",
			      config->images[i].name);
	}
	if (config->images_count == 0 && (config->tftp || config->nfs))
		wrong(c, 0, "no image to serve: name one, or say which in [image NAME]");
}

static bool skips(const struct config_rules *rules, const char *step)
{
	for (size_t i = 0; i < rules->skip_steps_count; i++) {
		if (strcmp(rules->skip_steps[i], step) == 0)
			return true;
	}
	return false;
}

/* @but: rules whose steps were looked at already, or NULL. */
static void check_steps(struct check *c, const struct config_rules *rules,
			const struct config_rules *but, unsigned int line)
{
	for (size_t i = 0; i < rules->skip_steps_count; i++) {
		const char *step = rules->skip_steps[i];

		if (!(but && skips(but, step)) && !provision_find(step))
			wrong(c, line, "skip: there is no step %s", step);
	}
}

static void check_defaults(struct check *c)
{
	const struct config *config = c->config;
	const struct config_rules *defaults = &config->defaults;

	check_steps(c, defaults, NULL, 0);
	if (defaults->image && !config_find_image(config, defaults->image))
		wrong(c, defaults->image_line, "image: there is no section [image %s]",
		      defaults->image);
	if (!defaults->image && config->images_count > 1 && defaults->join == CONFIG_JOIN_ANY)
		wrong(c, 0,
		      "section [defaults]: with several images it must say which one a Pi boots "
		      "that is not listed; or join = listed");
}

static void check_one_pi(struct check *c, const struct config_pi *pi)
{
	const char *image = pi->rules.image;
	struct pi_serial serial;

	if (!pi->serial[0] && !pi->has_mac)
		wrong(c, pi->line,
		      "section [pi %s]: not a serial of 8 hexadecimal digits, so mac is needed",
		      pi->name);
	if (pi->rules.image_line && image && !config_find_image(c->config, image))
		wrong(c, pi->rules.image_line, "image: there is no section [image %s]", image);
	if (!image && !pi->bootfile[0] && pi->serial[0] && c->config->images_count > 0)
		wrong(c, pi->line, "section [pi %s]: neither it nor [defaults] names an image",
		      title(pi));
	if (pi->name[0] && pi_serial_parse(pi->name, strlen(pi->name), &serial) == 0)
		wrong(c, pi->line, "section [pi %s]: the name %s looks like a serial", title(pi),
		      pi->name);
	if (pi->bootfile[0] && !pi->has_mac)
		wrong(c, pi->line, "section [pi %s]: bootfile needs mac", title(pi));
	if (pi->address.s_addr && !pi->has_mac)
		wrong(c, pi->line, "section [pi %s]: address needs mac", title(pi));
	check_steps(c, &pi->rules, &c->config->defaults, pi->line);
	if (pi->address.s_addr && c->config->dhcp != DHCP_FULL)
		log_warn("%s:%u: section [pi %s]: address is of no use without dhcp = full",
			 c->path ? c->path : "serve", pi->line, title(pi));
}

static void check_two_pis(struct check *c, const struct config_pi *pi,
			  const struct config_pi *other)
{
	const char *same = NULL;

	if (pi->name[0] && strcmp(pi->name, other->name) == 0)
		same = "name";
	if (pi->has_mac && other->has_mac && memcmp(pi->mac, other->mac, sizeof(pi->mac)) == 0)
		same = "mac";
	if (pi->address.s_addr && pi->address.s_addr == other->address.s_addr)
		same = "address";
	if (pi->prefix[0] && strcmp(pi->prefix, other->prefix) == 0)
		same = "prefix";
	if (same)
		wrong(c, pi->line, "section [pi %s]: its %s is that of [pi %s] in line %u",
		      title(pi), same, title(other), other->line);
}

static bool is_netmask(struct in_addr mask)
{
	uint32_t zeros = ~ntohl(mask.s_addr);

	return (zeros & (zeros + 1)) == 0;
}

static void check_pool(struct check *c)
{
	const struct dhcp_pool *pool = &c->config->pool;

	if (pool->netmask.s_addr && !is_netmask(pool->netmask))
		wrong(c, 0, "section [server]: netmask: not ones followed by zeros");
	if (c->config->dhcp == DHCP_FULL && !pool->first.s_addr)
		wrong(c, 0,
		      "section [server]: dhcp = full needs pool, the addresses that it may give: "
		      "pool = 10.0.0.100-10.0.0.199");
	if (pool->netmask.s_addr &&
	    ((pool->first.s_addr ^ pool->last.s_addr) & pool->netmask.s_addr) != 0)
		wrong(c, 0, "section [server]: pool: its ends lie in different networks");
}

/* A port that two protocols want; 0 of several is no conflict. */
static void check_ports(struct check *c)
{
	const struct config *config = c->config;
	const struct {
		const char *key;
		uint16_t port;
	} udp[] = {
		{"dhcp-port", config->dhcp == DHCP_OFF ? 0 : config->dhcp_port},
		{"proxy-port", config->dhcp == DHCP_OFF ? 0 : config->proxy_port},
		{"tftp-port", config->tftp ? config->tftp_port : 0},
		{"nfs-port", config->nfs ? config->nfs_port : 0},
		{"portmap-port", config->nfs ? config->portmap_port : 0},
	};

	for (size_t i = 0; i < ARRAY_SIZE(udp); i++) {
		for (size_t k = 0; k < i; k++) {
			if (udp[i].port && udp[i].port == udp[k].port)
				wrong(c, 0, "%s and %s are both %u", udp[k].key, udp[i].key,
				      udp[i].port);
		}
	}
	if (config->nfs && config->mount_port && config->mount_port == config->portmap_port)
		wrong(c, 0, "mount-port and portmap-port are both %u", config->mount_port);
}

int config_check(const struct config *config, const char *path)
{
	struct check c = {.config = config, .path = path};

	check_images(&c);
	check_defaults(&c);
	check_pool(&c);
	check_ports(&c);
	for (size_t i = 0; i < config->pis_count; i++) {
		check_one_pi(&c, &config->pis[i]);
		for (size_t k = 0; k < i; k++)
			check_two_pis(&c, &config->pis[i], &config->pis[k]);
	}
	return c.failed ? -EINVAL : 0;
}
