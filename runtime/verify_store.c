/* SPDX-License-Identifier: MIT
 *
 * One walk over the images: each run's records are read, folded anew, and compared with its image; the keys
 * that follow from its state are looked up. What is found is counted by table, and so are the entries there
 * are: only where the numbers differ is each entry of the table asked whose it is. Thus a whole store costs
 * one reading of everything and a look-up for each entry.
 *
 * A fold over one run's records lacks what other runs did to it: that a later run of the same workflow id has
 * taken over its senders, that it was continued, and notes of long attempts. These are taken from the image.
 */
#include "runtime/verify_store.h"

#include "actors/run_image.h"
#include "actors/run_parts.h"
#include "runtime/chunk.h"
#include "runtime/run_set.h"
#include "runtime/shard.h"
#include "wal/le.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { TABLES = 256, PROGRESS_RUNS = 1024 };

/* How many records have a big value, counted anew. */
struct value {
        struct map_node by_hash; /* its first 8 bytes */
        struct value *next;
        uint8_t hash[CHUNK_HASH_SIZE];
        uint64_t count;
};

struct verify {
        const struct verify_store_options *options;
        struct run_store rs;
        struct run_tables tables;
        uint64_t expected[TABLES]; /* entries that runs have, by table */
        uint64_t found[TABLES];    /* entries there are */
        struct run_counts counts;
        int64_t time_ns;
        uint64_t runs;
        struct map values;
        struct value *values_list;
        struct buffer records; /* of a packed chunk */
        bool incomplete;       /* something can't be read: what should be there is not known, nor counted */
        stet_why *why;
};

STET_PRINTF(4, 5)
static void report(struct verify *v, uint64_t lsn, uint64_t run, const char *format, ...)
{
        stet_why why;
        va_list args;
        va_start(args, format);
        vsnprintf(why.text, sizeof why.text, format, args);
        va_end(args);
        v->options->damage(v->options->ctx, lsn, run, why.text);
}

uint64_t verify_store_run_of(struct bytes key)
{
        if (!key.size)
                return 0;
        switch (key.data[0]) {
        case 'r':
        case 'z':
        case 'o':
                return run_key_number(key, 1);
        case 't':
                return run_key_number(key, 9);
        case INDEX_STATE:
        case INDEX_WORKFLOW:
        case INDEX_PARENT:
        case INDEX_QUEUE:
        case INDEX_ATTRIBUTE:
        case 'e':
                return key.size > 9 ? run_key_number(key, key.size - 8) : 0;
        default:
                return 0;
        }
}

/* --- a run's history --- */

struct history {
        struct verify *v;
        struct run *run;
        uint64_t id;
        uint64_t reached; /* the last LSN that fits */
        bool broken;
};

static int fold_record(void *ctx, const struct record *record)
{
        struct history *h = ctx;
        if (h->broken)
                return 0;
        bool fits =
            record->kind == RECORD_TRANSITION && record->previous_lsn == h->run->last_lsn &&
            run_apply(h->run, &h->v->tables, record->lsn, record->flags, record->time_ns, record->body) == 0;
        if (!fits) {
                report(h->v, record->lsn, h->id,
                       "record %" PRIu64 " does not follow record %" PRIu64 " of its run, or does not fit it",
                       record->lsn, h->reached);
                h->broken = true;
                return 0;
        }
        h->reached = record->lsn;
        if (record->time_ns > h->v->time_ns)
                h->v->time_ns = record->time_ns;
        return 0;
}

/* A note of a child that an ended run had let go closes the op, and is no record of the run's. */
static void close_let_go(struct history *h, const struct run *image, const struct run_tables *tables)
{
        list_each_safe(at, after, &h->run->ops)
        {
                struct op *op = container_of(at, struct op, in_run);
                if (h->run->ending != RUN_OPEN && !run_op(tables, image, op->id))
                        run_op_close(&h->v->tables, op);
        }
}

/* What no record of its own says. */
static void take_from_image(struct history *h, struct run *image)
{
        struct run_senders *senders = h->run->senders;
        h->run->senders = image->senders;
        image->senders = senders;
        h->run->continued_as = image->continued_as;
        list_each(at, &image->ops)
        {
                const struct op *noted = container_of(at, struct op, in_run);
                struct op *op = run_op(&h->v->tables, h->run, noted->id);
                if (op && op->attempt == noted->attempt)
                        op->noted = noted->noted;
        }
}

