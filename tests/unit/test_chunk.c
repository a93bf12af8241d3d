/* SPDX-License-Identifier: MIT
 *
 * Chunks of records: packed where that is shorter, the same to the byte when they come back, and refused when
 * they are damaged.
 */
#include "runtime/chunk.h"

#include "tests/lib/random.h"
#include "tests/lib/records.h"
#include "wal/le.h"
#include "wal/store.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* A chunk of so many records, which repeat each other or are random. */
static struct buffer chunk_of(unsigned count, size_t body_size, bool repeating)
{
        struct log_group g = { 0 };
        struct buffer chunk = { 0 };
        uint64_t state = 42;
        log_group_reset(&g, 0, 0);
        chunk_begin(&chunk, 7);
        for (unsigned i = 0; i < count; i++) {
                size_t offset = log_group_begin(&g, RECORD_TRANSITION, 0, 1, i, i);
                uint8_t *body = buffer_reserve(&g.bytes, body_size);
                for (size_t at = 0; at < body_size; at++)
                        body[at] = (uint8_t)("order-4711"[at % 10]);
                if (!repeating)
                        random_fill(&state, body, body_size);
                g.bytes.size += body_size;
                log_group_end(&g, offset);
                chunk_append(&chunk, bytes_of(g.bytes.data + offset, g.bytes.size - offset), NULL, 0);
        }
        log_group_fini(&g);
        return chunk;
}

static void assert_comes_back(struct bytes stored, struct bytes chunk)
{
        struct buffer again = { 0 }, unpacked = { 0 };
        struct bytes records;
        cr_assert_eq(chunk_sequence(stored), chunk_sequence(chunk));
        cr_assert_eq(chunk_count(stored), chunk_count(chunk));
        cr_assert_eq(chunk_open(stored, &unpacked, &records), 0);
        cr_assert(
            bytes_equal(records, bytes_of(chunk.data + CHUNK_HEADER_SIZE, chunk.size - CHUNK_HEADER_SIZE)));
        cr_assert_eq(chunk_unpack(stored, &again), 0);
        cr_assert(bytes_equal(buffer_bytes(&again), chunk));
        buffer_fini(&again);
        buffer_fini(&unpacked);
}

Test(chunk, what_repeats_itself_is_stored_in_less_and_comes_back_to_the_byte)
{
        struct chunk_packer packer = { 0 };
        for (unsigned count = 1; count <= 64; count *= 2) {
                struct buffer chunk = chunk_of(count, 300, true);
                struct bytes stored = chunk_pack(&packer, buffer_bytes(&chunk));
                cr_assert_lt(stored.size, chunk.size / 2, "%u records", count);
                assert_comes_back(stored, buffer_bytes(&chunk));
                buffer_fini(&chunk);
        }
        chunk_packer_fini(&packer);
}

Test(chunk, what_can_not_be_made_shorter_is_stored_as_it_is)
{
        static const size_t sizes[] = { 1, 16, 4000, 100000 };
        struct chunk_packer packer = { 0 };
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                struct buffer chunk = chunk_of(1, sizes[i], false);
                struct bytes stored = chunk_pack(&packer, buffer_bytes(&chunk));
                cr_assert_leq(stored.size, chunk.size);
                assert_comes_back(stored, buffer_bytes(&chunk));
                buffer_fini(&chunk);
        }
        struct buffer empty = { 0 };
        chunk_begin(&empty, 3);
        assert_comes_back(chunk_pack(&packer, buffer_bytes(&empty)), buffer_bytes(&empty));
        buffer_fini(&empty);
        chunk_packer_fini(&packer);
}

Test(chunk, records_are_appended_to_one_that_was_packed)
{
        struct chunk_packer packer = { 0 };
        struct buffer two = chunk_of(2, 300, true), three = chunk_of(3, 300, true), again = { 0 };
        cr_assert_eq(chunk_unpack(chunk_pack(&packer, buffer_bytes(&two)), &again), 0);
        chunk_append(&again, bytes_of(three.data + two.size, three.size - two.size), NULL, 0);
        cr_assert(bytes_equal(buffer_bytes(&again), buffer_bytes(&three)));
        buffer_fini(&two);
        buffer_fini(&three);
        buffer_fini(&again);
        chunk_packer_fini(&packer);
}

static void assert_refused(struct bytes stored, const char *what, size_t number)
{
        struct buffer unpacked = { 0 };
        struct bytes records;
        cr_assert_eq(chunk_open(stored, &unpacked, &records), STET_ECORRUPT, "%s %zu", what, number);
        cr_assert_eq(chunk_unpack(stored, &unpacked), STET_ECORRUPT, "%s %zu", what, number);
        buffer_fini(&unpacked);
}

Test(chunk, one_that_was_cut_is_refused_at_every_length)
{
        struct chunk_packer packer = { 0 };
        struct buffer chunk = chunk_of(4, 300, true);
        struct bytes stored = chunk_pack(&packer, buffer_bytes(&chunk));
        for (size_t size = 0; size < stored.size; size++) {
                uint8_t *cut = xmemdup(stored.data, size);
                assert_refused(bytes_of(cut, size), "cut to", size);
                free(cut);
        }
        buffer_fini(&chunk);
        chunk_packer_fini(&packer);
}

Test(chunk, a_wrong_version_or_size_is_refused_before_memory_is_taken_for_it)
{
        struct chunk_packer packer = { 0 };
        struct buffer chunk = chunk_of(4, 300, true), damaged = { 0 };
        static const uint32_t sizes[] = { 0, 1, STORE_VALUE_MAX + 1, INT32_MAX, UINT32_MAX };
        struct bytes stored = chunk_pack(&packer, buffer_bytes(&chunk));
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
                buffer_clear(&damaged);
                buffer_append(&damaged, stored.data, stored.size);
                le32_put(damaged.data + CHUNK_HEADER_SIZE, sizes[i]);
                assert_refused(buffer_bytes(&damaged), "size", sizes[i]);
        }
        buffer_clear(&damaged);
        buffer_append(&damaged, stored.data, stored.size);
        damaged.data[0] = 3;
        assert_refused(buffer_bytes(&damaged), "version", 3);
        buffer_fini(&damaged);
        buffer_fini(&chunk);
        chunk_packer_fini(&packer);
}

/* The store's checksum finds it first; this is for who gets past that. Sanitizers watch. */
Test(chunk, no_flipped_bit_leads_out_of_bounds)
{
        struct chunk_packer packer = { 0 };
        struct buffer chunk = chunk_of(4, 300, true), unpacked = { 0 };
        struct bytes stored = chunk_pack(&packer, buffer_bytes(&chunk)), records;
        uint8_t *damaged = xmemdup(stored.data, stored.size);
        for (size_t bit = 0; bit < 8 * stored.size; bit++) {
                damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
                struct chunk_item item;
                int err = chunk_open(bytes_of(damaged, stored.size), &unpacked, &records);
                while (!err && records.size)
                        err = chunk_next(&records, &item);
                cr_assert(!err || err == STET_ECORRUPT);
                damaged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        free(damaged);
        buffer_fini(&unpacked);
        buffer_fini(&chunk);
        chunk_packer_fini(&packer);
}
