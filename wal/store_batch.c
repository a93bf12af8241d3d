/* SPDX-License-Identifier: MIT
 *
 * A batch of changes and its sorting, which is made for how batches arrive: whoever fills one walks its
 * things in order, and writes for each to a few tables (first bytes of keys). So most tables are in order as
 * they come, which is noted while a key and its predecessor in the table are at hand; when the batch has been
 * distributed by tables, only the others are sorted, by merging what ascending runs they have. That is
 * stable: of equal keys the last one put stays the last.
 */
#include "wal/store.h"

#include "wal/le.h"

#include <stdlib.h>

enum { ORDER_SIZE = 16 };

/* --- comparing --- */

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

/* --- filling --- */

/* What is not strictly ascending has to be sorted, or has several changes for one key. */
static void note_order(struct store_batch *batch, const struct store_change *added)
{
        uint8_t table = (uint8_t)(added->order_hi >> 56);
        uint32_t place = (uint32_t)(added - batch->changes), latest = batch->latest[table];
        if (latest && compare(batch, &batch->changes[latest - 1], added) >= 0)
                batch->unsorted[table] = true;
        if (place && added[-1].order_hi >> 56 > table)
                batch->mixed = true;
        batch->latest[table] = place + 1;
}

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
        note_order(batch, c);
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
        memset(batch->latest, 0, sizeof batch->latest);
        memset(batch->unsorted, 0, sizeof batch->unsorted);
        batch->mixed = false;
}

void store_batch_fini(struct store_batch *batch)
{
        buffer_fini(&batch->bytes);
        free(batch->changes);
        free(batch->scratch);
        *batch = (struct store_batch){ 0 };
}

/* --- sorting --- */

static void reserve_scratch(struct store_batch *batch)
{
        if (batch->scratch_capacity >= batch->count)
                return;
        free(batch->scratch);
        batch->scratch_capacity = batch->capacity;
        batch->scratch = xmalloc(batch->scratch_capacity * sizeof batch->scratch[0]);
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

/* Where the ascending run that begins at from ends. */
static size_t run_end(const struct store_batch *batch, size_t from, size_t to)
{
        const struct store_change *c = batch->changes;
        size_t at = from + 1;
        while (at < to && compare(batch, &c[at - 1], &c[at]) <= 0)
                at++;
        return at;
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

/* Merges each ascending run of a table with its neighbour. True when one was left that is the whole. */
static bool merge_runs(struct store_batch *batch, size_t begin, size_t end)
{
        size_t middle = run_end(batch, begin, end);
        if (middle == end)
                return true;
        for (size_t from = begin; from < end;) {
                size_t to = middle < end ? run_end(batch, middle, end) : middle;
                merge(batch, from, middle, to);
                from = to;
                middle = from < end ? run_end(batch, from, end) : from;
        }
        memcpy(batch->changes + begin, batch->scratch + begin, (end - begin) * sizeof batch->changes[0]);
        return false;
}

/* Sorts a table, and drops what a later change overrules: appends what is left behind the batch's first
 * `kept` changes. */
static size_t keep_table(struct store_batch *batch, size_t begin, size_t end, size_t kept)
{
        struct store_change *c = batch->changes;
        if (!batch->unsorted[c[begin].order_hi >> 56]) {
                if (kept != begin)
                        memmove(c + kept, c + begin, (end - begin) * sizeof *c);
                return kept + (end - begin);
        }
        while (!merge_runs(batch, begin, end))
                ;
        for (size_t i = begin; i < end; i++)
                if (i + 1 == end || compare(batch, &c[i], &c[i + 1]) != 0)
                        c[kept++] = c[i];
        return kept;
}

void store_batch_sort(struct store_batch *batch)
{
        size_t kept = 0;
        if (batch->count == 0)
                return;
        reserve_scratch(batch);
        if (batch->mixed)
                distribute(batch);
        for (size_t begin = 0, end; begin < batch->count; begin = end) {
                uint64_t table = batch->changes[begin].order_hi >> 56;
                for (end = begin + 1; end < batch->count && batch->changes[end].order_hi >> 56 == table;)
                        end++;
                kept = keep_table(batch, begin, end, kept);
                batch->latest[table] = (uint32_t)kept;
                batch->unsorted[table] = false;
        }
        batch->count = kept;
        batch->mixed = false;
}
