/* SPDX-License-Identifier: MIT */
#include "runtime/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* --- helpers --- */

/* Gives every field of the shape a value of its own. The texts live in storage. */
static void fill(const struct shape *shape, struct message *m, char storage[32][16])
{
        *m = (struct message){ .type = shape->type };
        for (unsigned i = 0; i < shape->fields_count; i++) {
                char *at = (char *)m + shape->fields[i].offset;
                snprintf(storage[i], 16, "field %u", i);
                switch ((enum field_kind)shape->fields[i].kind) {
                case FIELD_BOOL:
                        *(bool *)(void *)at = true;
                        break;
                case FIELD_U32:
                        *(uint32_t *)(void *)at = UINT32_MAX - i;
                        break;
                case FIELD_U64:
                        *(uint64_t *)(void *)at = UINT64_MAX - i;
                        break;
                case FIELD_I64:
                        *(int64_t *)(void *)at = INT64_MIN + (int64_t)i;
                        break;
                case FIELD_DOUBLE:
                        *(double *)(void *)at = i + 0.5;
                        break;
                case FIELD_STR:
                case FIELD_BIN:
                case FIELD_VALUE:
                        *(struct bytes *)(void *)at = bytes_str(storage[i]);
                        break;
                }
        }
}

static bool field_equal(const struct field *field, const struct message *a, const struct message *b)
{
        static const size_t sizes[] = { [FIELD_BOOL] = sizeof(bool),
                                        [FIELD_U32] = sizeof(uint32_t),
                                        [FIELD_U64] = sizeof(uint64_t),
                                        [FIELD_I64] = sizeof(int64_t),
                                        [FIELD_DOUBLE] = sizeof(double) };
        const char *at_a = (const char *)a + field->offset, *at_b = (const char *)b + field->offset;
        if (field->kind >= FIELD_STR)
                return bytes_equal(*(const struct bytes *)(const void *)at_a,
                                   *(const struct bytes *)(const void *)at_b);
        return memcmp(at_a, at_b, sizes[field->kind]) == 0;
}

static bool known(unsigned type)
{
        return type < MSG_TYPES && message_shapes[type].name;
}

/* Reads the only message of a frame that must pass the check. */
static int read_one(const struct buffer *frame, struct message *ret)
{
        stet_why why = { "" };
        cr_assert_eq(frame_check(buffer_bytes(frame), &why), 0, "%s", why.text);
        struct cursor c = frame_cursor(buffer_bytes(frame));
        return frame_next(&c, ret);
}

static int check_bytes(const char *data, size_t size, stet_why *why)
{
        return frame_check(bytes_of(data, size), why);
}

/* --- messages --- */

Test(wire, every_message_comes_back_as_it_was)
{
        for (unsigned type = 0; type < MSG_TYPES; type++) {
                if (!known(type))
                        continue;
                const struct shape *shape = &message_shapes[type];
                struct message m, got;
                char storage[32][16];
                struct buffer frame = { 0 };
                cr_assert_eq(shape->type, type, "%s stands in the wrong place", shape->name);
                fill(shape, &m, storage);
                frame_begin(&frame);
                frame_put(&frame, &m);
                cr_assert_eq(read_one(&frame, &got), 1, "%s", shape->name);
                cr_assert_eq(got.type, type);
                for (unsigned i = 0; i < shape->fields_count; i++)
                        cr_assert(field_equal(&shape->fields[i], &m, &got), "%s.%s", shape->name,
                                  shape->fields[i].name);
                buffer_fini(&frame);
        }
}

Test(wire, no_two_fields_of_a_message_share_a_place_or_a_name)
{
        for (unsigned type = 0; type < MSG_TYPES; type++)
                for (unsigned i = 0; known(type) && i < message_shapes[type].fields_count; i++)
                        for (unsigned j = 0; j < i; j++) {
                                const struct field *a = &message_shapes[type].fields[i], *b = a - (i - j);
                                cr_assert_neq(a->offset, b->offset, "%s.%s", message_shapes[type].name,
                                              a->name);
                                cr_assert_str_neq(a->name, b->name);
                        }
}

