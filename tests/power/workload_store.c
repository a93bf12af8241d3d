/* SPDX-License-Identifier: MIT
 *
 * The bare store: batches of puts and removals of a few keys, reopenings. After a cut it holds exactly what
 * the first k batches add up to, and says so: k is the checkpoint's LSN, and no batch that was promised lies
 * behind it.
 */
#include "tests/power/workload.h"

#include "base/map.h"
#include "tests/lib/random.h"
#include "wal/data_dir.h"
#include "wal/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
        STEPS_MIN = 3,
        STEPS_MAX = 15,
        KEYS = 60,
        CHANGES_MAX = 25,
        SMALL_MAX = 300,
        LARGE_MAX = 9000,
        EPOCHS_AHEAD = 10, /* more than a workload opens without a promise */
};

struct open_store {
        struct data_dir dir;
        bool dir_open;
        struct store *store;
        struct store_batch batch;
        struct session *session;
        uint64_t seed;
};

/* --- what a batch does: it follows from the seed and its number --- */

struct change {
        size_t key;
        bool remove;
        size_t size;
        uint64_t filling;
};

static uint64_t batch_random(uint64_t seed, uint64_t number)
{
        return hash_u64(seed * 1000 + number);
}

static struct change next_change(uint64_t *random_state)
{
        size_t most = random_below(random_state, 20) ? SMALL_MAX : LARGE_MAX;
        struct change c = { .key = random_below(random_state, KEYS) };
        c.remove = random_below(random_state, 4) == 0;
        c.size = random_below(random_state, most);
        c.filling = random_u64(random_state);
        return c;
}

static size_t changes_count(uint64_t *random_state)
{
        return 1 + random_below(random_state, CHANGES_MAX);
}

static struct bytes key_bytes(size_t key, char buf[24])
{
        return bytes_of(buf, (size_t)snprintf(buf, 24, "key %03zu", key));
}

static void fill_value(struct buffer *value, const struct change *c)
{
        uint64_t random_state = c->filling;
        buffer_clear(value);
        random_fill(&random_state, buffer_reserve(value, c->size), c->size);
        value->size = c->size;
}

static void fill_batch(struct store_batch *batch, uint64_t seed, uint64_t number)
{
        uint64_t random_state = batch_random(seed, number);
        struct buffer value = { 0 };
        char key[24];
        store_batch_clear(batch);
        for (size_t count = changes_count(&random_state); count; count--) {
                struct change c = next_change(&random_state);
                fill_value(&value, &c);
                if (c.remove)
                        store_remove(batch, key_bytes(c.key, key));
                else
                        store_put(batch, key_bytes(c.key, key), buffer_bytes(&value));
        }
        buffer_fini(&value);
}

/* What each key holds after the first `batches` batches. */
static void fill_model(struct change model[KEYS], uint64_t seed, uint64_t batches)
{
        for (size_t key = 0; key < KEYS; key++)
                model[key] = (struct change){ .key = key, .remove = true };
        for (uint64_t number = 1; number <= batches; number++) {
                uint64_t random_state = batch_random(seed, number);
                for (size_t count = changes_count(&random_state); count; count--) {
                        struct change c = next_change(&random_state);
                        model[c.key] = c;
                }
        }
}

static uint32_t batch_crc(uint64_t seed, uint64_t number)
{
        return (uint32_t)(batch_random(seed, number) >> 32);
}

/* --- opening and doing --- */

static int open_store(struct open_store *s, const struct workload_options *o, struct session *session,
                      uint64_t epoch, bool create, stet_why *why)
{
        char path[300];
        *s = (struct open_store){ .session = session, .seed = o->seed };
        snprintf(path, sizeof path, "%s/data", o->root);
        int err = data_dir_open(path, true, 1, &s->dir, why);
        if (err)
                return err;
        s->dir_open = true;
        char *store_path = data_dir_store_path(&s->dir, 0);
        struct store_lmdb_options options = { .path = store_path,
                                              .level = o->canary == CANARY_NOSYNC ? LOG_MEMORY : LOG_SYNC,
                                              .epoch = epoch,
                                              .map_bytes = 1 << 20,
                                              .create = create };
        err = store_lmdb_open(&options, &s->store, why);
        free(store_path);
        return err;
}

static void close_store(struct open_store *s)
{
        store_close(s->store);
        s->store = NULL;
        if (s->dir_open)
                data_dir_close(&s->dir);
        s->dir_open = false;
        store_batch_fini(&s->batch);
}

static void promise(struct open_store *s, uint64_t lsn)
{
        session_ack(s->session, (struct session_ack){ .lsn = lsn, .epoch = s->store->epoch });
}

static int commit_batch(struct open_store *s, enum canary canary, stet_why *why)
{
        uint64_t number = s->store->checkpoint.lsn + 1;
        struct store_checkpoint to = { number, batch_crc(s->seed, number) };
        fill_batch(&s->batch, s->seed, number);
        session_batch(s->session, number, to.crc);
        if (canary == CANARY_ACK_EARLY)
                promise(s, number);
        int err = store_commit(s->store, &s->batch, to, why);
        if (err == STET_EFULL) /* it may be tried again */
                err = store_commit(s->store, &s->batch, to, why);
        if (!err)
                promise(s, number);
        return err;
}

