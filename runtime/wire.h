/* SPDX-License-Identifier: MIT
 *
 * The messages between clients, executors, the node's front and its shards, and the frames that carry them.
 * The tables in wire.c are the protocol; docs/PROTOCOL.md says in prose what each is for.
 *
 * A frame is one ZeroMQ message part: a msgpack fixint with the protocol's version, then any number of
 * messages, one after the other, each a msgpack array [type, field, …] (base/codec.h). Many messages share a
 * frame.
 */
#ifndef RUNTIME_WIRE_H
#define RUNTIME_WIRE_H

#include "base/codec.h"
#include "stet/error.h"

enum {
        WIRE_VERSION = 1,
        WIRE_FRAME_MAX = 4 << 20,  /* bytes; ZMQ_MAXMSGSIZE is this and a little more */
        WIRE_FRAME_AIM = 64 << 10, /* a batch is sent when it reaches this */
        WIRE_NODES_MAX = 1 << 20,  /* msgpack values in a frame (payloads are bins and count as one) */
        WIRE_DEPTH_MAX = 8,
        WIRE_ID_MAX = 255, /* bytes of names and ids */
};

enum message_type {
        /* from clients and executors */
        MSG_HELLO = 1, /* who I am: protocol, role, name; for a worker: activities, queues */
        MSG_START = 2,
        MSG_SIGNAL = 3,
        MSG_CANCEL = 4,
        MSG_TERMINATE = 5,
        MSG_QUERY = 6,
        MSG_WAIT = 7, /* a RESULT when the run has ended */
        MSG_READ = 8, /* show, list, history, stats, executors: `name` says which, `value` its arguments */
        MSG_BYE = 9,
        /* from executors */
        MSG_WINDOW = 10, /* at most `count` tasks at a time, from now on */
        MSG_DONE = 11,   /* an attempt's outcome */
        MSG_PULSE = 12,  /* alive; for an attempt (run != 0): it heartbeats, too */
        MSG_CLAIM = 13,  /* I hold this attempt (after a reconnect) */
        MSG_RETURN = 14, /* I have not begun this attempt: give it to someone else */
        /* from clients */
        MSG_DELETE = 15, /* forget a run that has ended */
        /* to clients and executors */
        MSG_WHO = 16, /* I don't know you: say HELLO, then CLAIM what you hold and repeat what was not
                         acknowledged */
        MSG_WELCOME = 17,
        MSG_REPLY = 18,
        MSG_RESULT = 19, /* a run's ending */
        MSG_TASK = 20,
        MSG_ACK = 21,  /* a DONE is durable (code 0) or was refused (STET_ESTALE): forget it */
        MSG_DROP = 22, /* the attempt is no longer wanted */
        /* inside a node, between front and shards; refused from peers */
        MSG_ENQUEUE = 32,      /* shard → front: an activity to hand out (attempt n, not before `due_ns`) */
        MSG_CLOSE = 33,        /* shard → front: an activity is over, whoever has it */
        MSG_OUTCOME = 34,      /* front → shard: an attempt ended */
        MSG_CHILD_START = 35,  /* shard → shard */
        MSG_CHILD_DONE = 36,   /* shard → shard: the child's ending, to the parent's op */
        MSG_CHILD_CANCEL = 37, /* shard → shard */
        MSG_SEND = 38,         /* shard → shard: a signal from a run */
        MSG_SEND_DONE = 39,    /* shard → shard */
        MSG_PARENT_CHECK = 40, /* shard → shard: is my parent still open? */
        MSG_NOTE = 41,         /* front → shard: remember in the log (long attempts, executors) */
        MSG_WAKE = 42,         /* shard → shard: the run's start is durable: run its code */
        MSG_REMOVE_CHECK =
            43, /* shard → shard: does the parent still ask for this child, which is to be removed? */
        MSG_REMOVE = 44, /* shard → shard: no (code 0), or yes; with the client's DELETE that waits for it */
        MSG_TYPES
};

enum message_role { ROLE_CLIENT = 0, ROLE_WORKER = 1 };

