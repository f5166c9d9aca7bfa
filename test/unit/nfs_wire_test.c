/* SPDX-License-Identifier: MIT */
/* What is written by hand is what rpcgen's code reads, and the other way round. */
#include "support/unit.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <nfs3.h>

#include "nfs/nfs_wire.h"

static const struct nfs_attr attr = {
	.known = true,
	.fsid = 0x1122334455667788,
	.attr =
		{
			.id = 0x99aabbccddeeff00,
			.size = (uint64_t)7 << 40,
			.blocks = 3,
			.mode = S_IFREG | 06751,
			.nlink = 3,
			.uid = 0xfffffffe,
			.gid = 1001,
			.atime = {.tv_sec = 1, .tv_nsec = 2},
			.mtime = {.tv_sec = 4294967295, .tv_nsec = 999999999},
			.ctime = {.tv_sec = 1700000000},
		},
};

static void decode(xdrproc_t procedure, const uint8_t *from, const uint8_t *to, void *out)
{
	XDR xdr;

	xdrmem_create(&xdr, (char *)(uintptr_t)from, (unsigned int)(to - from), XDR_DECODE);
	assert_true(procedure(&xdr, out));
	assert_int_equal(xdr_getpos(&xdr), to - from);
	xdr_destroy(&xdr);
}

static void check_fattr(const fattr3 *got, ftype3 type)
{
	assert_int_equal(got->type, type);
	assert_int_equal(got->mode, 06751);
	assert_int_equal(got->nlink, 3);
	assert_int_equal(got->uid, 0xfffffffe);
	assert_int_equal(got->gid, 1001);
	assert_int_equal(got->size, (uint64_t)7 << 40);
	assert_int_equal(got->used, 1536);
	assert_int_equal(got->fsid, 0x1122334455667788);
	assert_int_equal(got->fileid, 0x99aabbccddeeff00);
	assert_int_equal(got->atime.seconds, 1);
	assert_int_equal(got->atime.nseconds, 2);
	assert_int_equal(got->mtime.seconds, 4294967295);
	assert_int_equal(got->mtime.nseconds, 999999999);
	assert_int_equal(got->ctime.seconds, 1700000000);
}

static void attributes_are_those_of_the_node(void **state)
{
	static const struct {
		mode_t mode;
		ftype3 type;
	} types[] = {{S_IFREG, NF3REG}, {S_IFDIR, NF3DIR},   {S_IFBLK, NF3BLK}, {S_IFCHR, NF3CHR},
		     {S_IFLNK, NF3LNK}, {S_IFSOCK, NF3SOCK}, {S_IFIFO, NF3FIFO}};
	uint8_t out[NFS_FATTR_BYTES];
	struct nfs_attr each = attr;
	fattr3 got;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		each.attr.mode = types[i].mode | 06751;
		each.attr.rdev = makedev(259, 70000);
		assert_ptr_equal(nfs_put_fattr(out, &each), out + sizeof(out));
		decode((xdrproc_t)xdr_fattr3, out, out + sizeof(out), &got);
		check_fattr(&got, types[i].type);
		assert_int_equal(got.rdev.specdata1, 259);
		assert_int_equal(got.rdev.specdata2, 70000);
	}
}

