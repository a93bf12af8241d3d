/* SPDX-License-Identifier: MIT
 *
 * A record proves itself by its checksum wherever it is found, in the log or in a chunk of the store, and
 * never changes; so whatever is found of a run is put together by LSN. A run is whole when its records lead
 * from its start to the last one that anything knows of it, without a gap, and fold. Numbers are given anew,
 * since a log has none without a record: above all old ones, because a run's id is the LSN of its start.
 */
#include "runtime/recover.h"

#include "actors/run_image.h"
#include "runtime/chunk.h"
#include "runtime/run_set.h"
#include "runtime/run_store.h"
#include "wal/block.h"
#include "wal/record_layout.h"
#include "wal/store_entry.h"

#include <inttypes.h>
#include <stdlib.h>

void recovery_fini(struct recovery *r)
{
        buffer_fini(&r->bytes);
        buffer_fini(&r->removed);
        buffer_fini(&r->expected);
        free(r->records);
        free(r->blocks);
        free(r->pieces);
        *r = (struct recovery){ 0 };
}

static void *grown(void *array, size_t count, size_t *capacity, size_t item_size)
{
        if (count < *capacity)
                return array;
        *capacity = *capacity ? 2 * *capacity : 256;
        return xrealloc(array, *capacity * item_size);
}

static size_t keep(struct recovery *r, struct bytes data)
{
        size_t at = r->bytes.size;
        buffer_append(&r->bytes, data.data, data.size);
        return at;
}

static struct bytes kept(const struct recovery *r, size_t at, size_t size)
{
        return bytes_of(r->bytes.data + at, size);
}

/* --- records --- */

static void take_record(struct recovery *r, const struct record *record, struct bytes encoded)
{
        if (record->lsn > r->last_lsn)
                r->last_lsn = record->lsn;
        if (record->kind == RECORD_REMOVAL) {
                struct cursor ids = cursor_of(record->body);
                uint64_t id;
                while (run_removal_next(&ids, &id))
                        buffer_append(&r->removed, &id, sizeof id);
        }
        if (record->kind != RECORD_TRANSITION)
                return;
        r->records = grown(r->records, r->records_count, &r->records_capacity, sizeof *r->records);
        r->records[r->records_count++] = (struct saved_record){
                .run = record->stream, .lsn = record->lsn, .offset = keep(r, encoded), .size = encoded.size
        };
}

/* As many as are whole; behind a damaged one the next is where its length says, or nowhere. */
static void take_records(struct recovery *r, struct bytes rest)
{
        while (record_fits(rest)) {
                struct record record;
                size_t size = record_length(rest.data), whole;
                if (record_decode(rest, &record, &whole) == 0)
                        take_record(r, &record, bytes_of(rest.data, size));
                else
                        r->unreadable++;
                rest = bytes_of(rest.data + size, rest.size - size);
        }
        r->unreadable += rest.size != 0;
}

/* --- the log --- */

static void add_piece(struct recovery *r, struct saved_piece **list, size_t *count, size_t *capacity,
                      struct bytes key, uint16_t number, struct bytes value)
{
        *list = grown(*list, *count, capacity, sizeof **list);
        size_t key_at = keep(r, key);
        (*list)[(*count)++] = (struct saved_piece){ key_at, key.size, number, keep(r, value), value.size };
}

void recovery_take_log(void *ctx, struct bytes key, struct bytes value)
{
        struct recovery *r = ctx;
        struct block block;
        if (block_decode(key, value, &block)) {
                /* The head is no block; without it the log is not missed, but its damage tells of more. */
                r->unreadable += log_head_decode(value, &(struct log_head){ 0 }, NULL) != 0;
                return;
        }
        if (block.pieces == 1)
                take_records(r, block.body);
        else
                add_piece(r, &r->blocks, &r->blocks_count, &r->blocks_capacity, bytes_of(key.data, 8),
                          block.piece, block.body);
}

/* --- the store --- */

void recovery_take_store(void *ctx, struct bytes lmdb_key, struct bytes value)
{
        struct recovery *r = ctx;
        struct bytes key;
        uint16_t number;
        if (piece_key_split(lmdb_key, &key, &number) &&
            (key.data[0] == 'b' || key.data[0] == 'z' || key.data[0] == 'r'))
                add_piece(r, &r->pieces, &r->pieces_count, &r->pieces_capacity, key, number, value);
}

/* --- putting together --- */

static int compare_pieces(const void *left, const void *right, void *bytes)
{
        const struct saved_piece *a = left, *b = right;
        const uint8_t *data = bytes;
        int order =
            bytes_compare(bytes_of(data + a->key_at, a->key_size), bytes_of(data + b->key_at, b->key_size));
        return order ? order : (int)a->number - (int)b->number;
}

