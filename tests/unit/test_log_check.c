/* SPDX-License-Identifier: MIT
 *
 * The reader's side of every store, over a store that is an array of batches.
 */
#include "wal/log_check.h"

#include "tests/lib/records.h"

#include <criterion/criterion.h>

/* --- fixture --- */

enum { BATCHES = 4, BATCH_RECORDS = 10 };

/* Batch i has the records 10 i + 1 to 10 i + 10. */
struct batches {
        struct log_group groups[BATCHES];
        uint64_t first_lsn;
        size_t broken;  /* this batch does not continue the one before */
        size_t failing; /* reading it fails, with half of it delivered */
        unsigned fills;
        uint64_t trim_to; /* after the first batch */
};

static void batches_make(struct batches *b)
{
        uint32_t crc = 0;
        for (size_t i = 0; i < BATCHES; i++) {
                struct log_group *g = &b->groups[i];
                log_group_reset(g, BATCH_RECORDS * i, i && i == b->broken ? crc ^ 1 : crc);
                while (g->count < BATCH_RECORDS)
                        records_put(g, 20);
                crc = g->chain;
        }
}

static void batches_fini(struct batches *b)
{
        for (size_t i = 0; i < BATCHES; i++)
                log_group_fini(&b->groups[i]);
}

static int fill(void *store, uint64_t *from_lsn, size_t size, struct buffer *batch, uint64_t *ret_lsn,
                stet_why *why)
{
        (void)size;
        struct batches *b = store;
        if (b->fills++ == 1 && b->trim_to)
                b->first_lsn = b->trim_to;
        if (*from_lsn < b->first_lsn)
                *from_lsn = b->first_lsn;
        size_t i = (*from_lsn - 1) / BATCH_RECORDS;
        if (i >= BATCHES)
                return 0;
        struct bytes bytes = buffer_bytes(&b->groups[i].bytes);
        *ret_lsn = b->groups[i].first_lsn;
        if (i && i == b->failing) {
                buffer_append(batch, bytes.data, bytes.size / 2);
                return stet_why_set(why, STET_EIO, "the store failed");
        }
        buffer_append(batch, bytes.data, bytes.size);
        return 0;
}

struct seen {
        uint64_t count;
        uint64_t first;
        uint64_t last;
};

static int see(void *ctx, const struct record *r)
{
        struct seen *seen = ctx;
        if (!seen->count++)
                seen->first = r->lsn;
        seen->last = r->lsn;
        return 0;
}

static void assert_reads(struct batches *b, uint64_t from, uint64_t first, uint64_t count, int err,
                         const char *words)
{
        struct seen seen = { 0 };
        stet_why why = { "" };
        cr_assert_eq(log_read_batches(fill, b, from, see, &seen, &why), err, "%s", why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_eq(seen.first, first);
        cr_assert_eq(seen.count, count, "%lu records", (unsigned long)seen.count);
}

/* --- behaviour --- */

Test(log_check, all_batches_are_read_from_any_record)
{
        struct batches b = { .first_lsn = 1 };
        batches_make(&b);
        assert_reads(&b, 0, 1, 40, 0, "");
        assert_reads(&b, 1, 1, 40, 0, "");
        assert_reads(&b, 15, 15, 26, 0, "");
        assert_reads(&b, 40, 40, 1, 0, "");
        assert_reads(&b, 41, 0, 0, 0, "");
        batches_fini(&b);
}

Test(log_check, the_chain_is_followed_from_batch_to_batch)
{
        struct batches b = { .first_lsn = 1, .broken = 2 };
        batches_make(&b);
        assert_reads(&b, 1, 1, 20, STET_ECORRUPT,
                     "record 21 of stream 100 does not continue the record before it");
        assert_reads(&b, 15, 15, 6, STET_ECORRUPT, "record 21 of stream 100");
        assert_reads(&b, 21, 21, 20, 0, ""); /* nothing is known of record 20 here */
        batches_fini(&b);
}

Test(log_check, the_first_record_of_all_has_no_predecessor)
{
        struct batches b = { .first_lsn = 1 };
        batches_make(&b);
        log_group_reset(&b.groups[0], 0, 77);
        while (b.groups[0].count < BATCH_RECORDS)
                records_put(&b.groups[0], 20);
        assert_reads(&b, 1, 0, 0, STET_ECORRUPT, "record 1 of stream 101 does not continue");
        batches_fini(&b);
}

Test(log_check, what_lies_before_a_failure_is_delivered)
{
        struct batches b = { .first_lsn = 1, .failing = 3 };
        batches_make(&b);
        assert_reads(&b, 1, 1, 35, STET_EIO, "the store failed");
        batches_fini(&b);
}

Test(log_check, a_log_that_is_trimmed_meanwhile_goes_on_at_its_new_beginning)
{
        struct batches b = { .first_lsn = 1, .trim_to = 25 };
        batches_make(&b);
        assert_reads(&b, 1, 1, 10 + 16, 0, "");
        batches_fini(&b);
}

Test(log_check, a_record_in_the_place_of_another_is_named)
{
        struct batches b = { .first_lsn = 1 };
        batches_make(&b);
        struct log_check check = log_check_from(5);
        struct bytes rest = buffer_bytes(&b.groups[0].bytes);
        struct record r;
        stet_why why;
        cr_assert_eq(log_check_next(&check, &rest, &r, &why), STET_ECORRUPT);
        cr_assert_not_null(strstr(why.text, "record 1 of stream 101 stands where record 5 belongs"), "%s",
                           why.text);
        batches_fini(&b);
}

Test(log_check, a_damaged_record_is_named_with_its_stream_if_its_number_can_be_believed)
{
        struct batches b = { .first_lsn = 1 };
        batches_make(&b);
        uint8_t *record = b.groups[0].bytes.data;
        record[RECORD_HEADER_SIZE] ^= 1;
        assert_reads(&b, 1, 0, 0, STET_ECORRUPT, "record 1 of stream 101 is damaged");
        record[16] ^= 8; /* its LSN */
        assert_reads(&b, 1, 0, 0, STET_ECORRUPT, "record 1 is damaged, its header too");
        batches_fini(&b);
}
