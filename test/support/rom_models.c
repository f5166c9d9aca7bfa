// SPDX-License-Identifier: MIT
/* What each model sends and which files it asks for, in order. Sources: raspberrypi/firmware#1605, #1362, #935,
 * #1012 (3B, 3B+), rpi-eeprom#74, #87, #417 (4), #687 (5), and two kinds of PC that must get no answer.
 */
#include "rom_client.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const uint8_t wants_3b[] = {43, 60, 67, 128, 129, 130, 131, 132, 133, 134, 135, 66};
static const uint8_t wants_3b_plus[] = {43,  60,  67,  128, 129, 130, 131,
					132, 133, 134, 135, 66,	 1,   3};
static const uint8_t wants_4[] = {1, 3, 43, 60, 66, 67, 128, 129, 130, 131, 132, 133, 134, 135};
static const uint8_t wants_plain[] = {1, 3, 6, 12, 15, 28, 42};

#define PI_3_AFTER_BOOTCODE(dtb)                                                                   \
	{"start.elf", ROM_PROBE}, {"start.elf", ROM_PROBE | ROM_EXPECTED}, {"autoboot.txt", 0},    \
		{"config.txt", ROM_EXPECTED}, {"recovery.elf", 0}, {"start.elf", ROM_EXPECTED},    \
		{"fixup.dat", ROM_EXPECTED}, {"recovery.elf", 0}, {"config.txt", ROM_PROBE},       \
		{"config.txt", 0}, {"dt-blob.bin", 0}, {"recovery.elf", 0},                        \
		{"config.txt", ROM_PROBE}, {"config.txt", 0}, {"bootcfg.txt", 0},                  \
		{dtb, ROM_PROBE}, {dtb, ROM_EXPECTED}, {"overlays/overlay_map.dtb", ROM_PROBE},    \
		{"overlays/overlay_map.dtb", 0}, {"config.txt", ROM_PROBE}, {"config.txt", 0},     \
		{"overlays/vc4-kms-v3d.dtbo", ROM_PROBE}, {"overlays/vc4-kms-v3d.dtbo", 0},        \
		{"cmdline.txt", ROM_PROBE}, {"cmdline.txt", ROM_EXPECTED}, {"recovery8.img", 0},   \
		{"recovery8-32.img", 0}, {"recovery7.img", 0}, {"recovery.img", 0},                \
		{"kernel8.img", ROM_PROBE}, {"armstub8.bin", 0}, {"armstub8-32.bin", 0},           \
		{"initramfs8", ROM_PROBE}, {"initramfs8", 0},                                      \
	{                                                                                          \
		"kernel8.img", ROM_EXPECTED                                                        \
	}

static const struct rom_file files_3b[] = {
	{"bootcode.bin", ROM_AT_ROOT | ROM_BARE | ROM_EXPECTED},
	{"bootsig.bin", ROM_AT_ROOT | ROM_BARE},
	PI_3_AFTER_BOOTCODE("bcm2710-rpi-3-b.dtb"),
};

static const struct rom_file files_3b_plus[] = {
	{"bootcode.bin", ROM_AT_ROOT | ROM_BARE | ROM_EXPECTED},
	{"bootsig.bin", ROM_AT_ROOT | ROM_BARE},
	PI_3_AFTER_BOOTCODE("bcm2710-rpi-3-b-plus.dtb"),
};

static const struct rom_file files_4[] = {
	{"start4.elf", ROM_PROBE | ROM_EXPECTED},
	{"config.txt", ROM_EXPECTED},
	{"recover4.elf", 0},
	{"recovery.elf", 0},
	{"vl805.sig", 0},
	{"vl805.bin", 0},
	{"pieeprom.sig", 0},
	{"start4.elf", ROM_EXPECTED},
	{"fixup4.dat", ROM_EXPECTED},
	{"recovery.elf", 0},
	{"config.txt", 0},
	{"dt-blob.bin", 0},
	{"recovery.elf", 0},
	{"config.txt", 0},
	{"bootcfg.txt", 0},
	{"initramfs8", 0},
	{"bcm2711-rpi-4-b.dtb", ROM_PROBE},
	{"bcm2711-rpi-4-b.dtb", ROM_EXPECTED},
	{"overlays/overlay_map.dtb", ROM_PROBE},
	{"overlays/overlay_map.dtb", 0},
	{"config.txt", 0},
	{"overlays/vc4-kms-v3d-pi4.dtbo", 0},
	{"cmdline.txt", ROM_EXPECTED},
	{"kernel8.img", ROM_PROBE},
	{"armstub8-gic.bin", 0},
	{"kernel8.img", ROM_EXPECTED},
};

