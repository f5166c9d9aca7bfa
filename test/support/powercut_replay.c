/* SPDX-License-Identifier: MIT */
/*
 * Makes the states that a power cut may leave of a folder, from what powercut.c recorded, and runs a
 * command on each:
 *
 *	powercut_replay LOG BASE OUT SEED STATES COMMAND [ARGUMENT...]
 *
 * BASE is the folder as it was before recording began, or "-" for an empty one. OUT is the folder that
 * is made, again and again; COMMAND gets it and the last line that the program had printed before the
 * cut as its last two arguments. It ends at the first state that COMMAND does not accept, which stays
 * in OUT, else it prints how many there were.
 *
 * What is synced is there. Of what came after, each sector of 512 bytes of each write, each change of
 * a size and each 4 KiB that were punched are there or not, in any combination; names change in the
 * order of the calls, up to any of them. The power is cut before each sync and at the end: every other
 * moment has a part of these states. Where there are no more than STATES combinations all are tried,
 * else so many by chance, nothing, all, and single pieces among them.
 *
 * With POWERCUT_LYING_DISK in the environment syncs of files do nothing: then a program that relies
 * on them should be seen to fail.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "powercut_log.h"

#define SECTOR 512u
#define PUNCH 4096u
#define FILES_MAX 64u
#define PIECES_ALL 16u /* so many pieces at most are tried in all combinations */

struct event {
	const struct powercut_record *head;
	const char *name; /* not NUL-terminated */
	const uint8_t *data;
};

struct content {
	uint8_t *bytes; /* owned */
	uint64_t used; /* bytes; behind them there are zeros up to the size, which are not stored */
	uint64_t size;
	uint64_t room;
};

struct file {
	uint64_t inode;
	struct content durable;
	const struct event **pending; /* owned: in order; some of them are synced writes */
	size_t pending_count;
};

struct name {
	char text[256];
	struct file *file;
};

static struct {
	struct event *events;
	size_t events_count;
	struct file files[FILES_MAX];
	size_t files_count;
	struct name names[FILES_MAX]; /* durable */
	size_t names_count;
	const struct event **names_pending;
	size_t names_pending_count;
	const char *base, *out;
	char **command;
	int command_count;
	char line[256]; /* the last that was printed */
	uint64_t states, random;
	bool lying;
	uint64_t total;
} replay;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static void *need(void *memory)
{
	if (!memory)
		die("memory");
	return memory;
}

