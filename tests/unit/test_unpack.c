/* SPDX-License-Identifier: MIT
 *
 * msgpack-c is the oracle: what it packs, the cursor must read; what the validator passes, it must unpack to
 * the same tree.
 */
#include "base/unpack.h"

#include "base/pack.h"
#include "stet/error.h"
#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <msgpack.h>

static const struct unpack_limits widest = { UNPACK_DEPTH_MAX, UINT32_MAX };

static int validate(const void *data, size_t size)
{
        return unpack_validate(bytes_of(data, size), &widest, 1, NULL);
}

/* --- against msgpack-c --- */

static void expect_same(struct cursor *c, const msgpack_object *o);

static void expect_same_pairs(struct cursor *c, const msgpack_object *o)
{
        cr_assert_eq(cursor_type(c), UNPACK_MAP);
        cr_assert_eq(cursor_map(c), o->via.map.size);
        for (uint32_t i = 0; i < o->via.map.size; i++) {
                expect_same(c, &o->via.map.ptr[i].key);
                expect_same(c, &o->via.map.ptr[i].val);
        }
}

static void expect_same(struct cursor *c, const msgpack_object *o)
{
        switch (o->type) {
        case MSGPACK_OBJECT_NIL:
                cr_assert(cursor_nil(c));
                break;
        case MSGPACK_OBJECT_BOOLEAN:
                cr_assert_eq(cursor_bool(c), o->via.boolean);
                break;
        case MSGPACK_OBJECT_POSITIVE_INTEGER:
                cr_assert_eq(cursor_type(c), o->via.u64 > INT64_MAX ? UNPACK_UINT : UNPACK_INT);
                cr_assert_eq(cursor_uint(c), o->via.u64);
                break;
        case MSGPACK_OBJECT_NEGATIVE_INTEGER:
                cr_assert_eq(cursor_type(c), UNPACK_INT);
                cr_assert_eq(cursor_int(c), o->via.i64);
                break;
        case MSGPACK_OBJECT_FLOAT32:
        case MSGPACK_OBJECT_FLOAT64: {
                cr_assert_eq(cursor_type(c), UNPACK_DOUBLE);
                double value = cursor_double(c);
                cr_assert(value == o->via.f64 || (value != value && o->via.f64 != o->via.f64));
                break;
        }
        case MSGPACK_OBJECT_STR:
                cr_assert(bytes_equal(cursor_str(c), bytes_of(o->via.str.ptr, o->via.str.size)));
                break;
        case MSGPACK_OBJECT_BIN:
                cr_assert(bytes_equal(cursor_bin(c), bytes_of(o->via.bin.ptr, o->via.bin.size)));
                break;
        case MSGPACK_OBJECT_ARRAY:
                cr_assert_eq(cursor_type(c), UNPACK_ARRAY);
                cr_assert_eq(cursor_array(c), o->via.array.size);
                for (uint32_t i = 0; i < o->via.array.size; i++)
                        expect_same(c, &o->via.array.ptr[i]);
                break;
        case MSGPACK_OBJECT_MAP:
                expect_same_pairs(c, o);
                break;
        case MSGPACK_OBJECT_EXT:
                cr_assert(false, "ext must not pass");
        }
        cr_assert_not(c->failed);
}

/* Reads data with both; the validator has passed it. */
static void expect_oracle_agrees(const void *data, size_t size)
{
        msgpack_unpacked unpacked;
        size_t offset = 0;
        msgpack_unpacked_init(&unpacked);
        cr_assert_eq(msgpack_unpack_next(&unpacked, data, size, &offset), MSGPACK_UNPACK_SUCCESS);
        cr_assert_eq(offset, size);
        struct cursor c = cursor_of(bytes_of(data, size));
        expect_same(&c, &unpacked.data);
        cr_assert(cursor_end(&c));
        struct cursor skipping = cursor_of(bytes_of(data, size));
        cr_assert(bytes_equal(cursor_skip(&skipping), bytes_of(data, size)));
        msgpack_unpacked_destroy(&unpacked);
}

static void pack_random_blob(msgpack_packer *p, uint64_t *random, bool str)
{
        static char text[70000];
        static const size_t bounds[] = { 8, 40, 300, sizeof text };
        size_t size = random_below(random, bounds[random_below(random, 40) ? random_below(random, 3) : 3]);
        for (size_t i = 0; i < size; i++)
                text[i] = (char)('a' + i % 26);
        if (str)
                msgpack_pack_str_with_body(p, text, size);
        else
                msgpack_pack_bin_with_body(p, text, size);
}

