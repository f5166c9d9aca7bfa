/* SPDX-License-Identifier: MIT */
/* How a run of all steps goes, what is reported, and which programs lose capabilities. */
#include "support/provision_fixture.h"

static void unknown_layout_gives_a_warning_and_no_error(void **state)
{
	static const struct pi_tree_file files[] = {{"/sbin/init", "program", 0755}};
	struct tree *tree = pi_tree_make(files, ARRAY_SIZE(files), NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(warnings, 1);
	assert_int_equal(provision_failures(&report), 0);
	for (size_t i = 0; i < report.count; i++)
		assert_int_equal(report.entries[i].result, PROVISION_NOTHING);
	assert_false(pi_tree_has(tree, "/etc"));
	pi_tree_close(tree);
}

static void steps_are_switched_off_by_name(void **state)
{
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report = run(tree, "fstab, swap hostname,ssh-host-key");

	(void)state;
	assert_int_equal(result_of(&report, "fstab"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "swap"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "hostname"), PROVISION_OFF);
	assert_int_equal(result_of(&report, "machine-id"), PROVISION_DONE);
	pi_tree_expect_text(tree, "/etc/hostname", "raspberrypi\n");
	pi_tree_expect_text(tree, "/etc/ssh/ssh_host_rsa_key", "image\n");
	/* which makes the keys that were not made here */
	assert_false(pi_tree_has(tree, ETC_UNITS "regenerate_ssh_host_keys.service"));
	pi_tree_close(tree);
}

static void misspelt_steps_are_refused(void **state)
{
	(void)state;
	assert_int_equal(provision_check_off("here", NULL), 0);
	assert_int_equal(provision_check_off("here", ""), 0);
	assert_int_equal(provision_check_off("here", " fstab,\tswap ,"), 0);
	assert_int_equal(provision_check_off("here", "fstab,swp"), -EINVAL);
	assert_string_equal(last_warning, "here: there is no provisioning step \"swp\"");
	assert_null(provision_find("fsta"));
	assert_non_null(provision_find("ssh-host-key"));
}

static void identity_alone_leaves_the_rest(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}};
	const struct provision_options options = {.identity_only = true};
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report report;

	(void)state;
	assert_int_equal(provision_run(tree, &pi, &options, &report), 0);
	assert_int_equal(report.count, 4);
	pi_tree_expect_text(tree, "/etc/hostname", "pi-036cb716\n");
	pi_tree_expect_says(tree, "/etc/fstab", "PARTUUID=1-02 / ext4");
	assert_false(pi_tree_has(tree, "/etc/NetworkManager/conf.d"));
	pi_tree_close(tree);
}

static void steps_run_once(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}, .name = "kitchen"};
	struct tree *tree = TREE(bookworm, "/boot/firmware");
	struct provision_report first = run(tree, NULL), second;
	const struct provision_options again = {.before = &first};
	char *id = strdup(pi_tree_text(tree, "/etc/machine-id"));

	(void)state;
	assert_non_null(id);
	assert_int_equal(provision_run(tree, &pi, &again, &second), 0);
	assert_string_equal(id, pi_tree_text(tree, "/etc/machine-id"));
	assert_memory_equal(&first, &second, sizeof(first));
	/* but one that had failed does, and one that an older program did not know */
	first.entries[0].result = PROVISION_FAILED;
	assert_string_equal(first.entries[9].step, "machine-id");
	first.entries[9] = (struct provision_entry){.step = "later-step", .version = 3};
	assert_int_equal(provision_run(tree, &pi, &again, &second), 0);
	assert_string_not_equal(id, pi_tree_text(tree, "/etc/machine-id"));
	free(id);
	assert_int_equal(result_of(&second, "fstab"), PROVISION_NOTHING);
	assert_int_equal(result_of(&second, "machine-id"), PROVISION_DONE);
	assert_int_equal(result_of(&second, "later-step"), PROVISION_DONE);
	pi_tree_close(tree);
}

static void everything_but_identity_is_the_same_a_second_time(void **state)
{
	struct tree *tree = TREE(trixie, "/boot/firmware");
	struct provision_report report;

	(void)state;
	run(tree, NULL);
	report = run(tree, NULL);
	for (size_t i = 0; i < report.count; i++) {
		const struct provision_step *step = provision_find(report.entries[i].step);

		if (!step->identity || strcmp(step->name, "hostname") == 0)
			assert_int_equal(report.entries[i].result, PROVISION_NOTHING);
	}
	pi_tree_close(tree);
}

static void failed_step_does_not_stop_the_others(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/etc/fstab/directory", "x", 0},
		{"/etc/NetworkManager/conf.d", "no directory\n", 0},
	};
	struct tree *tree = TREE(files, NULL);
	struct provision_report report = run(tree, NULL);

	(void)state;
	assert_int_equal(result_of(&report, "fstab"), PROVISION_FAILED);
	assert_int_equal(result_of(&report, "network"), PROVISION_FAILED);
	assert_int_equal(result_of(&report, "initramfs"), PROVISION_DONE);
	assert_int_equal(result_of(&report, "ssh-host-key"), PROVISION_DONE);
	assert_int_equal(provision_failures(&report), 2);
	assert_int_equal(warnings, 2);
	assert_non_null(strstr(last_warning, "036cb716: step network: "));
	pi_tree_close(tree);
}

