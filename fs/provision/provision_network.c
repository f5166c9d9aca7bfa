/* SPDX-License-Identifier: MIT */
/*
 * The interface that the root comes over. Whoever takes it down, or takes its address away, freezes the
 * Pi: its kernel and its initramfs have set it up, and it has to stay so until the power goes.
 */
#include "provision/provision_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/cleanup.h"

#define NAMES_BYTES 512u

/* Enough for a text that has the names in it. */
#define TEXT_BYTES (NAMES_BYTES + 1024u)

/*
 * How a Pi's own Ethernet is called: eth0, end0 where udev names it by the device tree, enxADDRESS where
 * it is one on USB, as on a Pi 3. Not by this Pi's address: the overlay may become others' base.
 */
static void interface_names(const char *prefix, const char *separator, char out[NAMES_BYTES])
{
	size_t count;
	const struct pi_oui *ouis = pi_ouis(&count);
	int used = snprintf(out, NAMES_BYTES, "%seth0%s%send0", prefix, separator, prefix);

	for (size_t i = 0; i < count && used < (int)NAMES_BYTES; i++)
		used += snprintf(out + used, NAMES_BYTES - (size_t)used, "%s%senx%02x%02x%02x*",
				 separator, prefix, ouis[i].bytes[0], ouis[i].bytes[1],
				 ouis[i].bytes[2]);
}

/* Of a machine that is none of Raspberry Pi's: its interface may have any name. */
static const struct pi_mac *foreign_mac(const struct provision_pi *pi)
{
	size_t count;
	const struct pi_oui *ouis = pi_ouis(&count);

	return pi->mac && !pi_mac_has_oui(pi->mac, ouis, count) ? pi->mac : NULL;
}

static int write_network(struct provision_job *job, const char *path, const char *match)
{
	char text[TEXT_BYTES];

	snprintf(text, sizeof(text),
		 "# Written by bramble: the root comes over this interface.\n"
		 "[Match]\n"
		 "%s\n"
		 "KernelCommandLine=root=/dev/nfs\n"
		 "\n"
		 "[Network]\n"
		 "DHCP=ipv4\n"
		 "KeepConfiguration=yes\n"
		 "IgnoreCarrierLoss=yes\n"
		 "\n"
		 "[DHCPv4]\n"
		 "ClientIdentifier=mac\n",
		 match);
	return provision_write_text(job, path, text);
}

/*
 * systemd-networkd asks for the address again and renews it, and has name servers from that, but gives up
 * nothing that is there. The client identifier is that of the kernel, none but the address.
 */
static int networkd(struct provision_job *job)
{
	const struct pi_mac *mac = foreign_mac(job->pi);
	char names[NAMES_BYTES], match[NAMES_BYTES + 16], text[PI_MAC_TEXT];
	int err;

	if (!provision_exists(job, "/usr/lib/systemd/systemd-networkd") &&
	    !provision_exists(job, "/lib/systemd/systemd-networkd"))
		return 0;
	interface_names("", " ", names);
	snprintf(match, sizeof(match), "Name=%s", names);
	err = write_network(job, "/etc/systemd/network/00-bramble.network", match);
	if (err || !mac)
		return err;
	pi_mac_format(mac, ':', text);
	snprintf(match, sizeof(match), "MACAddress=%s\nType=ether", text);
	return write_network(job, "/etc/systemd/network/00-bramble-mac.network", match);
}

#define NAME_SERVERS "/usr/local/sbin/bramble-name-servers"

/*
 * NetworkManager has no name servers of an interface that it leaves alone, and then leaves resolv.conf as
 * the image has it. The kernel and the initramfs have learnt them with the address.
 */