static void pack_random(msgpack_packer *p, uint64_t *random, int depth)
{
        size_t count = random_below(random, random_below(random, 10) ? 5 : 40);
        switch (random_below(random, depth ? 12 : 10)) {
        case 0:
                msgpack_pack_nil(p);
                break;
        case 1:
                msgpack_pack_true(p);
                break;
        case 2:
                msgpack_pack_false(p);
                break;
        case 3:
                msgpack_pack_int64(p, -(int64_t)(random_scale(random) >> 1));
                break;
        case 4:
                msgpack_pack_uint64(p, random_scale(random));
                break;
        case 5: /* wider than it need be */
                msgpack_pack_fix_int64(p, (int64_t)random_scale(random));
                break;
        case 6:
                msgpack_pack_float(p, (float)random_scale(random) / 7);
                break;
        case 7:
                msgpack_pack_double(p, (double)random_scale(random) / -7);
                break;
        case 8:
        case 9:
                pack_random_blob(p, random, random_below(random, 2));
                break;
        case 10:
                msgpack_pack_array(p, count);
                for (size_t i = 0; i < count; i++)
                        pack_random(p, random, depth - 1);
                break;
        case 11:
                msgpack_pack_map(p, count);
                for (size_t i = 0; i < 2 * count; i++)
                        pack_random(p, random, depth - 1);
                break;
        }
}

/* Sets *ret_value to bytes of a random value; freed by the caller. */
static void make_random(uint64_t *random, msgpack_sbuffer *ret_value)
{
        msgpack_packer packer;
        msgpack_sbuffer_init(ret_value);
        msgpack_packer_init(&packer, ret_value, msgpack_sbuffer_write);
        pack_random(&packer, random, 5);
}

Test(unpack, reads_what_msgpack_c_packs)
{
        uint64_t random = 10;
        for (int i = 0; i < 3000; i++) {
                msgpack_sbuffer value;
                make_random(&random, &value);
                cr_assert_eq(validate(value.data, value.size), 0);
                expect_oracle_agrees(value.data, value.size);
                msgpack_sbuffer_destroy(&value);
        }
}

Test(unpack, refuses_every_truncation_and_every_trailing_byte)
{
        uint64_t random = 11;
        for (int i = 0; i < 300; i++) {
                msgpack_sbuffer value;
                make_random(&random, &value);
                for (size_t size = 0; size < value.size && size < 400; size++) {
                        char *exact = xmemdup(value.data, size); /* so that a read too far is seen */
                        cr_assert_eq(validate(exact, size), STET_EPROTOCOL);
                        struct cursor c = cursor_of(bytes_of(exact, size));
                        cr_assert_eq(cursor_skip(&c).size, 0);
                        cr_assert(c.failed);
                        free(exact);
                }
                msgpack_sbuffer_write(&value, "\xc0", 1);
                cr_assert_eq(validate(value.data, value.size), STET_EPROTOCOL);
                msgpack_sbuffer_destroy(&value);
        }
}

Test(unpack, what_passes_of_random_bytes_passes_msgpack_c_too)
{
        uint64_t random = 12;
        size_t passed = 0;
        for (int i = 0; i < 200000; i++) {
                uint8_t data[24];
                size_t size = 1 + random_below(&random, sizeof data);
                random_fill(&random, data, size);
                for (size_t k = 0; k < size; k++) /* small numbers and heads are rarer than their uses */
                        if (random_below(&random, 2))
                                data[k] = (uint8_t)random_below(&random, 4) ? data[k] & 0x1f
                                                                            : 0x80 | (data[k] & 0x33);
                if (validate(data, size) != 0)
                        continue;
                passed++;
                expect_oracle_agrees(data, size);
        }
        cr_assert_gt(passed, 2000, "only %zu passed", passed);
}

/* --- limits --- */

Test(validate, refuses_a_head_that_claims_more_than_the_bytes_that_are_left)
{
        static const char *const claims[] = { "\xdd\x0f\xff\xff\xff", "\xdf\x0f\xff\xff\xff",
                                              "\xdb\xff\xff\xff\xff", "\xc6\xff\xff\xff\xff",
                                              "\xdd\xff\xff\xff\xff", "\xdf\xff\xff\xff\xff" };
        for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
                cr_assert_eq(validate(claims[i], 5), STET_EPROTOCOL, "claim %zu", i);
        size_t offset = 99; /* at the head, before anything of it is read */
        cr_assert_eq(unpack_validate(bytes_of("\x01\xdc\x00\x05\xc0\xc0\xc0\xc0", 8), &widest, 0, &offset),
                     STET_EPROTOCOL);
        cr_assert_eq(offset, 1);
        cr_assert_eq(validate("\x92\xc0", 2), STET_EPROTOCOL);
        cr_assert_eq(validate("\x92\xdc\x00\x01\xc0", 5), STET_EPROTOCOL);
}

/* containers lists within each other, the innermost empty */
static size_t nest(uint8_t *data, size_t containers)
{
        memset(data, 0x91, containers - 1);
        data[containers - 1] = 0x90;
        return containers;
}

