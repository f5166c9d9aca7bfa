/* SPDX-License-Identifier: MIT */
/*
 * Transactions like those of a file that is created, through the embedded store, and through LMDB and
 * SQLite (WAL, synchronous=FULL) without anything around them:
 *
 *	bench_store DIR [SECONDS]
 *
 * A transaction writes three records, 300 bytes with their keys: attributes, a directory entry, the
 * attributes of the directory. Each is made durable by itself, or GROUP of them together. Then records
 * are read at random, and the files are verified. Prints a Markdown table; never gates.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lmdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#ifdef WITH_SQLITE
#include <sqlite3.h>
#endif

#include "store/store.h"
#include "store/store_verify.h"

#define GROUP 1000u
#define RECORDS 3u
#define READS 200000u
#define MAP_BYTES ((size_t)4 << 30)
#define WAL_PAGES 1000 /* after which SQLite writes them to the database: its default */

static const char *folder;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_store: %s: %s\n", what, why);
	exit(1);
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Record @which of transaction @number: keys are in the order of creation only in part. */
static size_t make_record(uint64_t number, unsigned int which, struct store_key *key,
			  uint8_t value[128])
{
	static const char kinds[RECORDS] = {'A', 'E', 'A'};
	uint64_t node = which == 0 ? number + 100 : number % 50 + 1;
	uint64_t hash = number * 0x9e3779b97f4a7c15u;

	for (int i = 0; i < 8; i++) {
		key->bytes[i] = (uint8_t)(node >> (56 - 8 * i));
		key->bytes[9 + i] = (uint8_t)(hash >> (56 - 8 * i));
	}
	key->bytes[8] = (uint8_t)kinds[which];
	key->len = which == 1 ? 17 : 9;
	memset(value, (int)number, 128);
	return which == 1 ? 9 : 128;
}

/* What is measured; each is opened in a folder of its own. */
struct peer {
	const char *name;
	void (*open)(void);
	void (*begin)(void);
	void (*put)(const struct store_key *key, const void *value, size_t len);
	void (*commit)(bool durable);
	bool (*get)(const struct store_key *key);
	void (*close)(void);
};

/* LMDB --------------------------------------------------------------------------------------------- */

static MDB_env *env;
static MDB_txn *txn;
static MDB_dbi dbi;

static void lmdb_check(int rc)
{
	if (rc)
		die("lmdb", mdb_strerror(rc));
}

static void lmdb_open(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/lmdb", folder);
	lmdb_check(mdb_env_create(&env));
	lmdb_check(mdb_env_set_mapsize(env, MAP_BYTES));
	lmdb_check(mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS, 0600));
}

static void lmdb_begin(void)
{
	if (txn)
		return; /* of the group */
	lmdb_check(mdb_txn_begin(env, NULL, 0, &txn));
	lmdb_check(mdb_dbi_open(txn, NULL, 0, &dbi));
}

static void lmdb_put(const struct store_key *key, const void *value, size_t len)
{
	MDB_val k = {key->len, (void *)(uintptr_t)key->bytes}, v = {len, (void *)(uintptr_t)value};

	lmdb_check(mdb_put(txn, dbi, &k, &v, 0));
}

static void lmdb_commit(bool durable)
{
	if (!durable)
		return;
	lmdb_check(mdb_txn_commit(txn));
	txn = NULL;
}

static bool lmdb_get(const struct store_key *key)
{
	MDB_val k = {key->len, (void *)(uintptr_t)key->bytes}, v;
	MDB_txn *reader;
	int rc;

	lmdb_check(mdb_txn_begin(env, NULL, MDB_RDONLY, &reader));
	rc = mdb_get(reader, dbi, &k, &v);
	mdb_txn_abort(reader);
	return rc == 0;
}

static void lmdb_close(void)
{
	if (txn)
		lmdb_commit(true);
	mdb_env_close(env);
}

/* SQLite ------------------------------------------------------------------------------------------- */

#ifdef WITH_SQLITE
static sqlite3 *db;
static sqlite3_stmt *put_statement, *get_statement;
static bool db_open_transaction;

static void db_check(int rc)
{
	if (rc != SQLITE_OK && rc != SQLITE_DONE && rc != SQLITE_ROW)
		die("sqlite", sqlite3_errmsg(db));
}

static void db_do(const char *text)
{
	db_check(sqlite3_exec(db, text, NULL, NULL, NULL));
}

static void db_open(void)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/sqlite", folder);
	db_check(sqlite3_open(path, &db));
	db_do("PRAGMA journal_mode=WAL");
	db_do("PRAGMA synchronous=FULL");
	db_do("PRAGMA locking_mode=EXCLUSIVE");
	db_do("CREATE TABLE r (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID");
	db_check(sqlite3_wal_autocheckpoint(db, WAL_PAGES));
	db_check(sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO r VALUES (?, ?)", -1,
				    &put_statement, NULL));
	db_check(sqlite3_prepare_v2(db, "SELECT v FROM r WHERE k = ?", -1, &get_statement, NULL));
}

static void db_begin(void)
{
	if (!db_open_transaction)
		db_do("BEGIN IMMEDIATE");
	db_open_transaction = true;
}

