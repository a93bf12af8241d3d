/* SPDX-License-Identifier: MIT
 *
 * Big values: kept once, counted, and freed with the last record that has them.
 */
#include "runtime/checkpointer_state.h"

#include "wal/le.h"

#include <stdlib.h>

static struct run_key key_of(char table, const uint8_t hash[CHUNK_HASH_SIZE])
{
        struct run_key key = run_key_of(table);
        memcpy(key.bytes + 1, hash, CHUNK_HASH_SIZE);
        key.size += CHUNK_HASH_SIZE;
        return key;
}

static struct value_count *find(const struct checkpointer *c, const uint8_t hash[CHUNK_HASH_SIZE])
{
        struct map_node *n = map_find(&c->values, be64_get(hash));
        for (; n; n = map_find_next(&c->values, n)) {
                struct value_count *v = container_of(n, struct value_count, by_hash);
                if (memcmp(v->hash, hash, CHUNK_HASH_SIZE) == 0)
                        return v;
        }
        return NULL;
}

/* The count as it is with what the batch under way has changed. */
static int count_of(struct checkpointer *c, const uint8_t hash[CHUNK_HASH_SIZE], struct value_count **ret,
                    stet_why *why)
{
        struct run_key key = key_of('p', hash);
        struct buffer kept = { 0 };
        *ret = find(c, hash);
        if (*ret)
                return 0;
        int err = store_get(c->store.store, run_key_bytes(&key), &kept, why);
        if (!err && kept.size != 8)
                err = stet_why_set(why, STET_ECORRUPT, "the count of a big value has %zu bytes", kept.size);
        if (!err || err == STET_ENOTFOUND) {
                struct value_count *v = xcalloc(1, sizeof *v);
                memcpy(v->hash, hash, CHUNK_HASH_SIZE);
                v->known = !err;
                v->count = err ? 0 : le64_get(kept.data);
                v->next = c->values_list;
                c->values_list = v;
                map_put(&c->values, &v->by_hash, be64_get(hash));
                *ret = v;
                err = 0;
        }
        buffer_fini(&kept);
        return err;
}

int checkpointer_value(struct checkpointer *c, struct bytes value, uint8_t hash[CHUNK_HASH_SIZE],
                       stet_why *why)
{
        struct run_key key = run_key_value('b', &c->store, value);
        struct value_count *v;
        memcpy(hash, key.bytes + 1, CHUNK_HASH_SIZE);
        int err = count_of(c, hash, &v, why);
        if (err)
                return err;
        if (!v->known)
                store_put(&c->batch, run_key_bytes(&key), value);
        v->known = true;
        v->count++;
        return 0;
}

int checkpointer_value_gone(struct checkpointer *c, const uint8_t hash[CHUNK_HASH_SIZE], stet_why *why)
{
        struct value_count *v;
        int err = count_of(c, hash, &v, why);
        if (!err && v->count)
                v->count--;
        return err;
}

void checkpointer_values_write(struct checkpointer *c)
{
        for (const struct value_count *v = c->values_list; v; v = v->next) {
                struct run_key count = key_of('p', v->hash), value = key_of('b', v->hash);
                uint8_t bytes[8];
                le64_put(bytes, v->count);
                if (v->count) {
                        store_put(&c->batch, run_key_bytes(&count), bytes_of(bytes, sizeof bytes));
                } else {
                        store_remove(&c->batch, run_key_bytes(&count));
                        store_remove(&c->batch, run_key_bytes(&value));
                }
        }
}

void checkpointer_values_clear(struct checkpointer *c)
{
        for (struct value_count *v = c->values_list, *next; v; v = next) {
                next = v->next;
                map_remove(&c->values, &v->by_hash);
                free(v);
        }
        c->values_list = NULL;
}