Test(validate, counts_every_container_towards_the_depth)
{
        uint8_t data[64];
        for (uint32_t depth = 1; depth <= UNPACK_DEPTH_MAX; depth++) {
                struct unpack_limits limits = { depth, 100 };
                cr_assert_eq(unpack_validate(bytes_of(data, nest(data, depth)), &limits, 1, NULL), 0);
                cr_assert_eq(unpack_validate(bytes_of(data, nest(data, depth + 1)), &limits, 1, NULL),
                             STET_EPROTOCOL);
        }
        struct unpack_limits flat = { 0, 100 };
        cr_assert_eq(unpack_validate(bytes_of("\x90", 1), &flat, 1, NULL), STET_EPROTOCOL);
        cr_assert_eq(unpack_validate(bytes_of("\x2a", 1), &flat, 1, NULL), 0);
}

Test(validate, counts_every_value_towards_the_nodes)
{
        struct unpack_limits limits = { 4, 5 }; /* [1, {2: 3}]: five */
        cr_assert_eq(unpack_validate(bytes_of("\x92\x01\x81\x02\x03", 5), &limits, 1, NULL), 0);
        limits.nodes_max = 4;
        cr_assert_eq(unpack_validate(bytes_of("\x92\x01\x81\x02\x03", 5), &limits, 1, NULL), STET_EPROTOCOL);
}

Test(validate, wants_as_many_values_as_it_is_told)
{
        struct bytes three = bytes_of("\x01\x91\x02\xc0", 4);
        cr_assert_eq(unpack_validate(three, &widest, 3, NULL), 0);
        cr_assert_eq(unpack_validate(three, &widest, 0, NULL), 0);
        cr_assert_eq(unpack_validate(three, &widest, 1, NULL), STET_EPROTOCOL);
        cr_assert_eq(unpack_validate(three, &widest, 4, NULL), STET_EPROTOCOL);
        cr_assert_eq(unpack_validate(bytes_of(NULL, 0), &widest, 0, NULL), STET_EPROTOCOL);
}

Test(validate, refuses_ext_and_the_unused_byte_and_says_where)
{
        static const uint8_t tags[] = { 0xc1, 0xc7, 0xc8, 0xc9, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8 };
        for (size_t i = 0; i < sizeof tags; i++) {
                uint8_t data[32] = { 0x92, 0x01, tags[i] };
                size_t offset = 0;
                cr_assert_eq(unpack_validate(bytes_of(data, sizeof data), &widest, 0, &offset),
                             STET_EPROTOCOL);
                cr_assert_eq(offset, 2);
        }
}

Test(validate, wants_text_in_utf8_and_leaves_bytes_alone)
{
        cr_assert_eq(validate("\xa2\xc3\xa9", 3), 0);
        cr_assert_eq(validate("\xa2\xc3\x28", 3), STET_EPROTOCOL);
        cr_assert_eq(validate("\xc4\x02\xc3\x28", 4), 0);
}

/* --- utf8 --- */

/* The rule by arithmetic: what encodes a code point is the one shortest form, and no surrogate. */
static bool encodes(uint32_t point, const uint8_t *at, size_t size)
{
        uint8_t form[4];
        size_t length = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
        if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000))
                return false;
        for (size_t i = length - 1; i > 0; i--, point >>= 6)
                form[i] = (uint8_t)(0x80 | (point & 0x3f));
        form[0] = (uint8_t)(length == 1 ? point : (0xf00u >> length & 0xff) | point);
        return size == length && memcmp(form, at, size) == 0;
}

/* Takes the bytes apart as if they were one character, whatever form they have. */
static uint32_t decode(const uint8_t *at, size_t size)
{
        uint32_t point = size == 1 ? at[0] : at[0] & (0x7fu >> size);
        for (size_t i = 1; i < size; i++)
                point = point << 6 | (at[i] & 0x3f);
        return point;
}

Test(utf8, two_and_three_byte_sequences_pass_exactly_when_they_are_one_shortest_form)
{
        for (uint32_t word = 0x8000; word <= 0xffff; word++) {
                uint8_t at[2] = { (uint8_t)(word >> 8), (uint8_t)word };
                if (utf8_valid(bytes_of(at, 2)) != encodes(decode(at, 2), at, 2))
                        cr_assert(false, "%02x %02x", at[0], at[1]);
        }
        for (uint32_t word = 0xe00000; word <= 0xffffff; word++) {
                uint8_t at[3] = { (uint8_t)(word >> 16), (uint8_t)(word >> 8), (uint8_t)word };
                if (utf8_valid(bytes_of(at, 3)) != encodes(decode(at, 3), at, 3))
                        cr_assert(false, "%02x %02x %02x", at[0], at[1], at[2]);
        }
}

