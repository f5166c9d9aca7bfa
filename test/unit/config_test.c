/* SPDX-License-Identifier: MIT */
/* The configuration: what each key sets, and that every error is told by file and line. */
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>

#include "base/log.h"
#include "config/config.h"

static char logged[8192];
static struct config config;

static void collect(void *ctx, enum log_level level, const char *line)
{
	size_t len = strlen(logged);

	(void)ctx;
	(void)level;
	snprintf(logged + len, sizeof(logged) - len, "%s\n", line);
}

static int begin(void **state)
{
	(void)state;
	logged[0] = '\0';
	log_set_sink(collect, NULL);
	return config_init(&config);
}

static int end(void **state)
{
	(void)state;
	config_finish(&config);
	log_set_sink(NULL, NULL);
	return 0;
}

static int parse(const char *text)
{
	return config_parse(&config, "f", text, strlen(text), NULL);
}

/* Read and checked without a complaint. */
static void accepted(const char *text)
{
	int err = parse(text);

	if (!err)
		err = config_check(&config, "f");
	if (err || logged[0])
		fail_msg("%d, said: %s", err, logged);
}

/* All that is said of @text, by reading it or, if that finds nothing, by the check. */
static void refused(const char *text, const char *all)
{
	int err;

	config_finish(&config);
	assert_int_equal(config_init(&config), 0);
	logged[0] = '\0';
	err = parse(text);
	if (!err)
		err = config_check(&config, "f");
	assert_int_equal(err, -EINVAL);
	assert_string_equal(logged, all);
}

static void assert_address(struct in_addr address, const char *text)
{
	char got[INET_ADDRSTRLEN];

	assert_string_equal(inet_ntop(AF_INET, &address, got, sizeof(got)), text);
}

#define IMAGE "[image raspios]\nfile = /srv/raspios.img\n"

static void the_promised_example_is_understood(void **state)
{
	(void)state;
	accepted("[server]\n"
		 "interface = eth0\n"
		 "dhcp = proxy                  ; proxy (beside your router) | full | off\n"
		 "oui = b8:27:eb, dc:a6:32       ; optional: replaces the built-in list\n"
		 "[image raspios]\n"
		 "file = /srv/raspios-lite.img\n"
		 "[defaults]                    ; a Pi that is not listed\n"
		 "image = raspios\n"
		 "join = any                    ; any | listed\n"
		 "keep = yes                    ; yes: its overlay persists\n"
		 "[pi 036cb716]                 ; serial as TFTP asks for it: last 8 hex digits\n"
		 "name = kitchen\n"
		 "image = raspios\n"
		 "mac = dc:a6:32:01:02:03        ; optional\n"
		 "bootfile = ipxe.efi            ; optional, for such a machine\n"
		 "base = golden                 ; optional\n");
	assert_string_equal(config.interface, "eth0");
	assert_int_equal(config.dhcp, DHCP_PROXY);
	assert_int_equal(config.oui_count, 2);
	assert_memory_equal(config.oui[1], "\xdc\xa6\x32", 3);
	assert_int_equal(config.images_count, 1);
	assert_string_equal(config_find_image(&config, "raspios")->file, "/srv/raspios-lite.img");
	assert_int_equal(config.images[0].partition, -1);
	assert_string_equal(config.defaults.image, "raspios");
	assert_int_equal(config.pis_count, 1);
	assert_string_equal(config.pis[0].serial, "036cb716");
	assert_string_equal(config.pis[0].name, "kitchen");
	assert_true(config.pis[0].has_mac);
	assert_memory_equal(config.pis[0].mac, "\xdc\xa6\x32\x01\x02\x03", 6);
	assert_string_equal(config.pis[0].bootfile, "ipxe.efi");
	assert_string_equal(config.pis[0].rules.base, "golden");
}

