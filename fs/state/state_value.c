/* SPDX-License-Identifier: MIT */
/* Single values of an info file as text and back. What is parsed is hostile: all of it must fit. */
#include "state/state_private.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define NANO_DIGITS 9

/* Seconds of times up to the year 9999; what is larger is no time that a person means. */
#define SECONDS_MAX 253402300799LL

static const char hex_digits[] = "0123456789abcdef";

/* Decimal digits and nothing else. */
static bool parse_u64(const char *text, uint64_t *out)
{
	uint64_t value = 0;

	if (*text == '\0')
		return false;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' || __builtin_mul_overflow(value, 10u, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*text - '0'), &value))
			return false;
	}
	*out = value;
	return true;
}

static bool parse_bool(const char *text, bool *out)
{
	*out = strcmp(text, "yes") == 0;
	return *out || strcmp(text, "no") == 0;
}

static bool parse_hex(const char *text, uint8_t *out, size_t bytes)
{
	if (strlen(text) != 2 * bytes)
		return false;
	for (size_t i = 0; i < bytes; i++) {
		const char *high = strchr(hex_digits, text[2 * i]);
		const char *low = strchr(hex_digits, text[2 * i + 1]);

		if (!high || !low)
			return false;
		out[i] = (uint8_t)((high - hex_digits) << 4 | (low - hex_digits));
	}
	return true;
}

void state_format_hex(const uint8_t *bytes, size_t count, char *out)
{
	for (size_t i = 0; i < count; i++) {
		*out++ = hex_digits[bytes[i] >> 4];
		*out++ = hex_digits[bytes[i] & 15];
	}
	*out = '\0';
}

/* The places of the dashes in 8-4-4-4-12. */
static bool is_dash(size_t at)
{
	return at == 8 || at == 13 || at == 18 || at == 23;
}

static bool parse_uuid(const char *text, uint8_t out[STATE_ID_BYTES])
{
	char digits[2 * STATE_ID_BYTES + 1];
	size_t n = 0;

	if (strlen(text) != 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		if (is_dash(i) != (text[i] == '-'))
			return false;
		if (!is_dash(i))
			digits[n++] = text[i];
	}
	digits[n] = '\0';
	return parse_hex(digits, out, STATE_ID_BYTES);
}

void state_format_uuid(const uint8_t uuid[STATE_ID_BYTES], char out[STATE_UUID_BYTES])
{
	char digits[2 * STATE_ID_BYTES + 1];
	const char *next = digits;

	state_format_hex(uuid, STATE_ID_BYTES, digits);
	for (size_t i = 0; i < 36; i++)
		out[i] = is_dash(i) ? '-' : *next++;
	out[36] = '\0';
}

/* Nine digits, the end of a time. */
static bool parse_nanoseconds(const char *text, size_t len, long *out)
{
	char digits[NANO_DIGITS + 1];
	uint64_t value;

	if (len != NANO_DIGITS)
		return false;
	memcpy(digits, text, NANO_DIGITS);
	digits[NANO_DIGITS] = '\0';
	if (!parse_u64(digits, &value))
		return false;
	*out = (long)value;
	return true;
}

static bool parse_time(const char *text, struct timespec *out)
{
	struct tm tm = {0};
	struct timespec time = {0};
	const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	size_t len;

	if (!rest || *rest != '.')
		return false;
	rest++;
	len = strlen(rest);
	if (len == 0 || rest[len - 1] != 'Z' || !parse_nanoseconds(rest, len - 1, &time.tv_nsec))
		return false;
	time.tv_sec = timegm(&tm);
	if (time.tv_sec < 0 || time.tv_sec > SECONDS_MAX)
		return false;
	*out = time;
	return true;
}

static void format_time(const struct timespec *time, char out[STATE_VALUE_MAX])
{
	time_t seconds = time->tv_sec < 0 || time->tv_sec > SECONDS_MAX ? 0 : time->tv_sec;
	struct tm tm;
	size_t len;

	gmtime_r(&seconds, &tm);
	len = strftime(out, STATE_VALUE_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + len, STATE_VALUE_MAX - len, ".%09ldZ", time->tv_nsec);
}