static const struct rom_file files_5[] = {
	{"config.txt", ROM_PROBE | ROM_EXPECTED},
	{"pieeprom.sig", 0},
	{"config.txt", ROM_SLASHES | ROM_PROBE},
	{"config.txt", ROM_SLASHES | ROM_EXPECTED},
	{"kernel_2712.img", ROM_PROBE},
	{"initramfs_2712", 0},
	{"bcm2712-rpi-5-b.dtb", ROM_EXPECTED},
	{"overlays/overlay_map.dtb", ROM_SLASHES},
	{"overlays/bcm2712d0.dtbo", ROM_SLASHES},
	{"overlays/vc4-kms-v3d.dtbo", ROM_SLASHES},
	{"cmdline.txt", ROM_SLASHES | ROM_EXPECTED},
	{"armstub8-2712.bin", 0},
	{"kernel_2712.img", ROM_EXPECTED},
};

#define BIOS "PXEClient:Arch:00000:UNDI:002001"
#define EFI "PXEClient:Arch:00007:UNDI:003016"

const struct rom_model rom_models[] = {
	{
		.name = "3b",
		.oui = {0xb8, 0x27, 0xeb},
		.vendor_class = BIOS,
		.identity = ROM_ID_CONSTANT,
		.xid = 0x26f30339,
		.wants = wants_3b,
		.wants_count = COUNT(wants_3b),
		.needs_spaces = true,
		.discovers = 5,
		.discover_ms = 5000,
		.files = files_3b,
		.file_count = COUNT(files_3b),
	},
	{
		.name = "3b-plus",
		.oui = {0xb8, 0x27, 0xeb},
		.vendor_class = BIOS,
		.identity = ROM_ID_SERIALS,
		.xid = 0x26f30339,
		.wants = wants_3b_plus,
		.wants_count = COUNT(wants_3b_plus),
		.discovers = 5,
		.discover_ms = 5000,
		.files = files_3b_plus,
		.file_count = COUNT(files_3b_plus),
	},
	{
		.name = "4",
		.oui = {0xdc, 0xa6, 0x32},
		.vendor_class = BIOS,
		.identity = ROM_ID_BOARD,
		.board = "RPi4",
		.revision = 0xc03111,
		.wants = wants_4,
		.wants_count = COUNT(wants_4),
		.sends_request = true,
		.discovers = 11,
		.discover_ms = 4000,
		.block_size = 1024,
		.files = files_4,
		.file_count = COUNT(files_4),
	},
	{
		.name = "5",
		.oui = {0x2c, 0xcf, 0x67},
		.vendor_class = BIOS,
		.identity = ROM_ID_BOARD,
		.board = "RPi5",
		.revision = 0xd04170,
		.wants = wants_4,
		.wants_count = COUNT(wants_4),
		.sends_request = true,
		.request_has_class = true,
		.discovers = 11,
		.discover_ms = 4000,
		.block_size = 1468,
		.files = files_5,
		.file_count = COUNT(files_5),
	},
	{
		.name = "pc-bios",
		.oui = {0x52, 0x54, 0x00},
		.vendor_class = BIOS,
		.identity = ROM_ID_UUID,
		.wants = wants_4,
		.wants_count = COUNT(wants_4),
		.sends_request = true,
		.request_has_class = true,
		.discovers = 4,
		.discover_ms = 4000,
	},
	{
		.name = "pc-efi",
		.oui = {0x52, 0x54, 0x00},
		.vendor_class = EFI,
		.architecture = 7,
		.identity = ROM_ID_UUID,
		.wants = wants_4,
		.wants_count = COUNT(wants_4),
		.sends_request = true,
		.request_has_class = true,
		.discovers = 4,
		.discover_ms = 4000,
	},
	{
		/* A computer that boots from its own disk, here a Pi with Linux. */
		.name = "plain",
		.oui = {0xdc, 0xa6, 0x32},
		.identity = ROM_ID_UUID,
		.wants = wants_plain,
		.wants_count = COUNT(wants_plain),
		.sends_request = true,
		.discovers = 4,
		.discover_ms = 4000,
	},
	{.name = NULL},
};
