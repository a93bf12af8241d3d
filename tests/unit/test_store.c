/* SPDX-License-Identifier: MIT
 *
 * What every kind of store must do: each test runs over all of them. What only one can do is tested beside it
 * (test_store_lmdb.c, and the planned failures of store_mem at the end).
 */
#include "wal/store.h"

#include "tests/lib/random.h"
#include "tests/lib/temp_dir.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- fixture --- */

enum kind { ON_LMDB, ON_MEMORY };

struct box {
        enum kind kind;
        char *dir; /* store_lmdb's */
        char path[128];
        struct store_disk *disk; /* store_mem's */
        struct store *store;
        struct store_batch batch;
};

static int try_open(const struct box *b, uint64_t epoch, struct store **ret, stet_why *why)
{
        struct store_lmdb_options options = {
                .path = b->path, .level = LOG_MEMORY, .epoch = epoch, .map_bytes = 1 << 16, .create = true
        };
        return store_lmdb_open(&options, ret, why);
}

static void box_open(struct box *b, uint64_t epoch)
{
        stet_why why = { "" };
        if (b->kind == ON_MEMORY)
                b->store = store_mem_open(b->disk, epoch);
        else
                cr_assert_eq(try_open(b, epoch, &b->store, &why), 0, "%s", why.text);
}

static struct box box_new(enum kind kind)
{
        struct box b = { .kind = kind };
        if (kind == ON_LMDB) {
                b.dir = temp_dir_new();
                snprintf(b.path, sizeof b.path, "%s/shard-0.store", b.dir);
        } else {
                b.disk = store_disk_new();
        }
        box_open(&b, 1);
        return b;
}

static void box_reopen(struct box *b, uint64_t epoch)
{
        store_close(b->store);
        box_open(b, epoch);
}

static void box_free(struct box *b)
{
        store_close(b->store);
        store_disk_free(b->disk);
        temp_dir_free(b->dir);
        store_batch_fini(&b->batch);
}

/* Another process opens the store while ours still has it open. LMDB allows one environment a process. */
static void open_elsewhere(struct box *b, uint64_t epoch)
{
        if (b->kind == ON_MEMORY) {
                store_close(store_mem_open(b->disk, epoch));
                return;
        }
        pid_t pid = fork();
        if (pid == 0) {
                struct store *s;
                int err = try_open(b, epoch, &s, NULL);
                if (!err)
                        store_close(s);
                _exit(err);
        }
        int status;
        cr_assert_eq(waitpid(pid, &status, 0), pid);
        cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static struct store_checkpoint after(const struct store *s, uint64_t records)
{
        return (struct store_checkpoint){ s->checkpoint.lsn + records, 77 };
}

static void put(struct box *b, const char *key, const char *value)
{
        store_put(&b->batch, bytes_str(key), bytes_str(value));
}

/* Commits the batch and empties it. */
static void commit(struct box *b)
{
        stet_why why = { "" };
        cr_assert_eq(store_commit(b->store, &b->batch, after(b->store, 1), &why), 0, "%s", why.text);
        store_batch_clear(&b->batch);
}

static int commit_error(struct box *b, struct store_checkpoint to, const char *words)
{
        stet_why why = { "" };
        int err = store_commit(b->store, &b->batch, to, &why);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        return err;
}

static void assert_value(struct box *b, struct bytes key, struct bytes value)
{
        struct buffer found = { 0 };
        stet_why why = { "" };
        buffer_append(&found, "in front", 8);
        cr_assert_eq(store_get(b->store, key, &found, &why), 0, "%s", why.text);
        cr_assert(bytes_equal(bytes_of(found.data, 8), bytes_str("in front")));
        cr_assert(bytes_equal(bytes_of(found.data + 8, found.size - 8), value), "%zu bytes", found.size - 8);
        buffer_fini(&found);
}

static void assert_none(struct box *b, struct bytes key)
{
        struct buffer found = { 0 };
        stet_why why = { "untouched" };
        cr_assert_eq(store_get(b->store, key, &found, &why), STET_ENOTFOUND);
        cr_assert_str_eq(why.text, "untouched");
        cr_assert_eq(found.size, 0);
}

/* "key=value key=value …" of a scan. */
static int list_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct buffer *text = ctx;
        buffer_append(text, key.data, key.size);
        buffer_append(text, "=", 1);
        buffer_append(text, value.data, value.size);
        buffer_append(text, " ", 1);
        return 0;
}

