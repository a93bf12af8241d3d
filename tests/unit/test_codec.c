/* SPDX-License-Identifier: MIT */
#include "base/codec.h"

#include <criterion/criterion.h>

struct parcel {
        uint8_t type;
        bool fragile;
        uint32_t weight;
        uint64_t number;
        int64_t sent_ns;
        double price;
        struct bytes address;
        struct bytes seal;
        struct bytes contents;
};

enum { LETTER = 1, PARCEL = 3, TYPES };

#define ENTRY(kind, member) FIELD(struct parcel, kind, member)
static const struct field parcel_fields[] = {
        ENTRY(FIELD_BOOL, fragile), ENTRY(FIELD_U32, weight),     ENTRY(FIELD_U64, number),
        ENTRY(FIELD_I64, sent_ns),  ENTRY(FIELD_DOUBLE, price),   ENTRY(FIELD_STR, address),
        ENTRY(FIELD_BIN, seal),     ENTRY(FIELD_VALUE, contents),
};
static const struct field letter_fields[] = { ENTRY(FIELD_STR, address) };
static const struct shape shapes[TYPES] = {
        [LETTER] = SHAPE("letter", LETTER, letter_fields),
        [PARCEL] = SHAPE("parcel", PARCEL, parcel_fields),
};

static const struct parcel full = { .type = PARCEL,
                                    .fragile = true,
                                    .weight = UINT32_MAX,
                                    .number = UINT64_MAX,
                                    .sent_ns = INT64_MIN,
                                    .price = -0.1,
                                    .address = { (const uint8_t *)"Zürich", 7 },
                                    .seal = { (const uint8_t *)"\xff\x00", 2 },
                                    .contents = { (const uint8_t *)"\x92\x01\x02", 3 } };

static const struct shape *decode(const void *data, size_t size, struct parcel *ret, struct cursor *c)
{
        *ret = (struct parcel){ 0 };
        *c = cursor_of(bytes_of(data, size));
        return codec_decode(c, shapes, TYPES, ret);
}

static bool refused(const void *data, size_t size)
{
        struct parcel p;
        struct cursor c;
        return !decode(data, size, &p, &c) && c.failed;
}
#define REFUSED(text) refused(text, sizeof(text) - 1)

Test(codec, every_kind_of_field_survives_the_way_out_and_in)
{
        struct buffer b = { 0 };
        struct parcel p;
        struct cursor c;
        codec_encode(&b, &shapes[PARCEL], &full);
        cr_assert_eq(decode(b.data, b.size, &p, &c), &shapes[PARCEL]);
        cr_assert(cursor_end(&c));
        cr_assert_eq(p.fragile, true);
        cr_assert_eq(p.weight, UINT32_MAX);
        cr_assert_eq(p.number, UINT64_MAX);
        cr_assert_eq(p.sent_ns, INT64_MIN);
        cr_assert(memcmp(&p.price, &full.price, sizeof p.price) == 0);
        cr_assert(bytes_equal(p.address, full.address));
        cr_assert(bytes_equal(p.seal, full.seal));
        cr_assert(bytes_equal(p.contents, full.contents));
        cr_assert(p.address.data > b.data && bytes_end(p.address) < b.data + b.size, "the text is a copy");
        buffer_fini(&b);
}

Test(codec, ends_with_the_last_field_that_says_something)
{
        struct buffer b = { 0 };
        struct parcel p = { .weight = 7, .sent_ns = -1 }, q;
        struct cursor c;
        codec_encode(&b, &shapes[PARCEL], &p);
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_of("\x95\x03\xc2\x07\x00\xff", 6)));
        cr_assert_eq(decode(b.data, b.size, &q, &c), &shapes[PARCEL]);
        cr_assert(q.weight == 7 && q.sent_ns == -1 && !(q.price > 0) && q.contents.size == 0);
        buffer_clear(&b);
        codec_encode(&b, &shapes[LETTER], &(struct parcel){ .weight = 7 });
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_of("\x91\x01", 2)));
        buffer_fini(&b);
}

static void expect_as_packed(const struct parcel *p)
{
        struct buffer b = { 0 }, packed = { 0 };
        codec_encode(&b, &shapes[PARCEL], p);
        pack_array(&packed, 9);
        pack_uint(&packed, PARCEL);
        pack_bool(&packed, p->fragile);
        pack_uint(&packed, p->weight);
        pack_uint(&packed, p->number);
        pack_int(&packed, p->sent_ns);
        pack_double(&packed, p->price);
        pack_str(&packed, p->address);
        pack_bin(&packed, p->seal);
        pack_bin(&packed, p->contents);
        cr_assert(bytes_equal(buffer_bytes(&b), buffer_bytes(&packed)), "number %llu, %zu bytes",
                  (unsigned long long)p->number, p->address.size);
        struct parcel back;
        struct cursor c;
        cr_assert_eq(decode(b.data, b.size, &back, &c), &shapes[PARCEL]);
        cr_assert(back.weight == p->weight && back.number == p->number && back.sent_ns == p->sent_ns);
        cr_assert(bytes_equal(back.address, p->address) && bytes_equal(back.seal, p->seal));
        buffer_fini(&b);
        buffer_fini(&packed);
}

