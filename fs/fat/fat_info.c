/* SPDX-License-Identifier: MIT */
/* Facts about a volume for people. */
#include <errno.h>
#include <stdio.h>

#include "fat/fat_dir.h"
#include "fat/fat_name.h"
#include "fat/fat_volume.h"

static void find_label(struct fat_volume *v, char out[34])
{
	struct fat_node node;
	struct fat_dir dir;
	uint8_t label[11];

	out[0] = '\0';
	if (fat_node_read(v, TREE_ROOT, &node) == 0 && fat_dir_open(v, &node, 0, &dir) == 0 &&
	    fat_dir_label(&dir, label) > 0)
		fat_name_label(label, out);
	else if (v->geo.has_label)
		fat_name_label(v->geo.label, out);
}

int fat_info_read(struct image *img, bool count_free, struct fat_info *out)
{
	CLEANUP(fat_volume_closep) struct fat_volume *v = NULL;
	struct fat_info info = {0};
	int err = fat_volume_open(img, NULL, &v);

	if (err)
		return err;
	info.bits = v->geo.bits;
	info.dirty = v->geo.dirty;
	info.sector_size = v->geo.sector_size;
	info.cluster_size = v->geo.cluster_size;
	info.size = v->geo.size;
	if (count_free)
		err = fat_table_free(v, &info.free);
	if (err)
		return err;
	info.free <<= v->geo.cluster_shift;
	find_label(v, info.label);
	if (v->geo.serial)
		snprintf(info.uuid, sizeof(info.uuid), "%04X-%04X", v->geo.serial >> 16,
			 v->geo.serial & 0xffff);
	*out = info;
	return 0;
}