static void compare(struct history *h, struct bytes image_bytes)
{
        struct verify *v = h->v;
        struct run_tables tables = { .ops_count = 0 };
        struct run *image;
        struct buffer folded = { 0 };
        if (run_image_decode(image_bytes, h->id, &tables, &image)) {
                report(v, 0, h->id, "its image can't be read");
        } else {
                take_from_image(h, image);
                close_let_go(h, image, &tables);
                run_image_encode(h->run, &folded);
                if (!bytes_equal(buffer_bytes(&folded), image_bytes))
                        report(v, h->reached, h->id,
                               "its image is not what its records add up to: %" PRIu32
                               " transitions to record "
                               "%" PRIu64 ", the image has %" PRIu32 " to record %" PRIu64,
                               h->run->transitions, h->run->last_lsn, image->transitions, image->last_lsn);
                run_free(image, &tables);
        }
        run_tables_fini(&tables);
        buffer_fini(&folded);
}

/* --- a run's entries --- */

static int look(struct verify *v, struct bytes key, struct buffer *ret)
{
        int err = store_get(v->options->store, key, ret, v->why);
        v->expected[key.data[0]]++;
        return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 1 : err;
}

/* An entry that names the run, or has no value. */
static int expect(struct verify *v, const struct run *run, struct bytes key, bool named, const char *what)
{
        struct buffer value = { 0 };
        int err = look(v, key, &value);
        bool right = named ? value.size == 8 && be64_get(value.data) == run->id : !value.size;
        if (err == 1)
                report(v, run->last_lsn, run->id, "its entry among %s is missing or damaged", what);
        else if (!err && !right)
                report(v, run->last_lsn, run->id, "its entry among %s says something else", what);
        buffer_fini(&value);
        return err == 1 ? 0 : err;
}

static const char *table_name(uint8_t table)
{
        switch (table) {
        case 't':
                return "the timers";
        case 'o':
                return "the runs that are owed something";
        case INDEX_STATE:
        case INDEX_WORKFLOW:
        case INDEX_PARENT:
        case INDEX_QUEUE:
        case INDEX_ATTRIBUTE:
                return "the indexes for lists";
        case 'e':
                return "the ended runs";
        case 'q':
                return "the requests";
        case 'z':
                return "the histories";
        default:
                return "the entries";
        }
}

static int expect_state_keys(struct verify *v, const struct run *run)
{
        struct buffer keys = { 0 };
        int err = 0;
        run_state_keys(&v->rs, run, &keys);
        for (size_t at = 0; at < keys.size && !err; at += 1u + keys.data[at]) {
                struct bytes key = bytes_of(keys.data + at + 1, keys.data[at]);
                err = expect(v, run, key, false, table_name(key.data[0]));
        }
        buffer_fini(&keys);
        return err;
}

static int expect_requests(struct verify *v, const struct run *run)
{
        int err = 0;
        list_each(at, &run->requests)
        {
                const struct run_request *r = container_of(at, struct run_request, in_run);
                struct run_key key =
                    run_key_request(&v->rs, r->event, bytes_str(run->ns), run_request_scope(run, r->event),
                                    bytes_of(r->id, r->id_size));
                if (!err)
                        err = expect(v, run, run_key_bytes(&key), true, table_name('q'));
        }
        return err;
}

/* Its workflow id leads to it, or to a later run; to none only if that one was removed. */
static int expect_name(struct verify *v, const struct run *run)
{
        uint64_t latest = 0;
        stet_why why;
        if (!run_given_id(run).size)
                return 0;
        int err = run_store_find_name(&v->rs, bytes_str(run->ns), bytes_str(run->workflow_id), &latest, &why);
        if (err == STET_ECORRUPT || (latest && latest < run->id))
                report(v, run->last_lsn, run->id, "its workflow id does not lead to it");
        return err == STET_ECORRUPT ? 0 : err;
}

/* --- its chunks: their number, and the big values they refer to --- */

static void count_value(struct verify *v, const uint8_t hash[CHUNK_HASH_SIZE])
{
        struct map_node *n = map_find(&v->values, be64_get(hash));
        for (; n; n = map_find_next(&v->values, n)) {
                struct value *value = container_of(n, struct value, by_hash);
                if (memcmp(value->hash, hash, CHUNK_HASH_SIZE) == 0) {
                        value->count++;
                        return;
                }
        }
        struct value *value = xcalloc(1, sizeof *value);
        memcpy(value->hash, hash, CHUNK_HASH_SIZE);
        value->count = 1;
        value->next = v->values_list;
        v->values_list = value;
        map_put(&v->values, &value->by_hash, be64_get(hash));
}