Test(wire, the_peer_number_travels_only_inside_the_node)
{
        for (unsigned type = 0; type < MSG_ENQUEUE; type++)
                for (unsigned i = 0; known(type) && i < message_shapes[type].fields_count; i++)
                        cr_assert_neq(message_shapes[type].fields[i].offset, offsetof(struct message, peer));
}

Test(wire, what_travels_once_per_task_is_small)
{
        struct message task = { .type = MSG_TASK,
                                .token = { 1000000, 3, 1, 77 },
                                .name = bytes_str("charge") };
        struct message done = { .type = MSG_DONE,
                                .token = task.token,
                                .started_ns = INT64_C(1700000000000000000) };
        struct message ack = { .type = MSG_ACK, .token = task.token };
        struct buffer b = { 0 };
        frame_put(&b, &task);
        cr_expect_leq(b.size, 24);
        buffer_clear(&b);
        frame_put(&b, &done);
        cr_expect_leq(b.size, 28);
        buffer_clear(&b);
        frame_put(&b, &ack);
        cr_expect_leq(b.size, 16);
        buffer_fini(&b);
}

Test(wire, a_frame_holds_many_messages_in_order)
{
        struct buffer frame = { 0 };
        struct message m;
        frame_begin(&frame);
        for (uint32_t i = 0; i < 1000; i++)
                frame_put(&frame, &(struct message){ .type = MSG_WINDOW, .count = i });
        cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), 0);
        struct cursor c = frame_cursor(buffer_bytes(&frame));
        for (uint32_t i = 0; i < 1000; i++) {
                cr_assert_eq(frame_next(&c, &m), 1);
                cr_assert_eq(m.count, i);
        }
        cr_assert_eq(frame_next(&c, &m), 0);
        cr_assert_eq(frame_next(&c, &m), 0, "the end stays the end");
        buffer_fini(&frame);
}

/* --- older and newer peers --- */

Test(wire, fields_that_a_newer_peer_adds_are_passed_over)
{
        struct buffer frame = { 0 };
        struct message m;
        frame_begin(&frame);
        pack_array(&frame, 5);
        pack_uint(&frame, MSG_WINDOW);
        pack_uint(&frame, 7);
        pack_cstr(&frame, "new");
        pack_map(&frame, 1);
        pack_cstr(&frame, "a");
        pack_nil(&frame);
        pack_bool(&frame, true);
        frame_put(&frame, &(struct message){ .type = MSG_BYE });
        cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), 0);
        struct cursor c = frame_cursor(buffer_bytes(&frame));
        cr_assert_eq(frame_next(&c, &m), 1);
        cr_assert_eq(m.count, 7);
        cr_assert_eq(frame_next(&c, &m), 1);
        cr_assert_eq(m.type, MSG_BYE);
        buffer_fini(&frame);
}

Test(wire, fields_that_an_older_peer_leaves_out_are_zero)
{
        struct buffer frame = { 0 };
        struct message m;
        frame_begin(&frame);
        pack_array(&frame, 3);
        pack_uint(&frame, MSG_ACK);
        pack_uint(&frame, 9);
        pack_uint(&frame, 2);
        cr_assert_eq(read_one(&frame, &m), 1);
        cr_assert_eq(m.token.run, 9);
        cr_assert_eq(m.token.op, 2);
        cr_assert_eq(m.token.attempt, 0);
        cr_assert_eq(m.code, 0);
        buffer_fini(&frame);
}

Test(wire, types_that_a_newer_peer_adds_are_passed_over)
{
        static const unsigned unknown[] = { 0, 23, 31, MSG_TYPES, 127, 128, 70000 };
        struct buffer frame = { 0 };
        struct message m;
        frame_begin(&frame);
        for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
                pack_array(&frame, 3);
                pack_uint(&frame, unknown[i]);
                pack_array(&frame, 1);
                pack_cstr(&frame, "nested");
                pack_uint(&frame, 1);
        }
        frame_put(&frame, &(struct message){ .type = MSG_WINDOW, .count = 5 });
        cr_assert_eq(read_one(&frame, &m), 1);
        cr_assert_eq(m.type, MSG_WINDOW);
        cr_assert_eq(m.count, 5);
        buffer_fini(&frame);
}

