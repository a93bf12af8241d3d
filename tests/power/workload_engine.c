/* SPDX-License-Identifier: MIT
 *
 * The engine: commands of clients, outcomes of activities, timers, children, signals between runs, runs that
 * continue as new, restarts, in any order. After a cut every command that was answered is there and answered
 * alike when it is repeated, without a trace; the runs stand where they stood after some group of records;
 * none owes nothing; and all go on to an ending that they may have.
 */
#include "tests/power/check.h"
#include "tests/power/engine.h"
#include "tests/power/flows.h"

#include "actors/vocabulary.h"
#include "base/map.h"
#include "base/pack.h"
#include "base/run_id.h"
#include "stet/verify.h"
#include "tests/lib/random.h"

#include <inttypes.h>
#include <stdio.h>

enum {
        STEPS_MIN = 3,
        STEPS_MAX = 30,
        NAMES_MAX = 3, /* of each workflow: few, so that they meet */
        CLIENT_PEER = 5,
        ROUNDS_MAX = 400, /* to the end */
};

/* --- commands --- */

struct command {
        struct message message;
        char id[80];
        char request_id[24];
        struct buffer value;
};

static uint8_t command_type(uint64_t *random_state)
{
        size_t what = random_below(random_state, 20);
        return what < 10   ? MSG_START
               : what < 14 ? MSG_SIGNAL
               : what < 16 ? MSG_CANCEL
               : what < 17 ? MSG_TERMINATE
                           : MSG_DELETE;
}

/* Command number n, from 1 on: it follows from the seed, so that it can be repeated. */
static void command_make(uint64_t seed, uint32_t n, struct command *ret)
{
        uint64_t random_state = hash_u64(seed) + n;
        *ret = (struct command){ .message = { .type = command_type(&random_state), .peer = CLIENT_PEER } };
        struct message *m = &ret->message;
        size_t flow = random_below(&random_state, FLOWS_COUNT);
        if (m->type == MSG_SIGNAL && random_below(&random_state, 4))
                flow = 1;
        snprintf(ret->id, sizeof ret->id, "%s-%zu", flow_names[flow], random_below(&random_state, NAMES_MAX));
        snprintf(ret->request_id, sizeof ret->request_id, "request %u", n);
        pack_uint(&ret->value, random_below(&random_state, 4000));
        m->correlation = n;
        m->id = bytes_str(ret->id);
        m->request_id = bytes_str(ret->request_id);
        if (m->type == MSG_START) {
                m->name = bytes_str(flow_names[flow]);
                m->value = buffer_bytes(&ret->value);
                m->wait = random_below(&random_state, 2);
                m->conflict = (uint32_t)random_below(&random_state, 3);
        } else if (m->type == MSG_SIGNAL) {
                m->name = bytes_str("go");
                m->value = buffer_bytes(&ret->value);
        }
}

static void give_command(struct engine *e, uint32_t n)
{
        struct command c;
        command_make(e->options->seed, n, &c);
        engine_receive(e, &c.message);
        buffer_fini(&c.value);
}

/* --- doing --- */

struct doing {
        struct engine engine;
        uint64_t random_state;
        uint32_t commands;
};

/* A long attempt is noted; nothing waits for that. */
static void note_attempt(struct engine *e)
{
        if (!e->tasks)
                return;
        struct message m = { .type = MSG_NOTE, .token = e->tasks->token, .executor = bytes_str("power") };
        engine_receive(e, &m);
}

static int restart(struct engine *e, stet_why *why)
{
        const struct workload_options *o = e->options;
        struct session *s = e->session;
        int64_t now_ns = e->now_ns;
        engine_close(e);
        int err = engine_open(e, o, s, why);
        if (err)
                return err;
        e->now_ns = now_ns > e->now_ns ? now_ns : e->now_ns;
        engine_resume(e);
        return 0;
}

static int step(struct doing *d, stet_why *why)
{
        struct engine *e = &d->engine;
        size_t what = random_below(&d->random_state, 23);
        if (what < 9)
                give_command(e, ++d->commands);
        else if (what < 15)
                engine_work(e, random_below(&d->random_state, engine_tasks(e) + 1));
        else if (what < 18)
                engine_wait(e);
        else if (what < 19)
                note_attempt(e);
        else if (what < 22)
                engine_checkpoint(e);
        else
                return restart(e, why);
        if (random_below(&d->random_state, 3))
                engine_turn(e);
        return 0;
}

