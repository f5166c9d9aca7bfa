/* SPDX-License-Identifier: MIT */
/* The fstab of a Pi whose disk is not there. */
#include "support/unit.h"

#include <stdlib.h>

#include "pi/pi.h"

/* The paths that volumes are shown at, and the label that is the image's. */
struct known {
	const char *paths[3];
	const char *label;
};

static bool shows(void *ctx, const char *path)
{
	const struct known *known = ctx;

	for (size_t i = 0; i < ARRAY_SIZE(known->paths) && known->paths[i]; i++) {
		if (strcmp(known->paths[i], path) == 0)
			return true;
	}
	return false;
}

static bool owns(void *ctx, const struct pi_device *device)
{
	const struct known *known = ctx;

	assert_int_not_equal(device->kind, PI_DEVICE_NUMBER);
	return known->label && device->kind == PI_DEVICE_LABEL &&
	       strcmp(device->value, known->label) == 0;
}

/* And that rewriting it again changes nothing. */
static void expect_known(const struct known *known, const char *text, const char *want)
{
	const struct pi_fstab_image image = {.shows = shows, .owns = owns, .ctx = (void *)known};
	char *out, *again;
	size_t len, again_len;

	assert_int_equal(pi_fstab_rewrite(text, strlen(text), &image, &out, &len), 0);
	assert_string_equal(out, want);
	assert_int_equal(len, strlen(want));
	assert_int_equal(pi_fstab_rewrite(out, len, &image, &again, &again_len), 0);
	assert_string_equal(again, want);
	free(out);
	free(again);
}

static void expect(const char *text, const char *want)
{
	const struct known nothing = {.label = NULL};

	expect_known(&nothing, text, want);
}

static void raspberry_pi_os_is_bound_to_itself(void **state)
{
	(void)state;
	expect("proc            /proc           proc    defaults          0       0\n"
	       "PARTUUID=5a1c3e70-01  /boot/firmware  vfat    defaults          0       2\n"
	       "PARTUUID=5a1c3e70-02  /               ext4    defaults,noatime  0       1\n"
	       "# a swapfile is not a swap partition, no line here\n",
	       "proc            /proc           proc    defaults          0       0\n"
	       "#bramble: PARTUUID=5a1c3e70-01  /boot/firmware  vfat    defaults          0       "
	       "2\n"
	       "/boot/firmware /boot/firmware none bind 0 0\n"
	       "#bramble: PARTUUID=5a1c3e70-02  /               ext4    defaults,noatime  0       "
	       "1\n"
	       "# a swapfile is not a swap partition, no line here\n");
}

static void bullseye_has_its_boot_partition_at_boot(void **state)
{
	(void)state;
	expect("PARTUUID=5a1c3e70-01\t/boot\tvfat\tdefaults\t0\t2\n"
	       "PARTUUID=5a1c3e70-02\t/\text4\tdefaults,noatime\t0\t1\n",
	       "#bramble: PARTUUID=5a1c3e70-01\t/boot\tvfat\tdefaults\t0\t2\n"
	       "/boot /boot none bind 0 0\n"
	       "#bramble: PARTUUID=5a1c3e70-02\t/\text4\tdefaults,noatime\t0\t1\n");
}

static void ubuntu_names_its_partitions_by_label(void **state)
{
	(void)state;
	expect("LABEL=writable\t/\text4\tdefaults\t0 1\n"
	       "LABEL=system-boot       /boot/firmware  vfat    defaults        0       1\n",
	       "#bramble: LABEL=writable\t/\text4\tdefaults\t0 1\n"
	       "#bramble: LABEL=system-boot       /boot/firmware  vfat    defaults        0       "
	       "1\n"
	       "/boot/firmware /boot/firmware none bind 0 0\n");
}

static void swap_on_the_image_and_in_files_goes(void **state)
{
	(void)state;
	expect("PARTUUID=5a1c3e70-02 / ext4 defaults 0 1\n"
	       "PARTUUID=5a1c3e70-03 none swap sw 0 0\n"
	       "/swapfile none swap sw 0 0\n"
	       "/dev/zram0 none swap defaults,pri=100 0 0\n"
	       "UUID=1111 none swap sw 0 0\n",
	       "#bramble: PARTUUID=5a1c3e70-02 / ext4 defaults 0 1\n"
	       "#bramble: PARTUUID=5a1c3e70-03 none swap sw 0 0\n"
	       "#bramble: /swapfile none swap sw 0 0\n"
	       "/dev/zram0 none swap defaults,pri=100 0 0\n"
	       "UUID=1111 none swap sw 0 0\n");
}

static void device_nodes_of_the_disk_of_the_root_go(void **state)
{
	(void)state;
	expect("/dev/mmcblk0p2 / ext4 defaults 0 1\n"
	       "/dev/mmcblk0p1 /boot vfat defaults 0 2\n"
	       "/dev/mmcblk0p3 /data ext4 defaults 0 2\n"
	       "/dev/sda1 /mnt/usb ext4 nofail 0 2\n",
	       "#bramble: /dev/mmcblk0p2 / ext4 defaults 0 1\n"
	       "#bramble: /dev/mmcblk0p1 /boot vfat defaults 0 2\n"
	       "/boot /boot none bind 0 0\n"
	       "#bramble: /dev/mmcblk0p3 /data ext4 defaults 0 2\n"
	       "/dev/sda1 /mnt/usb ext4 nofail 0 2\n");
}