/* Around every number of bits at which the form changes, up and down, for numbers, texts and bytes. */
Test(codec, every_width_has_the_form_that_the_packer_gives_it)
{
        static uint8_t text[(1 << 16) + 2];
        memset(text, 'x', sizeof text);
        for (unsigned bits = 0; bits < 64; bits++)
                for (int around = -1; around <= 1; around++) {
                        uint64_t number = (UINT64_C(1) << bits) + (uint64_t)(int64_t)around;
                        size_t size = bits <= 16 ? (size_t)number & 0x1ffff : 1;
                        struct parcel p = { .type = PARCEL,
                                            .weight = (uint32_t)number,
                                            .number = number,
                                            .sent_ns = (int64_t)(0 - number),
                                            .price = (double)number,
                                            .address = bytes_of(text, size),
                                            .seal = bytes_of(text, size),
                                            .contents = bytes_of(text, 1) };
                        expect_as_packed(&p);
                        p.sent_ns = (int64_t)(number >> 1);
                        expect_as_packed(&p);
                }
}

Test(codec, a_struct_is_an_array_of_its_type_and_its_fields)
{
        struct buffer b = { 0 };
        codec_encode(&b, &shapes[LETTER], &(struct parcel){ .address = bytes_str("Ulm") });
        cr_assert(bytes_equal(buffer_bytes(&b), bytes_of("\x92\x01\xa3Ulm", 6)));
        buffer_fini(&b);
}

Test(codec, missing_fields_at_the_end_stay_zero_and_unknown_ones_are_passed_over)
{
        struct parcel p;
        struct cursor c;
        cr_assert_eq(decode("\x93\x03\xc3\x05", 4, &p, &c), &shapes[PARCEL]);
        cr_assert(p.fragile && p.weight == 5 && p.number == 0 && p.address.size == 0);

        static const char newer[] = "\x95\x01\xa3Ulm\x92\x01\x91\xc0\x81\x01\x02\xff\x2a";
        cr_assert_eq(decode(newer, sizeof newer - 1, &p, &c), &shapes[LETTER]);
        cr_assert(bytes_equal(p.address, bytes_str("Ulm")));
        cr_assert_eq(cursor_uint(&c), 42, "what follows is not where it was left");
}

Test(codec, an_empty_array_is_no_struct_and_takes_nothing_of_what_follows)
{
        struct parcel p;
        struct cursor c;
        cr_assert_null(decode("\x90\x01\xa3Ulm", 6, &p, &c));
        cr_assert(c.failed);
        cr_assert_eq(p.address.size, 0);
        cr_assert(REFUSED("\x90"));
        cr_assert(REFUSED("\x90\x91\x01"));
}

Test(codec, what_is_no_struct_of_the_table_is_refused)
{
        cr_assert(REFUSED(""));
        cr_assert(REFUSED("\x01"));         /* no array */
        cr_assert(REFUSED("\x81\x01\x01")); /* a map */
        cr_assert(REFUSED("\x91\xa1\x01")); /* a type that is no number */
        cr_assert(REFUSED("\x91\xff"));     /* a negative one */
        cr_assert(REFUSED("\x91\x00"));     /* a type that the table does not have */
        cr_assert(REFUSED("\x91\x02"));     /* a gap in it */
        cr_assert(REFUSED("\x91\x04"));     /* behind it */
        cr_assert(REFUSED("\x91\xcf\x00\x00\x00\x01\x00\x00\x00\x01"));
        cr_assert(REFUSED("\x92\x01\xa3Ul"));  /* cut */
        cr_assert(REFUSED("\x93\x01\xa3Ulm")); /* cut in an unknown field */
}

Test(codec, a_field_of_another_kind_is_refused)
{
        cr_assert(REFUSED("\x92\x03\x01"));                                     /* bool: a number */
        cr_assert(REFUSED("\x93\x03\xc3\xff"));                                 /* uint32: negative */
        cr_assert(REFUSED("\x93\x03\xc3\xcf\x00\x00\x00\x01\x00\x00\x00\x00")); /* uint32: 2^32 */
        cr_assert(REFUSED("\x92\x01\xc4\x01x"));                                /* str: a bin */
        cr_assert(REFUSED("\x92\x01\xc0"));                                     /* str: nil */
        cr_assert(REFUSED("\x99\x03\xc3\x01\x01\x01\x01\xa0\xa0\xc4\x00"));     /* bin: a str */
}

/* One msgpack map, for people: {"weight": 5, …} as text. */
static void expect_pairs(const struct parcel *p, uint32_t pairs, struct bytes expected)
{
        struct buffer b = { 0 };
        cr_assert_eq(codec_describe(&b, &shapes[PARCEL], p), pairs);
        cr_assert(bytes_equal(buffer_bytes(&b), expected));
        buffer_fini(&b);
}

Test(codec, description_names_what_is_not_empty_and_shows_values_as_they_are)
{
        expect_pairs(&(struct parcel){ .type = PARCEL }, 0, bytes_of(NULL, 0));
        static const char some[] = "\xa6weight\x05\xa8"
                                   "contents\x92\x01\x02";
        expect_pairs(&(struct parcel){ .weight = 5, .contents = full.contents }, 2,
                     bytes_of(some, sizeof some - 1));

        struct buffer b = { 0 };
        static const struct unpack_limits limits = { .depth_max = 2, .nodes_max = 100 };
        cr_assert_eq(codec_describe(&b, &shapes[PARCEL], &full), 8);
        cr_assert_eq(unpack_validate(buffer_bytes(&b), &limits, 2 * 8, NULL), 0);
        buffer_fini(&b);
}