static void assert_scan(struct box *b, const char *from, const char *to, bool backwards, const char *expected)
{
        struct buffer text = { 0 };
        stet_why why = { "" };
        cr_assert_eq(store_scan(b->store, bytes_str(from), bytes_str(to), backwards, list_entry, &text, &why),
                     0, "%s", why.text);
        buffer_append(&text, "", 1);
        cr_assert_str_eq((char *)text.data, expected);
        buffer_fini(&text);
}

/* ConformanceTest(name): a test with `struct box *b`, run over every kind. */
#define ConformanceTest(name)                                                                                \
        static void name(struct box *b);                                                                     \
        ParameterizedTestParameters(store, name)                                                             \
        {                                                                                                    \
                static enum kind kinds[] = { ON_LMDB, ON_MEMORY };                                           \
                return cr_make_param_array(enum kind, kinds, sizeof kinds / sizeof kinds[0]);                \
        }                                                                                                    \
        ParameterizedTest(enum kind *kind, store, name)                                                      \
        {                                                                                                    \
                struct box box = box_new(*kind);                                                             \
                name(&box);                                                                                  \
                box_free(&box);                                                                              \
        }                                                                                                    \
        static void name(struct box *b)

/* --- putting, removing, reading --- */

ConformanceTest(a_new_store_is_empty_and_nothing_is_in_it_yet)
{
        cr_assert_eq(b->store->checkpoint.lsn, 0);
        cr_assert_eq(b->store->checkpoint.crc, 0);
        cr_assert_eq(b->store->epoch, 1);
        assert_none(b, bytes_str("a"));
        assert_scan(b, "", "", false, "");
        assert_scan(b, "", "", true, "");
}

ConformanceTest(what_was_put_in_any_order_is_read_in_the_order_of_keys)
{
        put(b, "pear", "3");
        put(b, "apple", "1");
        put(b, "fig", "2");
        commit(b);
        assert_value(b, bytes_str("fig"), bytes_str("2"));
        assert_scan(b, "", "", false, "apple=1 fig=2 pear=3 ");
        assert_scan(b, "", "", true, "pear=3 fig=2 apple=1 ");
}

ConformanceTest(what_is_put_again_is_replaced_and_what_is_removed_is_gone)
{
        put(b, "a", "1");
        put(b, "b", "1");
        put(b, "c", "1");
        commit(b);
        put(b, "b", "a longer one");
        store_remove(&b->batch, bytes_str("a"));
        store_remove(&b->batch, bytes_str("never there"));
        commit(b);
        assert_none(b, bytes_str("a"));
        assert_scan(b, "", "", false, "b=a longer one c=1 ");
}

ConformanceTest(the_last_change_for_a_key_in_a_batch_counts)
{
        put(b, "a", "1");
        put(b, "b", "1");
        put(b, "a", "2");
        store_remove(&b->batch, bytes_str("b"));
        store_remove(&b->batch, bytes_str("c"));
        put(b, "c", "3");
        put(b, "a", "4");
        commit(b);
        cr_assert_eq(b->store->stats.changes, 3);
        assert_scan(b, "", "", false, "a=4 c=3 ");
}

ConformanceTest(an_empty_value_is_an_entry)
{
        put(b, "a", "");
        commit(b);
        assert_value(b, bytes_str("a"), bytes_str(""));
        assert_scan(b, "", "", false, "a= ");
}

