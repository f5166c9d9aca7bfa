/* SPDX-License-Identifier: MIT */
/* The command line of a Pi whose root comes over the network. */
#include "support/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "pi/pi.h"

#define ROOT                                                                                       \
	"root=/dev/nfs nfsroot=192.168.1.2:/036cb716,v3,tcp,port=2049,nolock,rsize=131072,"        \
	"wsize=65536 rw"

static struct pi_netboot netboot(void)
{
	struct pi_netboot boot = {
		.export_path = "/036cb716",
		.nfs_port = 2049,
		.mount_port = 20048,
		.rsize = 131072,
		.wsize = 65536,
	};

	boot.server.s_addr = inet_addr("192.168.1.2");
	return boot;
}

static void expect(const char *text, const struct pi_netboot *boot, const char *want)
{
	char out[PI_CMDLINE_BYTES];
	size_t len = 0;

	assert_int_equal(pi_cmdline_rewrite(text, strlen(text), boot, out, sizeof(out), &len), 0);
	assert_string_equal(out, want);
	assert_int_equal(len, strlen(want));
}

static void expect_plain(const char *text, const char *want)
{
	const struct pi_netboot boot = netboot();

	expect(text, &boot, want);
}

static void words_of_each_release_stay_in_their_order(void **state)
{
	(void)state;
	expect_plain(
		"console=serial0,115200 console=tty1 root=PARTUUID=5a1c3e70-02 rootfstype=ext4 "
		"fsck.repair=yes rootwait quiet init=/usr/lib/raspi-config/init_resize.sh\n",
		"console=serial0,115200 console=tty1 rootwait quiet " ROOT " ip=dhcp\n");
	expect_plain(
		"console=serial0,115200 console=tty1 root=PARTUUID=5a1c3e70-02 rootfstype=ext4 "
		"fsck.repair=yes rootwait quiet "
		"init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
		"console=serial0,115200 console=tty1 rootwait quiet " ROOT " ip=dhcp\n");
	expect_plain(
		"console=serial0,115200 console=tty1 root=PARTUUID=5a1c3e70-02 rootfstype=ext4 "
		"fsck.repair=yes rootwait resize\n",
		"console=serial0,115200 console=tty1 rootwait " ROOT " ip=dhcp\n");
	expect_plain(
		"console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 "
		"root=LABEL=writable rootfstype=ext4 rootwait fixrtc\n",
		"console=serial0,115200 multipath=off dwc_otg.lpm_enable=0 console=tty1 rootwait "
		"fixrtc " ROOT " ip=dhcp\n");
	expect_plain("console=tty0 console=ttyS1,115200 root=LABEL=RASPIROOT rw fsck.repair=yes "
		     "net.ifnames=0 cma=64M rootwait\n",
		     "console=tty0 console=ttyS1,115200 net.ifnames=0 cma=64M rootwait " ROOT
		     " ip=dhcp\n");
}

static void what_says_where_the_root_is_is_replaced(void **state)
{
	(void)state;
	expect_plain("a root=/dev/sda1 root=/dev/nfs nfsroot=10.0.0.1:/x,vers=4.1,proto=tcp ro rw "
		     "rootflags=subvol=@ rootfstype=btrfs boot=local ip=10.0.0.2::::eth0:off b",
		     "a b " ROOT " ip=dhcp\n");
}

static void words_that_only_begin_alike_stay(void **state)
{
	(void)state;
	expect_plain(
		"rootwait rootdelay=5 rootovl row rom resize2 boots=1 ipv6.disable=1 nfsrootdebug "
		"fsckd xroot=1 initcall_debug roflags=1 noresize",
		"rootwait rootdelay=5 rootovl row rom resize2 boots=1 ipv6.disable=1 "
		"nfsrootdebug fsckd xroot=1 initcall_debug roflags=1 noresize " ROOT " ip=dhcp\n");
}

