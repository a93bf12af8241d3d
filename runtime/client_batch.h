/* SPDX-License-Identifier: MIT
 *
 * Requests under way without anyone waiting for each. Each has a slot, which keeps the encoded message until
 * its reply says that it is durable. A START whose ending is wanted stays longer: then a WAIT is made of what
 * it says until the RESULT has come. The slots in flight are in the order of their submission, which is also
 * the order in which they are said again.
 *
 * A request's number on the wire is its slot's index and a serial number, so that an answer finds its slot
 * without a search and an answer to an older tenant finds nobody.
 */
#ifndef RUNTIME_CLIENT_BATCH_H
#define RUNTIME_CLIENT_BATCH_H

#include "base/list.h"
#include "runtime/client_line.h"

enum {
        BATCH_SLOT_BITS = 20,
        BATCH_SLOT_NONE = (1 << BATCH_SLOT_BITS) - 1, /* no slot has this index */
};

struct batch_slot {
        struct list place;    /* in flight or free */
        uint64_t correlation; /* 0: free */
        uint64_t tag;
        struct buffer request; /* the encoded message */
        uint32_t index;
        bool wait; /* a START: its ending is wanted. Then, once it is durable: */
        bool started;
        uint64_t run;
};

/* An answer that was not collected yet. */
struct batch_answer {
        uint64_t tag;
        uint64_t run;
        int err;
        uint8_t ending;
        bool ended;
};

struct client_batch {
        struct batch_slot **chunks;
        size_t chunks_count;
        struct list in_flight;
        struct list free;
        struct list *unsent; /* the first in flight that this connection has not been told; the head: none */
        size_t count;        /* in flight */
        int64_t quiet_since_ns;       /* nothing was to be heard before */
        struct batch_answer *answers; /* those from answers_taken on */
        size_t answers_taken, answers_count, answers_capacity;
};

void batch_init(struct client_batch *b);
void batch_fini(struct client_batch *b);

/* Takes a slot for the request, whose correlation this sets: one that is answered by one REPLY, or a START
 * that waits. STET_EBUSY when all are taken. */
int batch_add(struct client_batch *b, struct message *request, uint64_t serial, uint64_t tag);

/* A REPLY or RESULT: for a slot of ours, or ignored. */
void batch_answer(struct client_batch *b, const struct message *m);

/* Everything in flight has to be said again. */
void batch_again(struct client_batch *b);

/* Puts what is unsent on the line, as far as it takes it. */
void batch_put(struct client_batch *b, struct client_line *line);

#endif