ConformanceTest(a_shorter_key_comes_before_its_extensions)
{
        static const struct bytes keys[] = {
                { (const uint8_t *)"a", 1 },     { (const uint8_t *)"a\0", 2 },
                { (const uint8_t *)"a\0\0", 3 }, { (const uint8_t *)"a\0\0\0\1", 5 },
                { (const uint8_t *)"a\0\1", 3 }, { (const uint8_t *)"a\1", 2 },
                { (const uint8_t *)"a\xff", 2 }
        };
        enum { KEYS = sizeof keys / sizeof keys[0] };
        /* Each value takes several pieces, which lie between those of other keys. */
        struct buffer big = { 0 };
        memset(buffer_reserve(&big, 20000), 'x', 20000);
        big.size = 20000;
        for (size_t i = KEYS; i-- > 0;)
                store_put(&b->batch, keys[i], bytes_of(big.data, big.size - i));
        commit(b);
        for (size_t i = 0; i < KEYS; i++)
                assert_value(b, keys[i], bytes_of(big.data, big.size - i));
        struct buffer forward = { 0 }, expected = { 0 };
        cr_assert_eq(store_scan(b->store, keys[1], keys[6], false, list_entry, &forward, NULL), 0);
        for (size_t i = 1; i < 6; i++)
                list_entry(&expected, keys[i], bytes_of(big.data, big.size - i));
        cr_assert(bytes_equal(buffer_bytes(&forward), buffer_bytes(&expected)));
        buffer_clear(&expected);
        buffer_clear(&forward);
        cr_assert_eq(store_scan(b->store, keys[1], keys[6], true, list_entry, &forward, NULL), 0);
        for (size_t i = 6; i-- > 1;)
                list_entry(&expected, keys[i], bytes_of(big.data, big.size - i));
        cr_assert(bytes_equal(buffer_bytes(&forward), buffer_bytes(&expected)));
        for (size_t i = 0; i < KEYS; i += 2)
                store_remove(&b->batch, keys[i]);
        commit(b);
        for (size_t i = 0; i < KEYS; i++)
                if (i % 2)
                        assert_value(b, keys[i], bytes_of(big.data, big.size - i));
                else
                        assert_none(b, keys[i]);
        buffer_fini(&big);
        buffer_fini(&forward);
        buffer_fini(&expected);
}

ConformanceTest(values_of_every_size_come_back_whole_also_where_others_were)
{
        static const size_t sizes[] = { 0,    1,    60,   2000, 2030, 4075,    4076,           4077,
                                        4080, 8151, 8152, 8153, 9000, 1000000, STORE_VALUE_MAX };
        enum { SIZES = sizeof sizes / sizeof sizes[0] };
        uint8_t *bytes = xmalloc(STORE_VALUE_MAX);
        uint64_t random = 5;
        random_fill(&random, bytes, STORE_VALUE_MAX);
        for (size_t round = 0; round < SIZES; round += 1 + round / 3) {
                for (size_t i = 0; i < SIZES; i++) {
                        uint8_t key[2] = { 'k', (uint8_t)i };
                        size_t size = sizes[(i + round) % SIZES];
                        store_put(&b->batch, bytes_of(key, 2), bytes_of(bytes + i, size > i ? size - i : 0));
                }
                commit(b);
                for (size_t i = 0; i < SIZES; i++) {
                        uint8_t key[2] = { 'k', (uint8_t)i };
                        size_t size = sizes[(i + round) % SIZES];
                        assert_value(b, bytes_of(key, 2), bytes_of(bytes + i, size > i ? size - i : 0));
                }
        }
        for (size_t i = 0; i < SIZES; i++)
                store_remove(&b->batch, bytes_of((uint8_t[]){ 'k', (uint8_t)i }, 2));
        commit(b);
        assert_scan(b, "", "", false, "");
        free(bytes);
}

ConformanceTest(a_range_has_its_beginning_and_not_its_end)
{
        for (const char *key = "bdfh"; *key; key++)
                store_put(&b->batch, bytes_of(key, 1), bytes_of(key, 1));
        commit(b);
        static const struct {
                const char *from, *to, *forward, *backwards;
        } ranges[] = {
                { "", "", "b=b d=d f=f h=h ", "h=h f=f d=d b=b " },
                { "d", "", "d=d f=f h=h ", "h=h f=f d=d " },
                { "c", "g", "d=d f=f ", "f=f d=d " },
                { "d", "f", "d=d ", "d=d " },
                { "d", "f\001", "d=d f=f ", "f=f d=d " },
                { "", "b", "", "" },
                { "h\001", "", "", "" },
                { "i", "z", "", "" },
                { "f", "d", "", "" },
                { "d", "d", "", "" },
        };
        for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
                assert_scan(b, ranges[i].from, ranges[i].to, false, ranges[i].forward);
                assert_scan(b, ranges[i].from, ranges[i].to, true, ranges[i].backwards);
        }
}