static int take_chunk(void *ctx, struct bytes key, struct bytes chunk)
{
        struct verify *v = ctx;
        struct bytes rest;
        struct chunk_item item;
        (void)key;
        v->expected['z']++;
        if (chunk_open(chunk, &v->records, &rest))
                return 0; /* the reading of the records tells it */
        while (rest.size && chunk_next(&rest, &item) == 0)
                for (size_t i = 0; i < item.values_count; i++)
                        count_value(v, item.values[i].hash);
        return 0;
}

/* Damage ends the reading of a run, not of the others. */
static int told(struct verify *v, uint64_t lsn, uint64_t run, int err, const stet_why *why)
{
        if (err != STET_ECORRUPT)
                return err;
        report(v, lsn, run, "%s", why->text);
        v->incomplete = true;
        return 0;
}

static int verify_run(struct verify *v, uint64_t id, struct bytes image)
{
        struct run_key from = run_key_run('z', id), to = run_key_after(&from);
        struct history h = { .v = v, .id = id, .run = run_new(NULL, id) };
        stet_why why = { "" };
        int err = run_store_records(&v->rs, id, 0, fold_record, &h, &why);
        h.broken |= err != 0;
        err = told(v, h.reached, id, err, &why);
        if (!err)
                err = told(v, h.reached, id,
                           store_scan(v->options->store, run_key_bytes(&from), run_key_bytes(&to), false,
                                      take_chunk, v, &why),
                           &why);
        if (!err && !h.broken && !h.run->transitions) {
                report(v, 0, id, "it has an image and no record");
                h.broken = true;
        }
        if (!err && !h.broken) {
                compare(&h, image);
                v->counts.by_ending[h.run->ending]++;
                err = expect_state_keys(v, h.run);
        }
        if (!err && !h.broken)
                err = expect_requests(v, h.run);
        if (!err && !h.broken)
                err = expect_name(v, h.run);
        run_free(h.run, &v->tables);
        v->incomplete |= h.broken;
        return err;
}

static int take_image(void *ctx, struct bytes key, struct bytes image)
{
        struct verify *v = ctx;
        uint64_t id = run_key_number(key, 1);
        v->expected['r']++;
        if (key.size != 9 || !id || shard_of_run(id) != v->options->shard) {
                report(v, 0, id, "its image stands in the store of shard %" PRIu32, v->options->shard);
                return 0;
        }
        if (++v->runs % PROGRESS_RUNS == 0 && v->options->progress)
                v->options->progress(v->options->ctx, v->runs);
        return verify_run(v, id, image);
}

/* --- entries that belong to none --- */

static int count_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct verify *v = ctx;
        (void)value;
        v->found[key.data[0]]++;
        return 0;
}

/* Whether the run that the entry names has it. */
static int entry_is_owned(struct verify *v, struct bytes key, bool *ret_owned)
{
        struct run_tables tables = { .ops_count = 0 };
        struct buffer keys = { 0 };
        struct run *run;
        stet_why why;
        uint64_t id = verify_store_run_of(key);
        int err = id ? run_store_load(&v->rs, id, &tables, &run, &why) : STET_ENOTFOUND;
        *ret_owned = !err && key.data[0] == 'z';
        if (!err) {
                run_state_keys(&v->rs, run, &keys);
                *ret_owned |= run_keys_have(buffer_bytes(&keys), key);
                run_free(run, &tables);
        }
        run_tables_fini(&tables);
        buffer_fini(&keys);
        return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 0 : err;
}

static int ask_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct verify *v = ctx;
        bool owned;
        (void)value;
        int err = entry_is_owned(v, key, &owned);
        if (!err && !owned)
                report(v, key.data[0] == 'z' ? run_key_number(key, 9) : 0, verify_store_run_of(key),
                       "an entry among %s belongs to no run", table_name(key.data[0]));
        return err;
}

static int scan_table(struct verify *v, char table, store_visit_fn *visit)
{
        struct run_key from = run_key_of(table), to = run_key_after(&from);
        stet_why why = { "" };
        int err =
            store_scan(v->options->store, run_key_bytes(&from), run_key_bytes(&to), false, visit, v, &why);
        return told(v, 0, 0, err, &why);
}

