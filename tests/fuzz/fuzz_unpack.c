/* SPDX-License-Identifier: MIT
 *
 * Any bytes: the validator and the cursor must not read past them or crash; what the validator passes, the
 * cursor must read to the end, and msgpack-c must read the same without asking for more memory than the input
 * can account for.
 */
#include "tests/fuzz/fuzz.h"

#include "base/unpack.h"

#include <msgpack.h>

enum {
        DEPTH_MAX = 14,
        NODES_MAX = 1 << 16,
};

/* AddressSanitizer counts for us (sanitizer/allocator_interface.h); without it the bound goes unchecked. */
extern int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                                     void (*on_free)(const volatile void *))
    __attribute__((weak));

static size_t allocated;

static void on_malloc(const volatile void *p, size_t size)
{
        (void)p;
        allocated += size;
}

static void on_free(const volatile void *p)
{
        (void)p;
}

static void count_allocations(void)
{
        static bool counting;
        if (!counting && __sanitizer_install_malloc_and_free_hooks)
                FUZZ_CHECK(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0);
        counting = true;
        allocated = 0;
}

/* msgpack-c turns one byte into an object of 24, and takes memory in chunks of 8 KiB that double. */
static size_t memory_bound(size_t size)
{
        return 64 * size + 65536;
}

/* The number of values in it, by the cursor; 0 when it fails. Recursion is bounded by the validator's depth.
 */
static uint64_t walk(struct cursor *c)
{
        uint64_t nodes = 1;
        uint64_t children = 0;
        switch (cursor_type(c)) {
        case UNPACK_NIL:
                cursor_nil(c);
                break;
        case UNPACK_BOOL:
                cursor_bool(c);
                break;
        case UNPACK_INT:
                cursor_int(c);
                break;
        case UNPACK_UINT:
                FUZZ_CHECK(cursor_uint(c) > INT64_MAX);
                break;
        case UNPACK_DOUBLE:
                cursor_double(c);
                break;
        case UNPACK_STR:
                cursor_str(c);
                break;
        case UNPACK_BIN:
                cursor_bin(c);
                break;
        case UNPACK_ARRAY:
                children = cursor_array(c);
                break;
        case UNPACK_MAP:
                children = 2 * (uint64_t)cursor_map(c);
                break;
        case UNPACK_NONE:
                return 0;
        }
        while (children--)
                nodes += walk(c);
        return c->failed ? 0 : nodes;
}

static uint64_t count_objects(const msgpack_object *o)
{
        uint64_t count = 1;
        if (o->type == MSGPACK_OBJECT_ARRAY)
                for (uint32_t i = 0; i < o->via.array.size; i++)
                        count += count_objects(&o->via.array.ptr[i]);
        if (o->type == MSGPACK_OBJECT_MAP)
                for (uint32_t i = 0; i < o->via.map.size; i++)
                        count +=
                            count_objects(&o->via.map.ptr[i].key) + count_objects(&o->via.map.ptr[i].val);
        FUZZ_CHECK(o->type != MSGPACK_OBJECT_EXT);
        return count;
}

static void check_accepted(struct bytes data)
{
        struct cursor c = cursor_of(data), skipping = c;
        uint64_t nodes = walk(&c);
        FUZZ_CHECK(nodes > 0 && nodes <= NODES_MAX && cursor_end(&c));
        FUZZ_CHECK(bytes_equal(cursor_skip(&skipping), data));

        msgpack_unpacked unpacked;
        size_t offset = 0;
        msgpack_unpacked_init(&unpacked);
        count_allocations();
        FUZZ_CHECK(msgpack_unpack_next(&unpacked, (const char *)data.data, data.size, &offset) ==
                   MSGPACK_UNPACK_SUCCESS);
        FUZZ_CHECK(offset == data.size);
        FUZZ_CHECK(count_objects(&unpacked.data) == nodes);
        FUZZ_CHECK(allocated <= memory_bound(data.size));
        msgpack_unpacked_destroy(&unpacked);
}

/* A cursor on bytes that were refused must stop by itself, whatever it is asked for. */
static void check_refused(struct bytes data, size_t offset)
{
        FUZZ_CHECK(offset <= data.size);
        struct cursor c = cursor_of(data);
        while (cursor_type(&c) != UNPACK_NONE) {
                const uint8_t *before = c.at;
                if (cursor_type(&c) == UNPACK_ARRAY)
                        cursor_array(&c);
                else if (cursor_type(&c) == UNPACK_MAP)
                        cursor_map(&c);
                else
                        cursor_skip(&c);
                FUZZ_CHECK(c.at > before);
        }
        FUZZ_CHECK(c.at <= c.end);
        c = cursor_of(data);
        while (cursor_skip(&c).size)
                ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        const struct unpack_limits limits = { DEPTH_MAX, NODES_MAX };
        struct bytes input = bytes_of(data, size);
        size_t offset = 0;
        if (unpack_validate(input, &limits, 1, &offset) == 0) {
                FUZZ_CHECK(offset == size);
                FUZZ_CHECK(unpack_validate(input, &limits, 0, NULL) == 0);
                check_accepted(input);
        } else {
                check_refused(input, offset);
        }
        return 0;
}
