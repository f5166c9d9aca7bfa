/* SPDX-License-Identifier: MIT */
/* What config.txt selects, and what files are by their names. */
#include "support/unit.h"

#include <stdio.h>

#include "pi/pi.h"

static struct pi_config read_config(const char *text)
{
	static struct pi_config config;

	pi_config_start(&config);
	pi_config_read(&config, text, strlen(text));
	return config;
}

static void cmdline_txt_is_one_in_every_directory(void **state)
{
	(void)state;
	assert_true(pi_config_is_cmdline(NULL, "cmdline.txt"));
	assert_true(pi_config_is_cmdline(NULL, "CMDLINE.TXT"));
	assert_true(pi_config_is_cmdline(NULL, "current/cmdline.txt"));
	assert_true(pi_config_is_cmdline(NULL, "//new//cmdline.txt"));
	assert_false(pi_config_is_cmdline(NULL, "cmdline.txt.bak"));
	assert_false(pi_config_is_cmdline(NULL, "cmdline.txt/x"));
	assert_false(pi_config_is_cmdline(NULL, "cmdline"));
	assert_false(pi_config_is_cmdline(NULL, ""));
}

static void named_command_lines_are_found_with_each_prefix(void **state)
{
	const struct pi_config config =
		read_config("# a comment\n[pi4]\ncmdline=four.txt\n[all]\nos_prefix=new-\n"
			    "[tryboot]\nos_prefix=new/\r\ncmdline = sub/other.txt \n");

	(void)state;
	assert_true(pi_config_is_cmdline(&config, "four.txt"));
	assert_true(pi_config_is_cmdline(&config, "Four.TXT"));
	assert_true(pi_config_is_cmdline(&config, "new/four.txt"));
	assert_true(pi_config_is_cmdline(&config, "new-four.txt"));
	assert_true(pi_config_is_cmdline(&config, "new//sub/./other.txt"));
	assert_true(pi_config_is_cmdline(&config, "new-cmdline.txt"));
	assert_true(pi_config_is_cmdline(&config, "cmdline.txt"));
	assert_false(pi_config_is_cmdline(&config, "other.txt"));
	assert_false(pi_config_is_cmdline(&config, "old/four.txt"));
	assert_false(pi_config_is_cmdline(&config, "newfour.txt"));
	assert_false(pi_config_is_kernel(&config, "four.txt"));
}

static void kernels_are_known_by_name_or_by_config(void **state)
{
	const struct pi_config config = read_config("kernel=linux-6.12\nos_prefix=current/\n");

	(void)state;
	assert_true(pi_config_is_kernel(&config, "kernel8.img"));
	assert_true(pi_config_is_kernel(&config, "kernel_2712.img"));
	assert_true(pi_config_is_kernel(&config, "kernel7l.img"));
	assert_true(pi_config_is_kernel(NULL, "current/vmlinuz"));
	assert_true(pi_config_is_kernel(&config, "linux-6.12"));
	assert_true(pi_config_is_kernel(&config, "current/linux-6.12"));
	assert_false(pi_config_is_kernel(NULL, "linux-6.12"));
	assert_false(pi_config_is_kernel(&config, "initramfs8"));
	assert_false(pi_config_is_kernel(&config, "recovery8.img"));
}

static void initramfs_is_announced_in_several_ways(void **state)
{
	struct pi_config config;

	(void)state;
	config = read_config("");
	assert_false(pi_config_may_load_initramfs(&config));
	config = read_config("auto_initramfs=1\n");
	assert_true(pi_config_may_load_initramfs(&config));
	config = read_config("initramfs initrd.img followkernel\n");
	assert_true(pi_config_may_load_initramfs(&config));
	assert_string_equal(config.initramfs.names[0], "initrd.img");
	config = read_config("[pi5]\ninitramfs a.img,b.img 0x00f00000\n");
	assert_int_equal(config.initramfs.count, 2);
	assert_string_equal(config.initramfs.names[1], "b.img");
	config = read_config("ramfsfile=c.img\nramfsaddr=0x1000\n");
	assert_true(pi_config_may_load_initramfs(&config));
	config = read_config("initramfs=d.img followkernel\n");
	assert_string_equal(config.initramfs.names[0], "d.img");
	config = read_config("#auto_initramfs=1\n#initramfs a.img followkernel\n");
	assert_false(pi_config_may_load_initramfs(&config));
	config = read_config("boot_ramdisk=1\n");
	assert_true(pi_config_may_load_initramfs(&config));
}

static void setting_is_taken_back_only_for_all_boards(void **state)
{
	struct pi_config config;

	(void)state;
	config = read_config("auto_initramfs=1\n[pi4]\nauto_initramfs=0\n");
	assert_true(config.auto_initramfs);
	config = read_config("auto_initramfs=1\n[pi4]\n[all]\nauto_initramfs=0\n");
	assert_false(config.auto_initramfs);
	config = read_config("auto_initramfs=1\nauto_initramfs=0\n");
	assert_false(config.auto_initramfs);
	config = read_config("auto_initramfs=0\n[pi4]\nauto_initramfs=1\n");
	assert_true(config.auto_initramfs);
}

