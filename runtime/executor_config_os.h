/* SPDX-License-Identifier: MIT
 *
 * An executor's options, checked and copied, with what was left out filled in.
 */
#ifndef RUNTIME_EXECUTOR_CONFIG_OS_H
#define RUNTIME_EXECUTOR_CONFIG_OS_H

#include "runtime/worker.h"
#include "stet/node.h"

enum { EXECUTOR_SLOTS_MAX = 1024 };

struct executor_config {
        char *endpoint;
        char *name;
        const stet_app *app;     /* borrowed */
        const char **activities; /* names borrowed from the app */
        char **queues;
        size_t queues_count;
        uint32_t slots;
        stet_log_fn *log;
        void *log_context;
};

/* 0 or STET_EINVAL (the app's own error, if it has one). */
int executor_config_init(struct executor_config *c, const stet_executor_options *options, stet_why *why);
void executor_config_fini(struct executor_config *c);

/* What a worker of this executor is made with; borrowed from c. */
struct worker_options executor_config_worker(const struct executor_config *c);

#endif
