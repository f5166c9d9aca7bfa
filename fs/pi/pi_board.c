/* SPDX-License-Identifier: MIT */
/* Serials, Ethernet addresses and models, as text and as the boot ROMs send them. */
#include "pi/pi.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/be.h"
#include "base/checked.h"
#include "base/le.h"

/* The value of a hexadecimal digit, or -1. */
static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int pi_serial_parse(const char *text, size_t len, struct pi_serial *out)
{
	struct pi_serial serial = {.text = ""};

	if (len != PI_SERIAL_DIGITS && len != 2 * PI_SERIAL_DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < len; i++) {
		int value = digit(text[i]);

		if (value < 0)
			return -EINVAL;
		if (i >= len - PI_SERIAL_DIGITS)
			serial.text[i - (len - PI_SERIAL_DIGITS)] = "0123456789abcdef"[value];
	}
	*out = serial;
	return 0;
}

void pi_serial_make(uint32_t number, struct pi_serial *out)
{
	snprintf(out->text, sizeof(out->text), "%08x", number);
}

/* @count bytes as two digits each, one separator between them, the same everywhere. */
static int parse_bytes(const char *text, size_t len, uint8_t *out, size_t count)
{
	if (len != 3 * count - 1 || (text[2] != ':' && text[2] != '-'))
		return -EINVAL;
	for (size_t i = 0; i < count; i++) {
		int high = digit(text[3 * i]), low = digit(text[3 * i + 1]);

		if (high < 0 || low < 0 || (i + 1 < count && text[3 * i + 2] != text[2]))
			return -EINVAL;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

int pi_mac_parse(const char *text, size_t len, struct pi_mac *out)
{
	struct pi_mac mac;
	int err = parse_bytes(text, len, mac.bytes, PI_MAC_BYTES);

	if (!err)
		*out = mac;
	return err;
}

void pi_mac_format(const struct pi_mac *mac, char separator, char out[PI_MAC_TEXT])
{
	for (size_t i = 0; i < PI_MAC_BYTES; i++) {
		out[3 * i] = "0123456789abcdef"[mac->bytes[i] >> 4];
		out[3 * i + 1] = "0123456789abcdef"[mac->bytes[i] & 15];
		out[3 * i + 2] = i + 1 < PI_MAC_BYTES ? separator : '\0';
	}
}

bool pi_mac_is_equal(const struct pi_mac *a, const struct pi_mac *b)
{
	return memcmp(a->bytes, b->bytes, PI_MAC_BYTES) == 0;
}

int pi_oui_parse(const char *text, size_t len, struct pi_oui *out)
{
	struct pi_oui oui;
	int err = parse_bytes(text, len, oui.bytes, PI_OUI_BYTES);

	if (!err)
		*out = oui;
	return err;
}

/* Raspberry Pi Foundation, Raspberry Pi Trading Ltd, Raspberry Pi (Trading) Ltd in IEEE's registry. */
static const struct pi_oui ouis[] = {
	{{0xb8, 0x27, 0xeb}}, {{0xdc, 0xa6, 0x32}}, {{0xe4, 0x5f, 0x01}}, {{0xd8, 0x3a, 0xdd}},
	{{0x28, 0xcd, 0xc1}}, {{0x2c, 0xcf, 0x67}}, {{0x88, 0xa2, 0x9e}},
};

const struct pi_oui *pi_ouis(size_t *out_count)
{
	*out_count = ARRAY_SIZE(ouis);
	return ouis;
}

bool pi_mac_has_oui(const struct pi_mac *mac, const struct pi_oui *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (memcmp(mac->bytes, list[i].bytes, PI_OUI_BYTES) == 0)
			return true;
	}
	return false;
}

const char *pi_model_name(enum pi_model model)
{
	static const char *const names[PI_MODELS] = {
		[PI_MODEL_UNKNOWN] = "Pi", [PI_3] = "Pi 3", [PI_3_PLUS] = "Pi 3+",
		[PI_4] = "Pi 4",	   [PI_5] = "Pi 5",
	};

	return names[model];
}

/*
 * Bit 23 tells the codes that have fields from those that are plain numbers; bits 4 to 11 are the type
 * of the board. (Raspberry Pi documentation, "New-style revision codes".)
 */
enum pi_model pi_model_of_revision(uint32_t revision)
{
	if (!(revision & 1u << 23))
		return PI_MODEL_UNKNOWN;
	switch (revision >> 4 & 255) {
	case 0x08: /* 3B */
	case 0x0a: /* CM3 */
		return PI_3;
	case 0x0d: /* 3B+ */
	case 0x0e: /* 3A+ */
	case 0x10: /* CM3+ */
		return PI_3_PLUS;
	case 0x11: /* 4B */
	case 0x13: /* 400 */
	case 0x14: /* CM4 */
	case 0x15: /* CM4S */
		return PI_4;
	case 0x17: /* 5 */
	case 0x18: /* CM5 */
	case 0x19: /* 500 */
	case 0x1a: /* CM5 Lite */
		return PI_5;
	default:
		return PI_MODEL_UNKNOWN;
	}
}

#define UUID_BYTES 16u
#define FOURCC_RPI4 0x34695052u
#define FOURCC_RPI5 0x35695052u

/* The four words of the EEPROM's form; some boards have sent the first one the other way round. */
static enum pi_model fourcc_model(const uint8_t *word)
{
	const uint32_t little = le32_at(word);
	be32 field;

	memcpy(&field, word, sizeof(field));
	if (little == FOURCC_RPI4 || be32_get(field) == FOURCC_RPI4)
		return PI_4;
	if (little == FOURCC_RPI5 || be32_get(field) == FOURCC_RPI5)
		return PI_5;
	return PI_MODEL_UNKNOWN;
}

int pi_machine_parse(const uint8_t *data, size_t len, struct pi_machine *out)
{
	struct pi_machine machine = {.model = PI_MODEL_UNKNOWN};
	const uint8_t *uuid = data + 1;

	if (len != 1 + UUID_BYTES || data[0] != 0)
		return -EINVAL;
	machine.model = fourcc_model(uuid);
	if (machine.model != PI_MODEL_UNKNOWN) {
		machine.revision = le32_at(uuid + 4);
		machine.has_serial = true;
		pi_serial_make(le32_at(uuid + 12), &machine.serial);
	} else if (memcmp(uuid, uuid + 4, UUID_BYTES - 4) != 0) {
		return -EINVAL;
	} else if (le32_at(uuid) == 0x44444444) {
		machine.model = PI_3;
	} else if (le32_at(uuid) == 0 || le32_at(uuid) == UINT32_MAX) {
		return -EINVAL; /* a PC whose firmware has no number */
	} else {
		/* the form of the 3B+, and of a 4 with DHCP_OPTION97=0: the serial does not tell which */
		machine.has_serial = true;
		pi_serial_make(le32_at(uuid), &machine.serial);
	}
	*out = machine;
	return 0;
}
