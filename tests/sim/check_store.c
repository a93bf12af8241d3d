/* SPDX-License-Identifier: MIT
 *
 * The store alone: it must say what the records up to its checkpoint add up to (P32), however many steps it
 * took and whatever broke in between. So another one is made, from the model's records and in one step, and
 * compared with it entry by entry. Only in what records share a chunk may the two differ.
 */
#include "tests/sim/keeper.h"

#include "runtime/checkpointer.h"
#include "tests/sim/archive.h"
#include "tests/sim/model.h"
#include "wal/record_layout.h"

struct other {
        struct store_disk *disk;
        struct store *store;
        struct run_store runs;
};

static bool other_open(struct sim *s, uint32_t shard, struct store_checkpoint to, struct other *ret)
{
        stet_why why = { "" };
        struct checkpointer_batch batch;
        ret->disk = store_disk_new();
        ret->store = store_mem_open(ret->disk, 1);
        int err = run_store_open(ret->store, keeper_seed(s, shard), &ret->runs, &why);
        struct checkpointer *c =
            checkpointer_new(archive_log(model_archive(s->model, shard), to.lsn), &ret->runs);
        if (!err)
                err = checkpointer_step(c, to.lsn, SIZE_MAX, &batch, &why);
        checkpointer_free(c);
        if (err)
                sim_break(s, "P32: the records of shard %u up to %llu make no store: %s", shard,
                          (unsigned long long)to.lsn, why.text);
        return !err;
}

static void other_close(struct other *o)
{
        store_close(o->store);
        store_disk_free(o->disk);
}

/* --- comparing --- */

static void put_sized(struct buffer *b, struct bytes data)
{
        uint32_t size = (uint32_t)data.size;
        buffer_append(b, &size, sizeof size);
        buffer_append(b, data.data, data.size);
}

struct dump {
        struct buffer entries; /* but chunks */
        struct buffer records; /* of chunks */
        const struct run_store *runs;
        uint64_t last_run;
};

static int put_record(void *ctx, const struct record *r)
{
        struct dump *d = ctx;
        put_sized(&d->records,
                  bytes_of(r->body.data - RECORD_HEADER_SIZE, RECORD_HEADER_SIZE + r->body.size));
        return 0;
}

static int put_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct dump *d = ctx;
        if (key.data[0] != 'z') {
                put_sized(&d->entries, key);
                put_sized(&d->entries, value);
                return 0;
        }
        uint64_t run = run_key_number(key, 1);
        if (run == d->last_run)
                return 0;
        d->last_run = run;
        stet_why why = { "" };
        return run_store_records(d->runs, run, 0, put_record, d, &why);
}

static int dump(const struct run_store *runs, struct dump *ret, stet_why *why)
{
        *ret = (struct dump){ .runs = runs };
        return store_scan(runs->store, bytes_of(NULL, 0), bytes_of(NULL, 0), false, put_entry, ret, why);
}

static struct bytes take_sized(struct bytes *from)
{
        uint32_t size = 0;
        if (!from->size)
                return bytes_of(NULL, 0);
        memcpy(&size, from->data, sizeof size);
        struct bytes taken = bytes_of(from->data + sizeof size, size);
        *from = bytes_of(taken.data + size, from->size - sizeof size - size);
        return taken;
}

static bool comes_before(struct bytes a, struct bytes b)
{
        int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
        return order < 0 || (order == 0 && a.size < b.size);
}

/* Names the first entry in which they differ. */
static void find_difference(struct sim *s, uint32_t shard, const struct store *store, struct bytes is,
                            struct bytes should)
{
        for (;;) {
                struct bytes key = take_sized(&is), value = take_sized(&is);
                struct bytes right_key = take_sized(&should), right_value = take_sized(&should);
                if (bytes_equal(key, right_key) && bytes_equal(value, right_value) && key.size)
                        continue;
                const char *what = "another value";
                struct bytes named = key;
                if (!bytes_equal(key, right_key)) {
                        bool missing = right_key.size && (!key.size || comes_before(right_key, key));
                        what = missing ? "an entry is missing" : "there is an entry too many";
                        named = missing ? right_key : key;
                }
                sim_break(s,
                          "P32: the store of shard %u is not what the records up to %llu make of it: %s in "
                          "table '%c'",
                          shard, (unsigned long long)store->checkpoint.lsn, what, named.data[0]);
                return;
        }
}

static void compare(struct sim *s, uint32_t shard, const struct run_store *runs,
                    const struct run_store *right)
{
        struct dump is, should;
        stet_why why = { "" };
        int err = dump(runs, &is, &why);
        if (!err)
                err = dump(right, &should, &why);
        if (err)
                sim_break(s, "P7: the store of shard %u can't be read: %s", shard, why.text);
        else if (!bytes_equal(buffer_bytes(&is.entries), buffer_bytes(&should.entries)))
                find_difference(s, shard, runs->store, buffer_bytes(&is.entries),
                                buffer_bytes(&should.entries));
        else if (!bytes_equal(buffer_bytes(&is.records), buffer_bytes(&should.records)))
                sim_break(s, "P32: the histories in the store of shard %u are not those that were written",
                          shard);
        buffer_fini(&is.entries);
        buffer_fini(&is.records);
        buffer_fini(&should.entries);
        buffer_fini(&should.records);
}

void check_store(struct sim *s, uint32_t shard)
{
        const struct run_store *runs = keeper_runs(s->keepers[shard]);
        struct store_checkpoint is = runs->store->checkpoint;
        struct other other;
        if (is.lsn > model_lsn(s->model, shard)) {
                sim_break(s, "P2: the store of shard %u knows record %llu, which is not durable", shard,
                          (unsigned long long)is.lsn);
                return;
        }
        if (other_open(s, shard, is, &other)) {
                if (other.store->checkpoint.lsn != is.lsn || other.store->checkpoint.crc != is.crc)
                        sim_break(s, "P32: the checkpoint of shard %u names another record than its log",
                                  shard);
                compare(s, shard, runs, &other.runs);
        }
        other_close(&other);
}