static void times_stay_between_1970_and_2106(void **state)
{
	static const struct timespec times[][2] = {
		{{-1, 5}, {0, 0}},
		{{INT64_MIN, 999999999}, {0, 0}},
		{{0, 1}, {0, 1}},
		{{UINT32_MAX, 7}, {UINT32_MAX, 7}},
		{{(int64_t)UINT32_MAX + 1, 7}, {UINT32_MAX, 7}},
		{{INT64_MAX, 0}, {UINT32_MAX, 0}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		const struct timespec got = nfs_time_clamp(times[i][0]);

		assert_int_equal(got.tv_sec, times[i][1].tv_sec);
		assert_int_equal(got.tv_nsec, times[i][1].tv_nsec);
	}
}

static void weak_cache_consistency_data_have_what_is_known(void **state)
{
	struct nfs_wcc wcc = {.size = 5, .mtime = {.tv_sec = 6}, .ctime = {.tv_nsec = 7}};
	uint8_t out[NFS_WCC_BYTES], *end;
	wcc_data got = {0};

	(void)state;
	end = nfs_put_wcc(out, &wcc);
	assert_int_equal(end - out, 2 * NFS_WORD);
	decode((xdrproc_t)xdr_wcc_data, out, end, &got);
	assert_false(got.before.attributes_follow);
	assert_false(got.after.attributes_follow);
	wcc.before_known = true;
	wcc.after = attr;
	end = nfs_put_wcc(out, &wcc);
	assert_int_equal(end - out, NFS_WCC_BYTES);
	decode((xdrproc_t)xdr_wcc_data, out, end, &got);
	assert_int_equal(got.before.pre_op_attr_u.attributes.size, 5);
	assert_int_equal(got.before.pre_op_attr_u.attributes.mtime.seconds, 6);
	assert_int_equal(got.before.pre_op_attr_u.attributes.ctime.nseconds, 7);
	check_fattr(&got.after.post_op_attr_u.attributes, NF3REG);
}

static void opaque_data_are_padded_with_zeros(void **state)
{
	uint8_t out[16];

	(void)state;
	for (size_t len = 0; len < 9; len++) {
		uint8_t *end;

		memset(out, 0xee, sizeof(out));
		end = nfs_put_opaque(out, "abcdefghi", len);
		assert_int_equal(end - out, 4 + (len + 3) / 4 * 4);
		assert_int_equal(out[3], len);
		for (size_t i = 4 + len; out + i < end; i++)
			assert_int_equal(out[i], 0);
	}
}

static void handles_are_opaque_data_of_their_length(void **state)
{
	static const uint8_t key[NFS_KEY_BYTES] = "k", uuid[NFS_UUID_BYTES] = "u";
	uint8_t out[NFS_POST_FH_BYTES];
	struct nfs_seal seal;
	post_op_fh3 got = {0};
	uint64_t id;

	(void)state;
	nfs_seal_init(&seal, key, uuid, 1);
	assert_ptr_equal(nfs_put_post_fh(out, &seal, 9), out + sizeof(out));
	decode((xdrproc_t)xdr_post_op_fh3, out, out + sizeof(out), &got);
	assert_true(got.handle_follows);
	assert_int_equal(nfs_handle_read(&seal, (uint8_t *)got.post_op_fh3_u.handle.data.data_val,
					 got.post_op_fh3_u.handle.data.data_len, &id),
			 0);
	assert_int_equal(id, 9);
	xdr_free((xdrproc_t)xdr_post_op_fh3, &got);
}

static void whoever_takes_more_than_there_is_gets_nothing(void **state)
{
	static const uint8_t data[] = {0, 0, 0, 1, 0, 0, 0,   0,   0,  0,
				       0, 2, 0, 0, 0, 3, 'a', 'b', 'c'};
	struct nfs_args args = {.p = data, .left = sizeof(data)};
	size_t len = 77;

	(void)state;
	assert_int_equal(nfs_take32(&args), 1);
	assert_int_equal(nfs_take64(&args), 2);
	assert_null(nfs_take_opaque(&args, 3, &len)); /* its padding is missing */
	assert_int_equal(len, 0);
	assert_true(args.bad);
	assert_int_equal(nfs_take32(&args), 0);
	args = (struct nfs_args){.p = data + 12, .left = 7};
	assert_null(nfs_take_opaque(&args, 2, &len)); /* longer than it may be */
	assert_true(args.bad);
	args = (struct nfs_args){.p = data, .left = 3};
	assert_int_equal(nfs_take64(&args), 0);
	assert_true(args.bad);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_those_of_the_node),
		cmocka_unit_test(times_stay_between_1970_and_2106),
		cmocka_unit_test(weak_cache_consistency_data_have_what_is_known),
		cmocka_unit_test(opaque_data_are_padded_with_zeros),
		cmocka_unit_test(handles_are_opaque_data_of_their_length),
		cmocka_unit_test(whoever_takes_more_than_there_is_gets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