static int verify_table(struct verify *v, char table)
{
        uint8_t t = (uint8_t)table;
        int err = scan_table(v, table, count_entry);
        if (err || v->incomplete || v->found[t] == v->expected[t])
                return err;
        if (t == 'q')
                report(v, 0, 0, "there are %" PRIu64 " entries among the requests, and runs have %" PRIu64,
                       v->found[t], v->expected[t]);
        return t == 'q' ? 0 : scan_table(v, table, ask_entry);
}

/* A name that leads nowhere, or to a run that has another. */
static int take_name(void *ctx, struct bytes key, struct bytes value)
{
        struct verify *v = ctx;
        struct run_tables tables = { .ops_count = 0 };
        struct run_key named = { .size = 0 };
        struct run *run;
        stet_why why;
        uint64_t id = value.size == 8 ? be64_get(value.data) : 0;
        int err = id ? run_store_load(&v->rs, id, &tables, &run, &why) : STET_ENOTFOUND;
        if (!err) {
                named = run_key_name(&v->rs, bytes_str(run->ns), bytes_str(run->workflow_id));
                run_free(run, &tables);
        }
        run_tables_fini(&tables);
        if (!bytes_equal(run_key_bytes(&named), key) && err != STET_ECORRUPT)
                report(v, 0, id, "a workflow id leads to a run that has another, or is not there");
        return err == STET_ENOTFOUND || err == STET_ECORRUPT ? 0 : err;
}

/* --- big values --- */

static struct run_key value_key(char table, const struct value *value)
{
        struct run_key key = run_key_of(table);
        memcpy(key.bytes + 1, value->hash, CHUNK_HASH_SIZE);
        key.size += CHUNK_HASH_SIZE;
        return key;
}

static int verify_value(struct verify *v, const struct value *value)
{
        struct run_key content = value_key('b', value), count = value_key('p', value);
        struct buffer found = { 0 };
        int err = look(v, run_key_bytes(&count), &found);
        if (err == 1 || (!err && (found.size != 8 || le64_get(found.data) != value->count)))
                report(v, 0, 0, "a big value that %" PRIu64 " records have is counted otherwise",
                       value->count);
        buffer_clear(&found);
        if (err <= 1)
                err = look(v, run_key_bytes(&content), &found);
        if (!err) {
                struct run_key right = run_key_value('b', &v->rs, buffer_bytes(&found));
                if (!bytes_equal(run_key_bytes(&right), run_key_bytes(&content)))
                        report(v, 0, 0, "a big value is not what its hash says");
        }
        buffer_fini(&found);
        return err == 1 ? 0 : err; /* that it is missing was told with the record that has it */
}

static int verify_values(struct verify *v)
{
        int err = 0;
        for (const struct value *value = v->values_list; value && !err; value = value->next)
                err = verify_value(v, value);
        for (const char *table = "bp"; *table && !err; table++) {
                uint8_t t = (uint8_t)*table;
                err = scan_table(v, *table, count_entry);
                if (!err && v->found[t] != v->expected[t])
                        report(v, 0, 0, "there are %" PRIu64 " big values%s, and records have %" PRIu64,
                               v->found[t], t == 'p' ? " counted" : "", v->expected[t]);
        }
        return err;
}

static void forget_values(struct verify *v)
{
        for (struct value *value = v->values_list, *next; value; value = next) {
                next = value->next;
                free(value);
        }
        map_fini(&v->values);
}

/* --- the store as a whole --- */

static int verify_counters(struct verify *v)
{
        struct run_counts counts;
        int64_t time_ns = 0;
        stet_why why = { "" };
        int err = run_store_counts(&v->rs, &counts, &why);
        if (!err && memcmp(&counts, &v->counts, sizeof counts) != 0)
                report(v, 0, 0,
                       "it counts %" PRIu64 " open runs and %" PRIu64 " completed, and there are %" PRIu64
                       " and %" PRIu64,
                       counts.by_ending[RUN_OPEN], counts.by_ending[RUN_COMPLETED],
                       v->counts.by_ending[RUN_OPEN], v->counts.by_ending[RUN_COMPLETED]);
        if (!err)
                err = run_store_time(&v->rs, &time_ns, &why);
        if (!err && time_ns < v->time_ns)
                report(v, 0, 0, "its time is before that of its records");
        return told(v, 0, 0, err, &why);
}

