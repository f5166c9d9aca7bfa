/* SPDX-License-Identifier: MIT */
/* Private to the fat room: names. */
#ifndef BRAMBLE_FAT_NAME_H
#define BRAMBLE_FAT_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 8 + 1 + 3 characters of code page 437, each up to 3 bytes of UTF-8, and NUL. */
#define FAT_SHORT_NAME_SIZE 37u

/* The checksum that ties the pieces of a long name to its short name (specification, 7.2). */
uint8_t fat_name_checksum(const uint8_t name[11]);

/*
 * The short name @name as UTF-8. What no path can hold ("/", NUL) becomes "_". Returns its length; 0
 * for a name that is empty, "." or "..".
 */
size_t fat_name_short(const uint8_t name[11], uint8_t case_flags, char out[FAT_SHORT_NAME_SIZE]);

/* A volume label as UTF-8, without trailing spaces. */
void fat_name_label(const uint8_t label[11], char out[34]);

/* Whether a path can hold the name. */
bool fat_name_usable(const char *name, size_t len);

#endif