static void included_files_are_named(void **state)
{
	struct pi_config config =
		read_config("include syscfg.txt\ninclude  usercfg.txt \ninclude\n");
	static const char more[] = "cmdline=nobtcmd.txt\n";

	(void)state;
	assert_int_equal(config.includes.count, 2);
	assert_string_equal(config.includes.names[0], "syscfg.txt");
	assert_string_equal(config.includes.names[1], "usercfg.txt");
	pi_config_read(&config, more, strlen(more));
	assert_true(pi_config_is_cmdline(&config, "nobtcmd.txt"));
}

static void too_many_and_too_long_names_are_left_out(void **state)
{
	struct pi_config config;
	char line[300];

	(void)state;
	pi_config_start(&config);
	for (unsigned int i = 0; i < 3 * PI_CONFIG_NAMES; i++) {
		snprintf(line, sizeof(line), "kernel=k%u\nkernel=k0\n", i);
		pi_config_read(&config, line, strlen(line));
	}
	assert_int_equal(config.kernels.count, PI_CONFIG_NAMES);
	memset(line, 'x', sizeof(line));
	memcpy(line, "cmdline=", 8);
	pi_config_read(&config, line, sizeof(line));
	assert_int_equal(config.cmdlines.count, 0);
	assert_false(pi_config_is_cmdline(&config, ""));
}

static void eeprom_updates_are_recognised(void **state)
{
	static const char *const names[] = {
		"pieeprom.upd",
		"pieeprom.sig",
		"036cb716/PIEEPROM.UPD",
		"pieeprom.bin",
		"recovery.bin",
		"recovery.000",
		"vl805.bin",
		"vl805.sig",
		"vl805-017.bin",
		"pieeprom-2026-05-26.bin",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		assert_int_equal(pi_file_kind(names[i]), PI_FILE_EEPROM);
	assert_int_not_equal(pi_file_kind("recovery.elf"), PI_FILE_EEPROM);
	assert_int_not_equal(pi_file_kind("bootcode.bin"), PI_FILE_EEPROM);
	assert_int_not_equal(pi_file_kind("pieeprom.sig/x"), PI_FILE_EEPROM);
}

static void files_of_the_boot_have_their_kinds(void **state)
{
	(void)state;
	assert_int_equal(pi_file_kind("bootcode.bin"), PI_FILE_FIRMWARE);
	assert_int_equal(pi_file_kind("start4.elf"), PI_FILE_FIRMWARE);
	assert_int_equal(pi_file_kind("fixup4.dat"), PI_FILE_FIRMWARE);
	assert_int_equal(pi_file_kind("config.txt"), PI_FILE_CONFIG);
	assert_int_equal(pi_file_kind("initramfs_2712"), PI_FILE_INITRAMFS);
	assert_int_equal(pi_file_kind("current/initrd.img"), PI_FILE_INITRAMFS);
	assert_int_equal(pi_file_kind("bcm2711-rpi-4-b.dtb"), PI_FILE_DTB);
	assert_int_equal(pi_file_kind("overlays/vc4-kms-v3d.dtbo"), PI_FILE_DTB);
	assert_int_equal(pi_file_kind("issue.txt"), PI_FILE_OTHER);
	assert_int_equal(pi_file_kind(""), PI_FILE_OTHER);
}

static void absence_of_probes_tells_nothing(void **state)
{
	(void)state;
	assert_true(pi_file_is_probe("bootsig.bin"));
	assert_true(pi_file_is_probe("recovery.elf"));
	assert_true(pi_file_is_probe("recovery8-32.img"));
	assert_true(pi_file_is_probe("dt-blob.bin"));
	assert_true(pi_file_is_probe("armstub8-gic.bin"));
	assert_true(pi_file_is_probe("pieeprom.sig"));
	assert_false(pi_file_is_probe("start4.elf"));
	assert_false(pi_file_is_probe("config.txt"));
	assert_false(pi_file_is_probe("bcm2711-rpi-4-b.dtb"));
	assert_false(pi_file_is_probe("something"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cmdline_txt_is_one_in_every_directory),
		cmocka_unit_test(named_command_lines_are_found_with_each_prefix),
		cmocka_unit_test(kernels_are_known_by_name_or_by_config),
		cmocka_unit_test(initramfs_is_announced_in_several_ways),
		cmocka_unit_test(setting_is_taken_back_only_for_all_boards),
		cmocka_unit_test(included_files_are_named),
		cmocka_unit_test(too_many_and_too_long_names_are_left_out),
		cmocka_unit_test(eeprom_updates_are_recognised),
		cmocka_unit_test(files_of_the_boot_have_their_kinds),
		cmocka_unit_test(absence_of_probes_tells_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