static int run(const struct workload_options *o, struct session *s, stet_why *why)
{
        struct doing d = { .random_state = hash_u64(o->seed) + 7 };
        session_trim(s, UINT64_MAX); /* what may be forgotten is said by the store */
        int err = engine_open(&d.engine, o, s, why);
        if (!err)
                engine_resume(&d.engine);
        size_t steps = STEPS_MIN + random_below(&d.random_state, STEPS_MAX - STEPS_MIN + 1);
        while (!err && !d.engine.err && steps--)
                err = step(&d, why);
        if (!err)
                engine_turn(&d.engine);
        if (!err && d.engine.err)
                err = stet_why_set(why, d.engine.err, "%s", d.engine.why.text);
        engine_close(&d.engine);
        return err;
}

/* --- checking --- */

static bool check_runs(struct engine *e, const char *when)
{
        const char *broken = shard_check(e->host.shard);
        return !broken || session_wrong(e->session, "P12: %s: %s", when, broken);
}

static bool check_fold(struct engine *e, const struct session *before)
{
        uint64_t lsn = e->host.log->last_lsn;
        uint64_t stood = lsn ? before->records[lsn - 1].fingerprint : 0;
        if (stood && stood != shard_fingerprint(e->host.shard))
                return session_wrong(e->session,
                                     "P4: the runs do not stand where they stood after record %" PRIu64, lsn);
        return true;
}

/* The store is what the log's records up to its checkpoint add up to, and no record that it lacks was
 * forgotten. */
static bool check_store(struct engine *e, const struct session *before)
{
        struct store_checkpoint at = e->host.store->checkpoint;
        uint64_t first = e->host.log->first_lsn, last = e->host.log->last_lsn;
        if (first > at.lsn + 1)
                return session_wrong(e->session,
                                     "P4: the log begins with %" PRIu64 ", and the store ends with %" PRIu64,
                                     first, at.lsn);
        if (at.lsn > last)
                return session_wrong(e->session,
                                     "P4: the log ends with %" PRIu64 ", and the store is at %" PRIu64, last,
                                     at.lsn);
        if (at.lsn && at.crc != before->records[at.lsn - 1].crc)
                return session_wrong(e->session,
                                     "P4: the store is at another record %" PRIu64 " than the log's", at.lsn);
        return true;
}

static bool expect_answer(struct engine *e, const struct session_ack *ack, const char *what)
{
        const struct engine_answer *a = &e->answer;
        if (!a->given)
                return session_wrong(e->session, "P1: %s is not answered when it is repeated", what);
        if (a->type == ack->type && a->run == ack->run && a->code == ack->code && a->ending == ack->ending)
                return true;
        return session_wrong(e->session,
                             "P1: %s was answered with %s, run %016" PRIx64
                             ", ending %u; repeated, with %s, run "
                             "%016" PRIx64 ", ending %u",
                             what, stet_error_name((int)ack->code), ack->run, ack->ending,
                             stet_error_name((int)a->code), a->run, a->ending);
}

/* A command that was carried out is answered as it was the first time. */
static bool repeat_command(struct engine *e, const struct session_ack *ack)
{
        struct command c;
        char what[160];
        command_make(e->options->seed, ack->command, &c);
        c.message.wait = false;
        e->answer = (struct engine_answer){ .given = false };
        engine_receive(e, &c.message);
        engine_turn(e);
        snprintf(what, sizeof what, "%s (a message of type %u to \"%s\")", c.request_id, c.message.type,
                 c.id);
        buffer_fini(&c.value);
        return expect_answer(e, ack, what);
}

/* An ending that was told is the run's ending. */
static bool ask_ending(struct engine *e, const struct session_ack *ack)
{
        char id[RUN_ID_SIZE];
        run_id_print(ack->run, id);
        struct message m = { .type = MSG_WAIT, .peer = CLIENT_PEER, .correlation = 1, .id = bytes_str(id) };
        e->answer = (struct engine_answer){ .given = false };
        engine_receive(e, &m);
        engine_turn(e);
        return expect_answer(e, ack, "the wait for a run's ending");
}

struct search {
        uint64_t run;
        bool found;
};

static void look_for_run(void *ctx, uint64_t run, const char *workflow_id, uint32_t ending,
                         uint32_t transitions, uint32_t owed)
{
        struct search *search = ctx;
        (void)workflow_id;
        (void)ending;
        (void)transitions;
        (void)owed;
        search->found |= run == search->run;
}

static bool run_there(struct engine *e, uint64_t run)
{
        struct search search = { .run = run };
        shard_visit(e->host.shard, look_for_run, &search);
        return search.found;
}

