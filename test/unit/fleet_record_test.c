/* SPDX-License-Identifier: MIT */
/* What is remembered of a Pi survives being written and read, and damage is told. */
#include "support/unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet_private.h"

static struct fleet_record sample(void)
{
	struct fleet_record record = {
		.id = "036cb716",
		.name = "kitchen",
		.image = "raspios",
		.base = "golden",
		.keep = CONFIG_KEEP_UNTIL_REBOOT,
		.has_mac = true,
		.mac = {{0xdc, 0xa6, 0x32, 1, 2, 3}},
		.mac_given = true,
		.mounted_by = {htonl(0xc0a80117)},
		.has_loader = true,
		.loader = {{0xdc, 0xa6, 0x32, 1, 2, 4}},
		.model = PI_4,
		.joined = true,
		.renew = true,
		.first_seen = 1700000000,
		.last_seen = 1700000001,
		.mounted = 1700000002,
		.has_overlay = true,
	};

	for (size_t i = 0; i < sizeof(record.overlay); i++)
		record.overlay[i] = (uint8_t)(17 * i);
	record.steps.count = 2;
	strcpy(record.steps.entries[0].step, "fstab");
	record.steps.entries[0].version = 1;
	record.steps.entries[0].result = PROVISION_DONE;
	strcpy(record.steps.entries[1].step, "docker");
	record.steps.entries[1].version = 3;
	record.steps.entries[1].result = PROVISION_OFF;
	return record;
}

static void a_record_survives_being_written_and_read(void **state)
{
	struct fleet_record record = sample(), again;
	char *text, *second;

	(void)state;
	assert_int_equal(fleet_record_format(&record, &text), 0);
	assert_int_equal(fleet_record_parse("x", text, strlen(text), &again), 0);
	assert_int_equal(fleet_record_format(&again, &second), 0);
	assert_string_equal(text, second);
	assert_string_equal(again.name, "kitchen");
	assert_int_equal(again.keep, CONFIG_KEEP_UNTIL_REBOOT);
	assert_true(again.has_mac && pi_mac_is_equal(&again.mac, &record.mac));
	assert_true(again.has_loader && pi_mac_is_equal(&again.loader, &record.loader));
	assert_true(again.mac_given && again.mounted_by.s_addr == htonl(0xc0a80117));
	assert_int_equal(again.model, PI_4);
	assert_true(again.joined && again.renew && again.has_overlay);
	assert_memory_equal(again.overlay, record.overlay, sizeof(record.overlay));
	assert_int_equal(again.steps.count, 2);
	assert_string_equal(again.steps.entries[1].step, "docker");
	assert_int_equal(again.steps.entries[1].version, 3);
	free(text);
	free(second);
}

static void what_was_never_said_stays_unsaid(void **state)
{
	static const char text[] = "[pi]\nid = 036cb716\n";
	struct fleet_record record;

	(void)state;
	assert_int_equal(fleet_record_parse("x", text, strlen(text), &record), 0);
	assert_int_equal(record.keep, -1);
	assert_false(record.has_mac || record.has_loader || record.joined || record.renew ||
		     record.has_overlay);
	assert_int_equal(record.model, PI_MODEL_UNKNOWN);
}

static void a_damaged_record_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		"[pi]\nname = kitchen\n",
		"[pi]\nid = ../x\n",
		"[pi]\nid = 036cb716\nmac = dc:a6\n",
		"[pi]\nid = 036cb716\njoined = perhaps\n",
		"[pi]\nid = 036cb716\nkeep = no\n",
		"[pi]\nid = 036cb716\nmounted-by = 1.2.3\n",
		"[pi]\nid = 036cb716\nlast-seen = -1\n",
		"[pi]\nid = 036cb716\n[overlay]\nuuid = 12\n",
		"[pi]\nid = 036cb716\n[overlay]\nfstab = done\n",
		"[pi]\nid\n",
	};
	struct fleet_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(fleet_record_parse("x", wrong[i], strlen(wrong[i]), &record),
				 -EUCLEAN);
}

static void every_cut_is_refused_or_a_record(void **state)
{
	struct fleet_record record = sample(), cut;
	char *text;

	(void)state;
	assert_int_equal(fleet_record_format(&record, &text), 0);
	for (size_t len = 0; len < strlen(text); len++) {
		int err = fleet_record_parse("x", text, len, &cut);

		assert_true(err == 0 || err == -EUCLEAN);
	}
	free(text);
}

/* Paths -------------------------------------------------------------------------------------- */

static void cleans_to(const char *name, const char *path, const char *rest)
{
	char out[FLEET_PATH_MAX];
	const char *after;

	assert_int_equal(fleet_path_clean(name, out, &after), 0);
	assert_string_equal(out, path);
	assert_string_equal(after, rest);
}

static void doubled_and_leading_slashes_do_not_count(void **state)
{
	(void)state;
	cleans_to("036cb716//config.txt", "036cb716/config.txt", "config.txt");
	cleans_to("/036cb716/overlays//x.dtbo", "036cb716/overlays/x.dtbo", "overlays/x.dtbo");
	cleans_to("bootcode.bin", "bootcode.bin", "");
	cleans_to("./036cb716/./a/", "036cb716/a", "a");
	cleans_to("///", "", "");
	cleans_to("", "", "");
}

static void no_path_leads_upwards(void **state)
{
	static const char *const wrong[] = {
		"../etc/passwd", "036cb716/../abcd1234/config.txt", "a/..", "..", "a\\..\\b",
		"a\nb",
	};
	char out[FLEET_PATH_MAX], longest[2 * FLEET_PATH_MAX];
	const char *rest;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		assert_int_equal(fleet_path_clean(wrong[i], out, &rest), -EACCES);
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(fleet_path_clean(longest, out, &rest), -EACCES);
	longest[FLEET_PATH_MAX - 2] = '\0';
	assert_int_equal(fleet_path_clean(longest, out, &rest), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_survives_being_written_and_read),
		cmocka_unit_test(what_was_never_said_stays_unsaid),
		cmocka_unit_test(a_damaged_record_is_refused),
		cmocka_unit_test(every_cut_is_refused_or_a_record),
		cmocka_unit_test(doubled_and_leading_slashes_do_not_count),
		cmocka_unit_test(no_path_leads_upwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