static void sort_pieces(const struct recovery *r, struct saved_piece *list, size_t count)
{
        if (count)
                qsort_r(list, count, sizeof *list, compare_pieces, r->bytes.data);
}

static bool same_key(const struct recovery *r, const struct saved_piece *a, const struct saved_piece *b)
{
        return bytes_equal(kept(r, a->key_at, a->key_size), kept(r, b->key_at, b->key_size));
}

/* One past the last with that key. */
static size_t end_of_key(const struct recovery *r, const struct saved_piece *list, size_t count, size_t at)
{
        size_t end = at + 1;
        while (end < count && same_key(r, &list[at], &list[end]))
                end++;
        return end;
}

/* Pieces of a block are told apart by nothing but their number: a log never has two versions of one. */
static void join_blocks(struct recovery *r)
{
        struct buffer whole = { 0 };
        sort_pieces(r, r->blocks, r->blocks_count);
        for (size_t at = 0, end; at < r->blocks_count; at = end) {
                end = end_of_key(r, r->blocks, r->blocks_count, at);
                unsigned due = 0;
                buffer_clear(&whole);
                for (size_t i = at; i < end; i++) {
                        struct bytes body = kept(r, r->blocks[i].offset, r->blocks[i].size);
                        if (r->blocks[i].number == due)
                                buffer_append(&whole, body.data, body.size);
                        due += r->blocks[i].number == due;
                }
                take_records(r, buffer_bytes(&whole));
        }
        buffer_fini(&whole);
}

static bool decode_piece(const struct recovery *r, const struct saved_piece *piece, uint32_t *chain,
                         struct bytes *ret_body)
{
        struct piece_key key;
        piece_key_make(&key, kept(r, piece->key_at, piece->key_size));
        piece_key_set(&key, piece->number);
        return piece_decode(bytes_of(key.data, key.size), kept(r, piece->offset, piece->size), chain,
                            ret_body) == 0;
}

/* The value that begins with that piece 0: each piece names the one before it, so that versions are not
 * mixed. */
static bool join_value(const struct recovery *r, size_t first, size_t end, struct buffer *ret)
{
        const struct saved_piece *piece = &r->pieces[first];
        uint32_t chain = 0;
        struct bytes body;
        buffer_clear(ret);
        if (piece->number || !decode_piece(r, piece, &chain, &body))
                return false;
        for (size_t next = first;;) {
                buffer_append(ret, body.data, body.size);
                if (!piece_is_full(piece->size))
                        return true;
                unsigned due = piece->number + 1u;
                bool found = false;
                for (next++; next < end && !found; next++) {
                        piece = &r->pieces[next];
                        found = piece->number == due && decode_piece(r, piece, &chain, &body);
                }
                if (!found)
                        return false;
                next--;
        }
}

/* The first piece of the big value with that hash; the value is checked where it is put in, by the record's
 * own checksum. */
