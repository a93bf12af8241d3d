/* SPDX-License-Identifier: MIT
 *
 * The model's own struct, for model.c (records, tables) and model_events.c (what events and effects mean).
 */
#ifndef TESTS_SIM_MODEL_STATE_H
#define TESTS_SIM_MODEL_STATE_H

#include "base/arena.h"
#include "tests/sim/archive.h"
#include "tests/sim/model.h"
#include "tests/sim/world.h"

struct model_request {
        struct map_node by_hash;
        uint8_t event;
        struct bytes id;
        struct model_run *run; /* the last that applied it: after a removal it may be applied once more */
};

/* A signal of a run that was applied. */
struct model_send {
        struct map_node by_op;
        uint64_t run;
        uint32_t op;
        const struct model_run *to; /* where it was applied */
};

/* The last signal from a run to a workflow id. */
struct model_sender {
        struct map_node by_pair;
        uint64_t run;
        const struct model_run *to;
        uint32_t op;
};

struct model_log {
        uint64_t lsn; /* of the last record read */
        uint32_t crc;
        int64_t time_ns;
        struct archive *archive;
};

struct model {
        struct sim *sim;
        stet_arena arena; /* everything the model keeps */
        struct model_log logs[SHARDS_MAX];
        struct map runs;
        struct map names;
        struct map children;
        struct map requests;
        struct map sends;
        struct map senders;
        struct list all;
        uint64_t records;
        uint64_t open;
};

struct bytes model_keep(struct model *m, struct bytes data);
void model_name_run(struct model *m, struct model_run *run);
void model_put_child(struct model *m, struct model_run *run);
void model_put_request(struct model *m, const struct event *e, struct model_run *run);
/* The run to which the signal of that run's op was applied, or NULL. */
const struct model_run *model_sent_to(const struct model *m, uint64_t run, uint32_t op);
/* Notes that the signal of that run's op was applied to this run; false: it was applied before to one of its
 * workflow id that is still known, or a later one was. */
bool model_put_send(struct model *m, uint64_t run, uint32_t op, const struct model_run *to);

#endif