static void disk_of_the_root_is_known_from_its_mark(void **state)
{
	(void)state;
	expect("#bramble: /dev/sda2 / ext4 defaults 0 1\n/dev/sda3 /data ext4 defaults 0 2\n"
	       "/dev/mmcblk0p1 /card vfat nofail 0 0\n",
	       "#bramble: /dev/sda2 / ext4 defaults 0 1\n"
	       "#bramble: /dev/sda3 /data ext4 defaults 0 2\n"
	       "/dev/mmcblk0p1 /card vfat nofail 0 0\n");
}

static void all_that_is_not_the_image_stays(void **state)
{
	static const char text[] = "proc /proc proc defaults 0 0\n"
				   "tmpfs /tmp tmpfs nosuid 0 0\n"
				   "server:/export /home nfs vers=3 0 0\n"
				   "//server/share /mnt/share cifs guest 0 0\n"
				   "PARTUUID=738a4d67-01 /mnt/disk ext4 nofail 0 2\n"
				   "LABEL=data /data ext4 nofail 0 2\n"
				   "server:/root / nfs defaults 0 0\n"
				   "/srv/boot /boot/firmware none bind 0 0\n"
				   "\n   \n# comment\nno entry\n";

	(void)state;
	expect(text, text);
}

static void volumes_that_the_tree_shows_are_the_image(void **state)
{
	const struct known known = {.paths = {"/boot/firmware", "/home"}, .label = "state"};

	(void)state;
	expect_known(
		&known,
		"UUID=1 / ext4 defaults 0 1\nUUID=2 /home ext4 defaults 0 2\n"
		"LABEL=state /var/state btrfs defaults 0 2\nLABEL=x /x ext4 nofail 0 2\n"
		"UUID=3 /boot/firmware vfat ro,noauto 0 2\n",
		"#bramble: UUID=1 / ext4 defaults 0 1\n#bramble: UUID=2 /home ext4 defaults 0 2\n"
		"#bramble: LABEL=state /var/state btrfs defaults 0 2\n"
		"LABEL=x /x ext4 nofail 0 2\n"
		"#bramble: UUID=3 /boot/firmware vfat ro,noauto 0 2\n"
		"/boot/firmware /boot/firmware none bind,ro 0 0\n");
}

static void boot_partition_that_no_line_names_gets_one(void **state)
{
	const struct known firmware = {.paths = {"/boot/firmware"}};
	const struct known boot = {.paths = {"/boot"}};

	(void)state;
	expect_known(&firmware, "", "/boot/firmware /boot/firmware none bind 0 0\n");
	expect_known(&boot, "# UNCONFIGURED FSTAB FOR BASE SYSTEM",
		     "# UNCONFIGURED FSTAB FOR BASE SYSTEM\n/boot /boot none bind 0 0\n");
	expect_known(&boot, "/dev/root / ext4 defaults 0 1\n",
		     "#bramble: /dev/root / ext4 defaults 0 1\n/boot /boot none bind 0 0\n");
	expect("", "");
}

static void line_without_a_newline_gets_one(void **state)
{
	(void)state;
	expect("LABEL=writable / ext4 defaults 0 1",
	       "#bramble: LABEL=writable / ext4 defaults 0 1\n");
	expect("proc /proc proc defaults 0 0", "proc /proc proc defaults 0 0");
	expect("LABEL=a /boot/firmware/ vfat defaults 0 1",
	       "#bramble: LABEL=a /boot/firmware/ vfat defaults 0 1\n"
	       "/boot/firmware /boot/firmware none bind 0 0\n");
}

static void partition_that_is_named_twice_is_bound_once(void **state)
{
	(void)state;
	expect("LABEL=a /boot vfat defaults 0 1\nLABEL=a /boot vfat defaults 0 1\n",
	       "#bramble: LABEL=a /boot vfat defaults 0 1\n/boot /boot none bind 0 0\n"
	       "#bramble: LABEL=a /boot vfat defaults 0 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raspberry_pi_os_is_bound_to_itself),
		cmocka_unit_test(bullseye_has_its_boot_partition_at_boot),
		cmocka_unit_test(ubuntu_names_its_partitions_by_label),
		cmocka_unit_test(swap_on_the_image_and_in_files_goes),
		cmocka_unit_test(device_nodes_of_the_disk_of_the_root_go),
		cmocka_unit_test(disk_of_the_root_is_known_from_its_mark),
		cmocka_unit_test(all_that_is_not_the_image_stays),
		cmocka_unit_test(volumes_that_the_tree_shows_are_the_image),
		cmocka_unit_test(boot_partition_that_no_line_names_gets_one),
		cmocka_unit_test(line_without_a_newline_gets_one),
		cmocka_unit_test(partition_that_is_named_twice_is_bound_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
