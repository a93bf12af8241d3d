/* SPDX-License-Identifier: MIT
 *
 * The runs that are in memory, with the store behind them: what is looked for is found in memory, or loaded.
 * A run that is not in memory is in the store as it stands, for only such runs are dropped; so what is in
 * memory is never older than what is in the store, and wins.
 *
 * Both who folds the log have one: the shard, and the checkpointer. One thread uses it.
 */
#ifndef RUNTIME_RUN_SET_H
#define RUNTIME_RUN_SET_H

#include "actors/run.h"
#include "runtime/run_store.h"

struct run_set {
        const struct run_store *store; /* borrowed; NULL: there is nothing but memory */
        struct map runs;               /* struct run, by id */
        struct map names;              /* the latest run of each workflow id in memory, by hash of (ns, id) */
        uint64_t names_key;
        struct list all; /* in the order in which they came; whoever uses the set may reorder it */
        size_t count;
        struct run_tables tables;
        struct map removed;       /* struct run_removed: not to be loaded again */
        struct list removed_list; /* by LSN */

        /* Called before a fold changes the run; may be NULL. */
        void (*changing)(void *ctx, struct run *run);
        void *ctx;
};

/* A run that the log has taken out, until the store has done so, too. */
struct run_removed {
        struct map_node by_id;
        struct list in_order;
        uint64_t lsn;
};

void run_set_init(struct run_set *set, const struct run_store *store, uint64_t names_key);
void run_set_fini(struct run_set *set); /* code of its runs must be gone */

/* --- looking --- */

/* In memory only. */
struct run *run_set_here(const struct run_set *set, uint64_t id);

/* The same, most likely, and without looking at the run: to bring it nearer. */
struct run *run_set_guess(const struct run_set *set, uint64_t id);

/* In memory or from the store; *ret is NULL when there is none. STET_ECORRUPT: it is there, but damaged. */
int run_set_find(struct run_set *set, uint64_t id, struct run **ret, stet_why *why);

/* The latest run of the workflow id. A run that was given none is not found here, but by its run id. */
int run_set_find_name(struct run_set *set, struct bytes ns, struct bytes id, struct run **ret, stet_why *why);

/* The run that has applied that request. */
int run_set_find_request(struct run_set *set, uint8_t event, struct bytes ns, struct bytes id,
                         struct bytes request_id, struct run **ret, stet_why *why);

/* --- changing --- */

struct run *run_set_add(struct run_set *set, uint64_t id); /* a new run */

/* After its START was applied: it is the latest of its workflow id from now on. */
int run_set_name(struct run_set *set, struct run *run, stet_why *why);

/* Takes it out of memory; it is in the store as it stands, or was removed, or nobody wants it any more. */
void run_set_drop(struct run_set *set, struct run *run);

/* Takes it out for good: the removal has that LSN. */
void run_set_remove(struct run_set *set, uint64_t id, uint64_t lsn);
/* The store has come as far as that. */
void run_set_removed_until(struct run_set *set, uint64_t checkpoint_lsn);

/* Gives back what the tables took when there were more runs. */
void run_set_shrink(struct run_set *set);

/* Folds a transition into the run that it is of. *ret (may be NULL) is the run. */
int run_set_apply(struct run_set *set, const struct record *record, struct run **ret, stet_why *why);

/* The ids that a record of kind RECORD_REMOVAL names, one after the other; false at the end. */
bool run_removal_next(struct cursor *c, uint64_t *ret_run);

#endif
