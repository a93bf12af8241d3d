/* SPDX-License-Identifier: MIT
 *
 * Bytes by the msgpack specification's table of formats: every value in its shortest form.
 */
#include "base/pack.h"

#include "tests/lib/random.h"

#include <criterion/criterion.h>
#include <msgpack.h>

static struct buffer b;

/* Asserts that what was packed since the last call starts with these bytes (written in hex), and has that
 * size. */
static void expect(const char *hex, size_t size)
{
        char text[64] = "";
        size_t shown = strlen(hex) / 2;
        cr_assert_eq(b.size, size, "%zu bytes instead of %zu", b.size, size);
        for (size_t i = 0; i < shown && i < b.size; i++)
                snprintf(text + 2 * i, 3, "%02x", b.data[i]);
        cr_assert_str_eq(text, hex);
        buffer_clear(&b);
}

static void free_buffer(void)
{
        buffer_fini(&b);
}

TestSuite(pack, .fini = free_buffer);

Test(pack, integers_take_their_shortest_form)
{
        static const struct {
                int64_t value;
                const char *hex;
        } table[] = {
                { 0, "00" },
                { 127, "7f" },
                { 128, "cc80" },
                { 255, "ccff" },
                { 256, "cd0100" },
                { 65535, "cdffff" },
                { 65536, "ce00010000" },
                { UINT32_MAX, "ceffffffff" },
                { INT64_C(4294967296), "cf0000000100000000" },
                { INT64_MAX, "cf7fffffffffffffff" },
                { -1, "ff" },
                { -32, "e0" },
                { -33, "d0df" },
                { -128, "d080" },
                { -129, "d1ff7f" },
                { -32768, "d18000" },
                { -32769, "d2ffff7fff" },
                { INT32_MIN, "d280000000" },
                { INT64_C(-2147483649), "d3ffffffff7fffffff" },
                { INT64_MIN, "d38000000000000000" },
        };
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                pack_int(&b, table[i].value);
                expect(table[i].hex, strlen(table[i].hex) / 2);
                if (table[i].value < 0)
                        continue;
                pack_uint(&b, (uint64_t)table[i].value);
                expect(table[i].hex, strlen(table[i].hex) / 2);
        }
        pack_uint(&b, UINT64_MAX);
        expect("cfffffffffffffffff", 9);
}

Test(pack, nil_bools_and_doubles)
{
        pack_nil(&b);
        expect("c0", 1);
        pack_bool(&b, false);
        expect("c2", 1);
        pack_bool(&b, true);
        expect("c3", 1);
        pack_double(&b, 1.5);
        expect("cb3ff8000000000000", 9);
        pack_double(&b, -0.0);
        expect("cb8000000000000000", 9);
}

Test(pack, heads_of_texts_bytes_and_containers_take_their_shortest_form)
{
        static const struct {
                uint32_t size;
                const char *str, *bin, *array, *map;
        } table[] = {
                { 0, "a0", "c400", "90", "80" },
                { 15, "af", "c40f", "9f", "8f" },
                { 16, "b0", "c410", "dc0010", "de0010" },
                { 31, "bf", "c41f", "dc001f", "de001f" },
                { 32, "d920", "c420", "dc0020", "de0020" },
                { 255, "d9ff", "c4ff", "dc00ff", "de00ff" },
                { 256, "da0100", "c50100", "dc0100", "de0100" },
                { 65535, "daffff", "c5ffff", "dcffff", "deffff" },
                { 65536, "db00010000", "c600010000", "dd00010000", "df00010000" },
        };
        static char text[65536];
        memset(text, 'x', sizeof text);
        for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
                uint32_t size = table[i].size;
                pack_str(&b, bytes_of(text, size));
                expect(table[i].str, strlen(table[i].str) / 2 + size);
                pack_bin(&b, bytes_of(text, size));
                expect(table[i].bin, strlen(table[i].bin) / 2 + size);
                pack_array(&b, size);
                expect(table[i].array, strlen(table[i].array) / 2);
                pack_map(&b, size);
                expect(table[i].map, strlen(table[i].map) / 2);
        }
        pack_cstr(&b, "abc");
        expect("a3616263", 4);
}

Test(pack, raw_bytes_go_in_as_they_are_and_none_are_nil)
{
        pack_raw(&b, bytes_of("\x93\x01\x02\x03", 4));
        expect("93010203", 4);
        pack_raw(&b, bytes_of(NULL, 0));
        expect("c0", 1);
}

Test(pack, random_integers_have_the_bytes_of_msgpack_c)
{
        msgpack_sbuffer other;
        msgpack_packer packer;
        uint64_t random = 9;
        msgpack_sbuffer_init(&other);
        msgpack_packer_init(&packer, &other, msgpack_sbuffer_write);
        for (int i = 0; i < 10000; i++) {
                uint64_t value = random_scale(&random);
                pack_int(&b, (int64_t)value);
                pack_uint(&b, value);
                msgpack_pack_int64(&packer, (int64_t)value);
                msgpack_pack_uint64(&packer, value);
                cr_assert(bytes_equal(buffer_bytes(&b), bytes_of(other.data, other.size)));
                buffer_clear(&b);
                msgpack_sbuffer_clear(&other);
        }
        msgpack_sbuffer_destroy(&other);
}