static bool find_value(const struct recovery *r, const uint8_t hash[CHUNK_HASH_SIZE], struct buffer *ret)
{
        size_t low = 0, high = r->pieces_count;
        struct run_key key = run_key_of('b');
        memcpy(key.bytes + 1, hash, CHUNK_HASH_SIZE);
        key.size += CHUNK_HASH_SIZE;
        while (low < high) {
                size_t middle = (low + high) / 2;
                const struct saved_piece *p = &r->pieces[middle];
                if (bytes_compare(kept(r, p->key_at, p->key_size), run_key_bytes(&key)) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        if (low == r->pieces_count ||
            !bytes_equal(kept(r, r->pieces[low].key_at, r->pieces[low].key_size), run_key_bytes(&key)))
                return false;
        size_t end = end_of_key(r, r->pieces, r->pieces_count, low);
        for (size_t i = low; i < end; i++)
                if (join_value(r, i, end, ret))
                        return true;
        return false;
}

/* Puts the big values back to where they were taken from. */
static bool restore_record(const struct recovery *r, const struct chunk_item *item, struct buffer *ret)
{
        const uint8_t *at = item->bytes.data;
        struct buffer value = { 0 };
        bool whole = true;
        buffer_clear(ret);
        for (size_t i = 0; i < item->values_count && whole; i++) {
                size_t gap = item->values[i].offset - ret->size;
                whole = item->values[i].offset >= ret->size && gap <= (size_t)(bytes_end(item->bytes) - at) &&
                        find_value(r, item->values[i].hash, &value) && value.size == item->values[i].size;
                if (!whole)
                        break;
                buffer_append(ret, at, gap);
                at += gap;
                buffer_append(ret, value.data, value.size);
        }
        if (whole)
                buffer_append(ret, at, (size_t)(bytes_end(item->bytes) - at));
        buffer_fini(&value);
        return whole;
}

static void take_chunk(struct recovery *r, struct bytes chunk)
{
        struct buffer records = { 0 }, record = { 0 };
        struct chunk_item item;
        struct bytes rest;
        bool readable = chunk_open(chunk, &records, &rest) == 0;
        while (readable && rest.size && (readable = chunk_next(&rest, &item) == 0)) {
                if (restore_record(r, &item, &record))
                        take_records(r, buffer_bytes(&record));
                else
                        r->unreadable++;
        }
        r->unreadable += !readable;
        buffer_fini(&records);
        buffer_fini(&record);
}

static void take_image(struct recovery *r, struct bytes key, struct bytes image)
{
        struct run_tables tables = { .ops_count = 0 };
        struct run *run;
        uint64_t known[2] = { run_key_number(key, 1), 0 };
        if (run_image_decode(image, known[0], &tables, &run) == 0) {
                known[1] = run->last_lsn;
                run_free(run, &tables);
        } else {
                r->unreadable++;
        }
        buffer_append(&r->expected, known, sizeof known);
        run_tables_fini(&tables);
}

static void join_values(struct recovery *r)
{
        struct buffer value = { 0 };
        sort_pieces(r, r->pieces, r->pieces_count);
        for (size_t at = 0, end; at < r->pieces_count; at = end) {
                end = end_of_key(r, r->pieces, r->pieces_count, at);
                for (size_t i = at; i < end; i++) {
                        /* What is taken moves the bytes: the key is copied. */
                        uint8_t key[STORE_KEY_MAX];
                        size_t key_size = r->pieces[at].key_size;
                        memcpy(key, r->bytes.data + r->pieces[at].key_at, key_size);
                        bool joined = !r->pieces[i].number && join_value(r, i, end, &value);
                        r->unreadable += !r->pieces[i].number && !joined;
                        if (!joined || key[0] == 'b')
                                continue;
                        if (key[0] == 'z')
                                take_chunk(r, buffer_bytes(&value));
                        else
                                take_image(r, bytes_of(key, key_size), buffer_bytes(&value));
                }
        }
        buffer_fini(&value);
}

/* --- runs --- */

static int by_run(const void *left, const void *right)
{
        const struct saved_record *a = left, *b = right;
        if (a->run != b->run)
                return a->run < b->run ? -1 : 1;
        return a->lsn < b->lsn ? -1 : a->lsn > b->lsn;
}

static int by_lsn(const void *left, const void *right)
{
        const struct saved_record *a = left, *b = right;
        return a->lsn < b->lsn ? -1 : a->lsn > b->lsn;
}

static int by_number(const void *left, const void *right)
{
        const uint64_t *a = left, *b = right;
        return *a < *b ? -1 : *a > *b;
}

/* The same record may have been found in the log, in the store and in old pages. */
static void drop_repeats(struct recovery *r)
{
        size_t count = 0;
        for (size_t i = 0; i < r->records_count; i++)
                if (!count || by_run(&r->records[count - 1], &r->records[i]) != 0)
                        r->records[count++] = r->records[i];
        r->records_count = count;
}

static bool was_removed(const struct recovery *r, uint64_t run)
{
        return r->removed.size &&
               bsearch(&run, r->removed.data, r->removed.size / sizeof run, sizeof run, by_number);
}

/* How far images know the run. */
static uint64_t known_until(const struct recovery *r, uint64_t run)
{
        const uint64_t(*known)[2] = (const void *)r->expected.data;
        uint64_t last = 0;
        size_t count = r->expected.size / sizeof *known, low = 0, high = count;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (known[middle][0] < run)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (; low < count && known[low][0] == run; low++)
                if (known[low][1] > last)
                        last = known[low][1];
        return last;
}

/* 0, or the sentence that says what is missing. */
static int check_run(const struct recovery *r, size_t at, size_t end, stet_why *why)
{
        struct run_tables tables = { .ops_count = 0 };
        struct run *run = run_new(NULL, r->records[at].run);
        uint64_t last = known_until(r, run->id);
        int err = 0;
        for (size_t i = at; i < end && !err; i++) {
                struct record record;
                size_t size;
                record_decode(kept(r, r->records[i].offset, r->records[i].size), &record, &size);
                if (record.previous_lsn != run->last_lsn)
                        err = stet_why_set(why, STET_ECORRUPT,
                                           "its records between %" PRIu64 " and %" PRIu64 " are lost",
                                           run->last_lsn, record.lsn);
                else if (run_apply(run, &tables, record.lsn, record.flags, record.time_ns, record.body))
                        err = stet_why_set(why, STET_ECORRUPT, "its record %" PRIu64 " does not fit",
                                           record.lsn);
        }
        if (!err && run->last_lsn < last)
                err = stet_why_set(why, STET_ECORRUPT, "its records from %" PRIu64 " to %" PRIu64 " are lost",
                                   run->last_lsn + 1, last);
        run_free(run, &tables);
        run_tables_fini(&tables);
        return err;
}

static uint64_t check_runs(struct recovery *r, recovery_lost_fn *lost, void *ctx)
{
        uint64_t whole = 0;
        for (size_t at = 0, end; at < r->records_count; at = end) {
                uint64_t run = r->records[at].run;
                stet_why why;
                for (end = at + 1; end < r->records_count && r->records[end].run == run;)
                        end++;
                if (was_removed(r, run))
                        continue;
                bool taken = check_run(r, at, end, &why) == 0;
                if (!taken)
                        lost(ctx, run, why.text);
                for (size_t i = at; i < end; i++)
                        r->records[i].taken = taken;
                whole += taken;
        }
        return whole;
}

static bool has_records(const struct recovery *r, uint64_t run)
{
        size_t low = 0, high = r->records_count;
        while (low < high) {
                size_t middle = (low + high) / 2;
                if (r->records[middle].run < run)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < r->records_count && r->records[low].run == run;
}

/* Runs of which there is an image and not one record. */
static void tell_recordless(const struct recovery *r, recovery_lost_fn *lost, void *ctx)
{
        const uint64_t(*known)[2] = (const void *)r->expected.data;
        for (size_t i = 0; i < r->expected.size / sizeof *known; i++)
                if ((!i || known[i][0] != known[i - 1][0]) && !has_records(r, known[i][0]) &&
                    !was_removed(r, known[i][0]))
                        lost(ctx, known[i][0], "all its records are lost");
}

uint64_t recovery_sort_out(struct recovery *r, recovery_lost_fn *lost, void *ctx)
{
        join_blocks(r);
        join_values(r);
        if (r->removed.size)
                qsort(r->removed.data, r->removed.size / 8, 8, by_number);
        if (r->expected.size)
                qsort(r->expected.data, r->expected.size / 16, 16, by_number);
        if (r->records_count)
                qsort(r->records, r->records_count, sizeof *r->records, by_run);
        drop_repeats(r);
        uint64_t whole = check_runs(r, lost, ctx);
        tell_recordless(r, lost, ctx);
        if (r->records_count)
                qsort(r->records, r->records_count, sizeof *r->records, by_lsn);
        return whole;
}

/* --- writing --- */

struct last {
        struct map_node by_run;
        struct last *next;
        uint64_t lsn; /* new */
};

/* The run's last record in the new log; made when it has none yet. */
static struct last *last_of(struct map *map, struct last **all, uint64_t run)
{
        struct map_node *n = map_find(map, run);
        if (n)
                return container_of(n, struct last, by_run);
        struct last *last = xcalloc(1, sizeof *last);
        last->next = *all;
        *all = last;
        map_put(map, &last->by_run, run);
        return last;
}

static void write_record(struct log_group *group, struct last *last, const struct record *record)
{
        size_t at = log_group_begin(group, RECORD_TRANSITION, record->flags, record->stream, last->lsn,
                                    record->time_ns);
        buffer_append(&group->bytes, record->body.data, record->body.size);
        last->lsn = log_group_end(group, at);
}

static int flush(struct log *log, struct log_group *group, stet_why *why)
{
        int err = log_append(log, log->epoch, group, why);
        log_group_reset(group, log->last_lsn, log->last_crc);
        return err;
}

int recovery_write(const struct recovery *r, struct log *log, stet_why *why)
{
        enum { GROUP_BYTES = 4 << 20 };
        struct map map = { 0 };
        struct last *all = NULL;
        struct log_group group = { .count = 0 };
        int err = 0;
        log_group_reset(&group, log->last_lsn, log->last_crc);
        for (size_t i = 0; i < r->records_count && !err; i++) {
                struct record record;
                size_t size;
                if (!r->records[i].taken)
                        continue;
                record_decode(kept(r, r->records[i].offset, r->records[i].size), &record, &size);
                write_record(&group, last_of(&map, &all, record.stream), &record);
                if (group.bytes.size >= GROUP_BYTES)
                        err = flush(log, &group, why);
        }
        if (!err)
                err = flush(log, &group, why);
        for (struct last *next; all; all = next) {
                next = all->next;
                free(all);
        }
        map_fini(&map);
        log_group_fini(&group);
        return err;
}
