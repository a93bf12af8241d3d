/* SPDX-License-Identifier: MIT
 *
 * Any bytes as the image of a run. What run_image_decode() accepts is a run whose image is stable: decoded
 * and encoded again it has the same bytes. What it refuses leaves nothing behind.
 */
#include "tests/fuzz/fuzz.h"

#include "actors/run_image.h"

enum { RUN = 0x1001 };

static bool again(struct bytes image, struct buffer *ret)
{
        struct run_tables tables = { 0 };
        struct run *run = NULL;
        bool accepted = run_image_decode(image, RUN, &tables, &run) == 0;
        if (accepted) {
                FUZZ_CHECK(run->ending == RUN_OPEN || !run_check(run));
                FUZZ_CHECK(tables.ops_count == run->ops_count);
                run_image_encode(run, ret);
                run_free(run, &tables);
        }
        FUZZ_CHECK(!tables.ops_count && !tables.ops.count && !heap_min(&tables.timers));
        run_tables_fini(&tables);
        return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct buffer first = { 0 }, second = { 0 };
        if (again(bytes_of(data, size), &first)) {
                FUZZ_CHECK(again(buffer_bytes(&first), &second));
                FUZZ_CHECK(bytes_equal(buffer_bytes(&first), buffer_bytes(&second)));
        }
        buffer_fini(&first);
        buffer_fini(&second);
        return 0;
}
