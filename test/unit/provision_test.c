/* SPDX-License-Identifier: MIT */
/* What each step does to trees of several releases, and how a run goes. */
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

static struct tree *make_tree(const struct pi_tree_file *files, size_t count, const char *boot)
{
	struct pi_tree_file all[64];

	assert_true(count + ARRAY_SIZE(common) <= ARRAY_SIZE(all));
	memcpy(all, common, sizeof(common));
	memcpy(all + ARRAY_SIZE(common), files, count * sizeof(*files));
	return pi_tree_make(all, count + ARRAY_SIZE(common), boot);
}

static struct provision_report run(struct tree *tree, const char *off)
{
	const struct provision_pi pi = {.serial = {"036cb716"}, .name = "kitchen"};
	const struct provision_options options = {.off = off};
	struct provision_report report;

	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	return report;
}

static enum provision_result result_of(const struct provision_report *report, const char *step)
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

static void count_warning(void *ctx, enum log_level level, const char *line)
{
	(void)ctx;
	(void)level;
	warnings++;
	snprintf(last_warning, sizeof(last_warning), "%s", line);
}

static int set_up(void **state)
{
	(void)state;
	warnings = 0;
	last_warning[0] = '\0';
	log_set_sink(count_warning, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	log_set_sink(NULL, NULL);
	return 0;
}

static void bullseye_boots_from_the_network(void **state)
{
	struct tree *tree = TREE(bullseye, "/boot");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(provision_failures(&report), 0);
	assert_int_equal(warnings, 0);
	pi_tree_expect_text(tree, "/etc/fstab",
			    "#bramble: PARTUUID=1-02 / ext4 defaults 0 1\n"
			    "#bramble: PARTUUID=1-01 /boot vfat defaults 0 2\n"
			    "/boot /boot none bind 0 0\n");
	pi_tree_expect_masked(tree, "resize2fs_once.service");
	pi_tree_expect_masked(tree, "dphys-swapfile.service");
	pi_tree_expect_masked(tree, "regenerate_ssh_host_keys.service");
	/* so that unmasking alone brings it back */
	assert_true(pi_tree_has(tree, ETC_UNITS "multi-user.target.wants/dphys-swapfile.service"));
	pi_tree_expect_says(tree, "/etc/dhcpcd.conf",
			    "hostname\npersistent\n\n# Written by bramble");
	pi_tree_expect_says(tree, "/etc/dhcpcd.conf",
			    "interface eth0\n\tnolink\n\tpersistent\n\tlastleaseextend\n");
	assert_string_equal(pi_tree_link(tree, "/var/lib/dbus/machine-id"), "/etc/machine-id");
	assert_int_equal(result_of(&report, "first-boot"), PROVISION_NOTHING);
	assert_int_equal(result_of(&report, "docker"), PROVISION_NOTHING);
	assert_int_equal(result_of(&report, "cloud-init"), PROVISION_NOTHING);
	assert_false(pi_tree_has(tree, "/etc/systemd/network"));
	assert_false(pi_tree_has(tree, "/etc/NetworkManager"));
	pi_tree_close(tree);
}

static void bookworm_boots_from_the_network(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(provision_failures(&report), 0);
	pi_tree_expect_says(tree, "/etc/fstab", "\n/boot/firmware /boot/firmware none bind 0 0\n");
	pi_tree_expect_masked(tree, "dphys-swapfile.service");
	pi_tree_expect_says(tree, "/etc/NetworkManager/conf.d/90-bramble.conf",
			    "[keyfile]\nunmanaged-devices+=interface-name:eth0;interface-name:end0;"
			    "interface-name:enxb827eb*;");
	assert_int_equal(pi_tree_stat(tree, "/usr/local/sbin/bramble-name-servers", false).mode,
			 S_IFREG | 0755);
	assert_string_equal(pi_tree_link(tree, ETC_UNITS "sysinit.target.wants/"
							 "bramble-name-servers.service"),
			    "/etc/systemd/system/bramble-name-servers.service");
	pi_tree_expect_says(tree, ETC_UNITS "bramble-first-boot.service",
			    "ConditionPathExists=/boot/firmware/custom.toml\n");
	pi_tree_expect_text(tree, "/etc/initramfs-tools/conf.d/zz-bramble",
			    "# Written by bramble: the root is on the network.\nMODULES=most\n");
	pi_tree_close(tree);
}

static void trixie_boots_from_the_network(void **state)
{
	struct tree *tree = TREE(trixie, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(provision_failures(&report), 0);
	pi_tree_expect_masked(tree, "rpi-resize.service");
	pi_tree_expect_masked(tree, "systemd-growfs-root.service");
	pi_tree_expect_masked(tree, "rpi-resize-swap-file.service");
	pi_tree_expect_says(tree, "/etc/rpi/swap.conf.d/90-bramble.conf",
			    "[Main]\nMechanism=zram\n");
	pi_tree_expect_says(tree, "/etc/systemd/network/00-bramble.network",
			    "KernelCommandLine=root=/dev/nfs\n");
	pi_tree_expect_says(tree, "/etc/cloud/cloud.cfg.d/99-bramble-resize.cfg",
			    "resize_rootfs: false");
	pi_tree_expect_says(tree, "/etc/cloud/cloud.cfg.d/99-bramble-ssh.cfg",
			    "ssh_deletekeys: false");
	/* the image says it by itself */
	assert_int_equal(result_of(&report, "cloud-init"), PROVISION_NOTHING);
	assert_false(pi_tree_has(tree, "/etc/cloud/cloud.cfg.d/99-bramble-seed.cfg"));
	pi_tree_close(tree);
}

static void machines_of_others_are_known_by_their_address(void **state)
{
	static const struct pi_mac own = {{0xdc, 0xa6, 0x32, 1, 2, 3}};
	static const struct pi_mac other = {{0x52, 0x54, 0, 1, 2, 3}};
	const struct provision_options options = {.off = NULL};
	struct provision_pi pi = {.serial = {"036cb716"}, .mac = &own};
	struct tree *tree = TREE(trixie, "/boot/firmware");
	struct provision_report report;

	(void)state;
	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	assert_null(
		strstr(pi_tree_text(tree, "/etc/NetworkManager/conf.d/90-bramble.conf"), "mac:"));
	assert_false(pi_tree_has(tree, "/etc/systemd/network/00-bramble-mac.network"));
	pi.mac = &other;
	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	pi_tree_expect_says(tree, "/etc/NetworkManager/conf.d/90-bramble.conf",
			    ";mac:52:54:00:01:02:03\n");
	pi_tree_expect_says(tree, "/etc/systemd/network/00-bramble-mac.network",
			    "[Match]\nMACAddress=52:54:00:01:02:03\nType=ether\n");
	pi_tree_close(tree);
}

static void ubuntu_boots_from_the_network(void **state)
{
	struct tree *tree = TREE(ubuntu, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(provision_failures(&report), 0);
	assert_int_equal(warnings, 0);
	pi_tree_expect_says(tree, "/etc/cloud/cloud.cfg.d/99-bramble-seed.cfg",
			    "    seedfrom: file:///boot/firmware/\n");
	pi_tree_expect_text(tree, "/etc/docker/daemon.json",
			    "{\n  \"storage-driver\": \"vfs\"\n}\n");
	pi_tree_close(tree);
}

static void debian_boots_from_the_network(void **state)
{
	struct tree *tree = TREE(debian, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(provision_failures(&report), 0);
	pi_tree_expect_masked(tree, "rpi-generate-ssh-host-keys.service");
	pi_tree_expect_says(tree, ETC_UNITS "networking.service.d/bramble.conf",
			    "[Service]\nExecStop=\n");
	assert_false(pi_tree_has(tree, ETC_UNITS "ifup@.service.d"));
	pi_tree_close(tree);
}

static void unknown_layout_gives_a_warning_and_no_error(void **state)
{
	static const struct pi_tree_file files[] = {{"/sbin/init", "program", 0755}};
	struct tree *tree = pi_tree_make(files, ARRAY_SIZE(files), NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(warnings, 1);
	assert_int_equal(provision_failures(&report), 0);
	for (size_t i = 0; i < report.count; i++)
		assert_int_equal(report.entries[i].result, PROVISION_NOTHING);
	assert_false(pi_tree_has(tree, "/etc"));
	pi_tree_close(tree);
}

static void identity_is_this_pis_own(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct tree *other = TREE(bookworm, "/boot/firmware");
	char id[64], key[2048];

	(void)state;
	run(tree, NULL);
	run(other, NULL);
	pi_tree_expect_text(tree, "/etc/hostname", "kitchen\n");
	pi_tree_expect_text(tree, "/etc/hosts",
			    "127.0.0.1\tlocalhost\n\n127.0.1.1\t\tkitchen raspberrypi.lan\n");

	snprintf(id, sizeof(id), "%s", pi_tree_text(tree, "/etc/machine-id"));
	assert_int_equal(strlen(id), 33);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	assert_int_equal(id[12], '4');
	assert_string_not_equal(id, pi_tree_text(other, "/etc/machine-id"));
	assert_int_equal(pi_tree_stat(tree, "/etc/machine-id", true).mode, S_IFREG | 0444);

	assert_int_equal(pi_tree_stat(tree, "/var/lib/systemd/random-seed", true).size, 512);
	assert_int_equal(pi_tree_stat(tree, "/var/lib/systemd/random-seed", true).mode,
			 S_IFREG | 0600);

	snprintf(key, sizeof(key), "%s", pi_tree_text(tree, "/etc/ssh/ssh_host_ed25519_key"));
	assert_ptr_equal(strstr(key, "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA"),
			 key);
	assert_string_not_equal(key, pi_tree_text(other, "/etc/ssh/ssh_host_ed25519_key"));
	pi_tree_expect_says(tree, "/etc/ssh/ssh_host_ed25519_key.pub",
			    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI");
	pi_tree_expect_says(tree, "/etc/ssh/ssh_host_ed25519_key.pub", " root@pi-036cb716\n");
	assert_int_equal(pi_tree_stat(tree, "/etc/ssh/ssh_host_ed25519_key", true).mode,
			 S_IFREG | 0600);
	assert_int_equal(pi_tree_stat(tree, "/etc/ssh/ssh_host_ed25519_key.pub", true).mode,
			 S_IFREG | 0644);
	assert_false(pi_tree_has(tree, "/etc/ssh/ssh_host_rsa_key"));
	assert_false(pi_tree_has(tree, "/etc/ssh/ssh_host_rsa_key.pub"));
	assert_false(pi_tree_has(tree, "/etc/ssh/ssh_host_ed25519_key-cert.pub"));
	assert_true(pi_tree_has(tree, "/etc/ssh/ssh_known_hosts"));
	pi_tree_close(tree);
	pi_tree_close(other);
}

static void names_become_host_names(void **state)
{
	static const struct {
		const char *name, *want;
	} names[] = {
		{"kitchen", "kitchen\n"},
		{"a_b.c-d", "a-b.c-d\n"},
		{"_a_", "a\n"},
		{"a..b", "a.b\n"},
		{"---", "pi-036cb716\n"},
		{NULL, "pi-036cb716\n"},
		{"0123456789012345678901234567890123456789012345678901234567890_23",
		 "0123456789012345678901234567890123456789012345678901234567890-2\n"},
		{"01234567890123456789012345678901234567890123456789012345678901_3",
		 "01234567890123456789012345678901234567890123456789012345678901\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct provision_pi pi = {.serial = {"036cb716"}, .name = names[i].name};
		const struct provision_options options = {.identity_only = true};
		struct tree *tree = TREE(bookworm, "/boot/firmware");
		struct provision_report report;

		assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
		pi_tree_expect_text(tree, "/etc/hostname", names[i].want);
		pi_tree_close(tree);
	}
}

static void host_without_a_line_of_its_own_gets_one(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/etc/hostname", "# a comment\nold\n", 0},
		{"/etc/hosts", "127.0.0.1 localhost old", 0},
	};
	struct tree *tree = pi_tree_make(files, ARRAY_SIZE(files), NULL);

	(void)state;
	run(tree, NULL);
	pi_tree_expect_text(tree, "/etc/hosts", "127.0.0.1 localhost old\n127.0.1.1\tkitchen\n");
	run(tree, NULL);
	pi_tree_expect_text(tree, "/etc/hosts", "127.0.0.1 localhost old\n127.0.1.1\tkitchen\n");
	pi_tree_close(tree);
}

static void docker_that_is_configured_is_left_alone(void **state)
{
	static const struct pi_tree_file chosen[] = {
		{"/usr/bin/dockerd", "program", 0755},
		{"/etc/docker/daemon.json", "{\"storage-driver\": \"fuse-overlayfs\"}\n", 0},
	};
	static const struct pi_tree_file silent[] = {
		{"/usr/bin/dockerd", "program", 0755},
		{"/etc/docker/daemon.json", "{\"log-driver\": \"journald\"}\n", 0},
	};
	struct tree *tree = TREE(chosen, NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(result_of(&report, "docker"), PROVISION_NOTHING);
	assert_int_equal(warnings, 0);
	pi_tree_close(tree);
	tree = TREE(silent, NULL);
	report = run(tree, NULL);
	assert_int_equal(result_of(&report, "docker"), PROVISION_NOTHING);
	assert_int_equal(warnings, 1);
	pi_tree_expect_text(tree, "/etc/docker/daemon.json", "{\"log-driver\": \"journald\"}\n");
	pi_tree_close(tree);
}

static void disk_that_the_boot_waits_for_is_named(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/etc/fstab",
		 "LABEL=a /a ext4 nofail 0 2\nLABEL=b /b ext4 noauto 0 2\nLABEL=c /c ext4 rw 0 2\n",
		 0},
	};
	struct tree *tree = TREE(files, NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(result_of(&report, "fstab"), PROVISION_NOTHING);
	assert_int_equal(warnings, 1);
	assert_non_null(strstr(last_warning, "disk of /c,"));
	pi_tree_close(tree);
}

static void steps_are_switched_off_by_name(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, "fstab, swap hostname,ssh-host-key");

	(void)state;
	assert_int_equal(result_of(&report, "fstab"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "swap"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "hostname"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "machine-id"), PROVISION_DONE);
	pi_tree_expect_text(tree, "/etc/hostname", "raspberrypi\n");
	pi_tree_expect_text(tree, "/etc/ssh/ssh_host_rsa_key", "image\n");
	/* which makes the keys that were not made here */
	assert_false(pi_tree_has(tree, ETC_UNITS "regenerate_ssh_host_keys.service"));
	pi_tree_close(tree);
}

static void misspelt_steps_are_refused(void **state)
{
	(void)state;
	assert_int_equal(provision_check_off("here", NULL), 0);
	assert_int_equal(provision_check_off("here", ""), 0);
	assert_int_equal(provision_check_off("here", " fstab,\tswap ,"), 0);
	assert_int_equal(provision_check_off("here", "fstab,swp"), -EINVAL);
	assert_string_equal(last_warning, "here: there is no provisioning step \"swp\"");
	assert_null(provision_find("fsta"));
	assert_non_null(provision_find("ssh-host-key"));
}

static void identity_alone_leaves_the_rest(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}};
	const struct provision_options options = {.identity_only = true};
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report;

	(void)state;
	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	assert_int_equal(report.count, 4);
	pi_tree_expect_text(tree, "/etc/hostname", "pi-036cb716\n");
	pi_tree_expect_says(tree, "/etc/fstab", "PARTUUID=1-02 / ext4");
	assert_false(pi_tree_has(tree, "/etc/NetworkManager/conf.d"));
	pi_tree_close(tree);
}

static void steps_run_once(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}};
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report first = run(tree, NULL), second;
	const struct provision_options again = {.before = &first};
	char id[64];

	(void)state;
	snprintf(id, sizeof(id), "%s", pi_tree_text(tree, "/etc/machine-id"));
	assert_int_equal(provision_run(tree, &pi, &again, &second), 0);
	assert_string_equal(id, pi_tree_text(tree, "/etc/machine-id"));
	assert_memory_equal(&first, &second, sizeof(first));
	/* but one that had failed does, and one that an older program did not know */
	first.entries[0].result = PROVISION_FAILED;
	assert_string_equal(first.entries[9].step, "machine-id");
	first.entries[9] = (struct provision_entry){.step = "later-step", .version = 3};
	assert_int_equal(provision_run(tree, &pi, &again, &second), 0);
	assert_string_not_equal(id, pi_tree_text(tree, "/etc/machine-id"));
	assert_int_equal(result_of(&second, "fstab"), PROVISION_NOTHING);
	assert_int_equal(result_of(&second, "machine-id"), PROVISION_DONE);
	assert_int_equal(result_of(&second, "later-step"), PROVISION_DONE);
	pi_tree_close(tree);
}

static void everything_but_identity_is_the_same_a_second_time(void **state)
{
	struct tree *tree = TREE(trixie, "/boot/firmware");
	struct provision_report report;

	(void)state;
	run(tree, NULL);
	report = run(tree, NULL);
	for (size_t i = 0; i < report.count; i++) {
		const struct provision_step *step = provision_find(report.entries[i].step);

		if (!step->identity || strcmp(step->name, "hostname") == 0)
			assert_int_equal(report.entries[i].result, PROVISION_NOTHING);
	}
	pi_tree_close(tree);
}

static void failed_step_does_not_stop_the_others(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/etc/fstab/directory", "x", 0},
		{"/etc/NetworkManager/conf.d", "no directory\n", 0},
	};
	struct tree *tree = TREE(files, NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(result_of(&report, "fstab"), PROVISION_FAILED);
	assert_int_equal(result_of(&report, "network"), PROVISION_FAILED);
	assert_int_equal(result_of(&report, "initramfs"), PROVISION_DONE);
	assert_int_equal(result_of(&report, "ssh-host-key"), PROVISION_DONE);
	assert_int_equal(provision_failures(&report), 2);
	assert_int_equal(warnings, 2);
	assert_non_null(strstr(last_warning, "036cb716: step network: "));
	pi_tree_close(tree);
}

static void tree_that_cannot_be_changed_is_refused(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}};
	const struct provision_options options = {.off = NULL};
	struct provision_report report;
	struct tree *tree;

	(void)state;
	assert_int_equal(tree_memory_create(&tree), 0);
	assert_int_equal(provision_run(tree, &pi, &options, &report), -EROFS);
	tree_close(tree);
}