static void an_empty_file_has_the_usual_values(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_null(config.interface);
	assert_int_equal(config.dhcp, DHCP_PROXY);
	assert_true(config.tftp && config.nfs);
	assert_true(config.oui_count >= 7);
	assert_int_equal(config.dhcp_port, 67);
	assert_int_equal(config.proxy_port, 4011);
	assert_int_equal(config.tftp_port, 69);
	assert_int_equal(config.nfs_port, 2049);
	assert_int_equal(config.mount_port, 627);
	assert_int_equal(config.portmap_port, 111);
	assert_int_equal(config.defaults.join, CONFIG_JOIN_ANY);
	assert_int_equal(config.defaults.keep, CONFIG_KEEP_YES);
	assert_int_equal(config.defaults.access, CONFIG_ACCESS_MAC);
	assert_int_equal(config.defaults.kick, -1);
	assert_true(config.defaults.reply_delay_ms == UINT32_MAX);
}

static void every_key_of_the_server_is_read(void **state)
{
	(void)state;
	accepted("[server]\naddress = 10.0.0.1\ndhcp = full\ntftp = off\nnfs = 0\n"
		 "dhcp-port = 1067\nproxy-port = 0\ntftp-port = 1069\nnfs-port = 12049\n"
		 "mount-port = off\nportmap-port = 1111\nstate = /var/lib/x y\nuser = bramble\n"
		 "workers = 4\npool = 10.0.0.100 - 10.0.0.199\nnetmask = 255.255.255.0\n"
		 "router = 10.0.0.254\ndns = 10.0.0.2, 10.0.0.3,\n\t10.0.0.4\nntp = 10.0.0.5\n"
		 "domain = lab.example\nlease = 2h\n");
	assert_address(config.address, "10.0.0.1");
	assert_int_equal(config.dhcp, DHCP_FULL);
	assert_false(config.tftp || config.nfs);
	assert_int_equal(config.dhcp_port, 1067);
	assert_int_equal(config.proxy_port, 0);
	assert_int_equal(config.tftp_port, 1069);
	assert_int_equal(config.nfs_port, 12049);
	assert_int_equal(config.mount_port, 0);
	assert_int_equal(config.portmap_port, 1111);
	assert_string_equal(config.state, "/var/lib/x y");
	assert_string_equal(config.user, "bramble");
	assert_int_equal(config.workers, 4);
	assert_address(config.pool.first, "10.0.0.100");
	assert_address(config.pool.last, "10.0.0.199");
	assert_address(config.pool.netmask, "255.255.255.0");
	assert_address(config.pool.routers[0], "10.0.0.254");
	assert_address(config.pool.routers[1], "0.0.0.0");
	assert_address(config.pool.dns[2], "10.0.0.4");
	assert_address(config.pool.ntp[0], "10.0.0.5");
	assert_string_equal(config.pool.domain, "lab.example");
	assert_int_equal(config.pool.lease_s, 7200);
}

static void a_pi_has_the_defaults_that_it_does_not_change(void **state)
{
	const struct config_rules *rules;

	(void)state;
	accepted(
		"[pi 1000000000000001]\nkeep = yes\nskip =\nallow = 10.1.0.0/16, 10.2.3.4\n"
		"reply-delay = auto\nkick = auto\nbase =\ntransfer = 32K\n"
		"[pi 00000002]\n" IMAGE
		"[defaults]\nkeep = until-reboot\naccess = subnet\nskip = swap, fstab\nallow = "
		"10.0.0.0/8\nkeep-ip = yes\neeprom-updates = true\nroot-squash = on\n"
		"transfer = 1MiB\nreply-delay = 1500ms\nkick = no\nbase = golden\njoin = listed\n");
	assert_int_equal(config.pis_count, 2);
	assert_string_equal(config.pis[0].serial, "00000001");
	rules = &config.pis[0].rules;
	assert_string_equal(rules->image, "raspios");
	assert_null(rules->base);
	assert_int_equal(rules->keep, CONFIG_KEEP_YES);
	assert_int_equal(rules->access, CONFIG_ACCESS_SUBNET);
	assert_int_equal(rules->skip_steps_count, 0);
	assert_int_equal(rules->allow_count, 2);
	assert_address(rules->allow[0].address, "10.1.0.0");
	assert_address(rules->allow[0].mask, "255.255.0.0");
	assert_address(rules->allow[1].mask, "255.255.255.255");
	assert_int_equal(rules->transfer, 32768);
	assert_true(rules->reply_delay_ms == UINT32_MAX);
	assert_int_equal(rules->kick, -1);
	assert_true(rules->keep_ip && rules->eeprom_updates && rules->root_squash);
	rules = &config.pis[1].rules;
	assert_int_equal(rules->keep, CONFIG_KEEP_UNTIL_REBOOT);
	assert_string_equal(rules->base, "golden");
	assert_int_equal(rules->skip_steps_count, 2);
	assert_string_equal(rules->skip_steps[1], "fstab");
	assert_address(rules->allow[0].address, "10.0.0.0");
	assert_int_equal(rules->transfer, 1048576);
	assert_int_equal(rules->reply_delay_ms, 1500);
	assert_int_equal(rules->kick, 0);
}