/* --- visitors --- */

static int stop_at_third(void *ctx, struct bytes key, struct bytes value)
{
        (void)key;
        (void)value;
        return ++*(int *)ctx == 3 ? STET_ECANCELED : 0;
}

ConformanceTest(a_visitor_ends_the_reading_with_its_own_result)
{
        for (const char *key = "abcdef"; *key; key++)
                store_put(&b->batch, bytes_of(key, 1), bytes_of(key, 1));
        commit(b);
        for (int backwards = 0; backwards <= 1; backwards++) {
                int visits = 0;
                cr_assert_eq(store_scan(b->store, bytes_str(""), bytes_str(""), backwards, stop_at_third,
                                        &visits, NULL),
                             STET_ECANCELED);
                cr_assert_eq(visits, 3);
        }
}

static int change_the_store(void *ctx, struct bytes key, struct bytes value)
{
        struct box *b = ctx;
        assert_value(b, key, value);
        store_remove(&b->batch, key);
        store_put(&b->batch, bytes_str("first"), value);
        commit(b);
        return 0;
}

ConformanceTest(a_visitor_may_read_and_commit)
{
        uint8_t value[3000];
        memset(value, 'v', sizeof value);
        for (uint8_t i = 0; i < 200; i++)
                store_put(&b->batch, bytes_of((uint8_t[]){ 'k', i }, 2), bytes_of(value, sizeof value));
        commit(b);
        cr_assert_eq(store_scan(b->store, bytes_str("k"), bytes_str("l"), false, change_the_store, b, NULL),
                     0);
        assert_scan(b, "k", "", false, "");
        assert_value(b, bytes_str("first"), bytes_of(value, sizeof value));
}

/* --- many entries --- */

struct counted {
        uint64_t next;
        int64_t step;
};

static void number_key(uint8_t key[9], uint64_t number)
{
        key[0] = 'n';
        for (int i = 0; i < 8; i++)
                key[1 + i] = (uint8_t)(number >> (56 - 8 * i));
}

static int count_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct counted *c = ctx;
        uint8_t expected[9];
        number_key(expected, c->next);
        cr_assert(bytes_equal(key, bytes_of(expected, 9)), "number %" PRIu64, c->next);
        cr_assert_eq(value.size, c->next % 3000);
        c->next += (uint64_t)c->step;
        return 0;
}

ConformanceTest(a_long_scan_misses_nothing_and_repeats_nothing)
{
        enum { COUNT = 3000 };
        uint8_t key[9], to[9], value[3000] = { 0 };
        for (uint64_t i = 0; i < COUNT; i++) {
                number_key(key, i);
                store_put(&b->batch, bytes_of(key, 9), bytes_of(value, i % 3000));
        }
        commit(b);
        for (uint64_t from = 0; from <= COUNT; from += 1500) {
                struct counted forward = { from, 1 }, backwards = { COUNT - 1, -1 };
                number_key(key, from);
                cr_assert_eq(
                    store_scan(b->store, bytes_of(key, 9), bytes_str(""), false, count_entry, &forward, NULL),
                    0);
                cr_assert_eq(forward.next, COUNT);
                cr_assert_eq(store_scan(b->store, bytes_of(key, 9), bytes_str(""), true, count_entry,
                                        &backwards, NULL),
                             0);
                cr_assert_eq(backwards.next, from - 1);
        }
        number_key(key, 100);
        number_key(to, 200);
        struct counted part = { 100, 1 };
        cr_assert_eq(store_scan(b->store, bytes_of(key, 9), bytes_of(to, 9), false, count_entry, &part, NULL),
                     0);
        cr_assert_eq(part.next, 200);
}

