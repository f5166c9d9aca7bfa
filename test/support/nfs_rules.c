/* SPDX-License-Identifier: MIT */
/*
 * Judges an NFS server that exports /export of an image like a Pi's (lib_pi.sh) for changes:
 *
 *     nfs_rules PORT [RULE...]        all rules, or those; says which are broken
 *     nfs_rules PORT before_crash     does what has to be found after the server was killed
 *     nfs_rules PORT after_crash      and looks for it
 *     nfs_rules PORT a_read_only_tree_is_not_changed    of an image without an overlay
 *
 * Exits with 1 where a rule is broken, with 2 where the server cannot be talked to.
 */
#include "support/nfs_rules.h"

static const char *current;
static unsigned int broken;

void rules_failed(const char *file, int line, const char *what, long long got, long long wanted)
{
	printf("BROKEN %s: %s:%d: %s is %lld, not %lld\n", current, file, line, what, got, wanted);
	broken++;
}

/* Each rule has a directory of its own, which is left behind. */
static void run_rule(struct rules *r, const struct rule *rule)
{
	struct client client;
	nfsstat3 status;

	client_open(&client, r->port, false);
	r->root = &client;
	current = rule->name;
	if (do_mount(&client, "/export", &r->export) != MNT3_OK) {
		printf("cannot mount\n");
		exit(2);
	}
	status = do_mkdir(&client, &r->export, rule->name, 0755, &r->dir);
	if (status == NFS3ERR_ROFS)
		status = do_lookup(&client, &r->export, "etc", &r->dir);
	if (status == NFS3ERR_EXIST)
		status = do_lookup(&client, &r->export, rule->name, &r->dir);
	CHECK_IS(status, NFS3_OK);
	if (status == NFS3_OK)
		rule->run(r);
	client_close(&client);
}

/* What needs a crash in between, or another server, is run only if it is named. */
static bool is_wanted(const char *name, int argc, char **argv)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc == 2 && !strstr(name, "_crash") && !strstr(name, "_read_only");
}

int main(int argc, char **argv)
{
	static const struct rule *const sets[] = {rules_names, rules_files, rules_lists, rules_wire,
						  rules_again};
	struct rules r = {0};
	unsigned int count = 0;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	r.port = (uint16_t)atoi(argv[1]);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		for (const struct rule *rule = sets[i]; rule->name; rule++) {
			if (!is_wanted(rule->name, argc, argv))
				continue;
			run_rule(&r, rule);
			count++;
		}
	}
	printf("%u rules, %u checks failed\n", count, broken);
	return broken || count == 0;
}
