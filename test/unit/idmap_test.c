/* SPDX-License-Identifier: MIT */
/* The map from node ids to texts that cp and ls -R keep. */
#include "support/unit.h"

#include <errno.h>
#include <stdio.h>

#include "idmap.h"

static void what_was_added_is_found_and_nothing_else(void **state)
{
	struct idmap map = {0};
	char text[32];

	(void)state;
	assert_null(idmap_find(&map, 1));
	for (uint64_t id = 1; id <= 10000; id++) {
		snprintf(text, sizeof(text), "%d", (int)id);
		assert_int_equal(idmap_add(&map, id << 33, id % 3 ? text : NULL), 0);
	}
	for (uint64_t id = 1; id <= 10000; id++) {
		const struct idmap_entry *entry = idmap_find(&map, id << 33);

		snprintf(text, sizeof(text), "%d", (int)id);
		assert_non_null(entry);
		if (id % 3)
			assert_string_equal(entry->text, text);
		else
			assert_null(entry->text);
		assert_null(idmap_find(&map, (id << 33) + 1));
	}
	idmap_finish(&map);
	assert_null(idmap_find(&map, 1ull << 33));
}

static void an_id_is_added_once(void **state)
{
	struct idmap map = {0};

	(void)state;
	assert_int_equal(idmap_add(&map, UINT64_MAX, "first"), 0);
	assert_int_equal(idmap_add(&map, UINT64_MAX, "second"), -EEXIST);
	assert_string_equal(idmap_find(&map, UINT64_MAX)->text, "first");
	idmap_finish(&map);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found_and_nothing_else),
		cmocka_unit_test(an_id_is_added_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