/* --- what is refused --- */

Test(wire, a_message_that_is_none_does_not_hide_the_next)
{
        static const struct {
                const char *bytes;
                size_t size;
        } wrong[] = {
                { "\x05", 1 },          /* no array */
                { "\x80", 1 },          /* a map */
                { "\x90", 1 },          /* an array without a type: the 5 behind it must not become one */
                { "\x91\xa1x", 3 },     /* a type that is text */
                { "\x91\xff", 2 },      /* a negative type */
                { "\x92\x0a\xa1x", 4 }, /* WINDOW with text for its count */
                { "\x92\x0a\xff", 3 },  /* with a negative one */
                { "\x92\x0a\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 11 }, /* with one of 33 bits */
                { "\x92\x0a\xc0", 3 },                                  /* with nil */
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                struct buffer frame = { 0 };
                struct message m;
                frame_begin(&frame);
                buffer_append(&frame, wrong[i].bytes, wrong[i].size);
                frame_put(&frame, &(struct message){ .type = MSG_WINDOW, .count = 5 });
                cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), 0, "case %zu", i);
                struct cursor c = frame_cursor(buffer_bytes(&frame));
                cr_assert_eq(frame_next(&c, &m), -STET_EPROTOCOL, "case %zu", i);
                cr_assert_eq(frame_next(&c, &m), 1, "case %zu", i);
                cr_assert_eq(m.count, 5, "case %zu", i);
                cr_assert_eq(frame_next(&c, &m), 0, "case %zu", i);
                buffer_fini(&frame);
        }
}

Test(wire, frames_that_are_not_the_protocol_are_refused)
{
        static const struct {
                const char *bytes;
                size_t size;
                const char *says;
        } wrong[] = {
                { "\x02\x91\x10", 3, "version 2" },
                { "\x00", 1, "version 0" },
                { "\x91\x01", 2, "byte 0x91" },
                { "\x01\x92\x0a", 3, "byte 1" },             /* cut short */
                { "\x01\x91\xc1", 3, "byte 2" },             /* no msgpack */
                { "\x01\xdd\x0f\xff\xff\xff", 6, "byte 1" }, /* claims 268 million items */
                { "\x01\xdf\xff\xff\xff\xff", 6, "byte 1" },
                { "\x01\x92\x0a\xc6\xff\xff\xff\xff", 8, "byte 3" }, /* claims 4 GiB */
                { "\x01\x92\x12\xa2\xc3\x28", 6, "byte 3" },         /* text that is not UTF-8 */
                { "\x01\x91\xd4\x01\x00", 5, "byte 2" },             /* an ext */
        };
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
                stet_why why = { "" };
                cr_assert_eq(check_bytes(wrong[i].bytes, wrong[i].size, &why), STET_EPROTOCOL, "case %zu", i);
                cr_assert(strstr(why.text, wrong[i].says), "case %zu: %s", i, why.text);
        }
}

Test(wire, an_empty_frame_is_zeromqs_probe)
{
        struct message m;
        cr_assert_eq(frame_check(bytes_of(NULL, 0), NULL), 0);
        struct cursor c = frame_cursor(bytes_of(NULL, 0));
        cr_assert_eq(frame_next(&c, &m), 0);
        cr_assert_eq(check_bytes("\x01", 1, NULL), 0, "a version alone, too");
}

/* --- the limits, to the byte --- */

