/* SPDX-License-Identifier: MIT
 *
 * A batch of changes and its sorting, which is made for how batches arrive: whoever fills one walks its
 * things in order, and writes for each to a few tables (first bytes of keys). So a batch is in order already,
 * or is made of few ascending runs, or is as soon as it is distributed by first bytes. Each of these is tried
 * before a merge sort on what runs there are, which is stable: of equal keys the last one put stays the last.
 */
#include "wal/store.h"

#include "wal/le.h"

#include <stdlib.h>

enum { ORDER_SIZE = 16, RUNS_FEW = 8 };

/* --- filling --- */

static struct store_change *add_change(struct store_batch *batch, struct bytes key)
{
        if (batch->count == batch->capacity) {
                batch->capacity = batch->capacity ? 2 * batch->capacity : 64;
                batch->changes = xrealloc(batch->changes, batch->capacity * sizeof batch->changes[0]);
        }
        uint8_t order[ORDER_SIZE] = { 0 };
        if (key.size)
                memcpy(order, key.data, key.size < ORDER_SIZE ? key.size : ORDER_SIZE);
        struct store_change *c = &batch->changes[batch->count++];
        *c = (struct store_change){
                .order_hi = be64_get(order),
                .order_lo = be64_get(order + 8),
                .at = batch->bytes.size,
                .key_size = key.size > STORE_KEY_MAX ? STORE_KEY_MAX + 1 : (uint32_t)key.size,
        };
        buffer_append(&batch->bytes, key.data, c->key_size);
        return c;
}

/* What is beyond a limit is kept as just beyond it, without its bytes: the commit refuses it. */
void store_put(struct store_batch *batch, struct bytes key, struct bytes value)
{
        struct store_change *c = add_change(batch, key);
        c->value_size = value.size > STORE_VALUE_MAX ? STORE_VALUE_MAX + 1 : (uint32_t)value.size;
        if (value.size <= STORE_VALUE_MAX)
                buffer_append(&batch->bytes, value.data, value.size);
}

void store_remove(struct store_batch *batch, struct bytes key)
{
        add_change(batch, key)->value_size = STORE_REMOVED;
}

void store_batch_clear(struct store_batch *batch)
{
        buffer_clear(&batch->bytes);
        batch->count = 0;
}

void store_batch_fini(struct store_batch *batch)
{
        buffer_fini(&batch->bytes);
        free(batch->changes);
        free(batch->scratch);
        *batch = (struct store_batch){ 0 };
}

/* --- sorting --- */

/* Of two keys with the same first 16 bytes; zeros stand for what a shorter one does not have. */
static int compare_rest(const struct store_batch *batch, const struct store_change *a,
                        const struct store_change *b)
{
        uint32_t size = a->key_size < b->key_size ? a->key_size : b->key_size;
        int order = 0;
        if (size > ORDER_SIZE)
                order = memcmp(batch->bytes.data + a->at + ORDER_SIZE, batch->bytes.data + b->at + ORDER_SIZE,
                               size - ORDER_SIZE);
        return order ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

static inline int compare(const struct store_batch *batch, const struct store_change *a,
                          const struct store_change *b)
{
        if (a->order_hi != b->order_hi)
                return a->order_hi < b->order_hi ? -1 : 1;
        if (a->order_lo != b->order_lo)
                return a->order_lo < b->order_lo ? -1 : 1;
        return compare_rest(batch, a, b);
}

/* Where the ascending run that begins at from ends. */
static size_t run_end(const struct store_batch *batch, size_t from)
{
        const struct store_change *c = batch->changes;
        size_t at = from + 1;
        while (at < batch->count && compare(batch, &c[at - 1], &c[at]) <= 0)
                at++;
        return at;
}

/* Whether the whole batch is that many runs at most. */
static bool runs_are_few(const struct store_batch *batch, size_t few)
{
        size_t at = 0;
        for (size_t runs = 0; runs < few && at < batch->count; runs++)
                at = run_end(batch, at);
        return at >= batch->count;
}

static void swap_scratch(struct store_batch *batch)
{
        struct store_change *changes = batch->changes;
        size_t capacity = batch->capacity;
        batch->changes = batch->scratch;
        batch->capacity = batch->scratch_capacity;
        batch->scratch = changes;
        batch->scratch_capacity = capacity;
}

static void distribute(struct store_batch *batch)
{
        size_t places[256] = { 0 }, place = 0;
        for (size_t i = 0; i < batch->count; i++)
                places[batch->changes[i].order_hi >> 56]++;
        for (size_t i = 0; i < 256; i++) {
                size_t count = places[i];
                places[i] = place;
                place += count;
        }
        for (size_t i = 0; i < batch->count; i++)
                batch->scratch[places[batch->changes[i].order_hi >> 56]++] = batch->changes[i];
        swap_scratch(batch);
}

static void merge(struct store_batch *batch, size_t from, size_t middle, size_t to)
{
        const struct store_change *c = batch->changes;
        struct store_change *out = batch->scratch + from;
        size_t left = from, right = middle;
        while (left < middle && right < to)
                *out++ = compare(batch, &c[left], &c[right]) <= 0 ? c[left++] : c[right++];
        memcpy(out, c + left, (middle - left) * sizeof *out);
        memcpy(out + (middle - left), c + right, (to - right) * sizeof *out);
}

/* Merges each run with its neighbour. True when one was left that is the whole. */
static bool merge_runs(struct store_batch *batch)
{
        size_t middle = run_end(batch, 0);
        if (middle == batch->count)
                return true;
        for (size_t from = 0; from < batch->count;) {
                size_t to = middle < batch->count ? run_end(batch, middle) : middle;
                merge(batch, from, middle, to);
                from = to;
                middle = from < batch->count ? run_end(batch, from) : from;
        }
        swap_scratch(batch);
        return false;
}

static void drop_overruled(struct store_batch *batch)
{
        struct store_change *c = batch->changes;
        size_t kept = 0;
        for (size_t i = 0; i < batch->count; i++)
                if (i + 1 == batch->count || compare(batch, &c[i], &c[i + 1]) != 0)
                        c[kept++] = c[i];
        batch->count = kept;
}

static void reserve_scratch(struct store_batch *batch)
{
        if (batch->scratch_capacity >= batch->count)
                return;
        free(batch->scratch);
        batch->scratch_capacity = batch->capacity;
        batch->scratch = xmalloc(batch->scratch_capacity * sizeof batch->scratch[0]);
}

void store_batch_sort(struct store_batch *batch)
{
        if (batch->count == 0)
                return;
        if (!runs_are_few(batch, 1)) {
                reserve_scratch(batch);
                if (!runs_are_few(batch, RUNS_FEW))
                        distribute(batch);
                while (!merge_runs(batch))
                        ;
        }
        drop_overruled(batch);
}
