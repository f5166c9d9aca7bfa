/* SPDX-License-Identifier: MIT */
/* What each step does to trees of several releases. */
#include "support/provision_fixture.h"

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

	snprintf(id, sizeof(id), "%.63s", pi_tree_text(tree, "/etc/machine-id"));
	assert_int_equal(strlen(id), 33);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
	assert_int_equal(id[12], '4');
	assert_string_not_equal(id, pi_tree_text(other, "/etc/machine-id"));
	assert_int_equal(pi_tree_stat(tree, "/etc/machine-id", true).mode, S_IFREG | 0444);

	assert_int_equal(pi_tree_stat(tree, "/var/lib/systemd/random-seed", true).size, 512);
	assert_int_equal(pi_tree_stat(tree, "/var/lib/systemd/random-seed", true).mode,
			 S_IFREG | 0600);

	snprintf(key, sizeof(key), "%.2047s", pi_tree_text(tree, "/etc/ssh/ssh_host_ed25519_key"));
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

/* What is done on the Pi. */
static void pi_tree_write(struct tree *tree, const char *path, const char *text)
{
	struct tree_setattr cut = {.valid = TREE_SET_SIZE};
	uint64_t id;

	assert_int_equal(tree_walk(tree, path, true, &id), 0);
	assert_int_equal(tree_setattr(tree, id, &cut, NULL), 0);
	assert_int_equal(tree_write(tree, id, text, strlen(text), 0, 0), 0);
}

/* As the Pi is called now; what was done is in @report, and what is done. */
static void rename_to(struct tree *tree, const char *name, struct provision_report *report)
{
	const struct provision_pi pi = {.serial = {"036cb716"}, .name = name};
	const struct provision_report before = *report;
	const struct provision_options options = {.before = &before};
	const struct provision_options again = {.before = report};

	assert_false(provision_is_done(&pi, &options));
	assert_int_equal(provision_run(tree, &pi, &options, report), 0);
	assert_int_equal(report->count, before.count);
	assert_true(provision_is_done(&pi, &again));
}

static void a_pi_that_is_called_otherwise_gets_another_name_and_nothing_else(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_string_equal(report.hostname, "kitchen");
	pi_tree_write(tree, "/etc/fstab", "mine\n");
	rename_to(tree, "pantry", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "pantry\n");
	pi_tree_expect_text(tree, "/etc/hosts",
			    "127.0.0.1\tlocalhost\n\n127.0.1.1\t\tpantry raspberrypi.lan\n");
	pi_tree_expect_text(tree, "/etc/fstab", "mine\n");
	rename_to(tree, NULL, &report);
	pi_tree_expect_text(tree, "/etc/hostname", "pi-036cb716\n");
	pi_tree_close(tree);
}

static void a_name_that_was_changed_on_the_pi_stays(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	pi_tree_write(tree, "/etc/hostname", "mine\n");
	rename_to(tree, "pantry", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "mine\n");
	pi_tree_expect_text(tree, "/etc/hosts",
			    "127.0.0.1\tlocalhost\n\n127.0.1.1\t\tkitchen raspberrypi.lan\n");
	rename_to(tree, "kitchen", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "mine\n");
	pi_tree_close(tree);
}

static void a_line_of_hosts_that_was_removed_on_the_pi_stays_away(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	pi_tree_write(tree, "/etc/hosts", "127.0.0.1 localhost\n");
	rename_to(tree, "pantry", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "pantry\n");
	pi_tree_expect_text(tree, "/etc/hosts", "127.0.0.1 localhost\n");
	pi_tree_close(tree);
}

/* Of an overlay that was made ready when it was not remembered for which name. */
static void without_a_name_that_is_remembered_only_that_of_the_serial_is_ours(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL);

	(void)state;
	report.hostname[0] = '\0';
	rename_to(tree, "pantry", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "kitchen\n");
	rename_to(tree, NULL, &report);
	pi_tree_write(tree, "/etc/hostname", "pi-036cb716\n");
	report.hostname[0] = '\0';
	rename_to(tree, "pantry", &report);
	pi_tree_expect_text(tree, "/etc/hostname", "pantry\n");
	pi_tree_close(tree);
}

static void a_name_that_is_left_to_the_pi_does_not_change(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, NULL), after;
	const struct provision_pi pi = {.serial = {"036cb716"}, .name = "pantry"};
	const struct provision_options options = {.before = &report, .off = "hostname"};

	(void)state;
	assert_true(provision_is_done(&pi, &options));
	assert_int_equal(provision_run(tree, &pi, &options, &after), 0);
	pi_tree_expect_text(tree, "/etc/hostname", "kitchen\n");
	pi_tree_close(tree);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(bullseye_boots_from_the_network),
		STEP_TEST(bookworm_boots_from_the_network),
		STEP_TEST(trixie_boots_from_the_network),
		STEP_TEST(machines_of_others_are_known_by_their_address),
		STEP_TEST(ubuntu_boots_from_the_network),
		STEP_TEST(debian_boots_from_the_network),
		STEP_TEST(identity_is_this_pis_own),
		STEP_TEST(names_become_host_names),
		STEP_TEST(a_pi_that_is_called_otherwise_gets_another_name_and_nothing_else),
		STEP_TEST(a_name_that_was_changed_on_the_pi_stays),
		STEP_TEST(a_line_of_hosts_that_was_removed_on_the_pi_stays_away),
		STEP_TEST(without_a_name_that_is_remembered_only_that_of_the_serial_is_ours),
		STEP_TEST(a_name_that_is_left_to_the_pi_does_not_change),
		STEP_TEST(host_without_a_line_of_its_own_gets_one),
		STEP_TEST(docker_that_is_configured_is_left_alone),
		STEP_TEST(disk_that_the_boot_waits_for_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