static void a_machine_may_be_known_by_its_mac(void **state)
{
	(void)state;
	accepted(IMAGE "[pi pxebox]\nmac = 52-54-00-AA-bb-cc\nbootfile = ipxe.efi\n"
		       "[pi dc:a6:32:01:02:03]\nname = shed\n");
	assert_string_equal(config.pis[0].serial, "");
	assert_string_equal(config.pis[0].name, "pxebox");
	assert_memory_equal(config.pis[0].mac, "\x52\x54\0\xaa\xbb\xcc", 6);
	assert_string_equal(config.pis[1].name, "shed");
	assert_true(config.pis[1].has_mac);
}

static void all_errors_of_a_file_are_told(void **state)
{
	(void)state;
	refused("colour = red\n"
		"[server]\n"
		"dhcp = maybe\n"
		"colour = red\n"
		"keep = yes\n"
		"nonsense\n"
		"dhcp-port = 65536\n"
		"interface = eth0\n"
		"interface = eth1\n"
		" address = 10.0.0.1\n"
		"oui = dc:a6:32, dc:a6\n"
		"dns = 1.1.1.1, 1.1.1.2, 1.1.1.3, 1.1.1.4, 1.1.1.5\n"
		"[printer]\n"
		"whatever = 1\n"
		"[server]\n"
		"[image]\n"
		"[image A B]\n"
		"[pi ?]\n"
		"[pi 00000001]\n"
		"mac = dc:a6:32:01:02\n"
		"[pi 1000000000000001]\n"
		"join = any\n",
		"f:1: colour: stands before the first section\n"
		"f:3: dhcp: \"maybe\" is not proxy, full or off\n"
		"f:4: colour: unknown key\n"
		"f:5: keep: not a key of section [server], but of [defaults]\n"
		"f:6: neither [SECTION] nor KEY = VALUE\n"
		"f:7: dhcp-port: \"65536\" is not a port, or 0 for off\n"
		"f:9: interface: given twice in this section\n"
		"f:10: \"address = 10.0.0.1\" begins with a blank, so it goes on with interface of "
		"the line above, which is no list\n"
		"f:11: oui: \"dc:a6\" is not the first three bytes of a MAC address, as dc:a6:32\n"
		"f:12: dns: the list is too long at \"1.1.1.5\"\n"
		"f:13: section [printer]: unknown: there are [server], [image NAME], [defaults] "
		"and "
		"[pi SERIAL]\n"
		"f:15: section [server]: given in line 2 already\n"
		"f:16: section [image]: unknown: there are [server], [image NAME], [defaults] and "
		"[pi SERIAL]\n"
		"f:17: section [image A B]: \"A B\" is not a name of a-z, 0-9, \".\", \"_\" and "
		"\"-\"\n"
		"f:18: section [pi ?]: neither a serial of 8 hexadecimal digits, nor a MAC "
		"address, "
		"nor a name of a-z, 0-9, \".\", \"_\" and \"-\"\n"
		"f:20: mac: \"dc:a6:32:01:02\" is not the MAC address of one machine, as "
		"dc:a6:32:01:02:03\n"
		"f:21: section [pi 1000000000000001]: given in line 19 already\n");
}