/* The same in an array, searched from end to end. */
enum { MODEL_KEYS = 400 };

struct model {
        struct bytes keys[MODEL_KEYS]; /* sorted; some begin others */
        bool there[MODEL_KEYS];
        size_t size[MODEL_KEYS];
        uint8_t fill[MODEL_KEYS];
        uint8_t room[MODEL_KEYS][40];
};

static int compare_keys(const void *a, const void *b)
{
        return bytes_compare(*(const struct bytes *)a, *(const struct bytes *)b);
}

static struct model *model_new(uint64_t *random)
{
        struct model *m = xcalloc(1, sizeof *m);
        for (size_t i = 0; i < MODEL_KEYS; i++) {
                size_t size = 1 + random_below(random, 40);
                for (size_t at = 0; at < size; at++)
                        m->room[i][at] =
                            (uint8_t)(at < 18 ? random_below(random, 2) + (at == 0) : random_u64(random));
                m->keys[i] = bytes_of(m->room[i], size);
        }
        qsort(m->keys, MODEL_KEYS, sizeof m->keys[0], compare_keys);
        return m;
}

/* Equal keys have one place: the first. */
static size_t model_place(const struct model *m, size_t i)
{
        while (i > 0 && bytes_equal(m->keys[i - 1], m->keys[i]))
                i--;
        return i;
}

static void change_one(struct box *b, struct model *m, uint64_t *random)
{
        static uint8_t bytes[20000];
        size_t i = model_place(m, random_below(random, MODEL_KEYS));
        m->there[i] = random_below(random, 3) != 0;
        m->size[i] = random_below(random, random_below(random, 10) ? 300 : sizeof bytes);
        m->fill[i] = (uint8_t)random_u64(random);
        memset(bytes, m->fill[i], m->size[i]);
        if (m->there[i])
                store_put(&b->batch, m->keys[i], bytes_of(bytes, m->size[i]));
        else
                store_remove(&b->batch, m->keys[i]);
}

struct against {
        const struct model *m;
        size_t at; /* the next one to see, or beyond the next when going backwards */
        bool backwards;
};

static int see_entry(void *ctx, struct bytes key, struct bytes value)
{
        struct against *a = ctx;
        const struct model *m = a->m;
        size_t i = a->backwards ? --a->at : a->at++;
        while (!m->there[i])
                i = a->backwards ? --a->at : a->at++;
        cr_assert(bytes_equal(key, m->keys[i]));
        cr_assert_eq(value.size, m->size[i]);
        for (size_t at = 0; at < value.size; at++)
                cr_assert(value.data[at] == m->fill[i]);
        return 0;
}

static void compare_with(struct box *b, const struct model *m, uint64_t *random)
{
        size_t from = model_place(m, random_below(random, MODEL_KEYS));
        size_t to = model_place(m, random_below(random, MODEL_KEYS));
        struct against forward = { m, from, false }, backwards = { m, to, true };
        if (from > to)
                return;
        stet_why why = { "" };
        cr_assert_eq(store_scan(b->store, m->keys[from], m->keys[to], false, see_entry, &forward, &why), 0,
                     "%s", why.text);
        cr_assert_eq(store_scan(b->store, m->keys[from], m->keys[to], true, see_entry, &backwards, &why), 0,
                     "%s", why.text);
        while (forward.at < to)
                cr_assert_not(m->there[forward.at++]);
        while (backwards.at > from)
                cr_assert_not(m->there[--backwards.at]);
        struct buffer value = { 0 };
        size_t i = model_place(m, random_below(random, MODEL_KEYS));
        cr_assert_eq(store_get(b->store, m->keys[i], &value, NULL), m->there[i] ? 0 : STET_ENOTFOUND);
        cr_assert_eq(value.size, m->there[i] ? m->size[i] : 0);
        buffer_fini(&value);
}

