/* SPDX-License-Identifier: MIT */
/* What partition types mean: those that images for small computers have, in the words of fdisk. */
#include "partition/partition.h"

#include <string.h>

#include "base/checked.h"
#include "partition/partition_disk.h"

struct mbr_type {
	uint8_t type;
	const char *name;
};

struct gpt_type {
	const char *guid;
	const char *name;
};

static const struct mbr_type mbr_types[] = {
	{0x01, "FAT12"},
	{0x04, "FAT16 <32M"},
	{PARTITION_TYPE_EXTENDED, "Extended"},
	{0x06, "FAT16"},
	{0x07, "HPFS/NTFS/exFAT"},
	{0x0b, "W95 FAT32"},
	{0x0c, "W95 FAT32 (LBA)"},
	{0x0e, "W95 FAT16 (LBA)"},
	{PARTITION_TYPE_EXTENDED_LBA, "W95 Ext'd (LBA)"},
	{0x11, "Hidden FAT12"},
	{0x14, "Hidden FAT16 <32M"},
	{0x16, "Hidden FAT16"},
	{0x1b, "Hidden W95 FAT32"},
	{0x1c, "Hidden W95 FAT32 (LBA)"},
	{0x1e, "Hidden W95 FAT16 (LBA)"},
	{0x27, "Hidden NTFS WinRE"},
	{0x82, "Linux swap / Solaris"},
	{0x83, "Linux"},
	{PARTITION_TYPE_EXTENDED_LINUX, "Linux extended"},
	{0x8e, "Linux LVM"},
	{0xa5, "FreeBSD"},
	{0xa6, "OpenBSD"},
	{0xa9, "NetBSD"},
	{0xaf, "HFS / HFS+"},
	{0xda, "Non-FS data"},
	{0xea, "Linux extended boot"},
	{PARTITION_TYPE_GPT_PROTECTIVE, "GPT"},
	{0xef, "EFI (FAT-12/16/32)"},
	{0xfd, "Linux raid autodetect"},
};

static const struct gpt_type gpt_types[] = {
	{"c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI System"},
	{"21686148-6449-6e6f-744e-656564454649", "BIOS boot"},
	{"ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Microsoft basic data"},
	{"e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved"},
	{"de94bba4-06d1-4d40-a16a-bfd50179d6ac", "Windows recovery environment"},
	{"0fc63daf-8483-4772-8e79-3d69d8477de4", "Linux filesystem"},
	{"0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "Linux swap"},
	{"bc13c2ff-59e6-4262-a352-b275fd6f7172", "Linux extended boot"},
	{"933ac7e1-2eb4-4f13-b844-0e14e2aef915", "Linux home"},
	{"3b8f8425-20e0-4f3b-907f-1a25a76f98e8", "Linux server data"},
	{"4d21b016-b534-45c2-a9fb-5c16e091fd2d", "Linux variable data"},
	{"e6d6d379-f507-44c2-a23c-238f2a3df928", "Linux LVM"},
	{"a19d880f-05fc-4d3b-a006-743f0f84911e", "Linux RAID"},
	{"ca7d7ccb-63ed-4c53-861c-1742536059cc", "Linux LUKS"},
	{"69dad710-2ce4-4e3c-b16c-21a1d49abed3", "Linux root (ARM)"},
	{"b921b045-1df0-41c3-af44-4c6f280d3fae", "Linux root (ARM-64)"},
	{"44479540-f297-41b2-9af7-d131d5f0458a", "Linux root (x86)"},
	{"4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "Linux root (x86-64)"},
	{"fe3a2a5d-4f32-41a7-b725-accc3285a309", "ChromeOS kernel"},
	{"3cb8e202-3b7e-47dd-8a3c-7ff2a13cfcec", "ChromeOS root fs"},
};

const char *partition_type_name(const struct partition *partition)
{
	if (partition->type_guid[0]) {
		for (size_t i = 0; i < ARRAY_SIZE(gpt_types); i++) {
			if (strcmp(gpt_types[i].guid, partition->type_guid) == 0)
				return gpt_types[i].name;
		}
		return "unknown";
	}
	for (size_t i = 0; i < ARRAY_SIZE(mbr_types); i++) {
		if (mbr_types[i].type == partition->mbr_type)
			return mbr_types[i].name;
	}
	return "unknown";
}
