/* SPDX-License-Identifier: MIT
 *
 * How batches fill LMDB's pages, and that nothing is lost over it.
 */
#include "wal/store_lmdb.h"

#include "tests/lib/lmdb_file.h"
#include "tests/lib/random.h"
#include "tests/lib/store_place.h"
#include "wal/le.h"

enum { ROW_LENGTH = 1000, ROWS = 10 };

static const char tables[] = "afmz"; /* first bytes of keys; each batch adds a row to the end of each */

static size_t row_value_size(uint64_t number)
{
        return number % 100 ? 20 + number % 30 : 5000; /* which is in two pieces */
}

/* Returns the size of keys and values. */
static size_t commit_rows(struct store *s, uint64_t from)
{
        struct store_batch batch = { 0 };
        uint8_t value[5000];
        stet_why why = { "" };
        for (const char *table = tables; *table; table++)
                for (uint64_t i = from; i < from + ROW_LENGTH; i++) {
                        uint8_t key[9] = { (uint8_t)*table };
                        be64_put(key + 1, i);
                        memset(value, (int)(i & 0xff), row_value_size(i));
                        store_put(&batch, bytes_of(key, sizeof key), bytes_of(value, row_value_size(i)));
                }
        size_t bytes = batch.bytes.size;
        struct store_checkpoint to = { s->checkpoint.lsn + 1, 0 };
        cr_assert_eq(store_commit(s, &batch, to, &why), 0, "%s", why.text);
        store_batch_fini(&batch);
        return bytes;
}

struct rows_seen {
        uint64_t numbers[256]; /* of each table, the next one */
};

static int see_row(void *ctx, struct bytes key, struct bytes value)
{
        struct rows_seen *seen = ctx;
        uint64_t number = seen->numbers[key.data[0]]++;
        cr_assert_eq(be64_get(key.data + 1), number);
        cr_assert_eq(value.size, row_value_size(number));
        for (size_t i = 0; i < value.size; i++)
                cr_assert_eq(value.data[i], number & 0xff);
        return 0;
}

static size_t page_bytes(struct store *s)
{
        MDB_stat stat;
        cr_assert_eq(mdb_env_stat(env_of(s), &stat), 0);
        return (stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
}

Test(store_apply_lmdb, rows_of_new_entries_fill_pages_also_where_others_are_behind_them)
{
        enum { NODE_SIZE = PIECE_NUMBER_SIZE + PIECE_HEADER_SIZE + 10 }; /* what an entry takes beside */
        struct place p = place_new();
        struct store *s = open_at(p.path, LOG_MEMORY, 0);
        struct rows_seen seen = { { 0 } };
        stet_why why = { "" };
        size_t needed = 0;
        for (uint64_t row = 0; row < ROWS; row++)
                needed += commit_rows(s, row * ROW_LENGTH) + 4 * ROW_LENGTH * NODE_SIZE;
        cr_assert_eq(store_scan(s, bytes_str(""), bytes_str(""), false, see_row, &seen, &why), 0, "%s",
                     why.text);
        for (const char *table = tables; *table; table++)
                cr_assert_eq(seen.numbers[(uint8_t)*table], ROWS * ROW_LENGTH);
        cr_assert_lt(page_bytes(s), needed + needed / 5, "%zu bytes in pages of %zu", needed, page_bytes(s));
        store_close(s);
        assert_whole(p.path, 4 * ROWS * ROW_LENGTH);
        temp_dir_free(p.dir);
}

/* Rows, and what is behind them is changed or removed by the same batch. */
static void put_rows_and_changes(struct store_batch *batch, uint64_t *state, uint64_t *ends)
{
        for (size_t table = 0; tables[table]; table++) {
                uint8_t key[9] = { (uint8_t)tables[table] }, value[100];
                for (uint64_t i = 0; i < 3; i++) { /* the first ones are behind the row of the table before */
                        be64_put(key + 1, i);
                        random_fill(state, value, sizeof value);
                        if (random_below(state, 3) == 0)
                                store_remove(batch, bytes_of(key, sizeof key));
                        else if (random_below(state, 2) == 0)
                                store_put(batch, bytes_of(key, sizeof key),
                                          bytes_of(value, random_below(state, 100)));
                }
                for (uint64_t length = random_below(state, 2 * ROW_LENGTH); length; length--) {
                        be64_put(key + 1, ends[table]++);
                        random_fill(state, value, 8);
                        store_put(batch, bytes_of(key, sizeof key),
                                  bytes_of(value, 8 + random_below(state, 50)));
                }
        }
}

static int see_dump(void *ctx, struct bytes key, struct bytes value)
{
        buffer_append(ctx, key.data, key.size);
        buffer_append(ctx, value.data, value.size);
        return 0;
}

static struct buffer dump(struct store *s)
{
        struct buffer all = { 0 };
        stet_why why = { "" };
        cr_assert_eq(store_scan(s, bytes_str(""), bytes_str(""), false, see_dump, &all, &why), 0, "%s",
                     why.text);
        return all;
}

Test(store_apply_lmdb, what_is_behind_a_row_can_be_changed_by_the_same_batch)
{
        struct place p = place_new();
        struct store_disk *memory = store_disk_new();
        struct store *stores[] = { open_at(p.path, LOG_MEMORY, 0), store_mem_open(memory, 1) };
        struct store_batch batch = { 0 };
        uint64_t state = 7, ends[sizeof tables - 1] = { 3, 3, 3, 3 };
        stet_why why = { "" };
        for (unsigned round = 1; round <= 20; round++) {
                struct buffer all[2];
                put_rows_and_changes(&batch, &state, ends);
                for (size_t i = 0; i < 2; i++) {
                        struct store_checkpoint to = { round, 0 };
                        cr_assert_eq(store_commit(stores[i], &batch, to, &why), 0, "%s", why.text);
                        all[i] = dump(stores[i]);
                }
                cr_assert(bytes_equal(buffer_bytes(&all[0]), buffer_bytes(&all[1])), "round %u", round);
                buffer_fini(&all[0]);
                buffer_fini(&all[1]);
                store_batch_clear(&batch);
        }
        store_batch_fini(&batch);
        store_close(stores[0]);
        store_close(stores[1]);
        store_disk_free(memory);
        temp_dir_free(p.dir);
}
