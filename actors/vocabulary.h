/* SPDX-License-Identifier: MIT
 *
 * What can happen to a run (events) and what a run can ask of the world (effects), as data. A transition is
 * one event and the effects it caused; its record's body is the event followed by the effects (transition_*
 * below).
 */
#ifndef ACTORS_VOCABULARY_H
#define ACTORS_VOCABULARY_H

#include "base/codec.h"
#include "base/state.h"

/* How a run ends; the numbers are those of stet_ending in stet/client.h and stand in the log. */
enum run_ending {
        RUN_OPEN = 0,
        RUN_COMPLETED = 1,
        RUN_FAILED = 2,
        RUN_CANCELED = 3,
        RUN_TERMINATED = 4,
        RUN_CONTINUED = 5,
};

/* Its states: open, and from there to any ending, once. */
extern const struct state run_states[RUN_CONTINUED + 1];

const char *run_ending_name(uint32_t ending); /* "open", "completed", …; static */

enum event_type {
        EVENT_START = 1,
        EVENT_ACTIVITY = 2, /* an attempt ended */
        EVENT_TIMER = 3,
        EVENT_SIGNAL = 4,
        EVENT_CHILD = 5, /* a child ended, or could not start */
        EVENT_SENT = 6,  /* a signal that this run sent was applied, or could not be */
        EVENT_CANCEL = 7,
        EVENT_TERMINATE = 8,
        EVENT_WAKE = 9, /* nothing happened but that the code is there again: it takes what was kept for it */
        EVENT_TYPES
};

struct event {
        uint8_t type;
        uint32_t op; /* which of the run's ops it concerns */
        uint32_t attempt;
        uint32_t code;           /* enum stet_error: how the op ended */
        uint32_t ending;         /* CHILD: enum run_ending */
        uint32_t lost;           /* ACTIVITY: attempts in a row whose executor was lost */
        bool permanent;          /* ACTIVITY: no retry */
        bool abandon;            /* START: not cancelled with its parent */
        uint64_t seed;           /* START: of the run's randomness */
        uint64_t sender;         /* SIGNAL: the run that sent it; START: the parent run */
        uint32_t sender_op;      /* the sender's op */
        uint64_t continued_from; /* START: the run that continued as this one */
        int64_t started_ns;      /* ACTIVITY: when the attempt began, by the executor's clock */
        struct bytes request_id;
        struct bytes ns;       /* START */
        struct bytes workflow; /* START */
        struct bytes id;       /* START: workflow id */
        struct bytes name;     /* SIGNAL */
        struct bytes value;    /* input, result, payload */
        struct bytes kind;     /* of a failure */
        struct bytes text;     /* of a failure; a reason */
        struct bytes executor;
        struct bytes attributes; /* START: msgpack map; empty: none */
};

enum effect_type {
        EFFECT_CALL = 1, /* an activity is to be executed */
        EFFECT_TIMER = 2,
        EFFECT_WAIT_SIGNAL = 3,
        EFFECT_SEND = 4, /* a signal to another run */
        EFFECT_CHILD = 5,
        EFFECT_RETRY = 6, /* the next attempt of an activity */
        EFFECT_DROP = 7,  /* an op is given up */
        EFFECT_STATUS = 8,
        EFFECT_PATCH = 9, /* the code is at this version */
        EFFECT_FINISH = 10,
        EFFECT_TYPES
};

struct effect {
        uint8_t type;
        uint32_t op;
        uint32_t attempt;
        uint32_t code;               /* FINISH: enum stet_error of a failure */
        uint32_t ending;             /* FINISH: enum run_ending */
        bool abandon;                /* CHILD */
        int64_t due_ns;              /* TIMER, RETRY */
        int64_t timeout_ms;          /* CALL: start-to-close */
        int64_t schedule_timeout_ms; /* CALL */
        int64_t heartbeat_ms;        /* CALL */
        uint32_t max_attempts;       /* CALL: the retry policy from here on */
        int64_t initial_interval_ms;
        int64_t max_interval_ms;
        double backoff_factor;
        double jitter;
        struct bytes non_retryable; /* msgpack array of kinds; empty: none */
        struct bytes queue;
        struct bytes name; /* activity, workflow, signal, patch */
        struct bytes id;   /* CHILD, SEND: workflow id */
        struct bytes value;
        struct bytes kind;
        struct bytes text;
};

extern const struct shape event_shapes[EVENT_TYPES];
extern const struct shape effect_shapes[EFFECT_TYPES];

static inline void event_encode(struct buffer *b, const struct event *e)
{
        codec_encode(b, &event_shapes[e->type], e);
}

/* A CALL's queue, timeout and retry policy are left out where they are the usual ones, which belong to the
 * format: "default", 10 minutes, and 3 attempts after 1 s … 300 s, twice as long each time, ± 20 %.
 * effect_decode() fills them in again. */
void effect_encode(struct buffer *b, const struct effect *e);

/* Decode from a transition's body; false at its end or when the bytes are no event or effect (then
 * c->failed). What is returned points into the body. */
bool event_decode(struct cursor *c, struct event *ret);
bool effect_decode(struct cursor *c, struct effect *ret);

/* The last effect of that type and op (0: any) in a transition's body; false if there is none. */
bool transition_find(struct bytes body, enum effect_type type, uint32_t op, struct effect *ret);

/* What a transition's record says in its flags. */
enum transition_flags {
        TRANSITION_DELIVERED = 1, /* the event is for the run's code */
        TRANSITION_ACTIVATED = 2, /* the code ran, and the effects are its own */
};

/* Describes a transition as a map {event: {type, …}, effects: [{type, …}, …]} without the outer braces:
 * appends the two pairs. STET_ECORRUPT if the body is not one. */
int transition_describe(struct bytes body, struct buffer *ret);

/* One event or effect in a line of words, for people: `call "charge" (op 3, queue default)`. Cut to size. */
void event_words(const struct event *e, char *buf, size_t size);
void effect_words(const struct effect *e, char *buf, size_t size);

#endif
