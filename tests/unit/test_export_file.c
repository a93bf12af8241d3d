/* SPDX-License-Identifier: MIT */
#include "runtime/export_file.h"

#include "base/crc32c.h"
#include "wal/record_layout.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { RUN = 7, OTHER_RUN = 8, RECORDS = 4 };

/* --- a run of four transitions: start, two signals, cancel; other runs' records between them --- */

struct made {
        struct buffer records;
        struct buffer file;
};

static void put(struct made *m, uint64_t lsn, uint64_t run, uint64_t previous, const struct event *event)
{
        struct buffer body = { 0 };
        event_encode(&body, event);
        const struct record record = { .kind = RECORD_TRANSITION,
                                       .flags = TRANSITION_DELIVERED,
                                       .lsn = lsn,
                                       .stream = run,
                                       .previous_lsn = previous,
                                       .time_ns = (int64_t)lsn * 1000000,
                                       .chain = 17,
                                       .body = buffer_bytes(&body) };
        record_encode(&m->records, &record);
        buffer_fini(&body);
}

static void put_run(struct made *m)
{
        static const uint8_t input[] = { 0xa2, 'h', 'i' };
        const struct event start = { .type = EVENT_START,
                                     .ns = bytes_str("shop"),
                                     .workflow = bytes_str("order"),
                                     .id = bytes_str("order-1"),
                                     .request_id = bytes_str("r1"),
                                     .value = bytes_of(input, sizeof input) };
        struct event signal = { .type = EVENT_SIGNAL,
                                .name = bytes_str("go"),
                                .request_id = bytes_str("r2") };
        const struct event cancel = { .type = EVENT_CANCEL, .request_id = bytes_str("r4") };
        put(m, 10, RUN, 0, &start);
        put(m, 11, RUN, 10, &signal);
        signal.request_id = bytes_str("r3");
        put(m, 15, RUN, 11, &signal);
        put(m, 16, RUN, 15, &cancel);
}

static struct export_header header_of_run(void)
{
        return (struct export_header){ .run = RUN,
                                       .incarnation = 99,
                                       .exported_ms = 123456789,
                                       .ns = bytes_str("shop"),
                                       .workflow = bytes_str("order"),
                                       .workflow_id = bytes_str("order-1") };
}

static int write_file(struct made *m, const struct export_header *header, uint64_t wanted, size_t piece_size,
                      stet_why *why)
{
        struct export_writer w;
        int err = 0;
        buffer_clear(&m->file);
        export_begin(&w, header, wanted, &m->file);
        for (size_t at = 0; at < m->records.size && !err; at += piece_size) {
                size_t left = m->records.size - at;
                err = export_add(&w, bytes_of(m->records.data + at, left < piece_size ? left : piece_size),
                                 &m->file, why);
        }
        export_end(&w, &m->file);
        export_writer_fini(&w);
        return err;
}

static struct made make(void)
{
        struct made m = { 0 };
        const struct export_header header = header_of_run();
        put_run(&m);
        cr_assert_eq(write_file(&m, &header, RECORDS, SIZE_MAX, NULL), 0);
        return m;
}

static void made_fini(struct made *m)
{
        buffer_fini(&m->records);
        buffer_fini(&m->file);
}

static int open_bytes(struct bytes bytes, stet_why *why)
{
        struct export_file f;
        int err = export_file_open(bytes, &f, why);
        if (!err)
                export_file_close(&f);
        return err;
}

static uint64_t number_at(struct bytes map, const char *key)
{
        struct cursor c = cursor_find(map, key);
        return cursor_uint(&c);
}

static bool text_is(struct bytes map, const char *key, const char *text)
{
        struct cursor c = cursor_find(map, key);
        return bytes_equal(cursor_str(&c), bytes_str(text));
}

/* Makes the file's checksum right again after a change before it. */
static void mend(struct buffer *file)
{
        uint8_t *crc = file->data + file->size - 4;
        le32_put(crc, crc32c(0, file->data, file->size - 4));
}

