/* SPDX-License-Identifier: MIT */
/* What a Pi's own files say: devices, fstab, cmdline.txt, autoboot.txt. */
#include "support/unit.h"

#include <errno.h>

#include "pi/pi.h"

static void assert_device(const char *text, enum pi_device_kind kind, const char *value)
{
	struct pi_device device;

	pi_device_parse(text, &device);
	assert_int_equal(device.kind, kind);
	assert_string_equal(device.value, value);
}

static void assert_number(const char *text, unsigned int number)
{
	struct pi_device device;

	pi_device_parse(text, &device);
	assert_int_equal(device.kind, PI_DEVICE_NUMBER);
	assert_int_equal(device.number, number);
}

static void devices_are_named_by_their_prefix(void **state)
{
	(void)state;
	assert_device("UUID=1234-ABCD", PI_DEVICE_UUID, "1234-ABCD");
	assert_device("LABEL=bootfs", PI_DEVICE_LABEL, "bootfs");
	assert_device("PARTUUID=738a4d67-02", PI_DEVICE_PARTUUID, "738a4d67-02");
	assert_device("PARTLABEL=root", PI_DEVICE_PARTLABEL, "root");
	assert_device("/dev/disk/by-uuid/1234-ABCD", PI_DEVICE_UUID, "1234-ABCD");
	assert_device("/dev/disk/by-label/rootfs", PI_DEVICE_LABEL, "rootfs");
	assert_device("/dev/disk/by-partuuid/738a4d67-01", PI_DEVICE_PARTUUID, "738a4d67-01");
	assert_device("/dev/disk/by-partlabel/root", PI_DEVICE_PARTLABEL, "root");
}

static void quotes_around_a_value_are_taken_off(void **state)
{
	(void)state;
	assert_device("LABEL=\"two words\"", PI_DEVICE_LABEL, "two words");
	assert_device("UUID='1234'", PI_DEVICE_UUID, "1234");
	assert_device("LABEL=\"odd'", PI_DEVICE_LABEL, "\"odd'");
	assert_device("LABEL=\"", PI_DEVICE_LABEL, "\"");
	assert_device("LABEL=", PI_DEVICE_LABEL, "");
}

static void partition_nodes_end_in_their_number(void **state)
{
	(void)state;
	assert_number("/dev/mmcblk0p2", 2);
	assert_number("/dev/mmcblk1p10", 10);
	assert_number("/dev/nvme0n1p3", 3);
	assert_number("/dev/loop0p1", 1);
	assert_number("/dev/sda2", 2);
	assert_number("/dev/vda15", 15);
	assert_number("/dev/xvda1", 1);
}

static void whole_disks_and_other_sources_have_no_number(void **state)
{
	static const char *const others[] = {
		"/dev/mmcblk0",	     "/dev/nvme0n1", "/dev/sda", "/dev/ram0",
		"/dev/mapper/root1", "tmpfs",	     "proc",	 "nfs:/a1",
		"/dev/sda12345",     "/dev/",	     "/dev/2",	 "",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_device(others[i], PI_DEVICE_OTHER, others[i]);
}

static void device_name_that_is_too_long_is_none(void **state)
{
	char text[PI_VALUE_MAX + 1];

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "LABEL=", 6);
	text[PI_VALUE_MAX] = '\0';
	assert_device(text, PI_DEVICE_OTHER, "");
	text[PI_VALUE_MAX - 1] = '\0';
	assert_device(text, PI_DEVICE_LABEL, text + 6);
}

static void fstab_of_raspberry_pi_os_is_read(void **state)
{
	const char *text =
		"proc            /proc           proc    defaults          0       0\n"
		"PARTUUID=738a4d67-01  /boot/firmware  vfat    defaults          0       2\n"
		"PARTUUID=738a4d67-02  /               ext4    defaults,noatime  0       1\n"
		"# a swapfile is not a swap partition, no line here\n";
	struct pi_fstab_entry entry;

	(void)state;
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_int_equal(entry.device.kind, PI_DEVICE_OTHER);
	assert_string_equal(entry.path, "/proc");
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_int_equal(entry.device.kind, PI_DEVICE_PARTUUID);
	assert_string_equal(entry.device.value, "738a4d67-01");
	assert_string_equal(entry.path, "/boot/firmware");
	assert_string_equal(entry.type, "vfat");
	assert_string_equal(entry.options, "defaults");
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_string_equal(entry.path, "/");
	assert_string_equal(entry.options, "defaults,noatime");
	assert_int_equal(pi_fstab_next(&text, &entry), -ENOENT);
	assert_int_equal(pi_fstab_next(&text, &entry), -ENOENT);
}

