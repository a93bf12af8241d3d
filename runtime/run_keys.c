/* SPDX-License-Identifier: MIT
 *
 * The keys of runs in the store, and which of them follow from the state a run is in.
 */
#include "runtime/run_store.h"

#include "base/attributes.h"
#include "wal/le.h"

enum { REQUEST_PREFIX_SIZE = 32 };

/* --- building --- */

struct run_key run_key_of(char table)
{
        return (struct run_key){ .bytes = { (uint8_t)table }, .size = 1 };
}

void run_key_u8(struct run_key *key, uint8_t value)
{
        key->bytes[key->size++] = value;
}

void run_key_u32(struct run_key *key, uint32_t value)
{
        for (int shift = 24; shift >= 0; shift -= 8)
                run_key_u8(key, (uint8_t)(value >> shift));
}

void run_key_u64(struct run_key *key, uint64_t value)
{
        be64_put(key->bytes + key->size, value);
        key->size += 8;
}

struct run_key run_key_after(const struct run_key *key)
{
        struct run_key after = *key;
        while (after.size && ++after.bytes[after.size - 1] == 0)
                after.size--;
        return after;
}

uint64_t run_key_number(struct bytes key, size_t offset)
{
        return key.size >= offset + 8 ? be64_get(key.data + offset) : 0;
}

struct run_key run_key_run(char table, uint64_t run)
{
        struct run_key key = run_key_of(table);
        run_key_u64(&key, run);
        return key;
}

struct run_key run_key_chunk(uint64_t run, uint64_t lsn)
{
        struct run_key key = run_key_run('z', run);
        run_key_u64(&key, lsn);
        return key;
}

struct run_key run_key_about(const char *name)
{
        struct run_key key = run_key_of('m');
        while (*name)
                run_key_u8(&key, (uint8_t)*name++);
        return key;
}

/* --- hashes --- */

/* Parts are told apart by what stands between them: a hash is never of two that were joined. */
static uint64_t hash_two(const struct run_store *rs, uint64_t kind, struct bytes a, struct bytes b)
{
        return hash_bytes(hash_bytes(rs->secret[0], kind, a), rs->secret[1], b);
}

struct run_key run_key_name(const struct run_store *rs, struct bytes ns, struct bytes id)
{
        struct run_key key = run_key_of('n');
        run_key_u64(&key, hash_two(rs, 1, ns, id));
        run_key_u64(&key, hash_two(rs, 2, ns, id));
        return key;
}

/* A client numbers its requests, so the id itself comes first: neighbours in time are neighbours here, and a
 * batch changes few pages. */
struct run_key run_key_request(const struct run_store *rs, uint8_t event, struct bytes ns, struct bytes id,
                               struct bytes request_id)
{
        struct run_key key = run_key_of('q');
        size_t prefix = request_id.size < REQUEST_PREFIX_SIZE ? request_id.size : REQUEST_PREFIX_SIZE;
        memcpy(key.bytes + key.size, request_id.data, prefix);
        key.size += REQUEST_PREFIX_SIZE;
        run_key_u64(&key, hash_bytes(hash_two(rs, 0x100 + event, ns, id), rs->secret[1], request_id));
        return key;
}

/* As much of a hash as fits. */
static void put_hash(struct run_key *key, uint64_t hash)
{
        run_key_u64(key, hash);
        key->size -= 2;
}

struct run_key run_key_index(const struct run_store *rs, enum run_index kind, struct bytes ns,
                             struct bytes value)
{
        struct run_key key = run_key_of((char)kind);
        put_hash(&key, hash_two(rs, 0x200 + kind, ns, value));
        return key;
}

struct run_key run_key_ended(const struct run_store *rs, uint32_t ending, struct bytes ns)
{
        struct run_key key = run_key_of('e');
        run_key_u8(&key, (uint8_t)ending);
        put_hash(&key, hash_two(rs, 0x300, ns, bytes_of(NULL, 0)));
        return key;
}