static void expect_refusal(struct made *m, int expected, const char *words)
{
        stet_why why = { "" };
        cr_assert_eq(open_bytes(buffer_bytes(&m->file), &why), expected);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        made_fini(m);
}

/* --- what comes back --- */

Test(export_file, shows_the_run_that_was_written)
{
        struct made m = make();
        struct export_file f;
        struct buffer shown = { 0 };
        cr_assert_eq(export_file_open(buffer_bytes(&m.file), &f, NULL), 0);
        cr_assert_eq(f.header.incarnation, 99);
        cr_assert_eq(f.header.exported_ms, 123456789);
        cr_assert_eq(export_file_show(&f, &shown, NULL), 0);
        struct bytes map = buffer_bytes(&shown);
        cr_assert(text_is(map, "run_id", "0000000000000007"));
        cr_assert(text_is(map, "workflow_id", "order-1"));
        cr_assert(text_is(map, "namespace", "shop"));
        cr_assert(text_is(map, "state", "open"));
        cr_assert(text_is(map, "input", "hi"));
        cr_assert_eq(number_at(map, "transitions"), RECORDS);
        cr_assert_eq(number_at(map, "started_ms"), 10);
        buffer_fini(&shown);
        export_file_close(&f);
        made_fini(&m);
}

Test(export_file, what_only_the_node_knew_is_in_the_header)
{
        struct made m = { 0 };
        struct export_header header = header_of_run();
        struct buffer list = { 0 }, shown = { 0 };
        struct export_file f;
        pack_array(&list, 1);
        pack_cstr(&list, "a signal");
        header.reason = bytes_str("its code is not here");
        header.blocked_on = buffer_bytes(&list);
        put_run(&m);
        cr_assert_eq(write_file(&m, &header, RECORDS, SIZE_MAX, NULL), 0);
        cr_assert_eq(export_file_open(buffer_bytes(&m.file), &f, NULL), 0);
        cr_assert_eq(export_file_show(&f, &shown, NULL), 0);
        cr_assert(text_is(buffer_bytes(&shown), "state", "blocked"));
        cr_assert(text_is(buffer_bytes(&shown), "reason", "its code is not here"));
        struct cursor c = cursor_find(buffer_bytes(&shown), "blocked_on");
        cr_assert_eq(cursor_array(&c), 1);
        export_file_close(&f);
        buffer_fini(&list);
        buffer_fini(&shown);
        made_fini(&m);
}

Test(export_file, gives_the_history_in_pages)
{
        struct made m = make();
        struct export_file f;
        cr_assert_eq(export_file_open(buffer_bytes(&m.file), &f, NULL), 0);
        static const uint64_t lsns[RECORDS] = { 10, 11, 15, 16 };
        for (uint64_t from = 0; from <= RECORDS + 1; from++) {
                struct buffer page = { 0 };
                uint64_t count = from >= RECORDS ? 0 : from + 2 > RECORDS ? RECORDS - from : 2;
                cr_assert_eq(export_file_history(&f, from, 2, &page, NULL), 0);
                struct cursor c = cursor_of(buffer_bytes(&page));
                cr_assert_eq(cursor_array(&c), count);
                for (uint64_t i = 0; i < count; i++) {
                        struct bytes transition = cursor_skip(&c);
                        cr_assert_eq(number_at(transition, "seq"), from + i);
                        cr_assert_eq(number_at(transition, "lsn"), lsns[from + i]);
                }
                cr_assert(cursor_end(&c));
                buffer_fini(&page);
        }
        export_file_close(&f);
        made_fini(&m);
}

/* --- writing --- */

Test(export_file, pieces_of_any_size_make_the_same_file)
{
        struct made m = make(), again = { 0 };
        const struct export_header header = header_of_run();
        put_run(&again);
        for (size_t size = 1; size < 200; size++) {
                cr_assert_eq(write_file(&again, &header, RECORDS, size, NULL), 0);
                cr_assert(bytes_equal(buffer_bytes(&m.file), buffer_bytes(&again.file)));
        }
        made_fini(&m);
        made_fini(&again);
}