static void reports_are_text(void **state)
{
	static const char text[] = "fstab 1 done\nlater-step 7 nothing\nswap 2 off\nx 1 failed\n";
	struct provision_report report;
	char *again;

	(void)state;
	assert_int_equal(provision_report_parse(text, strlen(text), &report), 0);
	assert_int_equal(report.count, 4);
	assert_int_equal(report.entries[1].version, 7);
	assert_int_equal(provision_failures(&report), 1);
	assert_int_equal(provision_report_format(&report, &again), 0);
	assert_string_equal(again, text);
	free(again);
	assert_int_equal(provision_report_parse("", 0, &report), 0);
	assert_int_equal(report.count, 0);
	assert_int_equal(provision_report_parse("a 1 done", 8, &report), 0);
	assert_int_equal(report.count, 1);
}

static void texts_that_are_no_report_are_refused(void **state)
{
	static const char *const texts[] = {
		"fstab",
		"fstab 1",
		"fstab 1 well",
		"fstab x done",
		"fstab 1 done more",
		"\n",
		"FSTAB 1 done",
		" 1 done",
		"fstab -1 done",
		"fstab 1 done\n\nswap 1 done\n",
		"name-that-is-much-longer-than-they-are 1 done",
	};
	char many[PROVISION_STEPS_MAX * 16 + 16] = "";
	struct provision_report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(provision_report_parse(texts[i], strlen(texts[i]), &report),
				 -EINVAL);
	assert_int_equal(provision_report_parse("a 1 do\0ne", 9, &report), -EINVAL);
	for (unsigned int i = 0; i <= PROVISION_STEPS_MAX; i++)
		strcat(many, "step 1 done\n");
	assert_int_equal(provision_report_parse(many, strlen(many), &report), -E2BIG);
}