ConformanceTest(random_changes_come_to_the_same_as_in_an_array)
{
        uint64_t random = 20;
        struct model *m = model_new(&random);
        for (int round = 0; round < 150; round++) {
                for (size_t left = 1 + random_below(&random, 300); left; left--)
                        change_one(b, m, &random);
                commit(b);
                if (round % 40 == 39)
                        box_reopen(b, b->store->epoch + 1);
                for (int i = 0; i < 5; i++)
                        compare_with(b, m, &random);
        }
        struct against all = { m, 0, false };
        cr_assert_eq(store_scan(b->store, bytes_str(""), bytes_str(""), false, see_entry, &all, NULL), 0);
        while (all.at < MODEL_KEYS)
                cr_assert_not(m->there[all.at++]);
        free(m);
}

/* --- checkpoints and openings --- */

ConformanceTest(a_commit_and_its_checkpoint_are_there_after_an_opening)
{
        put(b, "a", "1");
        cr_assert_eq(store_commit(b->store, &b->batch, (struct store_checkpoint){ 12, 0xfedcba98 }, NULL), 0);
        box_reopen(b, 5);
        cr_assert_eq(b->store->epoch, 5);
        cr_assert_eq(b->store->checkpoint.lsn, 12);
        cr_assert_eq(b->store->checkpoint.crc, 0xfedcba98);
        assert_value(b, bytes_str("a"), bytes_str("1"));
        cr_assert_eq(b->store->stats.commits, 0);
        cr_assert_geq(b->store->stats.disk_bytes, 2);
}

ConformanceTest(a_checkpoint_moves_without_changes_and_changes_come_without_moving_it)
{
        const struct store_checkpoint at = { 3, 33 };
        cr_assert_eq(store_commit(b->store, &b->batch, at, NULL), 0);
        put(b, "a", "1");
        cr_assert_eq(store_commit(b->store, &b->batch, at, NULL), 0);
        cr_assert_eq(b->store->stats.commits, 2);
        store_batch_clear(&b->batch);
        cr_assert_eq(store_commit(b->store, &b->batch, at, NULL), 0);
        cr_assert_eq(b->store->stats.commits, 2);
        box_reopen(b, 2);
        cr_assert_eq(b->store->checkpoint.lsn, 3);
        assert_value(b, bytes_str("a"), bytes_str("1"));
}

ConformanceTest(a_checkpoint_does_not_go_back)
{
        const struct store_checkpoint earlier = { 9, 1 }, other = { 10, 2 };
        cr_assert_eq(store_commit(b->store, &b->batch, (struct store_checkpoint){ 10, 1 }, NULL), 0);
        put(b, "a", "1");
        cr_assert_eq(commit_error(b, earlier, "cannot go from record 10"), STET_EINVAL);
        cr_assert_eq(commit_error(b, other, "cannot go from record 10"), STET_EINVAL);
        assert_none(b, bytes_str("a"));
        commit(b);
        assert_value(b, bytes_str("a"), bytes_str("1"));
}

ConformanceTest(keys_and_values_beyond_the_limits_are_refused_and_nothing_of_their_batch_is_kept)
{
        uint8_t long_key[STORE_KEY_MAX + 1];
        uint8_t *big = xcalloc(STORE_VALUE_MAX + 1, 1);
        memset(long_key, 'k', sizeof long_key);
        const struct {
                struct bytes key, value;
                const char *words;
        } wrong[] = {
                { { 0 }, { 0 }, "no bytes or more than 128" },
                { { long_key, sizeof long_key }, { 0 }, "no bytes or more than 128" },
                { { (const uint8_t *)"\0x", 2 }, { 0 }, "zero byte" },
                { { (const uint8_t *)"v", 1 }, { big, STORE_VALUE_MAX + 1 }, "a value has more than" },
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                put(b, "good", "1");
                store_put(&b->batch, wrong[i].key, wrong[i].value);
                cr_assert_eq(commit_error(b, after(b->store, 1), wrong[i].words), STET_EINVAL);
                store_batch_clear(&b->batch);
                if (wrong[i].value.size)
                        continue;
                store_remove(&b->batch, wrong[i].key);
                cr_assert_eq(commit_error(b, after(b->store, 1), wrong[i].words), STET_EINVAL);
                store_batch_clear(&b->batch);
                assert_none(b, wrong[i].key);
        }
        assert_scan(b, "", "", false, "");
        store_put(&b->batch, bytes_of(long_key, STORE_KEY_MAX), bytes_of(big, 10));
        commit(b);
        assert_value(b, bytes_of(long_key, STORE_KEY_MAX), bytes_of(big, 10));
        struct bytes long_bytes = bytes_of(long_key, sizeof long_key);
        cr_assert_eq(store_scan(b->store, long_bytes, bytes_str(""), false, list_entry, NULL, NULL),
                     STET_EINVAL);
        cr_assert_eq(store_scan(b->store, bytes_str(""), long_bytes, false, list_entry, NULL, NULL),
                     STET_EINVAL);
        free(big);
}

