/* SPDX-License-Identifier: MIT
 *
 * The protocol's tables and the frames. docs/PROTOCOL.md repeats the tables for people who write an executor
 * in another language; tests/unit/test_protocol_doc.c compares the two.
 *
 * Fields are only ever added at the end of a row: older readers pass over them, newer ones find them zero.
 * What travels once per task (TASK, DONE, ACK) carries nothing that the receiver knows already. Messages
 * inside a node have no shape: they never travel (parcel.h), and a peer that sends one sends an unknown type.
 */
#include "runtime/wire.h"

#include "stet/value.h"

#define ENTRY(label, kind, member)                                                                           \
        {                                                                                                    \
                label, offsetof(struct message, member), kind                                                \
        }
#define RUN         ENTRY("run", FIELD_U64, token.run)
#define OP          ENTRY("op", FIELD_U32, token.op)
#define ATTEMPT     ENTRY("attempt", FIELD_U32, token.attempt)
#define INCARNATION ENTRY("incarnation", FIELD_U64, token.incarnation)
#define TOKEN       RUN, OP, ATTEMPT, INCARNATION
#define CORRELATION ENTRY("correlation", FIELD_U64, correlation)
#define CODE        ENTRY("code", FIELD_U32, code)
#define ROLE        ENTRY("role", FIELD_U32, role)
#define ENDING      ENTRY("ending", FIELD_U32, role)
#define PROTOCOL    ENTRY("protocol", FIELD_U32, protocol)
#define COUNT       ENTRY("count", FIELD_U32, count)
#define CONFLICT    ENTRY("conflict", FIELD_U32, conflict)
#define REUSE       ENTRY("reuse", FIELD_U32, reuse)
#define WAIT        ENTRY("wait", FIELD_BOOL, wait)
#define PERMANENT   ENTRY("permanent", FIELD_BOOL, permanent)
#define DUE         ENTRY("due_ns", FIELD_I64, due_ns)
#define STARTED     ENTRY("started_ns", FIELD_I64, started_ns)
#define TIMEOUT     ENTRY("timeout_ms", FIELD_I64, timeout_ms)
#define HEARTBEAT   ENTRY("heartbeat_ms", FIELD_I64, heartbeat_ms)
#define REQUEST_ID  ENTRY("request_id", FIELD_STR, request_id)
#define NS          ENTRY("ns", FIELD_STR, ns)
#define ID          ENTRY("id", FIELD_STR, id)
#define NAME        ENTRY("name", FIELD_STR, name)
#define VALUE       ENTRY("value", FIELD_VALUE, value)
#define KIND        ENTRY("kind", FIELD_STR, kind)
#define TEXT        ENTRY("text", FIELD_STR, text)
#define ACTIVITIES  ENTRY("activities", FIELD_VALUE, names)
#define ATTRIBUTES  ENTRY("attributes", FIELD_VALUE, attributes)
#define QUEUES      ENTRY("queues", FIELD_VALUE, queues)

static const struct field hello[] = { PROTOCOL, ROLE, NAME, ACTIVITIES, QUEUES };
static const struct field start[] = { CORRELATION, REQUEST_ID, NS,   NAME, ID,        VALUE,
                                      CONFLICT,    REUSE,      WAIT, DUE,  ATTRIBUTES };
static const struct field signal[] = { CORRELATION, REQUEST_ID, NS, ID, NAME, VALUE };
static const struct field cancel[] = { CORRELATION, REQUEST_ID, NS, ID, TEXT };
static const struct field delete[] = { CORRELATION, REQUEST_ID, NS, ID };
static const struct field query[] = { CORRELATION, NS, ID, NAME, VALUE };
static const struct field wait[] = { CORRELATION, NS, ID, DUE };
static const struct field reading[] = { CORRELATION, NS, NAME, ID, VALUE };

static const struct field window[] = { COUNT };
static const struct field done[] = { TOKEN, CODE, STARTED, VALUE, KIND, TEXT, PERMANENT };
static const struct field token[] = { TOKEN };
static const struct field claim[] = { TOKEN, STARTED };

static const struct field welcome[] = { CODE, PROTOCOL, INCARNATION, HEARTBEAT, TEXT };
static const struct field reply[] = { CORRELATION, CODE, RUN, ID, VALUE, TEXT, COUNT };
static const struct field result[] = { CORRELATION, RUN, ENDING, CODE, VALUE, KIND, TEXT };
static const struct field task[] = { TOKEN, NAME, VALUE, TIMEOUT, HEARTBEAT };
static const struct field ack[] = { TOKEN, CODE };