struct found {
	char paths[256];
};

static int take_path(void *ctx, const char *path)
{
	struct found *found = ctx;

	strcat(found->paths, path);
	strcat(found->paths, " ");
	return 0;
}

static int stop(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return -ECANCELED;
}

static void lost_capabilities_are_listed(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/usr/bin/ping", "program", 0755},
		{"/usr/bin/plain", "program", 0755},
		{"/usr/bin/data", "no program", 0644},
		{"/opt/a/b/tool", "program", 0755},
		{"/bin", "-> usr/bin", 0},
	};
	static const char *const owners[] = {"/usr/bin/ping", "/usr/bin/data", "/opt/a/b/tool"};
	struct tree *tree = pi_tree_make(files, ARRAY_SIZE(files), "/boot");
	struct found found = {.paths = ""};

	(void)state;
	assert_int_equal(provision_capabilities(tree, take_path, &found), 0);
	assert_string_equal(found.paths, "");
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		assert_int_equal(tree_setxattr(tree, pi_tree_stat(tree, owners[i], true).id,
					       "security.capability", "\1\0\0\2", 4, 0),
				 0);
	assert_int_equal(provision_capabilities(tree, take_path, &found), 0);
	assert_non_null(strstr(found.paths, "/usr/bin/ping "));
	assert_non_null(strstr(found.paths, "/opt/a/b/tool "));
	assert_int_equal(strlen(found.paths), strlen("/usr/bin/ping /opt/a/b/tool "));
	assert_int_equal(provision_capabilities(tree, stop, NULL), -ECANCELED);
	pi_tree_close(tree);
}