struct run_key run_key_value(char table, const struct run_store *rs, struct bytes value)
{
        struct run_key key = run_key_of(table);
        run_key_u64(&key, hash_bytes(rs->secret[0], rs->secret[1], value));
        run_key_u64(&key, hash_bytes(rs->secret[1], ~rs->secret[0], value));
        return key;
}

/* --- what follows from a state --- */

/* Whether a restart must look at the run: it is owed more than timers and signals. */
static bool run_is_owed(const struct run *run)
{
        if (run->ending != RUN_OPEN)
                return run->ops_count != 0;
        if (run->pending || (run->parent && !run->abandon))
                return true;
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect != EFFECT_TIMER && op->effect != EFFECT_WAIT_SIGNAL)
                        return true;
        }
        return false;
}

static void emit(struct buffer *to, const struct run_key *key)
{
        uint8_t size = (uint8_t)key->size;
        buffer_append(to, &size, 1);
        buffer_append(to, key->bytes, key->size);
}

static void emit_ended(const struct run_store *rs, const struct run *run, struct buffer *to)
{
        struct run_key key = run_key_ended(rs, run->ending, bytes_str(run->ns));
        run_key_u64(&key, (uint64_t)run->ended_ns);
        run_key_u64(&key, run->id);
        emit(to, &key);
}

static void emit_timers(const struct run *run, struct buffer *to)
{
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect != EFFECT_TIMER)
                        continue;
                struct run_key key = run_key_of('t');
                run_key_u64(&key, (uint64_t)op->due_ns);
                run_key_u64(&key, run->id);
                run_key_u32(&key, op->id);
                emit(to, &key);
        }
}

static void emit_index(const struct run_store *rs, const struct run *run, enum run_index kind,
                       struct bytes value, struct buffer *to)
{
        struct run_key key = run_key_index(rs, kind, bytes_str(run->ns), value);
        run_key_u64(&key, run->id);
        emit(to, &key);
}

bool run_keys_have(struct bytes keys, struct bytes wanted)
{
        for (size_t at = 0; at < keys.size; at += 1u + keys.data[at])
                if (bytes_equal(bytes_of(keys.data + at + 1, keys.data[at]), wanted))
                        return true;
        return false;
}

/* One for each queue, however many calls are on it: those of a fan are most often all on one. */
static void emit_queues(const struct run_store *rs, const struct run *run, struct buffer *to)
{
        struct bytes last = { NULL, 0 };
        size_t begin = to->size;
        list_each(at, &run->ops)
        {
                const struct op *op = container_of(at, struct op, in_run);
                if (op->effect != EFFECT_CALL || bytes_equal(op_queue(op), last))
                        continue;
                last = op_queue(op);
                struct run_key key = run_key_index(rs, INDEX_QUEUE, bytes_str(run->ns), last);
                run_key_u64(&key, run->id);
                if (!run_keys_have(bytes_of(to->data + begin, to->size - begin), run_key_bytes(&key)))
                        emit(to, &key);
        }
}

void run_state_keys(const struct run_store *rs, const struct run *run, struct buffer *to)
{
        uint8_t state = (uint8_t)run->ending, parent[8];
        if (run->ending != RUN_OPEN)
                emit_ended(rs, run, to);
        emit_timers(run, to);
        if (run_is_owed(run)) {
                struct run_key key = run_key_run('o', run->id);
                emit(to, &key);
        }
        emit_index(rs, run, INDEX_STATE, bytes_of(&state, 1), to);
        emit_index(rs, run, INDEX_WORKFLOW, bytes_str(run->workflow), to);
        if (run->parent) {
                be64_put(parent, run->parent);
                emit_index(rs, run, INDEX_PARENT, bytes_of(parent, sizeof parent), to);
        }
        emit_queues(rs, run, to);
        struct cursor attributes = cursor_of(run->attributes);
        for (uint32_t left = run->attributes.size ? cursor_map(&attributes) : 0; left; left--)
                emit_index(rs, run, INDEX_ATTRIBUTE, attribute_next(&attributes), to);
}