static void tree_that_cannot_be_changed_is_refused(void **state)
{
	const struct provision_pi pi = {.serial = {"036cb716"}};
	const struct provision_options options = {.off = NULL};
	struct provision_report report;
	struct tree *tree;

	(void)state;
	assert_int_equal(tree_memory_create(&tree), 0);
	assert_int_equal(provision_run(tree, &pi, &options, &report), -EROFS);
	tree_close(tree);
}

static void reports_are_text(void **state)
{
	static const char text[] = "fstab 1 done\nlater-step 7 nothing\nswap 2 off\nx 1 failed\n";
	static const char named[] = "fstab 1 done\nhostname 1 done kitchen.lan\n";
	struct provision_report report;
	char *again;

	(void)state;
	assert_int_equal(provision_report_parse(text, strlen(text), &report), 0);
	assert_int_equal(report.count, 4);
	assert_int_equal(report.entries[1].version, 7);
	assert_int_equal(provision_failures(&report), 1);
	assert_int_equal(provision_report_format(&report, &again), 0);
	assert_string_equal(again, text);
	free(again);
	assert_string_equal(report.hostname, "");
	assert_int_equal(provision_report_parse(named, strlen(named), &report), 0);
	assert_string_equal(report.hostname, "kitchen.lan");
	assert_int_equal(provision_report_format(&report, &again), 0);
	assert_string_equal(again, named);
	free(again);
	assert_int_equal(provision_report_parse("", 0, &report), 0);
	assert_int_equal(report.count, 0);
	assert_int_equal(provision_report_parse("a 1 done", 8, &report), 0);
	assert_int_equal(report.count, 1);
}

static void texts_that_are_no_report_are_refused(void **state)
{
	static const char *const texts[] = {
		"fstab",
		"fstab 1",
		"fstab 1 well",
		"fstab x done",
		"fstab 1 done more",
		"hostname 1 done kitchen more",
		"hostname 1 done ",
		"hostname 1 done kit_chen",
		("hostname 1 done "
		 "0123456789012345678901234567890123456789012345678901234567890123"),
		"\n",
		"FSTAB 1 done",
		" 1 done",
		"fstab -1 done",
		"fstab 1 done\n\nswap 1 done\n",
		"name-that-is-much-longer-than-they-are 1 done",
	};
	char many[PROVISION_STEPS_MAX * 16 + 16] = "";
	struct provision_report report;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
		assert_int_equal(provision_report_parse(texts[i], strlen(texts[i]), &report),
				 -EINVAL);
	assert_int_equal(provision_report_parse("a 1 do\0ne", 9, &report), -EINVAL);
	for (unsigned int i = 0; i <= PROVISION_STEPS_MAX; i++)
		strcat(many, "step 1 done\n");
	assert_int_equal(provision_report_parse(many, strlen(many), &report), -E2BIG);
}

struct found {
	char paths[256];
};

static int take_path(void *ctx, const char *path)
{
	struct found *found = ctx;

	strcat(found->paths, path);
	strcat(found->paths, " ");
	return 0;
}

static int stop(void *ctx, const char *path)
{
	(void)ctx;
	(void)path;
	return -ECANCELED;
}

static void lost_capabilities_are_listed(void **state)
{
	static const struct pi_tree_file files[] = {
		{"/usr/bin/ping", "program", 0755},
		{"/usr/bin/plain", "program", 0755},
		{"/usr/bin/data", "no program", 0644},
		{"/opt/a/b/tool", "program", 0755},
		{"/bin", "-> usr/bin", 0},
	};
	static const char *const owners[] = {"/usr/bin/ping", "/usr/bin/data", "/opt/a/b/tool"};
	struct tree *tree = pi_tree_make(files, ARRAY_SIZE(files), "/boot");
	struct found found = {.paths = ""};

	(void)state;
	assert_int_equal(provision_capabilities(tree, take_path, &found), 0);
	assert_string_equal(found.paths, "");
	for (size_t i = 0; i < ARRAY_SIZE(owners); i++)
		assert_int_equal(tree_setxattr(tree, pi_tree_stat(tree, owners[i], true).id,
					       "security.capability", "\1\0\0\2", 4, 0),
				 0);
	assert_int_equal(provision_capabilities(tree, take_path, &found), 0);
	assert_non_null(strstr(found.paths, "/usr/bin/ping "));
	assert_non_null(strstr(found.paths, "/opt/a/b/tool "));
	assert_int_equal(strlen(found.paths), strlen("/usr/bin/ping /opt/a/b/tool "));
	assert_int_equal(provision_capabilities(tree, stop, NULL), -ECANCELED);
	pi_tree_close(tree);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		STEP_TEST(unknown_layout_gives_a_warning_and_no_error),
		STEP_TEST(steps_are_switched_off_by_name),
		STEP_TEST(misspelt_steps_are_refused),
		STEP_TEST(identity_alone_leaves_the_rest),
		STEP_TEST(steps_run_once),
		STEP_TEST(everything_but_identity_is_the_same_a_second_time),
		STEP_TEST(failed_step_does_not_stop_the_others),
		STEP_TEST(tree_that_cannot_be_changed_is_refused),
		STEP_TEST(reports_are_text),
		STEP_TEST(texts_that_are_no_report_are_refused),
		STEP_TEST(lost_capabilities_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