static void fstab_escapes_are_undone(void **state)
{
	const char *text = "LABEL=my\\040disk /mnt/a\\011b\\134c ext4 ro";
	struct pi_fstab_entry entry;

	(void)state;
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_string_equal(entry.device.value, "my disk");
	assert_string_equal(entry.path, "/mnt/a\tb\\c");
	text = "a\\04 b\\999\\ c\\ d\\";
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_string_equal(entry.device.value, "a\\04");
	assert_string_equal(entry.path, "b\\999\\");
	assert_string_equal(entry.type, "c\\");
	assert_string_equal(entry.options, "d\\");
}

static void fstab_lines_that_are_no_entry_are_passed_over(void **state)
{
	const char *text =
		"\n   \t\n#LABEL=a /a ext4\n  # LABEL=b /b ext4\nLABEL=c /c\nLABEL=d\n\r\n"
		"\tLABEL=e \t /e   ext4\r\n";
	struct pi_fstab_entry entry;

	(void)state;
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_string_equal(entry.device.value, "e");
	assert_string_equal(entry.path, "/e");
	assert_string_equal(entry.type, "ext4");
	assert_string_equal(entry.options, "defaults");
	assert_int_equal(pi_fstab_next(&text, &entry), -ENOENT);
}

static void fstab_line_with_a_field_that_is_too_long_is_left_out(void **state)
{
	char line[PI_VALUE_MAX * 2];
	const char *text = line;
	struct pi_fstab_entry entry;

	(void)state;
	memset(line, 'x', sizeof(line));
	strcpy(line + PI_VALUE_MAX, " /a ext4\nLABEL=b /b ext4\n");
	assert_int_equal(pi_fstab_next(&text, &entry), 0);
	assert_string_equal(entry.path, "/b");
}

static void options_are_whole_words(void **state)
{
	struct pi_fstab_entry entry = {.options = "ro,noauto,x-systemd.automount"};

	(void)state;
	assert_true(pi_fstab_has_option(&entry, "ro"));
	assert_true(pi_fstab_has_option(&entry, "noauto"));
	assert_true(pi_fstab_has_option(&entry, "x-systemd.automount"));
	assert_false(pi_fstab_has_option(&entry, "auto"));
	assert_false(pi_fstab_has_option(&entry, "x-systemd"));
	assert_false(pi_fstab_has_option(&entry, "r"));
}

static void assert_root(const char *text, const char *value)
{
	struct pi_device device;

	assert_int_equal(pi_cmdline_root(text, &device), 0);
	assert_string_equal(device.value, value);
}

static void last_root_of_a_command_line_counts(void **state)
{
	struct pi_device device;

	(void)state;
	assert_root("console=tty1 root=PARTUUID=738a4d67-02 rootfstype=ext4 rootwait\n",
		    "738a4d67-02");
	assert_root("root=/dev/sda1\troot=LABEL=b\r\n", "b");
	assert_int_equal(pi_cmdline_root("nfsroot=/a rootfstype=ext4 xroot=b", &device), -ENOENT);
	assert_int_equal(pi_cmdline_root("root=", &device), -ENOENT);
	assert_int_equal(pi_cmdline_root("", &device), -ENOENT);
}

static void assert_partition(const char *text, unsigned int want)
{
	unsigned int number = 0;

	assert_int_equal(pi_autoboot_partition(text, &number), want ? 0 : -ENOENT);
	assert_int_equal(number, want);
}

static void autoboot_is_read_for_all_boards_only(void **state)
{
	(void)state;
	assert_partition("[all]\ntryboot_a_b=1\nboot_partition=2\n[tryboot]\nboot_partition=3\n",
			 2);
	assert_partition("boot_partition=4", 4);
	assert_partition("[tryboot]\r\nboot_partition=3\r\n[all]\r\nboot_partition=2\r\n", 2);
	assert_partition("[tryboot]\nboot_partition=3\n", 0);
	assert_partition("#boot_partition=3\n", 0);
	assert_partition("boot_partition=0\n", 0);
	assert_partition("boot_partition=99999999999999999999\n", 0);
	assert_partition("boot_partition=\n", 0);
	assert_partition("", 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(devices_are_named_by_their_prefix),
		cmocka_unit_test(quotes_around_a_value_are_taken_off),
		cmocka_unit_test(partition_nodes_end_in_their_number),
		cmocka_unit_test(whole_disks_and_other_sources_have_no_number),
		cmocka_unit_test(device_name_that_is_too_long_is_none),
		cmocka_unit_test(fstab_of_raspberry_pi_os_is_read),
		cmocka_unit_test(fstab_escapes_are_undone),
		cmocka_unit_test(fstab_lines_that_are_no_entry_are_passed_over),
		cmocka_unit_test(fstab_line_with_a_field_that_is_too_long_is_left_out),
		cmocka_unit_test(options_are_whole_words),
		cmocka_unit_test(last_root_of_a_command_line_counts),
		cmocka_unit_test(autoboot_is_read_for_all_boards_only),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
