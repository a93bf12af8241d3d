/* SPDX-License-Identifier: MIT
 *
 * The ceiling's messages: those of the engine, with the fields that must travel, in msgpack, many in a frame.
 * A message is an array [kind, run, step, attempt, incarnation, name, value]; START and END carry no token
 * and have fewer fields.
 *
 * Reading trusts the bytes: both ends are this process, and what checking costs is the engine's, not the
 * floor's.
 */
#ifndef BENCH_CEILING_WIRE_H
#define BENCH_CEILING_WIRE_H

#include <stdint.h>
#include <string.h>

#include <msgpack/pack_define.h>
#include <msgpack/timestamp.h>

enum ceiling_kind {
        CEILING_START = 3, /* client: [kind, run, name, value] */
        CEILING_DONE = 11, /* executor: [kind, run, step, attempt, incarnation, value] */
        CEILING_END = 19,  /* to the client: [kind, run, value] */
        CEILING_TASK = 20, /* to an executor: [kind, run, step, attempt, incarnation, name, value] */
        CEILING_HELLO = 1, /* [kind, place]: the client's place is 0, executors count from 1 */
        CEILING_STOP = 9,  /* [kind] */
};

enum {
        CEILING_FRAME_AIM = 64 << 10, /* bytes; a fuller frame is sent and the next begun */
        CEILING_OVERHEAD = 64,        /* bytes of a message beside its value, at most */
};

/* As long on the wire as a real one. */
static const uint64_t CEILING_INCARNATION = UINT64_C(0x9e3779b97f4a7c15);
static const char CEILING_ACTIVITY[] = "echo";
static const char CEILING_WORKFLOW[] = "chain3";

struct ceiling_value {
        const uint8_t *data;
        uint32_t size;
};

struct ceiling_message {
        uint64_t run;
        struct ceiling_value value;
        uint32_t kind;
        uint32_t step;
};

/* msgpack-c's packer over a bare pointer: the caller has made room. */
static inline void ceiling_write(uint8_t **at, const void *data, size_t size)
{
        memcpy(*at, data, size);
        *at += size;
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define msgpack_pack_inline_func(name)      static inline void ceiling_pack##name
#define msgpack_pack_inline_func_cint(name) static inline void ceiling_pack##name
#define msgpack_pack_user                   uint8_t **
#define msgpack_pack_append_buffer(at, data, size)                                                           \
        ceiling_write(at, data, size);                                                                       \
        return
#include <msgpack/pack_template.h>
#pragma GCC diagnostic pop

static inline void ceiling_put_value(uint8_t **at, struct ceiling_value value)
{
        ceiling_pack_bin(at, value.size);
        ceiling_write(at, value.data, value.size);
}

static inline void ceiling_put_text(uint8_t **at, const char *text, size_t size)
{
        ceiling_pack_str(at, size);
        ceiling_write(at, text, size);
}

static inline void ceiling_put_token(uint8_t **at, uint64_t run, uint32_t step)
{
        ceiling_pack_uint64(at, run);
        ceiling_pack_uint32(at, step);
        ceiling_pack_uint32(at, 1);
        ceiling_pack_uint64(at, CEILING_INCARNATION);
}

static inline void ceiling_put_start(uint8_t **at, uint64_t run, struct ceiling_value value)
{
        ceiling_pack_array(at, 4);
        ceiling_pack_uint32(at, CEILING_START);
        ceiling_pack_uint64(at, run);
        ceiling_put_text(at, CEILING_WORKFLOW, sizeof(CEILING_WORKFLOW) - 1);
        ceiling_put_value(at, value);
}

static inline void ceiling_put_task(uint8_t **at, uint64_t run, uint32_t step, struct ceiling_value value)
{
        ceiling_pack_array(at, 7);
        ceiling_pack_uint32(at, CEILING_TASK);
        ceiling_put_token(at, run, step);
        ceiling_put_text(at, CEILING_ACTIVITY, sizeof(CEILING_ACTIVITY) - 1);
        ceiling_put_value(at, value);
}

static inline void ceiling_put_done(uint8_t **at, uint64_t run, uint32_t step, struct ceiling_value value)
{
        ceiling_pack_array(at, 6);
        ceiling_pack_uint32(at, CEILING_DONE);
        ceiling_put_token(at, run, step);
        ceiling_put_value(at, value);
}

static inline void ceiling_put_end(uint8_t **at, uint64_t run, struct ceiling_value value)
{
        ceiling_pack_array(at, 3);
        ceiling_pack_uint32(at, CEILING_END);
        ceiling_pack_uint64(at, run);
        ceiling_put_value(at, value);
}

static inline void ceiling_put_hello(uint8_t **at, uint32_t place)
{
        ceiling_pack_array(at, 2);
        ceiling_pack_uint32(at, CEILING_HELLO);
        ceiling_pack_uint32(at, place);
}

static inline void ceiling_put_stop(uint8_t **at)
{
        ceiling_pack_array(at, 1);
        ceiling_pack_uint32(at, CEILING_STOP);
}

static inline uint64_t ceiling_take_uint(const uint8_t **at)
{
        const uint8_t *p = *at;
        uint64_t value = *p;
        unsigned size = value < 0x80 ? 0 : 1U << (value - 0xcc); /* fixint, or uint 8 … 64 */
        *at = p + 1 + size;
        if (!size)
                return value;
        value = 0;
        for (unsigned i = 1; i <= size; i++)
                value = value << 8 | p[i];
        return value;
}

/* A str or bin of any length. */
static inline struct ceiling_value ceiling_take_blob(const uint8_t **at)
{
        const uint8_t *p = *at;
        unsigned first = *p++;
        uint32_t size = 0;
        if ((first & 0xe0) == 0xa0) {
                size = first & 0x1f;
        } else {
                unsigned width = 1U << ((first - (first >= 0xd9 ? 0xd9 : 0xc4)) & 3);
                for (unsigned i = 0; i < width; i++)
                        size = size << 8 | *p++;
        }
        *at = p + size;
        return (struct ceiling_value){ p, size };
}

/* Reads the message at *at and moves on to the next. */
static inline void ceiling_take(const uint8_t **at, struct ceiling_message *ret)
{
        (*at)++; /* the array's header: the kind says how many fields there are */
        ret->kind = (uint32_t)ceiling_take_uint(at);
        if (ret->kind == CEILING_STOP)
                return;
        ret->run = ceiling_take_uint(at);
        if (ret->kind == CEILING_HELLO)
                return;
        if (ret->kind == CEILING_TASK || ret->kind == CEILING_DONE) {
                ret->step = (uint32_t)ceiling_take_uint(at);
                ceiling_take_uint(at); /* attempt */
                ceiling_take_uint(at); /* incarnation */
        }
        if (ret->kind == CEILING_START || ret->kind == CEILING_TASK)
                ceiling_take_blob(at); /* the workflow's or activity's name */
        ret->value = ceiling_take_blob(at);
}

#endif
