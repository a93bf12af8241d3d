/* SPDX-License-Identifier: MIT
 *
 * The simulator: a whole node (front, scheduler, shards, logs), its clients and its executors on virtual
 * time, in one thread, without a clock, a socket or a disk. The engine's code is the real one; what it
 * touches the world through (log writer, store, transport, time) is played by this library, which also breaks
 * it: machines crash between any two steps, connections break, disks fill up, executors die. After each step
 * checkers compare what happened with what stet promises (P1 … P20; docs and the checker's sentences use
 * these numbers).
 *
 * Everything follows from the seed: which faults and operations there are and how often (a swarm: each seed
 * leaves some out wholly and exaggerates others), what the workflows do, what breaks when. The same seed
 * gives the same trace, byte by byte.
 *
 * One step is exactly one happening: the one that is due first; among those due at the same time, the one
 * that was planned first. A fault is a step of its own. A run of the simulator has two phases: `steps` steps
 * with faults; then all is healed, and every open run must end within bounded virtual time.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Of the store: only in worlds that have one. */
#define SIM_STORE_FAULTS(X)                                                                                  \
        X(STORE_FULL, "the store's disk is full for a while")                                                \
        X(STORE_FATAL, "the store's disk fails, the checkpoint is lost")                                     \
        X(STORE_FATAL_APPLIED, "the store's disk fails, the checkpoint is on it")                            \
        X(STALE_KEEPER, "the checkpointer of a node that was replaced tries to write")                       \
        X(CRASH_BEFORE_TRIM, "the node crashes between a checkpoint and what follows from it")

/* What can go wrong, and what is done. Over a batch of seeds each must have happened. X(name, words) */
#define SIM_FAULTS(X)                                                                                        \
        X(DELAY, "a frame is late")                                                                          \
        X(REORDER, "frames overtake each other")                                                             \
        X(DUPLICATE, "a frame comes twice")                                                                  \
        X(ECHO, "a message between front and shard comes twice")                                             \
        X(CUT, "a connection breaks")                                                                        \
        X(FULL_QUEUE, "a peer takes no frames for a while")                                                  \
        X(STRANGER, "a stranger sends garbage")                                                              \
        X(CLIENT_DEATH, "a client dies")                                                                     \
        X(EXECUTOR_DEATH, "an executor is lost for long")                                                    \
        X(EXECUTOR_REBOOT, "an executor dies and is there again")                                            \
        X(EXECUTOR_STALL, "an executor stands still beyond its lease")                                       \
        X(EXECUTOR_LEAVE, "an executor leaves in order")                                                     \
        X(NODE_CRASH, "the node crashes")                                                                    \
        X(NODE_CRASH_IN_TURN, "the node crashes in the middle of a turn")                                    \
        X(NODE_PAUSE, "the node stands still")                                                               \
        X(NODE_CODE, "the node comes back with other code, and then with the old")                           \
        X(CLOCK, "the clock was set while the node was down")                                                \
        X(GROUP_LOST, "a group under way is lost in a crash")                                                \
        X(GROUP_UNANSWERED, "a group reached the disk, its answer was lost in a crash")                      \
        X(DISK_SLOW, "the disk is slow")                                                                     \
        X(DISK_FULL, "the disk is full for a while")                                                         \
        X(DISK_FATAL, "the disk fails, the group is lost")                                                   \
        X(DISK_FATAL_APPLIED, "the disk fails, the group is on it")                                          \
        X(STALE_WRITER, "a node that was replaced tries to write")                                           \
        SIM_STORE_FAULTS(X)

/* With a store. */
#define SIM_STORE_OPERATIONS(X)                                                                              \
        X(SAID_AGAIN, "command said again long after it was answered")                                       \
        X(CHECKPOINT, "checkpoint")                                                                          \
        X(TRIM, "log trimmed behind a checkpoint")                                                           \
        X(AWAY, "run that left memory")                                                                      \
        X(BACK, "run that came back into memory")                                                            \
        X(TIMER_BACK, "timer of a run that had left memory")                                                 \
        X(AGAIN_BACK, "command said again of a run that had left memory")                                    \
        X(DELETE, "run that was removed because a client said so")                                           \
        X(DELETE_REFUSED, "removal that was refused")                                                        \
        X(RETIRE, "run that was removed because its time was over")