ConformanceTest(whoever_was_overtaken_by_a_newer_opener_commits_no_more)
{
        put(b, "a", "1");
        commit(b);
        open_elsewhere(b, 2);
        put(b, "a", "2");
        cr_assert_eq(commit_error(b, after(b->store, 1), "opened by a newer process"), STET_EFENCED);
        cr_assert_eq(commit_error(b, after(b->store, 1), "opened by a newer process"), STET_EFENCED);
        assert_value(b, bytes_str("a"), bytes_str("1"));
}

ConformanceTest(an_opening_under_the_same_epoch_may_commit)
{
        box_reopen(b, 1);
        put(b, "a", "1");
        commit(b);
        assert_value(b, bytes_str("a"), bytes_str("1"));
}

ConformanceTest(an_older_opener_does_not_get_to_commit)
{
        box_reopen(b, 7);
        store_close(b->store);
        b->store = NULL;
        stet_why why = { "" };
        if (b->kind == ON_LMDB) {
                cr_assert_eq(try_open(b, 6, &b->store, &why), STET_EFENCED);
                cr_assert_not_null(strstr(why.text, "its epoch is 7"), "%s", why.text);
                return;
        }
        box_open(b, 6);
        put(b, "a", "1");
        cr_assert_eq(commit_error(b, after(b->store, 1), "its epoch is 7"), STET_EFENCED);
}

/* --- batches --- */

ConformanceTest(a_batch_in_any_arrangement_is_sorted)
{
        enum { COUNT = 2000 };
        uint64_t random = 3;
        for (int way = 0; way < 6; way++) {
                uint8_t key[30];
                memset(key, 'k', sizeof key);
                for (uint64_t i = 0; i < COUNT; i++) {
                        /* Up, down, at random, interleaved tables, many equal ones. */
                        const uint64_t numbers[] = { i,     COUNT - i, random_u64(&random),
                                                     i / 3, i % 7,     random_u64(&random) % 500 };
                        key[0] = (uint8_t)(way == 3 || way == 5 ? 'a' + i % 3 : 'k');
                        number_key(key + 1, numbers[way]);
                        /* What tells them apart may lie behind the first 16 bytes. */
                        memmove(key + (i % 2 ? 1 : 18), key + 1, 9);
                        store_put(&b->batch, bytes_of(key, sizeof key), bytes_of(&i, sizeof i));
                }
                store_batch_sort(&b->batch);
                cr_assert_gt(b->batch.count, 0);
                for (size_t i = 1; i < b->batch.count; i++) {
                        struct bytes before = store_change_key(&b->batch, &b->batch.changes[i - 1]);
                        cr_assert_lt(bytes_compare(before, store_change_key(&b->batch, &b->batch.changes[i])),
                                     0);
                }
                commit(b);
        }
}

ConformanceTest(a_batch_that_was_sorted_takes_more)
{
        put(b, "b", "1");
        put(b, "a", "1");
        store_batch_sort(&b->batch);
        put(b, "a", "2");
        put(b, "c", "1");
        put(b, "aa", "1");
        commit(b);
        assert_scan(b, "", "", false, "a=2 aa=1 b=1 c=1 ");
}