static void init_of_the_user_stays(void **state)
{
	(void)state;
	expect_plain("init=/bin/bash", "init=/bin/bash " ROOT " ip=dhcp\n");
	expect_plain("init=/home/pi/firstboot-not",
		     "init=/home/pi/firstboot-not " ROOT " ip=dhcp\n");
	expect_plain("init=/sbin/init_resize.sh.bak",
		     "init=/sbin/init_resize.sh.bak " ROOT " ip=dhcp\n");
	expect_plain("rdinit=/usr/lib/raspberrypi-sys-mods/firstboot",
		     "rdinit=/usr/lib/raspberrypi-sys-mods/firstboot " ROOT " ip=dhcp\n");
	expect_plain("init=firstboot init=/usr/lib/x/firstboot init=/a/init_resize2.sh",
		     ROOT " ip=dhcp\n");
}

static void script_of_the_imager_still_runs(void **state)
{
	(void)state;
	expect_plain(
		"console=tty1 root=PARTUUID=1-02 systemd.run=/boot/firmware/firstrun.sh "
		"systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n",
		"console=tty1 systemd.run=/boot/firmware/firstrun.sh "
		"systemd.run_success_action=reboot systemd.unit=kernel-command-line.target " ROOT
		" ip=dhcp\n");
}

static void address_of_the_user_stays_if_his_policy_says_so(void **state)
{
	struct pi_netboot boot = netboot();

	(void)state;
	boot.keep_ip = true;
	expect("a ip=10.0.0.2::10.0.0.1:255.0.0.0::eth0:off b", &boot,
	       "a ip=10.0.0.2::10.0.0.1:255.0.0.0::eth0:off b " ROOT "\n");
	expect("a b", &boot, "a b " ROOT " ip=dhcp\n");
}

static void mount_port_is_said_to_kernels_alone(void **state)
{
	struct pi_netboot boot = netboot();

	(void)state;
	boot.no_initramfs = true;
	expect("a", &boot,
	       "a root=/dev/nfs nfsroot=192.168.1.2:/036cb716,v3,tcp,port=2049,mountport=20048,"
	       "nolock,rsize=131072,wsize=65536 rw ip=dhcp\n");
	boot.mount_port = 0;
	expect("a", &boot, "a " ROOT " ip=dhcp\n");
}

static void first_line_counts_alone(void **state)
{
	(void)state;
	expect_plain("a b\nc d\n", "a b " ROOT " ip=dhcp\n");
	expect_plain("a b\r\nc d\r\n", "a b " ROOT " ip=dhcp\n");
	expect_plain("\nc d\n", ROOT " ip=dhcp\n");
	expect_plain("", ROOT " ip=dhcp\n");
	expect_plain("  \t a \t\t b  ", "a b " ROOT " ip=dhcp\n");
}

static void text_ends_where_it_is_said_to(void **state)
{
	const struct pi_netboot boot = netboot();
	char out[PI_CMDLINE_BYTES];
	size_t len;

	(void)state;
	assert_int_equal(pi_cmdline_rewrite("abc def", 3, &boot, out, sizeof(out), &len), 0);
	assert_string_equal(out, "abc " ROOT " ip=dhcp\n");
	assert_int_equal(pi_cmdline_rewrite("a\0b", 3, &boot, out, sizeof(out), &len), 0);
	assert_string_equal(out, "a " ROOT " ip=dhcp\n");
}

static void byte_order_mark_is_no_part_of_the_first_word(void **state)
{
	(void)state;
	expect_plain("\xef\xbb\xbfroot=/dev/sda1 a", "a " ROOT " ip=dhcp\n");
}

static void quotes_keep_a_word_together(void **state)
{
	(void)state;
	expect_plain("dyndbg=\"file a.c +p; root=/dev/x ro\" b \"root=/dev/sda1 x\" \"ip=none\" "
		     "\"ro\" \"open root=/dev/sda1",
		     "dyndbg=\"file a.c +p; root=/dev/x ro\" b \"open root=/dev/sda1\" " ROOT
		     " ip=dhcp\n");
}

static void what_is_for_init_stays_behind_the_dashes(void **state)
{
	(void)state;
	expect_plain("a -- single", "a " ROOT " ip=dhcp -- single\n");
	expect_plain("a --x -- b -- c", "a --x " ROOT " ip=dhcp -- b -- c\n");
}

