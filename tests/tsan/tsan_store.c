/* SPDX-License-Identifier: MIT
 *
 * A store that one thread commits to while others read it and one copies it, and whose map grows meanwhile. A
 * plain program, as ThreadSanitizer does not work under Criterion; its output is TAP.
 */
#include "tests/lib/temp_dir.h"
#include "wal/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { READERS = 3, ENTRIES = 200, COMMITS = 200, COMMITS_IN_MEMORY = 30 };

struct traffic {
        struct store *store;
        char copy_path[128];
        atomic_bool done;
        atomic_int wrong; /* readings that did not see what they should */
        atomic_int copies;
};

static int count_entry(void *ctx, struct bytes key, struct bytes value)
{
        (void)key;
        (void)value;
        ++*(int *)ctx;
        return 0;
}

static void *read_along(void *arg)
{
        struct traffic *t = arg;
        struct buffer value = { 0 };
        for (bool backwards = false; !atomic_load(&t->done); backwards = !backwards) {
                int count = 0;
                buffer_clear(&value);
                int err = store_get(t->store, bytes_str("k5"), &value, NULL);
                if (!err)
                        err = store_scan(t->store, bytes_str("k"), bytes_str("l"), backwards, count_entry,
                                         &count, NULL);
                if (err || count != ENTRIES)
                        atomic_fetch_add(&t->wrong, 1);
        }
        buffer_fini(&value);
        return NULL;
}

static void *copy_along(void *arg)
{
        struct traffic *t = arg;
        while (!atomic_load(&t->done)) {
                struct store_checkpoint at;
                if (store_lmdb_copy(t->store, t->copy_path, NULL, NULL, &at, NULL) != 0 || !at.lsn)
                        atomic_fetch_add(&t->wrong, 1);
                unlink(t->copy_path);
                atomic_fetch_add(&t->copies, 1);
        }
        return NULL;
}

static int commit_round(struct store *s, struct store_batch *batch, unsigned round)
{
        static const uint8_t value[1000];
        store_batch_clear(batch);
        for (unsigned i = 0; i < ENTRIES; i++) {
                char key[8];
                snprintf(key, sizeof key, "k%u", i);
                store_put(batch, bytes_str(key), bytes_of(value, round * 4));
        }
        return store_commit(s, batch, (struct store_checkpoint){ s->checkpoint.lsn + 1, round }, NULL);
}

static bool all_at_once(struct traffic *t, unsigned commits, bool copied)
{
        struct store_batch batch = { 0 };
        pthread_t readers[READERS], copier;
        int err = commit_round(t->store, &batch, 1);
        for (int i = 0; i < READERS; i++)
                pthread_create(&readers[i], NULL, read_along, t);
        if (copied)
                pthread_create(&copier, NULL, copy_along, t);
        for (unsigned round = 2; round < commits && !err; round++)
                err = commit_round(t->store, &batch, round);
        atomic_store(&t->done, true);
        for (int i = 0; i < READERS; i++)
                pthread_join(readers[i], NULL);
        if (copied)
                pthread_join(copier, NULL);
        store_batch_fini(&batch);
        return !err && !atomic_load(&t->wrong) && (!copied || atomic_load(&t->copies) > 0);
}

static bool on_lmdb(void)
{
        struct traffic t = { .store = NULL };
        char *dir = temp_dir_new(), path[128];
        snprintf(path, sizeof path, "%s/shard-0.store", dir);
        snprintf(t.copy_path, sizeof t.copy_path, "%s/copy", dir);
        struct store_lmdb_options options = {
                .path = path, .level = LOG_MEMORY, .epoch = 1, .map_bytes = 1 << 16, .create = true
        };
        bool good = store_lmdb_open(&options, &t.store, NULL) == 0 && all_at_once(&t, COMMITS, true);
        store_close(t.store);
        temp_dir_free(dir);
        return good;
}

static bool in_memory(void)
{
        struct store_disk *disk = store_disk_new();
        struct traffic t = { .store = store_mem_open(disk, 1) };
        bool good = all_at_once(&t, COMMITS_IN_MEMORY, false);
        store_close(t.store);
        store_disk_free(disk);
        return good;
}

int main(void)
{
        bool lmdb = on_lmdb(), memory = in_memory();
        printf("1..2\n%s 1 - a_file_is_read_and_copied_while_it_is_committed_to\n", lmdb ? "ok" : "not ok");
        printf("%s 2 - memory_is_read_while_it_is_committed_to\n", memory ? "ok" : "not ok");
        return lmdb && memory ? 0 : 1;
}