/* A frame with one DONE whose value makes the frame exactly that large. */
static void frame_of_size(struct buffer *frame, size_t size)
{
        uint8_t *zeros = xcalloc(1, size);
        buffer_clear(frame);
        frame_begin(frame);
        struct message m = { .type = MSG_DONE, .value = bytes_of(zeros, size - 20) };
        frame_put(frame, &m);
        m.value.size -= frame->size - size;
        buffer_clear(frame);
        frame_begin(frame);
        frame_put(frame, &m);
        free(zeros);
        cr_assert_eq(frame->size, size);
}

Test(wire, a_frame_of_the_largest_size_passes_and_one_byte_more_does_not)
{
        struct buffer frame = { 0 };
        struct message m;
        stet_why why;
        frame_of_size(&frame, WIRE_FRAME_MAX);
        cr_assert_eq(read_one(&frame, &m), 1);
        frame_of_size(&frame, WIRE_FRAME_MAX + 1);
        cr_assert_eq(frame_check(buffer_bytes(&frame), &why), STET_ETOOBIG);
        cr_assert_str_eq(why.text, "the frame has 4194305 bytes; the most is 4194304");
        buffer_fini(&frame);
}

Test(wire, a_frame_of_the_most_values_passes_and_one_more_does_not)
{
        struct buffer frame = { 0 };
        frame_begin(&frame); /* the version is a value, too */
        pack_array(&frame, WIRE_NODES_MAX - 2);
        for (int i = 0; i < WIRE_NODES_MAX - 2; i++)
                pack_uint(&frame, 0);
        cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), 0);
        pack_uint(&frame, 0);
        cr_assert_eq(frame_check(buffer_bytes(&frame), NULL), STET_EPROTOCOL);
        buffer_fini(&frame);
}

Test(wire, arrays_nest_to_the_limit_and_no_deeper)
{
        char deep[1 + WIRE_DEPTH_MAX + 2] = { 1 };
        memset(deep + 1, 0x91, WIRE_DEPTH_MAX + 1);
        cr_assert_eq(check_bytes(deep, 1 + WIRE_DEPTH_MAX + 1, NULL), STET_EPROTOCOL,
                     "the innermost is missing");
        deep[1 + WIRE_DEPTH_MAX] = 0;
        cr_assert_eq(check_bytes(deep, 1 + WIRE_DEPTH_MAX + 1, NULL), 0);
        deep[1 + WIRE_DEPTH_MAX] = (char)0x91;
        cr_assert_eq(check_bytes(deep, 1 + WIRE_DEPTH_MAX + 2, NULL), STET_EPROTOCOL);
}

Test(wire, a_name_of_255_bytes_passes_and_one_of_256_is_told_to_its_sender)
{
        static const size_t places[] = { offsetof(struct message, request_id), offsetof(struct message, ns),
                                         offsetof(struct message, id), offsetof(struct message, name) };
        char name[WIRE_ID_MAX + 1];
        memset(name, 'n', sizeof name);
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
                struct message m = { .type = MSG_START, .correlation = 42 }, got;
                struct bytes *place = (struct bytes *)(void *)((char *)&m + places[i]);
                struct buffer frame = { 0 };
                *place = bytes_of(name, WIRE_ID_MAX);
                frame_begin(&frame);
                frame_put(&frame, &m);
                cr_assert_eq(read_one(&frame, &got), 1);
                buffer_clear(&frame);
                *place = bytes_of(name, WIRE_ID_MAX + 1);
                frame_begin(&frame);
                frame_put(&frame, &m);
                cr_assert_eq(read_one(&frame, &got), -STET_ETOOBIG);
                cr_assert_eq(got.correlation, 42);
                buffer_fini(&frame);
        }
}

Test(wire, a_failures_kind_and_text_have_no_limit_of_their_own)
{
        char text[1000];
        struct buffer frame = { 0 };
        struct message got;
        memset(text, 't', sizeof text);
        frame_begin(&frame);
        frame_put(&frame, &(struct message){ .type = MSG_DONE,
                                             .kind = bytes_of(text, sizeof text),
                                             .text = bytes_of(text, sizeof text) });
        cr_assert_eq(read_one(&frame, &got), 1);
        buffer_fini(&frame);
}
