/* SPDX-License-Identifier: MIT
 *
 * A workload: something that is done to a data directory, and the way back after the power was cut. Both
 * follow from the seed alone.
 */
#ifndef TESTS_POWER_WORKLOAD_H
#define TESTS_POWER_WORKLOAD_H

#include "tests/power/session.h"

/* Faults planted around the engine, which must be found. X(name, option, words) */
#define CANARIES(X)                                                                                          \
        X(NOSYNC, "nosync", "nothing is ever synced")                                                        \
        X(NOMETASYNC, "nometasync", "LMDB's meta pages are not synced")                                      \
        X(NODIRSYNC, "nodirsync", "directories are not synced")                                              \
        X(NOSTORESYNC, "nostoresync", "the store is not synced, and the log forgets what is in it")          \
        X(ACK_EARLY, "ack-early", "what is promised is not yet in the log")

enum canary {
        CANARY_NONE,
#define CANARY_ENUM(name, option, words) CANARY_##name,
        CANARIES(CANARY_ENUM)
#undef CANARY_ENUM
            CANARIES_COUNT
};

const char *canary_option(enum canary canary);
const char *canary_words(enum canary canary);

struct workload_options {
        uint64_t seed;
        const char *root; /* the data directory is root/data */
        enum canary canary;
};

struct workload {
        const char *name;
        bool has_store;

        /* Does it all, from an empty root. What goes wrong is in s->wrong. An error of the disk ends it
         * early, and is returned with its sentence in *why. */
        int (*run)(const struct workload_options *o, struct session *s, stet_why *why);

        /* Opens what is there as a restarted node does and checks it against the session's records and its
         * first `acks` promises; if asked, goes on to the end. *after: a session that begins with what was
         * found; what is wrong is there. */
        void (*recover)(const struct workload_options *o, const struct session *before, size_t acks,
                        bool to_end, struct session *after);
};

extern const struct workload workload_log;
extern const struct workload workload_store;
extern const struct workload workload_engine;

#endif
