/* SPDX-License-Identifier: MIT */
/* Private to the image room: recognises files that hold an image but are not one. */
#ifndef BRAMBLE_IMAGE_CONTAINER_H
#define BRAMBLE_IMAGE_CONTAINER_H

#include "image/image.h"

/* 0, or -EMEDIUMTYPE after one error line with @path, what the file is and what to do with it. */
int image_container_check(struct image *img, const char *path);

#endif
