/* SPDX-License-Identifier: MIT
 *
 * A client: asks a node to start, signal, cancel, terminate and read runs. The node may be in this process
 * (stet_node_client()), in another one or on another machine (stet_client_connect()): the calls are the same.
 *
 * Every command carries a request id. When an answer is lost (STET_EUNREACHABLE, STET_EUNKNOWN), repeat the
 * command with the same request id: it is applied once, and the repeat gives the first answer. A call given
 * no request id makes one up and repeats it by itself while it waits.
 *
 * Threads: a client is used by one thread at a time. Memory: what a call fills in values is the caller's
 * (stet_value_free()).
 */
#ifndef STET_CLIENT_H
#define STET_CLIENT_H

#include "stet/value.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_client stet_client;

enum {
        STET_ID_SIZE_MAX = 255, /* bytes of a name, workflow id or request id */
        STET_RUN_ID_SIZE = 17,  /* a run id's text with its NUL: 16 hexadecimal digits */
        STET_ATTRIBUTES_MAX = 32,
        STET_ATTRIBUTE_NAME_MAX = 64,    /* bytes */
        STET_ATTRIBUTE_STRING_MAX = 256, /* bytes */
};

/* Connects to "tcp://host:port", "ipc://path" or (same process) "inproc://name". Returns at once; the first
 * call finds out whether anyone answers. */
STET_PUBLIC int stet_client_connect(const char *endpoint, stet_client **ret, stet_why *why);
STET_PUBLIC void stet_client_close(stet_client *client); /* harmless on NULL */

/* How long each call waits for an answer; 10,000 at first. Waiting for a run's ending has its own limit. */
STET_PUBLIC void stet_client_set_timeout(stet_client *client, int64_t timeout_ms);

/* The namespace of all later calls; a start may name another. NULL: "default", as at first. A namespace's
 * workflow ids, run ids and request ids mean nothing in another. Copies the name. STET_EINVAL when it is
 * none. */
STET_PUBLIC int stet_client_set_namespace(stet_client *client, const char *name_space, stet_why *why);

/* What to do when the workflow id belongs to an open run. */
typedef enum stet_on_conflict {
        STET_CONFLICT_REJECT,             /* STET_EEXISTS */
        STET_CONFLICT_USE_EXISTING,       /* its run id is returned */
        STET_CONFLICT_TERMINATE_EXISTING, /* it is terminated, the new one starts */
} stet_on_conflict;

/* What to do when the workflow id belongs to runs that have ended. */
typedef enum stet_on_reuse {
        STET_REUSE_ALLOW,
        STET_REUSE_ALLOW_FAILED_ONLY, /* only if the last one did not complete; else STET_EEXISTS */
        STET_REUSE_REJECT,            /* STET_EEXISTS */
} stet_on_reuse;

typedef struct stet_start {
        const char *workflow;
        const char *id;          /* workflow id; NULL: the run id */
        const stet_value *input; /* NULL: null */
        const char *request_id;  /* NULL: made up */
        const char *name_space;  /* NULL: the client's */
        stet_on_conflict on_conflict;
        stet_on_reuse on_reuse;
        const stet_value *attributes; /* what shows and lists say of the run: a map of names to strings,
                                         integers and booleans. The runs that it continues as have them, too.
                                         NULL: none */
} stet_start;

typedef struct stet_started {
        char run_id[STET_RUN_ID_SIZE];
        char workflow_id[STET_ID_SIZE_MAX + 1];
        bool existing; /* an open run was returned instead of a new one, or this repeats an earlier request */
} stet_started;

/* Starts a run; returns when the start is durable. STET_ENOTFOUND: no such workflow (and the node has
 * registrations: *why lists them); STET_EEXISTS; STET_EINVAL; STET_ETOOBIG; STET_EBUSY; STET_EUNREACHABLE;
 * STET_EUNKNOWN. */
STET_PUBLIC int stet_client_start(stet_client *client, const stet_start *start, stet_started *ret,
                                  stet_why *why);

/* How a run ended. */
typedef enum stet_ending {
        STET_RUN_OPEN = 0,
        STET_RUN_COMPLETED = 1,
        STET_RUN_FAILED = 2,
        STET_RUN_CANCELED = 3,
        STET_RUN_TERMINATED = 4,
        STET_RUN_CONTINUED = 5, /* as new, under another run id */
} stet_ending;

/* "open", "completed", … Static. */
STET_PUBLIC const char *stet_ending_name(stet_ending ending);

typedef struct stet_result {
        stet_ending ending;
        char run_id[STET_RUN_ID_SIZE]; /* of the run that ended (the last one, if it continued as new) */
        stet_value value;              /* the result of a completed run; else null. Free it */
        char failure_kind[128];
        char failure_message[512];
} stet_result;

/* In the calls below `run` is a workflow id (its latest run) or a run id. */

/* Waits for the ending, following continue-as-new. timeout_ms < 0: no limit, 0: only look. STET_ETIMEDOUT
 * when it is still open then. 0 whatever the ending is. Survives restarts of the node. */
STET_PUBLIC int stet_client_wait(stet_client *client, const char *run, int64_t timeout_ms, stet_result *ret,
                                 stet_why *why);

/* Each returns when it is durable. request_id may be NULL. STET_ENOTFOUND, STET_ECLOSED (the run has ended);
 * a signal STET_ETOOBIG (the run's history is as long as it may be).
 */
STET_PUBLIC int stet_client_signal(stet_client *client, const char *run, const char *name,
                                   const stet_value *value, const char *request_id, stet_why *why);
STET_PUBLIC int stet_client_cancel(stet_client *client, const char *run, const char *reason,
                                   const char *request_id, stet_why *why);
STET_PUBLIC int stet_client_terminate(stet_client *client, const char *run, const char *reason,
                                      const char *request_id, stet_why *why);