#define STEP_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(bullseye_boots_from_the_network),
		STEP_TEST(bookworm_boots_from_the_network),
		STEP_TEST(trixie_boots_from_the_network),
		STEP_TEST(machines_of_others_are_known_by_their_address),
		STEP_TEST(ubuntu_boots_from_the_network),
		STEP_TEST(debian_boots_from_the_network),
		STEP_TEST(unknown_layout_gives_a_warning_and_no_error),
		STEP_TEST(identity_is_this_pis_own),
		STEP_TEST(names_become_host_names),
		STEP_TEST(host_without_a_line_of_its_own_gets_one),
		STEP_TEST(docker_that_is_configured_is_left_alone),
		STEP_TEST(disk_that_the_boot_waits_for_is_named),
		STEP_TEST(steps_are_switched_off_by_name),
		STEP_TEST(misspelt_steps_are_refused),
		STEP_TEST(identity_alone_leaves_the_rest),
		STEP_TEST(steps_run_once),
		STEP_TEST(everything_but_identity_is_the_same_a_second_time),
		STEP_TEST(failed_step_does_not_stop_the_others),
		STEP_TEST(tree_that_cannot_be_changed_is_refused),
		STEP_TEST(reports_are_text),
		STEP_TEST(texts_that_are_no_report_are_refused),
		STEP_TEST(lost_capabilities_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