ConformanceTest(a_batch_that_was_cleared_holds_nothing_of_before)
{
        put(b, "a", "1");
        store_batch_clear(&b->batch);
        put(b, "b", "1");
        commit(b);
        assert_scan(b, "", "", false, "b=1 ");
}

/* --- several threads --- */

struct traffic {
        struct box *b;
        atomic_uint committed;
        atomic_bool done;
};

static int same_round(void *ctx, struct bytes key, struct bytes value)
{
        unsigned round, *last = ctx;
        (void)key;
        cr_assert_eq(value.size, 100 * sizeof round);
        memcpy(&round, value.data, sizeof round);
        for (size_t i = 0; i < 100; i++)
                cr_assert_eq(memcmp(value.data + i * sizeof round, &round, sizeof round), 0);
        cr_assert_geq(round, *last);
        return 0;
}

static void *read_along(void *arg)
{
        struct traffic *t = arg;
        struct buffer value = { 0 };
        while (!atomic_load(&t->done)) {
                unsigned before = atomic_load(&t->committed), round;
                buffer_clear(&value);
                cr_assert_eq(store_get(t->b->store, bytes_str("k7"), &value, NULL), 0);
                memcpy(&round, value.data, sizeof round);
                cr_assert_geq(round, before);
                cr_assert_eq(
                    store_scan(t->b->store, bytes_str("k"), bytes_str("l"), false, same_round, &before, NULL),
                    0);
        }
        buffer_fini(&value);
        return NULL;
}

static void commit_round(struct box *b, unsigned round)
{
        unsigned value[100];
        for (size_t i = 0; i < 100; i++)
                value[i] = round;
        for (uint8_t i = 0; i < 200; i++) {
                uint8_t key[3] = { 'k', (uint8_t)('0' + i % 10), i };
                store_put(&b->batch, bytes_of(key, i < 10 ? 2 : 3), bytes_of(value, sizeof value));
        }
        /* The map of store_lmdb grows meanwhile. */
        store_put(&b->batch, bytes_of((uint8_t[]){ 'm', (uint8_t)round }, 2), bytes_of(value, sizeof value));
        commit(b);
}

ConformanceTest(readers_see_each_entry_as_of_the_last_commit_or_a_later_one)
{
        struct traffic t = { .b = b };
        pthread_t readers[3];
        commit_round(b, 1);
        atomic_store(&t.committed, 1);
        for (int i = 0; i < 3; i++)
                cr_assert_eq(pthread_create(&readers[i], NULL, read_along, &t), 0);
        for (unsigned round = 2; round < 120; round++) {
                commit_round(b, round);
                atomic_store(&t.committed, round);
        }
        atomic_store(&t.done, true);
        for (int i = 0; i < 3; i++)
                pthread_join(readers[i], NULL);
}

/* --- the simulator's disk --- */

Test(store_mem, a_planned_failure_comes_when_it_was_planned_and_once)
{
        static const struct {
                int err;
                bool apply;
                bool goes_on;
        } plans[] = { { STET_EFULL, false, true }, { STET_EIO, false, false }, { STET_EIO, true, false } };
        for (size_t i = 0; i < sizeof plans / sizeof plans[0]; i++) {
                struct box box = box_new(ON_MEMORY), *b = &box;
                store_disk_fail_after(b->disk, 1, plans[i].err, plans[i].apply);
                put(b, "a", "1");
                commit(b);
                put(b, "a", "2");
                cr_assert_eq(commit_error(b, after(b->store, 1), "the simulated disk failed"), plans[i].err);
                cr_assert_eq(b->store->checkpoint.lsn, 1);
                if (!plans[i].goes_on) {
                        cr_assert_eq(commit_error(b, after(b->store, 1), "its outcome is unknown"), STET_EIO);
                        box_reopen(b, 2);
                }
                assert_value(b, bytes_str("a"), bytes_str(plans[i].apply ? "2" : "1"));
                cr_assert_eq(b->store->checkpoint.lsn, plans[i].apply ? 2 : 1);
                put(b, "a", "3");
                commit(b);
                assert_value(b, bytes_str("a"), bytes_str("3"));
                box_free(b);
        }
}