Test(export_file, records_beyond_those_wanted_are_left_out)
{
        struct made m = { 0 };
        const struct export_header header = header_of_run();
        struct export_file f;
        put_run(&m);
        cr_assert_eq(write_file(&m, &header, RECORDS - 1, 10, NULL), 0);
        cr_assert_eq(export_file_open(buffer_bytes(&m.file), &f, NULL), 0);
        cr_assert_eq(f.records_count, RECORDS - 1);
        export_file_close(&f);
        made_fini(&m);
}

Test(export_file, records_of_another_run_or_out_of_order_are_not_written)
{
        const struct export_header header = header_of_run();
        const struct event signal = { .type = EVENT_SIGNAL, .name = bytes_str("go") };
        static const struct {
                uint64_t lsn, run, previous;
        } wrong[] = { { 17, OTHER_RUN, 16 }, { 17, RUN, 15 }, { 12, RUN, 16 } };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct made m = { 0 };
                stet_why why = { "" };
                put_run(&m);
                put(&m, wrong[i].lsn, wrong[i].run, wrong[i].previous, &signal);
                cr_assert_eq(write_file(&m, &header, RECORDS + 1, SIZE_MAX, &why), STET_ECORRUPT);
                cr_assert_not_null(strstr(why.text, "does not follow"), "%s", why.text);
                made_fini(&m);
        }
}

/* --- refusals --- */

Test(export_file, every_flipped_bit_is_found)
{
        struct made m = make();
        for (size_t bit = 0; bit < 8 * m.file.size; bit++) {
                m.file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                int err = open_bytes(buffer_bytes(&m.file), NULL);
                cr_assert(err == STET_ECORRUPT || (err == STET_EFORMAT && bit < 64), "bit %zu: %d", bit, err);
                m.file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        made_fini(&m);
}

Test(export_file, every_cut_is_found_and_so_is_what_is_added)
{
        struct made m = make();
        for (size_t size = 0; size < m.file.size; size++) {
                int err = open_bytes(bytes_of(m.file.data, size), NULL);
                cr_assert(err == STET_ECORRUPT || (err == STET_EFORMAT && size < 8), "%zu bytes: %d", size,
                          err);
        }
        buffer_append(&m.file, "", 1);
        cr_assert_eq(open_bytes(buffer_bytes(&m.file), NULL), STET_ECORRUPT);
        made_fini(&m);
}

Test(export_file, a_newer_format_is_refused_whatever_follows)
{
        struct made m = make();
        le32_put(m.file.data + 8, EXPORT_FORMAT + 1);
        le32_put(m.file.data + 16, crc32c(0, m.file.data, 16));
        m.file.size = 21;
        expect_refusal(&m, STET_ENEWER, "format 2");
}

Test(export_file, other_bytes_are_told_to_be_no_export)
{
        stet_why why = { "" };
        cr_assert_eq(open_bytes(bytes_str("%PDF-1.7 and more of it than a beginning has"), &why),
                     STET_EFORMAT);
        cr_assert_eq(open_bytes(bytes_of(NULL, 0), &why), STET_EFORMAT);
}

Test(export_file, a_header_of_another_run_is_refused)
{
        struct made m = { 0 };
        struct export_header header = header_of_run();
        header.workflow_id = bytes_str("order-2");
        put_run(&m);
        cr_assert_eq(write_file(&m, &header, RECORDS, SIZE_MAX, NULL), 0);
        expect_refusal(&m, STET_ECORRUPT, "another run's");
}

Test(export_file, a_number_of_records_that_is_not_theirs_is_refused)
{
        struct made m = make();
        le64_put(m.file.data + m.file.size - 12, RECORDS - 1);
        mend(&m.file);
        expect_refusal(&m, STET_ECORRUPT, "footer counts");
}

Test(export_file, a_run_without_records_is_refused)
{
        struct made m = { 0 };
        const struct export_header header = header_of_run();
        cr_assert_eq(write_file(&m, &header, 0, SIZE_MAX, NULL), 0);
        expect_refusal(&m, STET_ECORRUPT, "footer counts");
}
