/* SPDX-License-Identifier: MIT */
/* Files that hold a disk image in another form, known by their first bytes. */
#include "image/image_container.h"

#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

struct container {
	uint64_t offset;
	const char *magic;
	size_t magic_len;
	const char *name;
	const char *advice; /* with %s for the path */
};

#define MAGIC(bytes) (bytes), sizeof(bytes) - 1

static const struct container containers[] = {
	{0,
	 MAGIC("\xfd"
	       "7zXZ\0"),
	 "an xz-compressed file", "decompress it first: xz -dk %s"},
	{0, MAGIC("\x1f\x8b\x08"), "a gzip-compressed file", "decompress it first: gzip -dk %s"},
	{0, MAGIC("\x28\xb5\x2f\xfd"), "a zstd-compressed file", "decompress it first: zstd -d %s"},
	{0, MAGIC("BZh"), "a bzip2-compressed file", "decompress it first: bzip2 -dk %s"},
	{0, MAGIC("\x04\x22\x4d\x18"), "an lz4-compressed file", "decompress it first: lz4 -d %s"},
	{0, MAGIC("LZIP"), "an lzip-compressed file", "decompress it first: lzip -dk %s"},
	{0, MAGIC("PK\x03\x04"), "a zip archive", "take the image out first: unzip %s"},
	{0, MAGIC("7z\xbc\xaf\x27\x1c"), "a 7-zip archive", "take the image out first: 7z x %s"},
	{0, MAGIC("Rar!\x1a\x07"), "a RAR archive", "take the image out first: unrar x %s"},
	{0, MAGIC("QFI\xfb"), "a qcow2 image",
	 "convert it first: qemu-img convert -O raw %s disk.img"},
	{0, MAGIC("KDMV"), "a VMDK image", "convert it first: qemu-img convert -O raw %s disk.img"},
	{0, MAGIC("# Disk DescriptorFile"), "a VMDK descriptor",
	 "convert it first: qemu-img convert -O raw %s disk.img"},
	{0, MAGIC("conectix"), "a VHD image",
	 "convert it first: qemu-img convert -O raw %s disk.img"},
	{0, MAGIC("vhdxfile"), "a VHDX image",
	 "convert it first: qemu-img convert -O raw %s disk.img"},
	{0x40, MAGIC("\x7f\x10\xda\xbe"), "a VirtualBox disk image",
	 "convert it first: qemu-img convert -O raw %s disk.img"},
	{0, MAGIC("\x3a\xff\x26\xed"), "an Android sparse image",
	 "convert it first: simg2img %s disk.img"},
	{0, MAGIC("hsqs"), "a squashfs file system", "only ext2, ext3, ext4 and FAT are read (%s)"},
	{257, MAGIC("ustar"), "a tar archive", "take the image out first: tar xf %s"},
};

static bool matches(struct image *img, const struct container *container)
{
	uint8_t bytes[32];

	if (container->magic_len > sizeof(bytes) ||
	    image_read_at(img, bytes, container->magic_len, container->offset) < 0)
		return false;
	return memcmp(bytes, container->magic, container->magic_len) == 0;
}

/* An image starts with boot code that could begin with any bytes: its signature decides. */
static bool has_boot_signature(struct image *img)
{
	uint8_t signature[2];

	return image_read_at(img, signature, sizeof(signature), 510) == 0 && signature[0] == 0x55 &&
	       signature[1] == 0xaa;
}

int image_container_check(struct image *img, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(containers); i++) {
		const struct container *container = &containers[i];
		const char *rest = strstr(container->advice, "%s");

		if (!matches(img, container))
			continue;
		if (container->magic_len <= 3 && has_boot_signature(img))
			continue;
		log_error("%s: %s, not a raw disk image: %.*s%s%s", path, container->name,
			  (int)(rest - container->advice), container->advice, path, rest + 2);
		return -EMEDIUMTYPE;
	}
	return 0;
}