static void rewriting_again_changes_nothing(void **state)
{
	const struct pi_netboot boot = netboot();
	char once[PI_CMDLINE_BYTES], twice[PI_CMDLINE_BYTES];
	const char *text = "console=tty1 root=PARTUUID=1-02 rootwait";
	size_t len;

	(void)state;
	assert_int_equal(pi_cmdline_rewrite(text, strlen(text), &boot, once, sizeof(once), &len),
			 0);
	assert_int_equal(pi_cmdline_rewrite(once, len, &boot, twice, sizeof(twice), &len), 0);
	assert_string_equal(once, twice);
}

static void line_has_2047_bytes_at_most(void **state)
{
	const struct pi_netboot boot = netboot();
	const size_t room = PI_CMDLINE_MAX - strlen(" " ROOT " ip=dhcp");
	char text[3000], out[PI_CMDLINE_BYTES];
	size_t len = 1;

	(void)state;
	memset(text, 'x', sizeof(text));
	assert_int_equal(pi_cmdline_rewrite(text, room, &boot, out, sizeof(out), &len), 0);
	assert_int_equal(len, PI_CMDLINE_MAX + 1);
	assert_int_equal(out[PI_CMDLINE_MAX], '\n');
	assert_int_equal(pi_cmdline_rewrite(text, room + 1, &boot, out, sizeof(out), &len), -E2BIG);
	assert_int_equal(pi_cmdline_rewrite(text, 3000, &boot, out, sizeof(out), &len), -E2BIG);
	assert_int_equal(pi_cmdline_rewrite(text, room, &boot, out, sizeof(out) - 1, &len), -E2BIG);
	assert_int_equal(len, PI_CMDLINE_MAX + 1);
	/* words that are left out do not count */
	memcpy(text, "root=", 5);
	assert_int_equal(pi_cmdline_rewrite(text, 3000, &boot, out, sizeof(out), &len), 0);
}

static void server_that_cannot_be_said_is_refused(void **state)
{
	static const char *const paths[] = {"",	     "036cb716", "/a b",  "/a,b",
					    "/a\"b", "/%s",	 "/a\nb", "/\xc3\xa4"};
	struct pi_netboot boot = netboot();
	char out[PI_CMDLINE_BYTES], long_path[PI_VALUE_MAX + 1];
	size_t len;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		boot.export_path = paths[i];
		assert_int_equal(pi_cmdline_rewrite("a", 1, &boot, out, sizeof(out), &len),
				 -EINVAL);
	}
	memset(long_path, '/', sizeof(long_path));
	long_path[PI_VALUE_MAX] = '\0';
	boot.export_path = long_path;
	assert_int_equal(pi_cmdline_rewrite("a", 1, &boot, out, sizeof(out), &len), -EINVAL);
	boot = netboot();
	boot.server.s_addr = INADDR_ANY;
	assert_int_equal(pi_cmdline_rewrite("a", 1, &boot, out, sizeof(out), &len), -EINVAL);
	boot = netboot();
	boot.rsize = 0;
	assert_int_equal(pi_cmdline_rewrite("a", 1, &boot, out, sizeof(out), &len), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_each_release_stay_in_their_order),
		cmocka_unit_test(what_says_where_the_root_is_is_replaced),
		cmocka_unit_test(words_that_only_begin_alike_stay),
		cmocka_unit_test(init_of_the_user_stays),
		cmocka_unit_test(script_of_the_imager_still_runs),
		cmocka_unit_test(address_of_the_user_stays_if_his_policy_says_so),
		cmocka_unit_test(mount_port_is_said_to_kernels_alone),
		cmocka_unit_test(first_line_counts_alone),
		cmocka_unit_test(text_ends_where_it_is_said_to),
		cmocka_unit_test(byte_order_mark_is_no_part_of_the_first_word),
		cmocka_unit_test(quotes_keep_a_word_together),
		cmocka_unit_test(what_is_for_init_stays_behind_the_dashes),
		cmocka_unit_test(rewriting_again_changes_nothing),
		cmocka_unit_test(line_has_2047_bytes_at_most),
		cmocka_unit_test(server_that_cannot_be_said_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
