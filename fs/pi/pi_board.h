/* SPDX-License-Identifier: MIT */
/* Which Pi it is: serial, Ethernet address, model. Part of the front door of the pi room. */
#ifndef BRAMBLE_PI_BOARD_H
#define BRAMBLE_PI_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PI_SERIAL_DIGITS 8u

/* The serial as TFTP asks for it: the last 8 hexadecimal digits, lower case. */
struct pi_serial {
	char text[PI_SERIAL_DIGITS + 1];
};

/* From 8 digits, or 16 as /proc/cpuinfo has them, in either case. -EINVAL: it is neither. */
int pi_serial_parse(const char *text, size_t len, struct pi_serial *out);
void pi_serial_make(uint32_t number, struct pi_serial *out);

#define PI_MAC_BYTES 6u
#define PI_MAC_TEXT 18u /* with NUL */

struct pi_mac {
	uint8_t bytes[PI_MAC_BYTES];
};

/* From dc:a6:32:01:02:03 or dc-a6-32-01-02-03, in either case. -EINVAL. */
int pi_mac_parse(const char *text, size_t len, struct pi_mac *out);

/* @separator: ':', or '-' as TFTP_PREFIX=2 has it. */
void pi_mac_format(const struct pi_mac *mac, char separator, char out[PI_MAC_TEXT]);
bool pi_mac_is_equal(const struct pi_mac *a, const struct pi_mac *b);

#define PI_OUI_BYTES 3u

/* The first three bytes of an Ethernet address: who made it. */
struct pi_oui {
	uint8_t bytes[PI_OUI_BYTES];
};

/* From dc:a6:32 or dc-a6-32. -EINVAL. */
int pi_oui_parse(const char *text, size_t len, struct pi_oui *out);

/* Those of Raspberry Pi, where no configuration says otherwise. */
const struct pi_oui *pi_ouis(size_t *out_count);
bool pi_mac_has_oui(const struct pi_mac *mac, const struct pi_oui *ouis, size_t count);

enum pi_model {
	PI_MODEL_UNKNOWN,
	PI_3, /* 3B: its boot ROM has the bugs that others have not */
	PI_3_PLUS, /* 3B+, CM3+, and those that boot by the bootcode.bin of an SD card */
	PI_4, /* 4B, 400, CM4 */
	PI_5, /* 5, 500, CM5 */
	PI_MODELS
};

/* "Pi 4"; "Pi" where it is unknown. */
const char *pi_model_name(enum pi_model model);

/* From a board's revision code, as /proc/cpuinfo has it. Unknown: the old codes, and boards before the 3. */
enum pi_model pi_model_of_revision(uint32_t revision);

/* What DHCP option 97 tells of a client. */
struct pi_machine {
	enum pi_model model;
	bool has_serial;
	struct pi_serial serial;
	uint32_t revision; /* 0: it does not say */
};

/*
 * Reads option 97: its type byte and 16 bytes. The forms of the 3B (16 times 0x44), of the 3B+ (the
 * serial four times) and of the 4 and 5 ("RPi4" or "RPi5", revision, four bytes of the address,
 * serial). -EINVAL: none of them, so hardly a Pi; one may have been given another form by its EEPROM.
 */
int pi_machine_parse(const uint8_t *data, size_t len, struct pi_machine *out);

#endif