static uint64_t random_number(void)
{
	uint64_t z = replay.random += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

/* Contents ----------------------------------------------------------------------------------------- */

static void resize(struct content *content, uint64_t size)
{
	content->size = size;
	if (content->used > size)
		content->used = size;
}

/* Makes the bytes up to @end be stored. */
static void use(struct content *content, uint64_t end)
{
	if (end > content->room) {
		content->room = end + end / 2;
		content->bytes = need(realloc(content->bytes, content->room));
	}
	if (end > content->used) {
		memset(content->bytes + content->used, 0, end - content->used);
		content->used = end;
	}
	if (end > content->size)
		content->size = end;
}

/* How many pieces an event has that may be there or not by themselves. */
static size_t pieces(const struct event *event)
{
	uint64_t first = event->head->offset, end = first + event->head->count;

	switch (event->head->type) {
	case POWERCUT_WRITE:
		return (size_t)((end + SECTOR - 1) / SECTOR - first / SECTOR);
	case POWERCUT_ZERO:
		return (size_t)((end + PUNCH - 1) / PUNCH - first / PUNCH);
	case POWERCUT_WRITE_SYNCED:
		return 0;
	default:
		return 1;
	}
}

/* Does piece @index of @event, of which each has @step bytes. */
static void do_piece(struct content *content, const struct event *event, size_t index,
		     uint64_t step)
{
	uint64_t from = event->head->offset, end = from + event->head->count;
	uint64_t start = (from / step + index) * step, stop = start + step;

	start = start < from ? from : start;
	stop = stop > end ? end : stop;
	if (event->head->type == POWERCUT_ZERO) {
		stop = stop > content->used ? content->used : stop;
		if (start < stop)
			memset(content->bytes + start, 0, stop - start);
		return;
	}
	use(content, stop);
	memcpy(content->bytes + start, event->data + (start - from), stop - start);
}

/* Does those pieces of @event that @kept says; NULL: all. */
static void do_event(struct content *content, const struct event *event, const bool *kept)
{
	uint64_t step = event->head->type == POWERCUT_ZERO ? PUNCH : SECTOR;
	struct event all = *event;
	struct powercut_record head = *event->head;

	switch (head.type) {
	case POWERCUT_RESIZE:
	case POWERCUT_EXTEND:
		if ((!kept || kept[0]) &&
		    (head.type == POWERCUT_RESIZE || head.offset > content->size))
			resize(content, head.offset);
		return;
	case POWERCUT_WRITE_SYNCED:
		head.type = POWERCUT_WRITE;
		all.head = &head;
		kept = NULL;
		break;
	default:
		break;
	}
	for (size_t i = 0; i < pieces(&all); i++) {
		if (!kept || kept[i])
			do_piece(content, &all, i, step);
	}
}

/* Names -------------------------------------------------------------------------------------------- */

static struct file *find_file(uint64_t inode)
{
	for (size_t i = 0; i < replay.files_count; i++) {
		if (replay.files[i].inode == inode)
			return &replay.files[i];
	}
	return NULL;
}

static struct file *add_file(uint64_t inode)
{
	struct file *file = find_file(inode);

	if (!file) {
		if (replay.files_count == FILES_MAX)
			die("files");
		file = &replay.files[replay.files_count++];
		memset(file, 0, sizeof(*file));
		file->inode = inode;
	}
	return file;
}

static struct name *find_name(struct name *names, size_t count, const char *text, size_t len)
{
	for (size_t i = 0; i < count; i++) {
		if (strlen(names[i].text) == len && !memcmp(names[i].text, text, len))
			return &names[i];
	}
	return NULL;
}

static void set_name(struct name *names, size_t *count, const char *text, size_t len,
		     struct file *file)
{
	struct name *name = find_name(names, *count, text, len);

	if (!name) {
		if (*count == FILES_MAX)
			die("names");
		name = &names[(*count)++];
		snprintf(name->text, sizeof(name->text), "%.*s", (int)len, text);
	}
	name->file = file;
}

static void do_names(struct name *names, size_t *count, const struct event *event)
{
	struct name *name = find_name(names, *count, event->name, event->head->name_len);
	struct file *file = name ? name->file : NULL;

	if (event->head->type == POWERCUT_CREATE) {
		set_name(names, count, event->name, event->head->name_len,
			 add_file(event->head->file));
		return;
	}
	if (name)
		*name = names[--*count];
	if (event->head->type == POWERCUT_RENAME && file)
		set_name(names, count, (const char *)event->data, event->head->data_len, file);
}

/* States ------------------------------------------------------------------------------------------- */

static void write_file(const char *name, const struct content *content)
{
	static const uint8_t zeros[4096];
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%.255s", replay.out, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)content->size))
		die(path);
	for (uint64_t at = 0; at < content->used; at += sizeof(zeros)) {
		size_t len = sizeof(zeros);

		if (len > content->used - at)
			len = content->used - at;
		if (memcmp(content->bytes + at, zeros, len) &&
		    pwrite(fd, content->bytes + at, len, (off_t)at) != (ssize_t)len)
			die(path);
	}
	close(fd);
}

static void clear_out(void)
{
	DIR *dir = opendir(replay.out);
	struct dirent *entry;

	if (!dir)
		die(replay.out);
	while ((entry = readdir(dir))) {
		if (entry->d_type != DT_DIR && unlinkat(dirfd(dir), entry->d_name, 0))
			die(entry->d_name);
	}
	closedir(dir);
}

static void run_command(size_t event)
{
	pid_t child = fork();
	int status, null;

	if (child == 0) {
		null = open("/dev/null", O_RDWR);
		dup2(null, STDOUT_FILENO);
		execvp(replay.command[0], replay.command);
		_exit(127);
	}
	replay.total++;
	if (waitpid(child, &status, 0) == child && status == 0)
		return;
	fprintf(stderr,
		"powercut: state %" PRIu64 ", cut before event %zu, after \"%s\": status %x\n",
		replay.total, event, replay.line, (unsigned int)status);
	exit(1);
}

/* Makes the state with @names_kept changes of names and those pieces that @kept says. */
static void make_state(size_t names_kept, const bool *kept)
{
	struct name names[FILES_MAX];
	size_t names_count = replay.names_count, piece = 0;

	clear_out();
	memcpy(names, replay.names, sizeof(names));
	for (size_t i = 0; i < names_kept; i++)
		do_names(names, &names_count, replay.names_pending[i]);
	for (size_t f = 0; f < replay.files_count; f++) {
		struct file *file = &replay.files[f];
		struct content content = {NULL, 0, 0, 0};

		if (file->durable.used) {
			use(&content, file->durable.used);
			memcpy(content.bytes, file->durable.bytes, file->durable.used);
		}
		resize(&content, file->durable.size);
		for (size_t i = 0; i < file->pending_count; i++) {
			do_event(&content, file->pending[i], kept + piece);
			piece += pieces(file->pending[i]);
		}
		for (size_t n = 0; n < names_count; n++) {
			if (names[n].file == file)
				write_file(names[n].text, &content);
		}
		free(content.bytes);
	}
}

static void try_all(size_t event, size_t count)
{
	bool kept[PIECES_ALL + 1];

	for (size_t names = 0; names <= replay.names_pending_count; names++) {
		for (uint64_t set = 0; set < (uint64_t)1 << count; set++) {
			for (size_t i = 0; i < count; i++)
				kept[i] = set >> i & 1;
			make_state(names, kept);
			run_command(event);
		}
	}
}

static void choose_pieces(bool *kept, size_t count, uint64_t how)
{
	size_t one = count ? random_number() % count : 0;
	size_t run = count ? random_number() % (count - one) + 1 : 0;

	for (size_t i = 0; i < count; i++) {
		switch (how % 7) {
		case 0:
			kept[i] = false;
			break;
		case 1:
			kept[i] = true;
			break;
		case 2: /* one run is missing */
			kept[i] = i < one || i >= one + run;
			break;
		case 3: /* one run is there */
			kept[i] = i >= one && i < one + run;
			break;
		case 4:
			kept[i] = i != one;
			break;
		case 5:
			kept[i] = random_number() & 1;
			break;
		default:
			kept[i] = random_number() % 10 == 0;
			break;
		}
	}
}

/* The power is cut before @event. */
static void cut(size_t event)
{
	size_t count = 0, names = replay.names_pending_count;
	bool *kept;

	for (size_t f = 0; f < replay.files_count; f++) {
		for (size_t i = 0; i < replay.files[f].pending_count; i++)
			count += pieces(replay.files[f].pending[i]);
	}
	if (count <= PIECES_ALL && (names + 1) * ((uint64_t)1 << count) <= replay.states) {
		try_all(event, count);
		return;
	}
	kept = need(calloc(count + 1, sizeof(*kept)));
	for (uint64_t i = 0; i < replay.states; i++) {
		choose_pieces(kept, count, i);
		make_state(i < 2 ? i * names : random_number() % (names + 1), kept);
		run_command(event);
	}
	free(kept);
}

/* The log ------------------------------------------------------------------------------------------ */

static void *append(void *array, size_t count, size_t size)
{
	/* Doubles at each power of two. */
	if (count & (count - 1))
		return array;
	return need(realloc(array, (count ? 2 * count : 1) * size));
}

static void load(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;
	uint8_t *bytes;
	size_t size, at = 0;

	if (fd < 0 || fstat(fd, &st))
		die(path);
	size = (size_t)st.st_size;
	bytes = need(malloc(size + 1));
	for (size_t got = 0; got < size;) {
		ssize_t n = read(fd, bytes + got, size - got);

		if (n <= 0)
			die(path);
		got += (size_t)n;
	}
	close(fd);
	while (at < size) {
		struct powercut_record *head = need(malloc(sizeof(*head)));
		struct event event = {head, NULL, NULL};

		if (size - at < sizeof(*head))
			die("torn log");
		memcpy(head, bytes + at, sizeof(*head));
		at += sizeof(*head);
		if (head->magic != POWERCUT_MAGIC || size - at < head->name_len ||
		    size - at - head->name_len < head->data_len)
			die("torn log");
		event.name = (const char *)bytes + at;
		event.data = bytes + at + head->name_len;
		at += (size_t)head->name_len + head->data_len;
		replay.events = append(replay.events, replay.events_count, sizeof(event));
		replay.events[replay.events_count++] = event;
	}
}

/* A file that was there before: its content is that of the base. */
static void bind(const struct event *event)
{
	char path[4096];
	struct file *file;
	struct stat st;
	int fd;

	if (find_file(event->head->file) || !strcmp(replay.base, "-"))
		return;
	snprintf(path, sizeof(path), "%s/%.*s", replay.base, (int)event->head->name_len,
		 event->name);
	fd = open(path, O_RDONLY);
	if (fd < 0 || fstat(fd, &st))
		die(path);
	file = add_file(event->head->file);
	use(&file->durable, (uint64_t)st.st_size);
	for (uint64_t got = 0; got < file->durable.size;) {
		ssize_t n = read(fd, file->durable.bytes + got, file->durable.size - got);

		if (n <= 0)
			die(path);
		got += (uint64_t)n;
	}
	close(fd);
	set_name(replay.names, &replay.names_count, event->name, event->head->name_len, file);
}

static void flush(struct file *file)
{
	for (size_t i = 0; i < file->pending_count; i++)
		do_event(&file->durable, file->pending[i], NULL);
	file->pending_count = 0;
}

static void take(const struct event *event)
{
	struct file *file = find_file(event->head->file);

	switch (event->head->type) {
	case POWERCUT_OPEN:
		bind(event);
		return;
	case POWERCUT_CREATE:
		/* The number may have been another's that is gone. */
		file = add_file(event->head->file);
		file->pending_count = 0;
		resize(&file->durable, 0);
		/* fallthrough */
	case POWERCUT_RENAME:
	case POWERCUT_UNLINK:
		replay.names_pending = append(replay.names_pending, replay.names_pending_count,
					      sizeof(*replay.names_pending));
		replay.names_pending[replay.names_pending_count++] = event;
		return;
	case POWERCUT_SYNC_FOLDER:
		for (size_t i = 0; i < replay.names_pending_count; i++)
			do_names(replay.names, &replay.names_count, replay.names_pending[i]);
		replay.names_pending_count = 0;
		return;
	case POWERCUT_LINE:
		snprintf(replay.line, sizeof(replay.line), "%.*s", (int)event->head->data_len,
			 (const char *)event->data);
		replay.line[strcspn(replay.line, "\n")] = '\0';
		return;
	case POWERCUT_SYNC:
		if (file && !replay.lying)
			flush(file);
		return;
	default:
		if (!file)
			die("a file that was not opened");
		file->pending = append(file->pending, file->pending_count, sizeof(*file->pending));
		file->pending[file->pending_count++] = event;
		if (event->head->type == POWERCUT_WRITE_SYNCED && file->pending_count == 1)
			flush(file);
		return;
	}
}

/* The power is cut while @event is being written. */
static void cut_within(size_t number, const struct event *event)
{
	struct file *file = find_file(event->head->file);
	struct powercut_record head = *event->head;
	const struct event half = {&head, event->name, event->data};

	if (!file)
		die("a file that was not opened");
	head.type = POWERCUT_WRITE;
	file->pending = append(file->pending, file->pending_count, sizeof(*file->pending));
	file->pending[file->pending_count++] = &half;
	cut(number);
	file->pending_count--;
}

int main(int argc, char **argv)
{
	if (argc < 7) {
		fputs("usage: powercut_replay LOG BASE OUT SEED STATES COMMAND [ARGUMENT...]\n",
		      stderr);
		return 2;
	}
	load(argv[1]);
	replay.base = argv[2];
	replay.out = argv[3];
	replay.random = strtoull(argv[4], NULL, 0);
	replay.states = strtoull(argv[5], NULL, 0);
	replay.lying = getenv("POWERCUT_LYING_DISK") != NULL;
	replay.command = need(calloc((size_t)argc, sizeof(char *)));
	memcpy(replay.command, argv + 6, (size_t)(argc - 6) * sizeof(char *));
	replay.command[argc - 6] = (char *)(uintptr_t)replay.out;
	replay.command[argc - 5] = replay.line;
	for (size_t i = 0; i < replay.events_count; i++) {
		const struct event *event = &replay.events[i];

		if (event->head->type == POWERCUT_SYNC || event->head->type == POWERCUT_SYNC_FOLDER)
			cut(i);
		if (event->head->type == POWERCUT_WRITE_SYNCED)
			cut_within(i, event);
		take(event);
	}
	cut(replay.events_count);
	printf("%zu events, %" PRIu64 " states\n", replay.events_count, replay.total);
	return 0;
}