/* Removes a run that has ended, with its history and its result, for good: its run id is no longer found, and
 * its workflow id and request ids are as if never used. Returns when that is durable. STET_ENOTFOUND: there
 * is no such run (any more); STET_EAGAIN: it is open; cancel or terminate it first. A repeat that may come
 * late names the run by its run id: a workflow id may belong to a later run by then. */
STET_PUBLIC int stet_client_delete(stet_client *client, const char *run, const char *request_id,
                                   stet_why *why);

/* Asks the run's code (stet_on_query()); nothing is written. STET_ENOTFOUND: no such run or query (*why lists
 * those there are). */
STET_PUBLIC int stet_client_query(stet_client *client, const char *run, const char *name,
                                  const stet_value *in, stet_value *ret, stet_why *why);

/* Readings, each as one map or list value whose keys are documented in docs/CLI.md (they are what `-o json`
 * prints). */
STET_PUBLIC int stet_client_show(stet_client *client, const char *run, stet_value *ret, stet_why *why);

typedef struct stet_list_filter {
        const char *state; /* "open", "completed", "failed", "canceled", "terminated", "continued", "blocked";
                              NULL: any */
        const char *workflow; /* NULL: any */
        uint32_t limit;       /* 0: 100; at most 1000. The newest first */
        const char
            *before_run_id; /* only runs older than this one: for the next page; NULL: from the newest */
        const char *parent_run_id; /* only children of this run; NULL: any */
        const stet_value
            *attributes;   /* a map: only runs that have all of these, with these values; NULL: any */
        const char *queue; /* only runs that have an activity waiting or running on it; NULL: any */
        /* Times in ms since 1970-01-01 UTC, 0: any. After means at that time or later. Runs that have not
         * ended have no end. */
        int64_t started_after_ms;
        int64_t started_before_ms;
        int64_t ended_after_ms;
        int64_t ended_before_ms;
} stet_list_filter;

/* Runs that fit the filter (NULL: the newest 100), as a list of maps. Fewer than the limit when more do not
 * fit one answer; there are no more when the list is empty. STET_EINVAL: a filter that no run can ever fit.
 */
STET_PUBLIC int stet_client_list(stet_client *client, const stet_list_filter *filter, stet_value *ret,
                                 stet_why *why);

/* A run's transitions in order, from number `from` (0: the first), at most `limit` (0: 1000). */
STET_PUBLIC int stet_client_history(stet_client *client, const char *run, uint64_t from, uint32_t limit,
                                    stet_value *ret, stet_why *why);

/* A run's transitions as the log has them (wal/FORMAT.md, "Record"), one after the other: a page of their
 * bytes, which begins `skip` bytes into record number `from`. A map of run_id and incarnation (of the data
 * directory) as 16 hexadecimal digits, data (bytes; none: there are no more), and next and next_skip: where
 * the next page begins. A page may end within a record; pages put together are whole. */
STET_PUBLIC int stet_client_records(stet_client *client, const char *run, uint64_t from, uint64_t skip,
                                    stet_value *ret, stet_why *why);
STET_PUBLIC int stet_client_stats(stet_client *client, stet_value *ret, stet_why *why);
STET_PUBLIC int stet_client_executors(stet_client *client, stet_value *ret, stet_why *why);

/* --- many at once ---
 * Starts and signals without waiting for each answer, batched on the wire. Answers are collected by
 * stet_client_collect(), in any order. What is not answered yet is repeated with its request id whenever the
 * connection or the node comes back, and is applied once. Other calls may come in between. Of what is not
 * answered when the client is closed nobody knows whether it was applied. */
typedef struct stet_answer {
        uint64_t tag; /* what was given with what this answers */
        int err;    /* of the start or the signal: the errors of stet_client_start(), stet_client_signal() */
        bool ended; /* false: it is durable (or refused: err); true: this is the ending */
        stet_ending ending;
        char run_id[STET_RUN_ID_SIZE]; /* that was started or got the signal; all zeros when it was refused */
} stet_answer;

/* Sends a start (soon: with the batch it joins). wait: answer a second time when the run has ended. What it
 * is given is copied. 0; STET_EINVAL, STET_ETOOBIG: no start can be like this, and no answer comes;
 * STET_EBUSY: a million starts and signals are under way, collect some first. */
STET_PUBLIC int stet_client_submit(stet_client *client, const stet_start *start, uint64_t tag, bool wait,
                                   stet_why *why);

/* Sends a signal like that: what stet_client_signal() does, but the answer comes by stet_client_collect(),
 * once, with that tag and ended = false: err is 0 when the signal is durable, else STET_ENOTFOUND,
 * STET_ECLOSED, STET_ETOOBIG or another error of stet_client_signal(), without its sentence. value NULL:
 * null; request_id NULL: made up. What it is given is copied. Signals that one client submits to one run are
 * applied in the order of their submission as long as the connection holds: when it breaks, those that are
 * said on the new one may overtake others that were lost with the old one. Not in the order of other calls
 * (stet_client_signal()): collect the answers first. Returns as stet_client_submit(). */
STET_PUBLIC int stet_client_submit_signal(stet_client *client, const char *run, const char *name,
                                          const stet_value *value, const char *request_id, uint64_t tag,
                                          stet_why *why);

/* Sends what is batched and takes up to max answers, waiting up to timeout_ms for the first. *ret_count is 0
 * when none came. STET_EUNREACHABLE when nothing was heard for the client's timeout although answers are due.
 */
STET_PUBLIC int stet_client_collect(stet_client *client, stet_answer *answers, size_t max, int64_t timeout_ms,
                                    size_t *ret_count, stet_why *why);

#ifdef __cplusplus
}
#endif

#endif
