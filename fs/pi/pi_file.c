/* SPDX-License-Identifier: MIT */
/* The files of a boot partition, by their names. */
#include "pi/pi.h"

#include <fnmatch.h>
#include <string.h>

#include "base/checked.h"

/* The first pattern that fits counts. */
static const struct {
	const char *pattern;
	enum pi_file_kind kind;
	bool probe;
} files[] = {
	{"cmdline.txt", PI_FILE_CMDLINE, false},
	{"config.txt", PI_FILE_CONFIG, false},
	{"autoboot.txt", PI_FILE_CONFIG, true},
	{"tryboot.txt", PI_FILE_CONFIG, true},
	{"bootcfg.txt", PI_FILE_CONFIG, true},
	/* rpi-eeprom-update leaves these for recovery.bin and for the bootloader's self-update */
	{"pieeprom.*", PI_FILE_EEPROM, true},
	{"pieeprom-*", PI_FILE_EEPROM, true},
	{"vl805.*", PI_FILE_EEPROM, true},
	{"vl805-*", PI_FILE_EEPROM, true},
	{"recovery.bin", PI_FILE_EEPROM, true},
	{"recovery.[0-9][0-9][0-9]", PI_FILE_EEPROM, true},
	{"bootcode.bin", PI_FILE_FIRMWARE, false},
	{"bootcode4.bin", PI_FILE_FIRMWARE, true},
	{"bootcode5.bin", PI_FILE_FIRMWARE, true},
	{"bootsig.bin", PI_FILE_FIRMWARE, true},
	{"start*.elf", PI_FILE_FIRMWARE, false},
	{"fixup*.dat", PI_FILE_FIRMWARE, false},
	{"recovery.elf", PI_FILE_FIRMWARE, true},
	{"recover4.elf", PI_FILE_FIRMWARE, true},
	{"dt-blob.bin", PI_FILE_FIRMWARE, true},
	{"armstub*.bin", PI_FILE_FIRMWARE, true},
	{"overlay_map.dtb", PI_FILE_DTB, true},
	{"*.dtb", PI_FILE_DTB, false},
	{"*.dtbo", PI_FILE_DTB, true},
	{"recovery*.img", PI_FILE_OTHER, true},
	{"boot.sig", PI_FILE_OTHER, true},
	{"boot.img", PI_FILE_KERNEL, true},
	/* kernel8-32.img, kernel7.img: asked for one after the other until one is there */
	{"kernel*.img", PI_FILE_KERNEL, true},
	{"vmlinuz*", PI_FILE_KERNEL, false},
	{"vmlinux*", PI_FILE_KERNEL, false},
	{"Image", PI_FILE_KERNEL, false},
	{"Image.gz", PI_FILE_KERNEL, false},
	{"zImage", PI_FILE_KERNEL, false},
	{"u-boot*.bin", PI_FILE_KERNEL, false},
	{"uboot*.bin", PI_FILE_KERNEL, false},
	{"initramfs*", PI_FILE_INITRAMFS, true},
	{"initrd*", PI_FILE_INITRAMFS, false},
};

/* The index of the pattern that fits, or that of none. */
static size_t find(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t i = 0;

	while (i < ARRAY_SIZE(files) && fnmatch(files[i].pattern, name, FNM_CASEFOLD) != 0)
		i++;
	return i;
}

enum pi_file_kind pi_file_kind(const char *path)
{
	size_t i = find(path);

	return i < ARRAY_SIZE(files) ? files[i].kind : PI_FILE_OTHER;
}

bool pi_file_is_probe(const char *path)
{
	size_t i = find(path);

	return i < ARRAY_SIZE(files) && files[i].probe;
}
