/* SPDX-License-Identifier: MIT
 *
 * The simulated world from the inside: what the files of this folder share. One noun a file.
 *
 * The world: world.c (time, chance, steps, phases), swarm.c (what the seed chose), fault.c (what breaks),
 * net.c (connections), disk.c (logs and their writers), keeper.c (stores and theirs), site*.c (the node where
 * it runs), guest.c (clients), crew.c (executors), workload.c (what clients ask), incident.c (worlds in which
 * a certain thing happens), trace.c.
 *
 * The user's code: program.c (small random programs, and what must come of them), flows.c, flow_steps.c,
 * activities.c.
 *
 * Checking: archive.c, model.c and model_events.c (what the logs said), check.c, check_store.c, check_wire.c,
 * reading.c (what is compared when), rerun.c (replays), plant.c (bugs in the wiring, to be found).
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include "base/heap.h"
#include "base/list.h"
#include "base/map.h"
#include "runtime/front.h"
#include "runtime/shard.h"
#include "runtime/worker.h"
#include "tests/sim/program.h"
#include "tests/sim/sim.h"
#include "wal/log_writer.h"
#include "wal/store.h"

#define US     INT64_C(1000)
#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

enum {
        SHARDS_MAX = 3,
        INCARNATION = 77,
        LEASE_MS = 5000,
};

struct sim;

/* --- happenings: what is due at some time (world.c) --- */

struct happening {
        struct heap_node at;
        void (*happen)(struct sim *s, struct happening *h);
};

/* Plans it, or plans it anew. Among equal times the one planned first comes first. */
void sim_plan(struct sim *s, struct happening *h, int64_t due_ns);
void sim_plan_by(struct sim *s, struct happening *h, int64_t due_ns); /* no later than that */
void sim_unplan(struct sim *s, struct happening *h);

uint64_t sim_random(struct sim *s);
uint32_t sim_below(struct sim *s, uint32_t bound);
bool sim_chance(struct sim *s, uint32_t of_65536);
int64_t sim_between(struct sim *s, int64_t low_ns,
                    int64_t high_ns); /* short times are as likely as long ones */

void sim_faulted(struct sim *s, enum sim_fault fault);
void sim_did(struct sim *s, enum sim_operation operation);

/* A promise is broken: the sentence names it. The first one counts. */
void sim_break(struct sim *s, const char *format, ...) STET_PRINTF(2, 3);

/* --- the trace (trace.c) --- */

enum { TRACE_LINES = 120, TRACE_LINE_SIZE = 240 };

struct trace {
        char (*lines)[TRACE_LINE_SIZE];
        uint64_t count;
        uint64_t hash;
};

void sim_tell(struct sim *s, const char *format, ...) STET_PRINTF(2, 3);
void trace_message(struct sim *s, const char *from, const char *to, const struct message *m);
const char *trace_run(uint64_t run, char buf[40]);

/* --- what the seed chose (swarm.c) --- */

struct knobs {
        uint32_t steps;
        uint32_t shards;
        uint32_t guests;
        uint32_t crews; /* slots of all executors */
        uint32_t slots; /* of one executor */
        uint32_t stacks_max;
        uint32_t fault_rate;             /* faults that are steps: of 65536 */
        uint32_t faults[FAULTS_COUNT];   /* weight, or chance of 65536; 0: off */
        uint32_t asks[OPERATIONS_COUNT]; /* weights of what clients ask */
        uint64_t program_mask;
        uint32_t mail; /* of ten starts, counters and mailers */
        uint32_t runs_max;
        int64_t ask_ns;    /* between two asks of a client */
        int64_t frame_ns;  /* the usual delay of a frame */
        int64_t commit_ns; /* … of a commit */
        bool split_crews;  /* each serves a part of the activities */
        bool store;
        int64_t checkpoint_ns;   /* from when something is durable to its checkpoint */
        size_t checkpoint_bytes; /* of the log in one */
        uint64_t lag_bytes_max;
        uint32_t shard_runs_max; /* in memory */
        int64_t shard_idle_ns;
        int64_t retention_ns; /* 0: ended runs are kept */
};

void swarm_choose(struct sim *s);

/* --- connections (net.c) --- */

struct frame;

/* One side of connections to the node: a client or an executor. It has one at a time. */
struct line {
        char name[24];
        struct conn *conn; /* NULL: none is up */
        struct happening redial;
        bool hung_up; /* it wants none */
        void (*receive)(struct sim *s, struct line *line, struct bytes frame);
};