Test(utf8, four_byte_sequences_pass_exactly_when_they_are_one_shortest_form)
{
        for (uint32_t lead = 0xf0; lead <= 0xff; lead++)
                for (uint32_t rest = 0; rest < 0x1000000; rest += 61) {
                        uint8_t at[4] = { (uint8_t)lead, (uint8_t)(rest >> 16), (uint8_t)(rest >> 8),
                                          (uint8_t)rest };
                        if (utf8_valid(bytes_of(at, 4)) != encodes(decode(at, 4), at, 4))
                                cr_assert(false, "%02x %02x %02x %02x", at[0], at[1], at[2], at[3]);
                }
}

Test(utf8, known_good_and_bad_texts)
{
        cr_assert(utf8_valid(bytes_of(NULL, 0)));
        cr_assert(utf8_valid(bytes_str("na\xc3\xafve \xe2\x82\xac \xf0\x9f\x98\x80")));
        cr_assert(utf8_valid(bytes_of("a\0b", 3)));
        cr_assert_not(utf8_valid(bytes_str("\x80")));
        cr_assert_not(utf8_valid(bytes_str("\xc0\xaf")));         /* overlong '/' */
        cr_assert_not(utf8_valid(bytes_str("\xed\xa0\x80")));     /* surrogate */
        cr_assert_not(utf8_valid(bytes_str("\xf4\x90\x80\x80"))); /* above U+10FFFF */
        cr_assert_not(utf8_valid(bytes_str("abc\xe2\x82")));      /* cut */
}

/* --- the cursor's mistakes --- */

Test(cursor, a_wrong_type_fails_this_read_and_all_later_ones)
{
        struct cursor c = cursor_of(bytes_of("\x01\xa1x\x02", 4));
        cr_assert_eq(cursor_int(&c), 1);
        cr_assert_eq(cursor_int(&c), 0); /* a text */
        cr_assert(c.failed);
        cr_assert_eq(cursor_uint(&c), 0);
        cr_assert_eq(cursor_str(&c).size, 0);
        cr_assert_eq(cursor_type(&c), UNPACK_NONE);
        cr_assert_not(cursor_nil(&c));
        cr_assert_eq(cursor_array(&c), 0);
        cr_assert_eq(cursor_skip(&c).size, 0);
}

Test(cursor, numbers_that_do_not_fit_fail)
{
        struct cursor c = cursor_of(bytes_of("\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 9));
        cr_assert_eq(cursor_int(&c), 0);
        cr_assert(c.failed);
        c = cursor_of(bytes_of("\xff", 1));
        cr_assert_eq(cursor_uint(&c), 0);
        cr_assert(c.failed);
        c = cursor_of(bytes_of("\xff\xcf\xff\xff\xff\xff\xff\xff\xff\xff", 10));
        cr_assert(cursor_double(&c) == -1.0);
        cr_assert(cursor_double(&c) == 0x1p64);
        cr_assert_not(c.failed);
}

Test(cursor, takes_nil_only_when_it_is_there)
{
        struct cursor c = cursor_of(bytes_of("\xc0\x05", 2));
        cr_assert(cursor_nil(&c));
        cr_assert_not(cursor_nil(&c));
        cr_assert_eq(cursor_int(&c), 5);
        cr_assert(cursor_end(&c));
        cr_assert_not(cursor_nil(&c));
        cr_assert_not(c.failed);
}

Test(cursor, a_count_beyond_the_bytes_left_fails)
{
        struct cursor c = cursor_of(bytes_of("\xdd\x0f\xff\xff\xff", 5));
        cr_assert_eq(cursor_array(&c), 0);
        cr_assert(c.failed);
        c = cursor_of(bytes_of("\xdf\x00\x00\x00\x02\x01", 6));
        cr_assert_eq(cursor_map(&c), 0);
        cr_assert(c.failed);
}

Test(cursor, text_and_bytes_are_told_apart_unless_a_blob_will_do)
{
        struct bytes both = bytes_of("\xa1x\xc4\x01y", 5);
        struct cursor c = cursor_of(both);
        cr_assert_eq(cursor_bin(&c).size, 0);
        cr_assert(c.failed);
        c = cursor_of(both);
        cr_assert(bytes_equal(cursor_blob(&c), bytes_str("x")));
        cr_assert(bytes_equal(cursor_blob(&c), bytes_str("y")));
        cr_assert(cursor_end(&c) && !c.failed);
}

Test(cursor, passes_over_a_value_of_any_depth)
{
        static uint8_t deep[100000];
        struct cursor c = cursor_of(bytes_of(deep, nest(deep, sizeof deep)));
        cr_assert_eq(cursor_skip(&c).size, sizeof deep);
        cr_assert_not(c.failed);
}
