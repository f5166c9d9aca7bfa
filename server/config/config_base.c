/* SPDX-License-Identifier: MIT */
/* Whether the overlays are there that Pis are to boot above. */
#include "config/config_private.h"

#include <errno.h>

#include "base/log.h"

static bool is_missing(struct state *state, const char *name)
{
	CLEANUP(state_overlay_closep) struct state_overlay *overlay = NULL;

	return state_overlay_open(state, name, STATE_LOOK, &overlay) == -ENOENT;
}

static void tell(const struct config *config, const char *path, struct state *state,
		 const struct config_rules *rules)
{
	const struct config_image *image;

	if (!rules->base_line || !rules->base || !is_missing(state, rules->base))
		return;
	image = rules->image ? config_find_image(config, rules->image) : NULL;
	log_warn("%s:%u: base: there is no overlay %s: Pis above it cannot boot until \"bramble "
		 "overlay create %s --image %s\"",
		 path ? path : "serve", rules->base_line, rules->base, rules->base,
		 image ? image->file : "IMAGE");
}

void config_tell_bases(const struct config *config, const char *path, const char *dir)
{
	CLEANUP(state_closep) struct state *state = NULL;

	if (state_open(dir, false, &state) < 0)
		return; /* logged */
	tell(config, path, state, &config->defaults);
	for (size_t i = 0; i < config->pis_count; i++)
		tell(config, path, state, &config->pis[i].rules);
}