static int reopen(struct open_store *s, const struct workload_options *o, stet_why *why)
{
        struct session *session = s->session;
        uint64_t epoch = s->store->epoch + 1;
        close_store(s);
        int err = open_store(s, o, session, epoch, false, why);
        if (!err)
                promise(s, s->store->checkpoint.lsn);
        return err;
}

static int run(const struct workload_options *o, struct session *session, stet_why *why)
{
        struct open_store s;
        uint64_t random_state = hash_u64(o->seed) + 3;
        int err = open_store(&s, o, session, 1, true, why);
        if (!err)
                promise(&s, 0);
        size_t steps = STEPS_MIN + random_below(&random_state, STEPS_MAX - STEPS_MIN + 1);
        while (!err && steps--)
                err = random_below(&random_state, 8) ? commit_batch(&s, o->canary, why) : reopen(&s, o, why);
        close_store(&s);
        return err;
}

/* --- checking --- */

struct reading {
        struct session *after;
        struct change model[KEYS];
        uint64_t batches;
        size_t key; /* the next that there must be, or a later one */
};

static bool value_right(const struct change *c, struct bytes value)
{
        struct buffer expected = { 0 };
        fill_value(&expected, c);
        bool right = bytes_equal(buffer_bytes(&expected), value);
        buffer_fini(&expected);
        return right;
}

static int check_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct reading *r = ctx;
        char text[24];
        while (r->key < KEYS && r->model[r->key].remove)
                r->key++;
        if (r->key == KEYS || !bytes_equal(key, key_bytes(r->key, text)) ||
            !value_right(&r->model[r->key], value)) {
                session_wrong(r->after, "P3: \"%.*s\" is not what the first %" PRIu64 " batches left of it",
                              (int)key.size, (const char *)key.data, r->batches);
                return STET_ECORRUPT;
        }
        r->key++;
        return 0;
}

static bool check_entries(struct open_store *s)
{
        stet_why why = { "" };
        struct reading r = { .after = s->session, .batches = s->store->checkpoint.lsn };
        fill_model(r.model, s->seed, r.batches);
        int err = store_scan(s->store, bytes_of(NULL, 0), bytes_of(NULL, 0), false, check_entry, &r, &why);
        if (err && !s->session->wrong[0])
                return session_wrong(s->session, "P7: the store can't be read: %s", why.text);
        for (; !err && r.key < KEYS; r.key++)
                if (!r.model[r.key].remove)
                        return session_wrong(s->session,
                                             "P3: \"key %03zu\" of the first %" PRIu64 " batches is missing",
                                             r.key, r.batches);
        return !err;
}

static bool check_checkpoint(struct open_store *s, const struct session *before, size_t acks)
{
        uint64_t promised = session_promised(before, acks).lsn;
        struct store_checkpoint at = s->store->checkpoint;
        if (at.lsn < promised)
                return session_wrong(s->session,
                                     "P2: batch %" PRIu64
                                     " was promised to be durable; the store ends with %" PRIu64,
                                     promised, at.lsn);
        if (at.lsn > before->records_count)
                return session_wrong(s->session, "P4: the store is at %" PRIu64 "; only %zu were committed",
                                     at.lsn, before->records_count);
        if (at.lsn && at.crc != before->records[at.lsn - 1].crc)
                return session_wrong(s->session, "P4: the store is at another checkpoint %" PRIu64, at.lsn);
        return true;
}

static void verify(const struct workload_options *o, struct session *after)
{
        char path[300];
        stet_why why = { "" };
        struct store_verify_report report;
        snprintf(path, sizeof path, "%s/data/shard-0.store", o->root);
        if (store_lmdb_verify(path, NULL, NULL, NULL, &report, &why))
                session_wrong(after, "P7: the store is not whole: %s", why.text);
}

static void recover(const struct workload_options *o, const struct session *before, size_t acks, bool to_end,
                    struct session *after)
{
        struct open_store s;
        stet_why why = { "" };
        session_begin(after, before, before->records_count, acks);
        uint64_t epoch = session_promised(before, acks).epoch + EPOCHS_AHEAD;
        int err = open_store(&s, o, after, epoch, acks == 0, &why);
        if (err) {
                session_wrong(after, "P4: the store can't be opened: %s", why.text);
        } else if (check_checkpoint(&s, before, acks) && check_entries(&s)) {
                after->records_count = (size_t)s.store->checkpoint.lsn;
                promise(&s, s.store->checkpoint.lsn);
                if (to_end && commit_batch(&s, CANARY_NONE, &why))
                        session_wrong(after, "P1: the store can't be changed: %s", why.text);
                else if (to_end)
                        check_entries(&s);
        }
        close_store(&s);
        if (to_end && !after->wrong[0])
                verify(o, after);
}

const struct workload workload_store = { .name = "store", .has_store = true, .run = run, .recover = recover };
