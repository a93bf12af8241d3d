/* SPDX-License-Identifier: MIT
 *
 * Who is there to work: executors by name, and their connections by peer. An executor lives by its lease,
 * which any sign of life from any of its connections renews; a connection counts what it runs against its
 * window.
 *
 * A connection that broke stays, without a peer and without lanes, while attempts are with it: its executor
 * may yet claim them through another, for the length of a lease. An executor stays while it has a connection.
 */
#ifndef RUNTIME_ROSTER_H
#define RUNTIME_ROSTER_H

#include "runtime/lane.h"

struct executor {
        struct map_node node;    /* by name */
        struct list all;         /* by creation */
        struct heap_node lease;  /* due at heard_ns plus the lease, or too early: then it is put right */
        struct list connections; /* by creation */
        int64_t heard_ns;
        bool local;        /* lives in this process: no lease */
        struct bytes name; /* its bytes follow the struct */
};

struct connection {
        struct map_node node; /* by peer, until gone */
        struct list of_executor;
        struct executor *executor;
        uint64_t peer;
        struct list running; /* tasks, by hand-out */
        uint32_t running_count;
        uint32_t window;
        bool gone;
        int64_t gone_ns;
        struct list in_gone;  /* the scheduler's list, while its attempts may be claimed */
        struct list servings; /* by creation */
        struct list aside;    /* see lane.h */
        struct heap backlog;
};

struct roster {
        uint64_t hash_key;
        int64_t lease_ns;
        struct map executors;
        struct map connections;
        struct list executors_all; /* by creation */
        struct heap leases;
};

void roster_init(struct roster *r, uint64_t hash_key, int64_t lease_ns);
void roster_fini(struct roster *r); /* which is empty */

struct connection *roster_find(const struct roster *r, uint64_t peer);

/* A new connection, serving nothing yet, and its executor, if that is new, too. */
struct connection *roster_add(struct roster *r, uint64_t peer, bool local, struct bytes executor,
                              int64_t now_ns);

/* Frees a connection that runs and serves nothing, and its executor after its last one. */
void roster_remove(struct roster *r, struct connection *c);

/* From now on nothing is handed to it, and its peer is unknown. */
void roster_part(struct roster *r, struct lanes *lanes, struct connection *c);

/* For a connection that serves something: one that is gone serves nothing. */
static inline bool connection_has_room(const struct connection *c)
{
        return c->running_count < c->window;
}

/* Ends what it serves. */
void connection_serve_nothing(struct lanes *lanes, struct connection *c);

static inline void executor_heard(struct executor *e, int64_t now_ns)
{
        if (now_ns > e->heard_ns)
                e->heard_ns = now_ns;
}

/* An executor whose lease has ended, or NULL. It stays until its connections are removed. */
struct executor *roster_silent(struct roster *r, int64_t now_ns);

#endif
