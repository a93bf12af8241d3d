/* SPDX-License-Identifier: MIT */
#include "runtime/parcel.h"

#include <criterion/criterion.h>
#include <stdlib.h>

/* Everything a message can hold. */
static const struct message full = { .type = MSG_TASK,
                                     .correlation = UINT64_MAX,
                                     .token = { UINT64_MAX - 1, 2, 3, UINT64_MAX - 4 },
                                     .parent_run = 5,
                                     .parent_op = 6,
                                     .code = STET_EFAILED,
                                     .role = 7,
                                     .protocol = 8,
                                     .count = 9,
                                     .conflict = 10,
                                     .reuse = 11,
                                     .wait = true,
                                     .permanent = true,
                                     .abandon = true,
                                     .due_ns = INT64_MIN,
                                     .started_ns = 12,
                                     .timeout_ms = 13,
                                     .schedule_timeout_ms = 14,
                                     .heartbeat_ms = INT64_MAX,
                                     .peer = UINT64_MAX - 15,
                                     .request_id = { (const uint8_t *)"request", 7 },
                                     .ns = { (const uint8_t *)"ns", 2 },
                                     .id = { (const uint8_t *)"id", 2 },
                                     .name = { (const uint8_t *)"name", 4 },
                                     .queue = { (const uint8_t *)"queue", 5 },
                                     .value = { (const uint8_t *)"value", 5 },
                                     .kind = { (const uint8_t *)"kind", 4 },
                                     .text = { (const uint8_t *)"text", 4 },
                                     .executor = { (const uint8_t *)"executor", 8 },
                                     .names = { (const uint8_t *)"names", 5 },
                                     .queues = { (const uint8_t *)"queues", 6 } };

static void expect_equal(const struct message *a, const struct message *b)
{
        cr_assert_eq(memcmp(a, b, offsetof(struct message, request_id)), 0, "a number differs");
        const struct bytes *of_a = &a->request_id, *of_b = &b->request_id;
        for (; (const void *)of_a < (const void *)(a + 1); of_a++, of_b++)
                cr_assert(bytes_equal(*of_a, *of_b), "text %td differs", of_a - &a->request_id);
}

Test(parcel, message_comes_out_as_it_was_put_in)
{
        struct buffer b = { 0 };
        struct message m;
        parcel_put(&b, &full);
        struct bytes at = buffer_bytes(&b);
        cr_assert(parcel_take(&at, &m));
        expect_equal(&m, &full);
        cr_assert_eq(at.size, 0);
        cr_assert(!parcel_take(&at, &m));
        buffer_fini(&b);
}

Test(parcel, many_of_all_sizes_come_out_in_order_and_their_bytes_lie_in_the_buffer)
{
        enum { COUNT = 500 };
        struct buffer b = { 0 };
        char *text = xmalloc(COUNT);
        memset(text, 'x', COUNT);
        for (unsigned i = 0; i < COUNT; i++) {
                struct message m = { .type = MSG_SEND, .count = i };
                m.value = bytes_of(text, i);
                m.kind = bytes_of(text, i % 3);
                parcel_put(&b, &m);
        }
        memset(text, 'y', COUNT); /* it was copied */
        struct bytes at = buffer_bytes(&b);
        struct message m;
        for (unsigned i = 0; i < COUNT; i++) {
                cr_assert(parcel_take(&at, &m));
                cr_assert_eq(m.count, i);
                cr_assert_eq(m.value.size, i);
                cr_assert_eq(m.kind.size, i % 3);
                cr_assert_eq(m.text.size, 0);
                cr_assert(i == 0 || (m.value.data >= b.data && bytes_end(m.value) <= b.data + b.size));
                cr_assert(i == 0 || (m.value.data[0] == 'x' && m.value.data[i - 1] == 'x'));
        }
        cr_assert(!parcel_take(&at, &m));
        free(text);
        buffer_fini(&b);
}

Test(parcel, empty_message_is_a_parcel_and_an_empty_buffer_holds_none)
{
        static const struct message nothing;
        struct buffer b = { 0 };
        struct message m = full;
        struct bytes at = { NULL, 0 };
        cr_assert(!parcel_take(&at, &m));
        parcel_put(&b, &nothing);
        at = buffer_bytes(&b);
        cr_assert(parcel_take(&at, &m));
        expect_equal(&m, &nothing);
        buffer_fini(&b);
}

Test(parcel, answers_are_for_peers_and_readings_and_the_rest_for_the_node)
{
        cr_assert(parcel_for_peer(&(struct message){ .type = MSG_RESULT }));
        cr_assert(parcel_for_peer(&(struct message){ .type = MSG_ACK }));
        cr_assert(parcel_for_peer(&(struct message){ .type = MSG_REPLY }));
        cr_assert(!parcel_for_peer(&(struct message){ .type = MSG_REPLY, .name = bytes_str("show") }));
        cr_assert(!parcel_for_peer(&(struct message){ .type = MSG_ENQUEUE }));
        cr_assert(!parcel_for_peer(&(struct message){ .type = MSG_SEND_DONE }));
}

Test(parcel, glance_passes_over_each_and_tells_its_type_and_token)
{
        struct buffer b = { 0 };
        uint8_t type;
        struct token token;
        parcel_put(&b, &full);
        parcel_put(&b, &(struct message){ .type = MSG_CLOSE, .token = { 7, 8, 9, 10 } });
        struct bytes at = buffer_bytes(&b);
        cr_assert(parcel_glance(&at, &type, &token));
        cr_assert(type == MSG_TASK && token.run == full.token.run && token.attempt == 3);
        cr_assert(parcel_glance(&at, &type, &token));
        cr_assert(type == MSG_CLOSE && token.run == 7 && token.op == 8);
        cr_assert_eq(at.size, 0);
        cr_assert(!parcel_glance(&at, &type, &token));
        buffer_fini(&b);
}