/* Whether some command of the workload was to delete what this one was about. */
static bool may_be_deleted(const struct engine *e, const struct command *of)
{
        bool deleted = false;
        for (uint32_t n = 1; n <= STEPS_MAX && !deleted; n++) {
                struct command c;
                command_make(e->options->seed, n, &c);
                deleted = c.message.type == MSG_DELETE && strcmp(c.id, of->id) == 0;
                buffer_fini(&c.value);
        }
        return deleted;
}

/* What was deleted is not there, and all else is. *ret_gone: nothing more can be asked about it. */
static bool check_there(struct engine *e, const struct session_ack *ack, bool *ret_gone)
{
        struct command c;
        command_make(e->options->seed, ack->command, &c);
        bool deleted = c.message.type == MSG_DELETE, there = run_there(e, ack->run);
        bool may = deleted || may_be_deleted(e, &c);
        buffer_fini(&c.value);
        *ret_gone = !there;
        if (there && deleted)
                return session_wrong(e->session, "P1: run %016" PRIx64 " of \"%s\" was deleted, and is there",
                                     ack->run, c.id);
        return there || may ||
               session_wrong(e->session, "P1: run %016" PRIx64 " of \"%s\" is missing", ack->run, c.id);
}

static bool check_answer(struct engine *e, const struct session_ack *ack)
{
        bool gone, replied = ack->type == MSG_REPLY && ack->code == STET_OK && !ack->existing;
        if (!replied && ack->type != MSG_RESULT)
                return true;
        if (!check_there(e, ack, &gone) || gone)
                return !e->session->wrong[0];
        return replied ? repeat_command(e, ack) : ask_ending(e, ack);
}

static bool check_answers(struct engine *e, const struct session *before, size_t acks)
{
        uint64_t lsn = e->host.log->last_lsn;
        bool well = true;
        e->promising = false;
        for (size_t i = 0; i < acks && well; i++)
                well = check_answer(e, &before->acks[i]);
        e->promising = true;
        if (well && e->host.log->last_lsn != lsn)
                return session_wrong(e->session, "P9: repeated commands left records %" PRIu64 " to %" PRIu64,
                                     lsn + 1, e->host.log->last_lsn);
        return well;
}

static void check_end(void *ctx, uint64_t run, const char *workflow_id, uint32_t ending, uint32_t transitions,
                      uint32_t owed)
{
        struct engine *e = ctx;
        (void)transitions;
        if (ending == RUN_OPEN)
                session_wrong(e->session,
                              "P12: run %016" PRIx64 " of \"%s\" does not come to an end (it owes %u)", run,
                              workflow_id, owed);
        else if (ending != RUN_CANCELED && ending != RUN_TERMINATED && !flow_may_end(workflow_id, ending))
                session_wrong(e->session, "P11: run %016" PRIx64 " of \"%s\" has ended as it may not: it %s",
                              run, workflow_id, run_ending_name(ending));
}

static void go_to_end(struct engine *e)
{
        for (int round = 0; round < ROUNDS_MAX && !e->err; round++) {
                if (!engine_work(e, 0) && !engine_wait(e))
                        break;
                engine_turn(e);
        }
        if (e->err)
                session_wrong(e->session, "P12: the engine can't go on: %s", e->why.text);
        else if (check_runs(e, "at the end"))
                shard_visit(e->host.shard, check_end, e);
}

/* With the same eyes as `stet verify`. */
static void verify(const struct workload_options *o, struct session *after)
{
        char path[300];
        stet_why why = { "" };
        stet_verify_report report;
        snprintf(path, sizeof path, "%s/data", o->root);
        if (stet_verify(path, NULL, NULL, NULL, &report, &why))
                session_wrong(after, "P7: what is left is not whole: %s", why.text);
}

static void recover(const struct workload_options *o, const struct session *before, size_t acks, bool to_end,
                    struct session *after)
{
        struct engine e;
        stet_why why = { "" };
        session_begin(after, before, before->records_count, acks);
        int err = engine_open(&e, o, after, &why);
        if (err) {
                session_wrong(after, "P4: the shard can't be opened: %s", why.text);
        } else if (check_log(e.host.log, before, acks, after) && check_store(&e, before) &&
                   check_fold(&e, before) && check_runs(&e, "after the cut")) {
                engine_resume(&e);
                if (check_runs(&e, "resumed") && check_answers(&e, before, acks) && to_end)
                        go_to_end(&e);
        }
        engine_close(&e);
        if (to_end && !after->wrong[0])
                verify(o, after);
}

const struct workload workload_engine = {
        .name = "engine", .has_store = true, .run = run, .recover = recover
};