static int read_store(struct verify *v, bool *ret_whole)
{
        stet_why why = { "" };
        int err = run_store_open(v->options->store, 0, &v->rs, &why);
        *ret_whole = !err;
        if (err == STET_EINVAL)
                return 0; /* nothing was ever in it: it has no secret yet, and takes none now */
        err = told(v, 0, 0, err, &why);
        if (err || !*ret_whole)
                return err;
        err = scan_table(v, 'r', take_image);
        for (const char *table = "aekoqstuwz"; *table && !err; table++)
                err = verify_table(v, *table);
        if (!err)
                err = scan_table(v, 'n', take_name);
        if (!err && !v->incomplete)
                err = verify_values(v);
        return err || v->incomplete ? err : verify_counters(v);
}

/* --- the log behind it --- */

struct tail {
        struct verify *v;
        struct run_set set;
        struct store_checkpoint behind;
        stet_why *why;
};

static void check_seam(struct tail *t)
{
        const struct log *log = t->v->options->log;
        const struct store *store = t->v->options->store;
        if (store && store->epoch > log->epoch)
                report(t->v, 0, 0,
                       "the log is older than the store: it was opened %" PRIu64
                       " times, and the store with the "
                       "log of opening %" PRIu64,
                       log->epoch, store->epoch);
        if (t->behind.lsn + 1 < log->first_lsn)
                report(t->v, t->behind.lsn + 1, 0,
                       "the store ends with record %" PRIu64 ", and the log begins with record %" PRIu64,
                       t->behind.lsn, log->first_lsn);
        else if (t->behind.lsn > log->last_lsn)
                report(t->v, log->last_lsn, 0,
                       "the store has record %" PRIu64 ", and the log ends with record %" PRIu64,
                       t->behind.lsn, log->last_lsn);
        else if (t->behind.lsn == log->last_lsn && t->behind.crc != log->last_crc)
                report(t->v, t->behind.lsn, 0,
                       "record %" PRIu64 " of the log is not the one that the store ends with",
                       t->behind.lsn);
}

static void remove_runs(struct tail *t, const struct record *record)
{
        struct cursor ids = cursor_of(record->body);
        uint64_t id;
        while (run_removal_next(&ids, &id))
                run_set_remove(&t->set, id, record->lsn);
}

static int take_behind(void *ctx, const struct record *record)
{
        struct tail *t = ctx;
        stet_why why = { "" };
        if (record->lsn == t->behind.lsn + 1 && record->chain != t->behind.crc)
                report(t->v, record->lsn, record->stream,
                       "record %" PRIu64 " of the log does not continue the store's last one", record->lsn);
        if (record->kind == RECORD_REMOVAL)
                remove_runs(t, record);
        if (record->kind != RECORD_TRANSITION)
                return 0;
        struct run *run = run_set_here(&t->set, record->stream);
        if (run && run->damaged)
                return 0;
        int err = run_set_apply(&t->set, record, &run, &why);
        if (err != STET_ECORRUPT)
                return err;
        report(t->v, record->lsn, record->stream, "%s", why.text);
        run = run_set_here(&t->set, record->stream);
        if (!run)
                run = run_set_add(&t->set, record->stream);
        run->damaged = true; /* what follows of it tells nothing new */
        return 0;
}

static int read_log(struct verify *v, bool has_store)
{
        struct tail t = { .v = v };
        stet_why why = { "" };
        if (v->options->store)
                t.behind = v->options->store->checkpoint;
        run_set_init(&t.set, has_store ? &v->rs : NULL, 0);
        check_seam(&t);
        int err = log_read(v->options->log, t.behind.lsn + 1, take_behind, &t, &why);
        err = told(v, 0, 0, err, &why);
        while (!list_empty(&t.set.all))
                run_set_drop(&t.set, container_of(t.set.all.next, struct run, in_shard));
        run_set_removed_until(&t.set, UINT64_MAX);
        run_set_fini(&t.set);
        return err;
}

int verify_store(const struct verify_store_options *options, uint64_t *ret_runs, stet_why *why)
{
        struct verify v = { .options = options, .why = why };
        bool whole = false;
        int err = options->store ? read_store(&v, &whole) : 0;
        if (!err)
                err = read_log(&v, whole);
        forget_values(&v);
        buffer_fini(&v.records);
        run_tables_fini(&v.tables);
        *ret_runs = v.runs;
        return err;
}
