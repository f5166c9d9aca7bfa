// SPDX-License-Identifier: MIT
/* What was seen: a transcript, complaints, and how long each step took. */
#include "rom_client.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

/* Each power of two has so many buckets: times are right to 2 %. */
#define PARTS 32
#define BUCKETS (64 * PARTS)

struct rom_counts rom_counts;

static struct {
	uint64_t buckets[BUCKETS];
	uint64_t count, max;
} steps[ROM_STEPS];

static const char *const step_names[ROM_STEPS] = {"offer", "address", "arp",  "absent", "first",
						  "block", "file",    "load", "boot"};

uint64_t rom_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static unsigned int bucket(uint64_t us)
{
	unsigned int power;

	if (us < PARTS)
		return (unsigned int)us;
	power = 63 - (unsigned int)__builtin_clzll(us);
	return (power - 4) * PARTS + (unsigned int)(us >> (power - 5)) - PARTS;
}

static uint64_t bucket_end(unsigned int index)
{
	if (index < PARTS)
		return index;
	return (uint64_t)(PARTS + index % PARTS + 1) << (index / PARTS - 1);
}

void rom_sample(enum rom_step step, uint64_t us)
{
	steps[step].buckets[bucket(us)]++;
	steps[step].count++;
	if (us > steps[step].max)
		steps[step].max = us;
}

static uint64_t percentile(enum rom_step step, unsigned int percent)
{
	uint64_t rank = (steps[step].count * percent + 99) / 100, seen = 0;

	for (unsigned int i = 0; i < BUCKETS; i++) {
		seen += steps[step].buckets[i];
		if (seen >= rank)
			return bucket_end(i) < steps[step].max ? bucket_end(i) : steps[step].max;
	}
	return steps[step].max;
}

static void head(const struct rom_pi *pi)
{
	static uint64_t begun;
	uint64_t now = rom_now_us();

	if (!begun)
		begun = now;
	fprintf(stderr, "%9.4f ", (double)(now - begun) / 1e6);
	if (pi)
		fprintf(stderr, "%s %08x ", pi->model->name, pi->serial);
}

void rom_say(const struct rom_pi *pi, const char *format, ...)
{
	va_list args;

	if (!rom_options.verbose)
		return;
	va_start(args, format);
	head(pi);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

void rom_wrong(const struct rom_pi *pi, const char *format, ...)
{
	va_list args;

	rom_counts.complaints++;
	va_start(args, format);
	head(pi);
	fputs("WRONG: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
}

#define NUMBER(name)                                                                               \
	{                                                                                          \
#name, offsetof(struct rom_counts, name)                                           \
	}

void rom_report(FILE *to, uint64_t wall_us)
{
	static const struct {
		const char *name;
		size_t at;
	} numbers[] = {
		NUMBER(booted),
		NUMBER(dead),
		NUMBER(complaints),
		NUMBER(files),
		NUMBER(absent),
		NUMBER(probes),
		NUMBER(bytes),
		NUMBER(blocks),
		NUMBER(repeated_discovers),
		NUMBER(repeated_requests),
		NUMBER(repeated_acks),
		NUMBER(repeated_arps),
		NUMBER(duplicates),
		NUMBER(late),
	};
	bool json = rom_options.json;
	uint64_t value;

	fprintf(to, json ? "{\"pis\": %u, \"seconds\": %.3f" : "pis %u\nseconds %.3f\n",
		rom_options.many, (double)wall_us / 1e6);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		memcpy(&value, (const char *)&rom_counts + numbers[i].at, sizeof(value));
		fprintf(to, json ? ", \"%s\": %llu" : "%s %llu\n", numbers[i].name,
			(unsigned long long)value);
	}
	fputs(json ? ", \"steps\": {" : "", to);
	for (enum rom_step s = 0; s < ROM_STEPS; s++)
		fprintf(to,
			json ? "%s\"%s\": {\"count\": %llu, \"p50_us\": %llu, \"p99_us\": %llu, "
			       "\"max_us\": %llu}"
			     : "%s%-8s %9llu times, us: p50 %llu, p99 %llu, max %llu\n",
			json && s ? ", " : "", step_names[s], (unsigned long long)steps[s].count,
			(unsigned long long)percentile(s, 50),
			(unsigned long long)percentile(s, 99), (unsigned long long)steps[s].max);
	fputs(json ? "}}\n" : "", to);
	fflush(to);
}