struct conn {
        struct map_node by_peer;
        struct list all;
        struct list frames; /* under way, both ways */
        uint64_t peer;
        struct line *line;                /* NULL: it broke */
        char name[24];                    /* of whose it is or was */
        char label[48];                   /* for the trace */
        int64_t to_node_ns, from_node_ns; /* when the last frame under way arrives */
        int64_t full_until_ns;
        struct happening forget; /* the node learns that it is gone */
};

struct net {
        struct transport transport; /* the node's */
        struct sim *sim;
        struct map conns;
        struct list all;
        uint64_t peer_next;
};

void net_init(struct sim *s);
void net_fini(struct sim *s);
void net_dial(struct sim *s, struct line *line, int64_t after_ns);
void net_hang_up(struct sim *s, struct line *line);
/* False: no connection is up, the frame was not taken. */
bool net_send(struct sim *s, struct line *line, struct bytes frame);
void net_cut(struct sim *s, struct conn *conn, int64_t redial_after_ns);
void net_cut_all(struct sim *s); /* the node is gone */
struct conn *net_conn(const struct sim *s, uint64_t peer);
struct conn *net_any(struct sim *s); /* one that is up, or NULL */

/* --- disks and writers (disk.c) --- */

struct disk;
struct disk *disk_new(struct sim *s, uint32_t shard);
void disk_free(struct disk *d);
/* Opens the log and a writer on it. */
void disk_open(struct disk *d);
/* The node is gone: what was under way is lost, or reaches the disk unanswered. */
void disk_crash(struct disk *d);
struct log *disk_log(const struct disk *d);
struct log_writer *disk_writer(const struct disk *d);
bool disk_done(const struct disk *d); /* a group waits to be collected */
void disk_fail_next(struct disk *d, bool apply);
void disk_fill(struct disk *d, int64_t until_ns);
void disk_slow(struct disk *d, int64_t until_ns);
void disk_heal(struct disk *d);
/* Reads records, also while no node has it open. */
int disk_read(struct disk *d, uint64_t from_lsn, log_visit_fn *visit, void *ctx, stet_why *why);
uint64_t disk_last_lsn(const struct disk *d);
/* A log that reads what is on the disk and refuses to write. */
struct log *disk_view(struct disk *d);

/* --- the node where it runs (site.c) --- */

struct site;
struct site *site_new(struct sim *s);
void site_free(struct site *site);
void site_take_frame(struct sim *s, uint64_t peer, struct bytes frame);
bool site_up(const struct sim *s);
bool site_listening(const struct sim *s); /* up, or about to be */
void site_crash(struct sim *s, int64_t restart_after_ns);
void site_crash_in_turn(struct sim *s);
void site_pause(struct sim *s, int64_t until_ns);
void site_change_code(struct sim *s); /* at the next restart, for once */
void site_heal(struct sim *s);
void site_wake(struct sim *s);                                        /* there is something to do */
void site_wake_shard(struct sim *s, uint32_t index);                  /* … for this one */
struct shard *site_shard(const struct sim *s, uint32_t index);        /* NULL while it is down */
struct shard *site_shard_opened(const struct sim *s, uint32_t index); /* also while the node is starting */
bool site_idle(const struct sim *s);
uint64_t site_crashes(const struct sim *s);
uint64_t site_tasks(const struct sim *s); /* that the scheduler knows of */

/* --- clients (guest.c) --- */

/* What a client asked for, kept to the end. */
struct ask {
        struct map_node by_correlation;
        struct list in_all;
        struct list in_guest; /* while it waits for an answer */
        uint8_t type;         /* enum message_type */
        uint8_t operation;    /* enum sim_operation */
        bool wants_result;
        bool begun;     /* its START was answered; what it waits for is the ending */
        bool replied;   /* the node said so to the client, whether that heard it or not */
        uint32_t fresh; /* of a START: copies that were taken before it was on record, and not answered */
        uint64_t correlation;
        int64_t sent_ns;
        uint64_t lsn[SHARDS_MAX]; /* the last durable one when it was asked */
        char request_id[24];
        char id[24]; /* the workflow id it names; empty: none */
        char name[24];
        struct buffer frame;
};

void guests_new(struct sim *s);
void guests_free(struct sim *s);
void guest_ask(struct sim *s, uint32_t guest, enum sim_operation operation, const struct message *m);
void guest_say_again(struct sim *s, uint32_t guest); /* a command that was answered, whoever asked for it */
void guest_die(struct sim *s, uint32_t guest);
void guests_heal(struct sim *s);
bool guests_content(const struct sim *s); /* all is answered */
struct ask *ask_find(const struct sim *s, uint64_t correlation);

