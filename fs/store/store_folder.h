/* SPDX-License-Identifier: MIT */
/* Files of a folder that appear whole or not at all. Private to the store room. */
#ifndef BRAMBLE_STORE_STORE_FOLDER_H
#define BRAMBLE_STORE_STORE_FOLDER_H

/* A file that is being written has this behind its name, until it is complete and durable. */
#define STORE_NEW_SUFFIX ".new"

/* Makes the names in @path durable. */
int store_folder_sync(const char *path);

/* "@folder/@name", to be freed. NULL: no memory. */
char *store_folder_path(const char *folder, const char *name);

#endif