/* What clients ask and what workflows do. */
#define SIM_OPERATIONS(X)                                                                                    \
        X(START, "start")                                                                                    \
        X(START_REFUSED, "start refused: the id is taken")                                                   \
        X(START_EXISTING, "start that meets an open run")                                                    \
        X(START_REPLACING, "start that terminates the open run")                                             \
        X(START_REPEATED, "start answered a second time")                                                    \
        X(SIGNAL, "signal")                                                                                  \
        X(CANCEL, "cancel")                                                                                  \
        X(TERMINATE, "terminate")                                                                            \
        X(WAIT, "wait")                                                                                      \
        X(QUERY, "query")                                                                                    \
        X(SHOW, "show")                                                                                      \
        X(HISTORY, "history")                                                                                \
        X(LIST, "list")                                                                                      \
        X(STATS, "stats")                                                                                    \
        X(EXECUTORS, "executors")                                                                            \
        X(CALL, "call")                                                                                      \
        X(CALL_FAILED, "call that failed")                                                                   \
        X(CALL_RETRIED, "call that was retried")                                                             \
        X(CALL_TIMED_OUT, "call that timed out")                                                             \
        X(CALL_LOST, "call whose executor was lost")                                                         \
        X(CLAIM, "attempt claimed after a restart")                                                          \
        X(NOTE, "long attempt noted")                                                                        \
        X(TIMER, "timer")                                                                                    \
        X(WAIT_SIGNAL, "wait for a signal")                                                                  \
        X(SIGNAL_KEPT, "signal that came before its wait")                                                   \
        X(SEND, "signal to another run")                                                                     \
        X(SEND_NOBODY, "signal to a run that is not there")                                                  \
        X(CHILD, "child")                                                                                    \
        X(CHILD_REFUSED, "child whose id is taken")                                                          \
        X(CHILD_ABANDONED, "abandoned child")                                                                \
        X(CHILD_CANCELED, "child that was cancelled with its parent")                                        \
        X(DROP, "step given up")                                                                             \
        X(STATUS, "status")                                                                                  \
        X(PATCH, "patch")                                                                                    \
        X(CONTINUE, "continue as new")                                                                       \
        X(CONTINUE_SIGNALS, "continue as new with signals not taken")                                        \
        X(END_COMPLETED, "run that completed")                                                               \
        X(END_FAILED, "run that failed")                                                                     \
        X(END_CANCELED, "run that was cancelled")                                                            \
        X(END_TERMINATED, "run that was terminated")                                                         \
        X(BLOCKED, "run that was blocked by other code")                                                     \
        X(REPLAY, "replay of a whole run")                                                                   \
        X(REPLAY_REFUSED, "replay refused to changed code")                                                  \
        SIM_STORE_OPERATIONS(X)

enum sim_fault {
#define SIM_FAULT_ENUM(name, words) FAULT_##name,
        SIM_FAULTS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
            FAULTS_COUNT
};

enum sim_operation {
#define SIM_OPERATION_ENUM(name, words) DID_##name,
        SIM_OPERATIONS(SIM_OPERATION_ENUM)
#undef SIM_OPERATION_ENUM
            OPERATIONS_COUNT
};

/* Faults planted in the simulator's wiring around the engine. Each must be found: they test the checkers.
 * X(name, option, words) */
#define SIM_BUGS(X)                                                                                          \
        X(ACK_EARLY, "ack-early", "the writer says that a group is durable before it is")                    \
        X(STALE_TOKEN, "stale-token", "an old attempt's outcome passes as the current one's")                \
        X(TIMER_EARLY, "timer-early", "timers fire 20 ms early")                                             \
        X(LOST_RETRY, "lost-retry", "now and then a retry never reaches the scheduler")                      \
        X(DOUBLE_START, "double-start", "now and then a start is delivered twice as two")                    \
        X(SWAPPED_SIGNALS, "swapped-signals", "signals between runs overtake each other")                    \
        X(SWAPPED_RESULTS, "swapped-results", "now and then an outcome comes with another one's result")     \
        X(LOST_TIMER, "lost-timer", "now and then the store loses a timer")                                  \
        X(LOST_REQUEST, "lost-request", "now and then the store loses who applied a request")                \
        X(SKIPPED_RECORD, "skipped-record", "now and then a checkpoint skips a record")                      \
        X(TRIMMED_TOO_FAR, "trimmed-too-far", "the log is trimmed one record too far")

enum sim_bug {
        BUG_NONE,
#define SIM_BUG_ENUM(name, option, words) BUG_##name,
        SIM_BUGS(SIM_BUG_ENUM)
#undef SIM_BUG_ENUM
            BUGS_COUNT
};

/* How often each thing happened, over any number of seeds. */
struct sim_tally {
        uint64_t faults[FAULTS_COUNT];
        uint64_t operations[OPERATIONS_COUNT];
};

const char *sim_fault_words(enum sim_fault fault);
const char *sim_operation_words(enum sim_operation operation);
const char *sim_bug_option(enum sim_bug bug);
const char *sim_bug_words(enum sim_bug bug);

/* What all seeds share: the workflows and activities, and the replay's stacks. */
struct sim_kit;
struct sim_kit *sim_kit_new(void);
void sim_kit_free(struct sim_kit *kit);

struct sim_incident; /* incident.h */

struct sim_options {
        uint64_t seed;
        uint32_t steps; /* of the phase with faults; 0: the seed decides, 300 to 1000 */
        enum sim_bug bug;
        bool without_store;                  /* as the worlds were before there was one */
        const struct sim_incident *incident; /* instead of the seed's own faults and workload; NULL: none */
        struct sim_kit *kit;                 /* borrowed */
        struct sim_tally *tally;             /* added to; may be NULL */
        void (*story)(void *ctx, const char *line); /* each line of the trace; may be NULL */
        void *story_ctx;
};

enum { SIM_SENTENCE_MAX = 700 };

struct sim_report {
        uint64_t steps; /* of both phases */
        uint64_t runs;
        uint64_t records;
        uint64_t crashes; /* of the node */
        uint64_t trace_hash;
        int64_t virtual_ns;
        int64_t healing_ns; /* until everything had ended */
        bool broken;        /* a promise: */
        uint64_t broken_step;
        char sentence[SIM_SENTENCE_MAX]; /* which one, and how */
};

/* A world, step by step. sim_step() does one happening; false when all is over (or broken). */
struct sim *sim_new(const struct sim_options *options);
bool sim_step(struct sim *s);
void sim_report(const struct sim *s, struct sim_report *ret);
void sim_free(struct sim *s);

/* From beginning to end. */
void sim_run(const struct sim_options *options, struct sim_report *ret);

/* The last lines of the trace, the oldest first. */
void sim_tail(const struct sim *s, void (*line)(void *ctx, const char *line), void *ctx);

#endif
