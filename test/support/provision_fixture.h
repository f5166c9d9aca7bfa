/* SPDX-License-Identifier: MIT */
/* Trees of several releases, provisioned, with what was logged meanwhile. For unit tests. */
#ifndef BRAMBLE_TEST_PROVISION_FIXTURE_H
#define BRAMBLE_TEST_PROVISION_FIXTURE_H

#include "support/pi_tree.h"

#include "base/log.h"
#include "provision/provision.h"

#define UNITS "/usr/lib/systemd/system/"
#define ETC_UNITS "/etc/systemd/system/"

static const struct pi_tree_file common[] = {
	{"/lib", "-> usr/lib", 0},
	{"/usr/lib/os-release", "ID=debian\n", 0},
	{"/etc/os-release", "-> ../usr/lib/os-release", 0},
	{"/etc/hostname", "raspberrypi\n", 0},
	{"/etc/hosts", "127.0.0.1\tlocalhost\n\n127.0.1.1\t\traspberrypi raspberrypi.lan\n", 0},
	{"/etc/machine-id", "uninitialized\n", 0444},
	{"/etc/ssh/sshd_config", "PermitRootLogin no\n", 0},
	{"/etc/ssh/ssh_host_rsa_key", "image\n", 0600},
	{"/etc/ssh/ssh_host_rsa_key.pub", "image\n", 0},
	{"/etc/ssh/ssh_host_ed25519_key", "image\n", 0600},
	{"/etc/ssh/ssh_host_ed25519_key.pub", "image\n", 0},
	{"/etc/ssh/ssh_host_ed25519_key-cert.pub", "image\n", 0},
	{"/etc/ssh/ssh_known_hosts", "others\n", 0},
	{"/var/lib/systemd", NULL, 0},
	{"/etc/initramfs-tools/initramfs.conf", "MODULES=dep\n", 0},
};

static const struct pi_tree_file bullseye[] = {
	{"/etc/fstab", "PARTUUID=1-02 / ext4 defaults 0 1\nPARTUUID=1-01 /boot vfat defaults 0 2\n",
	 0},
	{"/etc/init.d/resize2fs_once", "#!/bin/sh\n", 0755},
	{UNITS "dphys-swapfile.service", "[Unit]\n", 0},
	{UNITS "regenerate_ssh_host_keys.service", "[Unit]\n", 0},
	{ETC_UNITS "multi-user.target.wants/dphys-swapfile.service",
	 "-> /lib/systemd/system/dphys-swapfile.service", 0},
	{"/etc/dhcpcd.conf", "hostname\npersistent\n", 0},
	{"/var/lib/dbus/machine-id", "0123456789abcdef0123456789abcdef\n", 0},
};

static const struct pi_tree_file bookworm[] = {
	{"/etc/fstab",
	 "PARTUUID=1-02 / ext4 defaults 0 1\nPARTUUID=1-01 /boot/firmware vfat defaults 0 2\n", 0},
	{"/usr/lib/raspberrypi-sys-mods/init_config", "#!/usr/bin/python3\n", 0755},
	{UNITS "dphys-swapfile.service", "[Unit]\n", 0},
	{UNITS "regenerate_ssh_host_keys.service", "[Unit]\n", 0},
	{"/etc/NetworkManager/NetworkManager.conf", "[main]\n", 0},
	{UNITS "NetworkManager.service", "[Unit]\n", 0},
	{"/var/lib/dbus/machine-id", "-> /etc/machine-id", 0},
};

static const struct pi_tree_file trixie[] = {
	{"/etc/fstab",
	 "PARTUUID=1-02 / ext4 defaults 0 1\nPARTUUID=1-01 /boot/firmware vfat defaults 0 2\n", 0},
	{UNITS "rpi-resize.service", "[Unit]\n", 0},
	{UNITS "systemd-growfs-root.service", "[Unit]\n", 0},
	{UNITS "rpi-resize-swap-file.service", "[Unit]\n", 0},
	{UNITS "regenerate_ssh_host_keys.service", "[Unit]\n", 0},
	{"/usr/lib/systemd/systemd-networkd", "program", 0755},
	{"/etc/rpi/swap.conf", "[Main]\n#Mechanism=auto\n", 0},
	{"/etc/NetworkManager/NetworkManager.conf", "[main]\n", 0},
	{"/etc/cloud/cloud.cfg.d/99_raspberry-pi.cfg",
	 "datasource_list: [ NoCloud, None ]\ndatasource:\n  NoCloud:\n"
	 "    seedfrom: file:///boot/firmware\n",
	 0},
};

static const struct pi_tree_file ubuntu[] = {
	{"/etc/fstab",
	 "LABEL=writable / ext4 defaults 0 1\nLABEL=system-boot /boot/firmware vfat defaults 0 1\n",
	 0},
	{"/usr/lib/systemd/systemd-networkd", "program", 0755},
	{"/etc/cloud/cloud.cfg", "preserve_hostname: false\n", 0},
	{"/etc/cloud/cloud.cfg.d/99-fake_cloud.cfg",
	 "datasource:\n  NoCloud:\n    fs_label: system-boot\n# seedfrom: nowhere\n", 0},
	{"/usr/bin/dockerd", "program", 0755},
};

static const struct pi_tree_file debian[] = {
	{"/etc/fstab",
	 "LABEL=RASPIROOT / ext4 rw 0 1\nLABEL=RASPIFIRM /boot/firmware vfat rw 0 2\n", 0},
	{UNITS "rpi-generate-ssh-host-keys.service", "[Unit]\n", 0},
	{UNITS "networking.service", "[Unit]\n", 0},
	{"/etc/network/interfaces", "source-directory /etc/network/interfaces.d\n", 0},
};

#define TREE(files, boot) make_tree(files, ARRAY_SIZE(files), boot)

static inline struct tree *make_tree(const struct pi_tree_file *files, size_t count,
				     const char *boot)
{
	struct pi_tree_file all[64];

	assert_true(count + ARRAY_SIZE(common) <= ARRAY_SIZE(all));
	memcpy(all, common, sizeof(common));
	memcpy(all + ARRAY_SIZE(common), files, count * sizeof(*files));
	return pi_tree_make(all, count + ARRAY_SIZE(common), boot);
}

static inline struct provision_report run(struct tree *tree, const char *off)
{
	const struct provision_pi pi = {.serial = {"036cb716"}, .name = "kitchen"};
	const struct provision_options options = {.off = off};
	struct provision_report report;

	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	return report;
}

static inline enum provision_result result_of(const struct provision_report *report,
					      const char *step)
{
	for (size_t i = 0; i < report->count; i++) {
		if (strcmp(report->entries[i].step, step) == 0)
			return report->entries[i].result;
	}
	fail_msg("no step %s in the report", step);
	return PROVISION_FAILED;
}

static unsigned int warnings;
static char last_warning[512];

static inline void count_warning(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static inline int set_up(void **state)
{
	(void)state;
	warnings = 0;
	last_warning[0] = '\0';
	log_set_sink(count_warning, NULL);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

#define STEP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