static bool parse_stamp(const char *text, struct timespec *out)
{
	const char *dot = strchr(text, '.');
	char seconds[24];
	const char *digits = seconds;
	struct timespec stamp = {0};
	uint64_t value;

	if (!dot || (size_t)(dot - text) >= sizeof(seconds))
		return false;
	memcpy(seconds, text, (size_t)(dot - text));
	seconds[dot - text] = '\0';
	if (*digits == '-')
		digits++;
	if (!parse_u64(digits, &value) || value > INT64_MAX ||
	    !parse_nanoseconds(dot + 1, strlen(dot + 1), &stamp.tv_nsec))
		return false;
	stamp.tv_sec = digits == seconds ? (time_t)value : -(time_t)value;
	*out = stamp;
	return true;
}

static bool parse_partition(const char *text, int *out)
{
	uint64_t number;

	if (strcmp(text, "composed") == 0) {
		*out = -1;
		return true;
	}
	if (!parse_u64(text, &number) || number < 1 || number > INT_MAX)
		return false;
	*out = (int)number;
	return true;
}

static bool parse_name(const char *text, char *out)
{
	if (!state_name_is_valid(text))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

bool state_value_parse(enum state_value_kind kind, const char *text, void *out)
{
	switch (kind) {
	case STATE_VALUE_U64:
		return parse_u64(text, out);
	case STATE_VALUE_BOOL:
		return parse_bool(text, out);
	case STATE_VALUE_UUID:
		return parse_uuid(text, out);
	case STATE_VALUE_ID:
		return parse_hex(text, out, STATE_ID_BYTES);
	case STATE_VALUE_FINGERPRINT:
		return parse_hex(text, out, STATE_FINGERPRINT_BYTES);
	case STATE_VALUE_TIME:
		return parse_time(text, out);
	case STATE_VALUE_STAMP:
		return parse_stamp(text, out);
	case STATE_VALUE_PARTITION:
		return parse_partition(text, out);
	case STATE_VALUE_NAME:
		return parse_name(text, out);
	}
	return false;
}

void state_value_format(enum state_value_kind kind, const void *value, char out[STATE_VALUE_MAX])
{
	const struct timespec *time = value;

	switch (kind) {
	case STATE_VALUE_U64:
		snprintf(out, STATE_VALUE_MAX, "%" PRIu64, *(const uint64_t *)value);
		break;
	case STATE_VALUE_BOOL:
		snprintf(out, STATE_VALUE_MAX, "%s", *(const bool *)value ? "yes" : "no");
		break;
	case STATE_VALUE_UUID:
		state_format_uuid(value, out);
		break;
	case STATE_VALUE_ID:
		state_format_hex(value, STATE_ID_BYTES, out);
		break;
	case STATE_VALUE_FINGERPRINT:
		state_format_hex(value, STATE_FINGERPRINT_BYTES, out);
		break;
	case STATE_VALUE_TIME:
		format_time(time, out);
		break;
	case STATE_VALUE_STAMP:
		snprintf(out, STATE_VALUE_MAX, "%lld.%09ld", (long long)time->tv_sec,
			 time->tv_nsec);
		break;
	case STATE_VALUE_PARTITION:
		if (*(const int *)value < 0)
			snprintf(out, STATE_VALUE_MAX, "composed");
		else
			snprintf(out, STATE_VALUE_MAX, "%d", *(const int *)value);
		break;
	case STATE_VALUE_NAME:
		snprintf(out, STATE_VALUE_MAX, "%s", (const char *)value);
		break;
	}
}

const char *state_value_kind_name(enum state_value_kind kind)
{
	switch (kind) {
	case STATE_VALUE_U64:
		return "a number";
	case STATE_VALUE_BOOL:
		return "yes or no";
	case STATE_VALUE_UUID:
		return "a UUID";
	case STATE_VALUE_ID:
		return "32 hexadecimal digits";
	case STATE_VALUE_FINGERPRINT:
		return "64 hexadecimal digits";
	case STATE_VALUE_TIME:
		return "a time like 2026-11-28T00:55:42.000000000Z";
	case STATE_VALUE_STAMP:
		return "seconds with nine decimals";
	case STATE_VALUE_PARTITION:
		return "a partition's number or \"composed\"";
	case STATE_VALUE_NAME:
		return "the name of an overlay";
	}
	return "";
}