/* --- executors (crew.c) --- */

void crews_new(struct sim *s);
void crews_free(struct sim *s);
void crew_die(struct sim *s, uint32_t crew, int64_t back_after_ns);
void crew_stall(struct sim *s, uint32_t crew, int64_t until_ns);
void crew_leave(struct sim *s, uint32_t crew);
void crews_heal(struct sim *s);
void crew_heard(struct sim *s, const struct conn *conn); /* the node took a frame of it */
/* When the node last heard of the executor of that name; INT64_MIN when it is gone. */
int64_t crew_heard_ns(const struct sim *s, struct bytes executor);

/* --- what is asked (workload.c) --- */

struct workload {
        struct happening act;
        struct happening nudge;
};

void workload_begin(struct sim *s);
void workload_heal(struct sim *s);

/* --- faults planted in the wiring (plant.c) --- */

struct plant {
        struct buffer kept;   /* a message that was held back */
        struct buffer result; /* of an earlier outcome */
        struct buffer frame;
};

struct bytes plant_frame(struct sim *s, struct bytes frame); /* from a peer; valid until the next one */

/* A message on its way to a shard: it is delivered as it is, or as the bug has it. */
typedef void plant_deliver_fn(struct sim *s, uint32_t shard, const struct message *m);
void plant_to_shard(struct sim *s, uint32_t shard, const struct message *m, plant_deliver_fn *deliver);
bool plant_swallows(struct sim *s, const struct message *m); /* from a shard to the scheduler */
int64_t plant_timer_now(const struct sim *s);
bool plant_skips(struct sim *s, const struct record *r); /* the checkpointer does not see it */
void plant_loss(struct sim *s, struct store *store);     /* of an entry */
uint64_t plant_trim_to(const struct sim *s, uint64_t to_lsn);
void plant_fini(struct sim *s);

/* --- faults that are steps (fault.c) --- */

void fault_happen(struct sim *s);
void fault_heal(struct sim *s);

/* --- checking --- */

struct model; /* model.h */
void check_after_step(struct sim *s);
void check_recovered(struct sim *s, uint32_t shard);
void check_taken(struct sim *s, const struct conn *conn,
                 const struct message *m); /* the node takes this from a peer */
void check_node_gone(struct sim *s);
void check_drops(struct sim *s); /* of claimed attempts, in this step */
void check_frame_sent(struct sim *s, const struct conn *conn, struct bytes frame);
void check_at_end(struct sim *s);
/* Whether a list is what was asked for (check_list.c). */
void check_list(struct sim *s, const struct ask *ask, struct bytes value);
/* A reading's or query's answer (reading.c). */
void check_reading(struct sim *s, const struct ask *ask, const struct message *reply);
void rerun_all(struct sim *s);

/* --- the whole --- */

struct sim {
        struct sim_options options;
        struct knobs knobs;
        uint64_t random;
        int64_t start_ns;
        int64_t now_ns;
        int64_t up_since_ns; /* the node */
        int64_t clock_ns;    /* how far the node's clock is ahead */
        uint64_t step;
        bool healing;
        bool over;
        int64_t healing_since_ns;
        int64_t healed_ns;
        struct heap queue;
        struct trace trace;
        struct net net;
        struct disk *disks[SHARDS_MAX];
        struct keeper *keepers[SHARDS_MAX]; /* NULL: there is no store */
        struct site *site;
        struct guest *guests;
        struct crew *crews;
        struct map asks;
        struct list asks_all;
        uint64_t correlation_next;
        struct workload workload;
        uint32_t runs_started; /* asked for, for their ids */
        struct happening poll; /* while healing: is all over? */
        struct model *model;
        struct {
                uint64_t lsn;
                uint64_t fingerprint;
        } stood[SHARDS_MAX]; /* what each shard's state was when all was durable */
        struct {
                struct token token;
                uint64_t peer;
                uint64_t life; /* of the node */
        } dropped;             /* a claimed attempt, in this step; or zero */
        struct plant plant;
        struct sim_tally tally;
        bool broken;
        uint64_t broken_step;
        char sentence[SIM_SENTENCE_MAX];
};

/* By the node's clock. */
static inline int64_t sim_node_now(const struct sim *s)
{
        return s->now_ns + s->clock_ns;
}

const stet_app *kit_app(const struct sim_kit *kit, bool changed);
struct stack_pool *kit_stacks(const struct sim_kit *kit);

#endif
