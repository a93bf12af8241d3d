/* SPDX-License-Identifier: MIT
 *
 * One attempt at one activity: what stands behind stet_activity while user code runs, and its outcome as a
 * message.
 */
#ifndef RUNTIME_ACTIVITY_H
#define RUNTIME_ACTIVITY_H

#include "base/arena.h"
#include "base/run_id.h"
#include "runtime/worker.h"
#include "stet/app.h"

/* What a heartbeat does: 0, STET_ECANCELED or STET_ESTALE. */
struct activity_heart {
        void *ctx;
        int (*beat)(void *ctx);
};

struct stet_activity {
        stet_arena *arena; /* of all values of the attempt */
        struct activity_heart heart;
        void *context;
        uint32_t attempt;
        bool failed; /* kind, message and permanent were set by the code */
        bool permanent;
        char name[WIRE_ID_MAX + 1];
        char key[RUN_ID_SIZE + 11]; /* run id, "-", op */
        char run_id[RUN_ID_SIZE];
        char kind[128];
        stet_why message;
};

/* Runs the task's function on this thread. *ret is the outcome for worker_finish(): its bytes belong to the
 * task, to *a and to the arena, which the caller resets when it has taken them. The app is not touched after
 * the function has begun. */
void activity_run(stet_activity *a, stet_arena *arena, const stet_app *app, const struct worker_task *task,
                  struct activity_heart heart, struct message *ret);

#endif