static int name_servers(struct provision_job *job)
{
	static const char script[] =
		"#!/bin/sh\n"
		"# Written by bramble: passes on the name servers that network boot has learnt, "
		"since\n"
		"# NetworkManager leaves the boot interface alone. To end that:\n"
		"# systemctl disable bramble-name-servers\n"
		"learnt=$(cat /proc/net/pnp /run/net-*.conf 2>/dev/null)\n"
		"servers=$(echo \"$learnt\" | sed -n -e 's/^nameserver \\([0-9.]*\\)$/\\1/p' \\\n"
		"\t-e \"s/^IPV4DNS[01]='\\([0-9.]*\\)'$/\\1/p\" |\n"
		"\tgrep -v '^0[.]0[.]0[.]0$' | awk '!seen[$0]++')\n"
		"domain=$(echo \"$learnt\" | sed -n -e 's/^domain \\([A-Za-z0-9.-]*\\)$/\\1/p' \\\n"
		"\t-e \"s/^DNSDOMAIN='\\([A-Za-z0-9.-]*\\)'$/\\1/p\" | grep . | head -n 1)\n"
		"[ -n \"$servers\" ] || exit 0\n"
		"\n"
		"mkdir -p /run/systemd/resolved.conf.d\n"
		"{\n"
		"\techo '[Resolve]'\n"
		"\techo DNS= $servers\n"
		"\techo \"Domains=$domain\"\n"
		"} >/run/systemd/resolved.conf.d/bramble.conf\n"
		"\n"
		"# a link belongs to another program\n"
		"[ ! -L /etc/resolv.conf ] || exit 0\n"
		"text=$(\n"
		"\techo '# Written by bramble-name-servers'\n"
		"\t[ -z \"$domain\" ] || echo \"search $domain\"\n"
		"\tfor server in $servers; do echo \"nameserver $server\"; done\n"
		")\n"
		"[ \"$text\" != \"$(cat /etc/resolv.conf 2>/dev/null)\" ] || exit 0\n"
		"echo \"$text\" >/etc/resolv.conf.bramble && mv /etc/resolv.conf.bramble "
		"/etc/resolv.conf\n";
	static const char unit[] =
		"# Written by bramble for network boot.\n"
		"[Unit]\n"
		"Description=Name servers that network boot has learnt\n"
		"ConditionKernelCommandLine=root=/dev/nfs\n"
		"DefaultDependencies=no\n"
		"After=local-fs.target\n"
		"Before=sysinit.target NetworkManager.service systemd-resolved.service\n"
		"\n"
		"[Service]\n"
		"Type=oneshot\n"
		"ExecStart=" NAME_SERVERS "\n"
		"\n"
		"[Install]\n"
		"WantedBy=sysinit.target\n";
	int err = provision_write(job, NAME_SERVERS, script, strlen(script), 0755);

	return err ? err
		   : provision_unit_add(job, "bramble-name-servers.service", unit,
					"sysinit.target");
}

static int network_manager(struct provision_job *job)
{
	const struct pi_mac *mac = foreign_mac(job->pi);
	char names[NAMES_BYTES], text[TEXT_BYTES], by_mac[PI_MAC_TEXT + 8] = "";
	int err;

	if (!provision_is_directory(job, "/etc/NetworkManager"))
		return 0;
	interface_names("interface-name:", ";", names);
	if (mac) {
		strcpy(by_mac, ";mac:");
		pi_mac_format(mac, ':', by_mac + strlen(by_mac));
	}
	snprintf(text, sizeof(text),
		 "# Written by bramble: the root comes over this interface.\n"
		 "[keyfile]\n"
		 "unmanaged-devices+=%s%s\n",
		 names, by_mac);
	err = provision_write_text(job, "/etc/NetworkManager/conf.d/90-bramble.conf", text);
	return err ? err : name_servers(job);
}

#define DHCPCD_MARK "# Written by bramble: the root comes over this interface."

/*
 * dhcpcd renews the address and passes name servers on; that neither a lost link nor a lease that ends
 * takes it away is said for each name, in blocks that have to stand at the end of the file.
 */
static int dhcpcd(struct provision_job *job)
{
	static const char block[] = "\n" DHCPCD_MARK "\n"
				    "interface eth0\n"
				    "\tnolink\n"
				    "\tpersistent\n"
				    "\tlastleaseextend\n"
				    "interface end0\n"
				    "\tnolink\n"
				    "\tpersistent\n"
				    "\tlastleaseextend\n";
	CLEANUP(freep) char *old = NULL;
	CLEANUP(freep) char *new = NULL;
	size_t len;
	int err = provision_read(job, "/etc/dhcpcd.conf", &old, &len);

	if (err || strstr(old, DHCPCD_MARK))
		return err == -ENOENT ? 0 : err;
	new = malloc(len + sizeof(block));
	if (!new)
		return -ENOMEM;
	memcpy(new, old, len);
	memcpy(new + len, block, sizeof(block));
	return provision_write(job, "/etc/dhcpcd.conf", new, len + sizeof(block) - 1,
			       PROVISION_KEEP_MODE);
}

/* ifupdown takes its interfaces down at shutdown, before the root is done with. */
static int ifupdown(struct provision_job *job)
{
	static const char keep[] = "# Written by bramble: the root comes over the network.\n"
				   "[Service]\n"
				   "ExecStop=\n";
	static const char *const units[] = {"networking.service", "ifup@.service"};

	if (!provision_exists(job, "/etc/network/interfaces"))
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(units); i++) {
		int err = provision_unit_drop_in(job, units[i], keep);

		if (err)
			return err;
	}
	return 0;
}

int provision_network(struct provision_job *job)
{
	static int (*const parts[])(struct provision_job *) = {networkd, network_manager, dhcpcd,
							       ifupdown};
	int first = 0;

	/* one that cannot be told does not keep the others from being told */
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		int err = parts[i](job);

		if (err && !first)
			first = err;
	}
	return first;
}