const struct shape message_shapes[MSG_TYPES] = {
        [MSG_HELLO] = SHAPE("HELLO", MSG_HELLO, hello),
        [MSG_START] = SHAPE("START", MSG_START, start),
        [MSG_SIGNAL] = SHAPE("SIGNAL", MSG_SIGNAL, signal),
        [MSG_CANCEL] = SHAPE("CANCEL", MSG_CANCEL, cancel),
        [MSG_TERMINATE] = SHAPE("TERMINATE", MSG_TERMINATE, cancel),
        [MSG_QUERY] = SHAPE("QUERY", MSG_QUERY, query),
        [MSG_WAIT] = SHAPE("WAIT", MSG_WAIT, wait),
        [MSG_READ] = SHAPE("READ", MSG_READ, reading),
        [MSG_BYE] = { "BYE", MSG_BYE, 0, NULL },
        [MSG_WINDOW] = SHAPE("WINDOW", MSG_WINDOW, window),
        [MSG_DONE] = SHAPE("DONE", MSG_DONE, done),
        [MSG_PULSE] = SHAPE("PULSE", MSG_PULSE, token),
        [MSG_CLAIM] = SHAPE("CLAIM", MSG_CLAIM, claim),
        [MSG_RETURN] = SHAPE("RETURN", MSG_RETURN, token),
        [MSG_DELETE] = SHAPE("DELETE", MSG_DELETE, delete),
        [MSG_WHO] = { "WHO", MSG_WHO, 0, NULL },
        [MSG_WELCOME] = SHAPE("WELCOME", MSG_WELCOME, welcome),
        [MSG_REPLY] = SHAPE("REPLY", MSG_REPLY, reply),
        [MSG_RESULT] = SHAPE("RESULT", MSG_RESULT, result),
        [MSG_TASK] = SHAPE("TASK", MSG_TASK, task),
        [MSG_ACK] = SHAPE("ACK", MSG_ACK, ack),
        [MSG_DROP] = SHAPE("DROP", MSG_DROP, token),
};

void frame_begin(struct buffer *frame)
{
        pack_uint(frame, WIRE_VERSION);
}

void frame_put(struct buffer *frame, const struct message *m)
{
        codec_encode(frame, &message_shapes[m->type], m);
}

int frame_check(struct bytes frame, stet_why *why)
{
        static const struct unpack_limits limits = { .depth_max = WIRE_DEPTH_MAX,
                                                     .nodes_max = WIRE_NODES_MAX };
        size_t offset = 0;

        if (frame.size == 0)
                return 0;
        if (frame.size > WIRE_FRAME_MAX)
                return stet_why_set(why, STET_ETOOBIG, "the frame has %zu bytes; the most is %d", frame.size,
                                    WIRE_FRAME_MAX);
        if (frame.data[0] >= 0x80)
                return stet_why_set(why, STET_EPROTOCOL,
                                    "the frame begins with byte 0x%02x, not with a version", frame.data[0]);
        if (frame.data[0] != WIRE_VERSION)
                return stet_why_set(why, STET_EPROTOCOL,
                                    "the frame is of protocol version %d; this side speaks %d", frame.data[0],
                                    WIRE_VERSION);
        if (unpack_validate(frame, &limits, 0, &offset) != 0)
                return stet_why_set(
                    why, STET_EPROTOCOL,
                    "byte %zu of the frame's %zu: not msgpack, not UTF-8, an ext type, more than %d "
                    "values or deeper than %d",
                    offset, frame.size, WIRE_NODES_MAX, WIRE_DEPTH_MAX);
        return 0;
}

int wire_value_check(struct bytes value, const char *what, stet_why *why)
{
        static const struct unpack_limits limits = { .depth_max = STET_VALUE_DEPTH_MAX,
                                                     .nodes_max = STET_VALUE_NODES_MAX };
        if (value.size > STET_VALUE_SIZE_MAX)
                return stet_why_set(why, STET_ETOOBIG, "%s has %zu bytes; the most is %d", what, value.size,
                                    STET_VALUE_SIZE_MAX);
        if (!value.size || unpack_validate(value, &limits, 1, NULL) == 0)
                return 0;
        return stet_why_set(why, STET_EPROTOCOL,
                            "%s is not one msgpack value of at most %d parts and %d levels", what,
                            STET_VALUE_NODES_MAX, STET_VALUE_DEPTH_MAX);
}

struct cursor frame_cursor(struct bytes frame)
{
        if (frame.size == 0)
                return (struct cursor){ 0 };
        return cursor_of(bytes_of(frame.data + 1, frame.size - 1));
}

/* Names and ids have one limit, checked where they come in; a failure's kind and text are free. */
static bool names_fit(const struct message *m)
{
        return m->request_id.size <= WIRE_ID_MAX && m->ns.size <= WIRE_ID_MAX && m->id.size <= WIRE_ID_MAX &&
               m->name.size <= WIRE_ID_MAX && m->queue.size <= WIRE_ID_MAX && m->executor.size <= WIRE_ID_MAX;
}

int frame_next(struct cursor *c, struct message *ret)
{
        while (!cursor_end(c)) {
                struct cursor start_of = *c, peek = *c;
                bool array = cursor_array(&peek) > 0;
                uint64_t type = cursor_uint(&peek);
                if (!array || peek.failed) {
                        cursor_skip(c);
                        return -STET_EPROTOCOL;
                }
                if (type >= MSG_TYPES || !message_shapes[type].name) {
                        cursor_skip(c);
                        continue;
                }
                *ret = (struct message){ .type = (uint8_t)type };
                if (!codec_decode(c, message_shapes, MSG_TYPES, ret)) {
                        *c = start_of;
                        cursor_skip(c);
                        return -STET_EPROTOCOL;
                }
                return names_fit(ret) ? 1 : -STET_ETOOBIG;
        }
        return 0;
}