static void db_put(const struct store_key *key, const void *value, size_t len)
{
	sqlite3_bind_blob(put_statement, 1, key->bytes, (int)key->len, SQLITE_STATIC);
	sqlite3_bind_blob(put_statement, 2, value, (int)len, SQLITE_STATIC);
	db_check(sqlite3_step(put_statement));
	db_check(sqlite3_reset(put_statement));
}

static void db_commit(bool durable)
{
	if (!durable || !db_open_transaction)
		return;
	db_do("COMMIT");
	db_open_transaction = false;
}

static bool db_get(const struct store_key *key)
{
	bool found;

	sqlite3_bind_blob(get_statement, 1, key->bytes, (int)key->len, SQLITE_STATIC);
	found = sqlite3_step(get_statement) == SQLITE_ROW;
	db_check(sqlite3_reset(get_statement));
	return found;
}

static void db_close(void)
{
	db_commit(true);
	sqlite3_finalize(put_statement);
	sqlite3_finalize(get_statement);
	sqlite3_close(db);
}
#endif

/* The embedded store ------------------------------------------------------------------------------- */

static struct store *store;
static struct store_txn *store_transaction;

static void store_check(int err)
{
	if (err)
		die("store", strerror(-err));
}

static void embedded_open(void)
{
	const struct store_options options = {.read_only = false};
	char path[4096];

	snprintf(path, sizeof(path), "%s/store", folder);
	if (mkdir(path, 0700))
		die(path, strerror(errno));
	store_check(store_embedded_create(path));
	store_check(store_embedded_open(path, &options, &store));
	store_check(store_blocks_ready(store));
}

static void embedded_begin(void)
{
	store_check(store_begin(store, &store_transaction));
}

static void embedded_put(const struct store_key *key, const void *value, size_t len)
{
	store_check(store_put(store_transaction, key, value, len));
}

static void embedded_commit(bool durable)
{
	store_check(store_commit(&store_transaction, false));
	if (durable)
		store_check(store_sync(store));
}

static bool embedded_get(const struct store_key *key)
{
	uint8_t value[256];
	size_t len;

	return store_get(store, key, value, sizeof(value), &len) == 0;
}

static void embedded_close(void)
{
	store_check(store_close(store));
}

/* Measuring ---------------------------------------------------------------------------------------- */

static const struct peer peers[] = {
	{"embedded store", embedded_open, embedded_begin, embedded_put, embedded_commit,
	 embedded_get, embedded_close},
	{"LMDB alone", lmdb_open, lmdb_begin, lmdb_put, lmdb_commit, lmdb_get, lmdb_close},
#ifdef WITH_SQLITE
	{"SQLite alone", db_open, db_begin, db_put, db_commit, db_get, db_close},
#endif
};

/* Transactions in @seconds, @group of them durable together. Per second. */
static double run_writes(const struct peer *peer, double seconds, unsigned int group,
			 uint64_t *number)
{
	double start = now(), end;
	uint64_t first = *number;

	do {
		for (unsigned int i = 0; i < group; i++, ++*number) {
			peer->begin();
			for (unsigned int which = 0; which < RECORDS; which++) {
				struct store_key key;
				uint8_t value[128];
				size_t len = make_record(*number, which, &key, value);

				peer->put(&key, value, len);
			}
			peer->commit(i + 1 == group);
		}
		end = now();
	} while (end - start < seconds);
	return (double)(*number - first) / (end - start);
}

static double run_reads(const struct peer *peer, uint64_t count)
{
	double start = now();
	uint64_t found = 0, state = 1;

	for (unsigned int i = 0; i < READS; i++) {
		struct store_key key;
		uint8_t value[128];

		state = state * 6364136223846793005u + 1442695040888963407u;
		make_record((state >> 20) % count, 0, &key, value);
		found += peer->get(&key);
	}
	if (found != READS)
		die(peer->name, "not all records are there");
	return READS / (now() - start);
}

static void run_verify(void)
{
	struct store_verify_result result;
	char path[4096];
	double start;
	int fd;

	snprintf(path, sizeof(path), "%s/store/meta", folder);
	fd = open(path, O_RDONLY);
	start = now();
	if (fd < 0 || store_verify_fd(fd, path, 1, &result))
		die(path, "not verified");
	start = now() - start;
	printf("\nverified: %.1f MB in %.1f ms, %.0f MB/s\n",
	       (double)(result.last_page + 1) * result.page_size / 1e6, start * 1e3,
	       (double)(result.last_page + 1) * result.page_size / 1e6 / start);
	close(fd);
}

int main(int argc, char **argv)
{
	double seconds = argc > 2 ? atof(argv[2]) : 3;

	if (argc < 2) {
		fputs("usage: bench_store DIR [SECONDS]\n", stderr);
		return 2;
	}
	folder = argv[1];
	printf("| transactions/s | each durable | %u durable together | records read/s |\n", GROUP);
	puts("|---|---:|---:|---:|");
	for (size_t i = 0; i < sizeof(peers) / sizeof(*peers); i++) {
		const struct peer *peer = &peers[i];
		uint64_t number = 0;
		double each, grouped, reads;

		peer->open();
		each = run_writes(peer, seconds, 1, &number);
		grouped = run_writes(peer, seconds, GROUP, &number);
		reads = run_reads(peer, number);
		peer->close();
		printf("| %s | %.0f | %.0f | %.0f |\n", peer->name, each, grouped, reads);
		fflush(stdout);
	}
	run_verify();
	return 0;
}