static void wrong_values_are_told_with_what_is_right(void **state)
{
	static const char *const wrong[][2] = {
		{"[server]\ntftp = perhaps\n", "f:2: tftp: \"perhaps\" is not yes or no\n"},
		{"[server]\nworkers = 0\n", "f:2: workers: \"0\" is not a number from 1 to 256\n"},
		{"[server]\naddress = 10.0.0\n",
		 "f:2: address: \"10.0.0\" is not an IPv4 address\n"},
		{"[server]\nlease = 1 week\n",
		 "f:2: lease: \"1 week\" is not a time from 1min to 366d\n"},
		{"[server]\nstate = lib\n", "f:2: state: \"lib\" is not an absolute path\n"},
		{"[server]\npool = 10.0.0.9-10.0.0.8\n",
		 "f:2: pool: \"10.0.0.9-10.0.0.8\" is not a range of addresses, as "
		 "10.0.0.100-10.0.0.199\n"},
		{"[server]\ninterface = a/b\n",
		 "f:2: interface: \"a/b\" is not the name of a network interface\n"},
		{"[defaults]\nkeep = no\n", "f:2: keep: \"no\" is not yes or until-reboot\n"},
		{"[defaults]\ntransfer = 2M\n",
		 "f:2: transfer: \"2M\" is not a size from 1K to 1M\n"},
		{"[defaults]\nreply-delay = 61s\n",
		 "f:2: reply-delay: \"61s\" is not a time up to 60s, or auto\n"},
		{"[defaults]\nallow = 10.0.0.0/33\n",
		 "f:2: allow: \"10.0.0.0/33\" is not an address, or a network as 10.0.0.0/24\n"},
		{"[image a]\npartition = 0\n",
		 "f:2: partition: \"0\" is not a partition's number\n"},
		{"[image a]\nfile = a.img\n", "f:2: file: \"a.img\" is not an absolute path\n"},
		{"[pi 00000001]\nmac = 01:00:5e:01:02:03\n",
		 "f:2: mac: \"01:00:5e:01:02:03\" is not the MAC address of one machine, as "
		 "dc:a6:32:01:02:03\n"},
		{"[pi 00000001]\nprefix = 0123456789012345678901234567890123\n",
		 "f:2: prefix: \"0123456789012345678901234567890123\" is not a prefix of up to 32 "
		 "bytes without blanks\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		refused(wrong[i][0], wrong[i][1]);
}

static void what_does_not_fit_together_is_refused(void **state)
{
	(void)state;
	refused("[server]\ndhcp = off\n",
		"f: no image to serve: name one, or say which in [image NAME]\n");
	refused("[image a]\n", "f:1: section [image a]: file is missing\n");
	refused(IMAGE "[defaults]\nimage = b\n[pi 00000001]\nimage = c\n[pi 00000002]\nimage =\n",
		"f:4: image: there is no section [image b]\n"
		"f:6: image: there is no section [image c]\n"
		"f:7: section [pi 00000002]: neither it nor [defaults] names an image\n");
	refused(IMAGE "[image b]\nfile = /b\n",
		"f: section [defaults]: with several images it must say which one a Pi boots that "
		"is not listed; or join = listed\n");
	refused(IMAGE "[pi 00000001]\nname = a\nmac = dc:a6:32:00:00:01\n"
		      "[pi 00000002]\nname = a\n[pi 00000003]\nmac = dc:a6:32:00:00:01\n",
		"f:6: section [pi 00000002]: its name is that of [pi 00000001] in line 3\n"
		"f:8: section [pi 00000003]: its mac is that of [pi 00000001] in line 3\n");
	refused(IMAGE "[pi 0000001]\n[pi 00000001]\nbootfile = a\nname = 00000002\n",
		"f:3: section [pi 0000001]: not a serial of 8 hexadecimal digits, so mac is "
		"needed\n"
		"f:4: section [pi 00000001]: the name 00000002 looks like a serial\n"
		"f:4: section [pi 00000001]: bootfile needs mac\n");
	refused(IMAGE "[server]\ndhcp = full\nnetmask = 255.0.255.0\n",
		"f: section [server]: netmask: not ones followed by zeros\n"
		"f: section [server]: dhcp = full needs pool, the addresses that it may give: pool "
		"= 10.0.0.100-10.0.0.199\n");
	refused(IMAGE "[server]\npool = 10.0.0.1-10.0.1.2\nnetmask = 255.255.255.0\n",
		"f: section [server]: pool: its ends lie in different networks\n");
	refused(IMAGE "[defaults]\nskip = fstab, stab\n[pi 00000001]\nskip = stab, fsta\n",
		"f: skip: there is no step stab\n"
		"f:5: skip: there is no step fsta\n");
	refused(IMAGE "[server]\ntftp-port = 67\n", "f: dhcp-port and tftp-port are both 67\n");
}

static void the_command_line_wins(void **state)
{
	static const char *const locked[] = {"server.dhcp", "server.oui", "defaults.image", NULL};
	const char text[] = "[server]\ndhcp = full\noui = 00:00:01\ntftp = no\n"
			    "[image my-image]\nfile = /other.img\n"
			    "[image b]\nfile = /b.img\n"
			    "[defaults]\nimage = b\n[pi 00000001]\n";

	(void)state;
	assert_int_equal(config_add_image(&config, "/srv/My Image.img", -1), 0);
	assert_int_equal(config_set(&config, "server.dhcp", "off"), 0);
	assert_int_equal(config_set(&config, "server.tftp-port", "0x45"), -EINVAL);
	assert_string_equal(logged, "--tftp-port 0x45: not a port, or 0 for off\n");
	assert_int_equal(config_parse(&config, "f", text, strlen(text), locked), 0);
	assert_int_equal(config_check(&config, "f"), 0);
	assert_int_equal(config.dhcp, DHCP_OFF);
	assert_true(config.oui_count > 1);
	assert_false(config.tftp);
	assert_string_equal(config.defaults.image, "my-image");
	assert_string_equal(config_find_image(&config, "my-image")->file, "/srv/My Image.img");
	assert_string_equal(config.pis[0].rules.image, "my-image");
	assert_string_equal(config_find_image(&config, "b")->file, "/b.img");
}

static void wrong_values_of_locked_keys_are_still_wrong(void **state)
{
	static const char *const locked[] = {"server.dhcp", NULL};
	const char text[] = "[server]\ndhcp = maybe\n";

	(void)state;
	assert_int_equal(config_parse(&config, "f", text, strlen(text), locked), -EINVAL);
}

static void images_are_named_after_their_files(void **state)
{
	static const char *const names[][2] = {
		{"/a/2026-11-24-RaspiOS lite.img", "2026-11-24-raspios-lite"},
		{"/x.IMG", "x"},
		{"/...hidden", "hidden"},
		{"/.img", "img"},
		{"/sd.raw", "sd.raw"},
		{"/\xc3\xa4.img", "--"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(config_add_image(&config, names[i][0], 2), 0);
		assert_string_equal(config.defaults.image, names[i][1]);
		assert_int_equal(config_find_image(&config, names[i][1])->partition, 2);
	}
}

static void a_copy_shares_nothing(void **state)
{
	struct config copy;

	(void)state;
	accepted("[server]\ninterface = a\nstate = /s\nuser = u\n" IMAGE
		 "[defaults]\nskip = fstab\nallow = 10.0.0.1\n[pi 00000001]\nbase = golden\n");
	assert_int_equal(config_copy(&config, &copy), 0);
	config_finish(&config);
	assert_string_equal(copy.interface, "a");
	assert_string_equal(copy.state, "/s");
	assert_string_equal(copy.images[0].file, "/srv/raspios.img");
	assert_string_equal(copy.pis[0].rules.base, "golden");
	assert_string_equal(copy.pis[0].rules.skip_steps[0], "fstab");
	assert_address(copy.pis[0].rules.allow[0].address, "10.0.0.1");
	assert_true(copy.oui_count >= 7);
	config_finish(&copy);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_promised_example_is_understood),
		TEST(an_empty_file_has_the_usual_values),
		TEST(every_key_of_the_server_is_read),
		TEST(a_pi_has_the_defaults_that_it_does_not_change),
		TEST(a_machine_may_be_known_by_its_mac),
		TEST(all_errors_of_a_file_are_told),
		TEST(wrong_values_are_told_with_what_is_right),
		TEST(what_does_not_fit_together_is_refused),
		TEST(the_command_line_wins),
		TEST(wrong_values_of_locked_keys_are_still_wrong),
		TEST(images_are_named_after_their_files),
		TEST(a_copy_shares_nothing),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