/* What to do when the workflow id is that of an open run, and when it was used by one that ended. */
enum id_conflict { ID_CONFLICT_REJECT = 0, ID_CONFLICT_USE_EXISTING = 1, ID_CONFLICT_TERMINATE_EXISTING = 2 };
enum id_reuse { ID_REUSE_ALLOW = 0, ID_REUSE_ALLOW_FAILED_ONLY = 1, ID_REUSE_REJECT = 2 };

/* Which attempt of which step of which run, in which past: only the current one is accepted. */
struct token {
        uint64_t run;
        uint32_t op;
        uint32_t attempt;
        uint64_t incarnation;
};

/* One message. Which fields a type uses, and in which order they travel, is in wire.c's tables; the others
 * are zero. Byte fields are borrowed from the frame. */
struct message {
        uint8_t type; /* enum message_type */

        uint64_t correlation; /* the asker's number; the answer repeats it */
        struct token token;   /* run, op, attempt, incarnation */
        uint64_t parent_run;  /* of a child; the sender of a SEND */
        uint32_t parent_op;

        uint32_t code; /* enum stet_error */
        uint32_t role; /* enum message_role; RESULT, CHILD_DONE: enum run_ending */
        uint32_t protocol;
        uint32_t count;    /* WINDOW; DONE: how many attempts were lost in a row */
        uint32_t conflict; /* enum id_conflict */
        uint32_t reuse;    /* enum id_reuse */
        bool wait;         /* START: send the RESULT, too */
        bool permanent;    /* DONE, OUTCOME: do not retry */
        bool abandon;      /* CHILD_START */

        int64_t due_ns;
        int64_t started_ns; /* when the executor began the attempt; its own clock */
        int64_t timeout_ms;
        int64_t schedule_timeout_ms;
        int64_t heartbeat_ms; /* an attempt's heartbeat timeout; WELCOME: the pulse interval */
        uint64_t peer;        /* inside the node: whom to answer */

        struct bytes request_id;
        struct bytes ns;   /* namespace; empty: "default" */
        struct bytes id;   /* workflow id (or run id, where either fits) */
        struct bytes name; /* workflow, activity, signal, query or reading; HELLO: the executor's name */
        struct bytes queue;
        struct bytes value;      /* input, result, arguments: one msgpack value, or empty for null */
        struct bytes kind;       /* a failure's kind */
        struct bytes text;       /* a failure's message; a reason */
        struct bytes executor;   /* its name */
        struct bytes names;      /* HELLO: msgpack array of activity names */
        struct bytes queues;     /* HELLO: msgpack array of queue names */
        struct bytes attributes; /* START: msgpack map */
};

/* The table of shapes, indexed by type. */
extern const struct shape message_shapes[MSG_TYPES];

/* Starts a frame in an empty buffer. */
void frame_begin(struct buffer *frame);
void frame_put(struct buffer *frame, const struct message *m);

/* Checks a whole frame from a peer: size, version, well-formed msgpack within the limits. 0 or STET_EPROTOCOL
 * (STET_ETOOBIG for the size), with a sentence. An empty frame is fine (ZeroMQ's probe). */
int frame_check(struct bytes frame, stet_why *why);

/* Whether a FIELD_VALUE from a peer is one msgpack value within the limits of stet/value.h (or empty: null).
 * 0, STET_ETOOBIG or STET_EPROTOCOL with a sentence about `what`: "the result". */
int wire_value_check(struct bytes value, const char *what, stet_why *why);

/* Reads a checked frame: set *c to frame_cursor(frame), then call until it returns 0 at the end. 1: *ret
 * holds a message. Negative: the message was passed over, go on or give up; -STET_EPROTOCOL: not a message;
 * -STET_ETOOBIG: a name or an id is longer than WIRE_ID_MAX (*ret holds it, so that a client can be told). A
 * newer peer's unknown type is passed over silently. */
struct cursor frame_cursor(struct bytes frame);
int frame_next(struct cursor *c, struct message *ret);

#endif
