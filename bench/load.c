/* SPDX-License-Identifier: MIT */
#include "bench/load.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "bench/machine.h"

/* More starts than STARTS_MAX that are not durable yet are not on their way at a time while a closed loop
 * fills: a node that is sent a million at once is silent until it has read them all. */
enum { ANSWERS_MAX = 4096, WAIT_MS = 100, STARTS_MAX = 10000 };

static const int64_t MS_NS = 1000000;
/* How often an open loop with many starts a millisecond looks for what is due and what has ended: whoever
 * makes the load on the machine that bears it must not take it for itself. What it delays counts as latency.
 */
static const int64_t LOOK_NS = 500000;

struct driver {
        stet_client *client;
        const struct load *load;
        stet_start start;
        uint64_t started;
        uint64_t durable;
        uint64_t ended;
        int64_t start_ns;
        int64_t *slot_started_ns; /* closed loop: by slot, which is the tag */
        stet_answer *answers;
        struct load_result *result;
        struct progress progress;
};

/* When an open loop's run of that number should start. */
static int64_t intended_ns(const struct driver *d, uint64_t number)
{
        return d->start_ns + (int64_t)((double)number * 1e9 / d->load->rate);
}

static int start_run(struct driver *d, uint64_t tag, stet_why *why)
{
        int err = stet_client_submit(d->client, &d->start, tag, true, why);
        if (!err)
                d->started++;
        return err;
}

static int check_answer(const stet_answer *answer, stet_why *why)
{
        if (answer->err)
                return stet_why_set(why, answer->err, "a start was refused: %s",
                                    stet_error_text(answer->err));
        if (answer->ended && answer->ending != STET_RUN_COMPLETED)
                return stet_why_set(why, STET_EFAILED,
                                    "run %s ended as %s; every run of a benchmark must complete",
                                    answer->run_id, stet_ending_name(answer->ending));
        return 0;
}

/* Counts what has ended; in a closed loop each ending starts the next run. */
static int take_answers(struct driver *d, int64_t timeout_ms, size_t *ret_count, stet_why *why)
{
        size_t count;
        int err = stet_client_collect(d->client, d->answers, ANSWERS_MAX, timeout_ms, &count, why);
        int64_t now_ns = machine_now_ns();
        uint64_t ended_before = d->ended;
        for (size_t i = 0; i < count && !err; i++) {
                const stet_answer *answer = &d->answers[i];
                err = check_answer(answer, why);
                if (!err && !answer->ended)
                        d->durable++;
                if (err || !answer->ended)
                        continue;
                d->ended++;
                int64_t from_ns =
                    d->load->rate > 0 ? intended_ns(d, answer->tag) : d->slot_started_ns[answer->tag];
                histogram_add(&d->result->latency, now_ns - from_ns);
                if (d->load->rate > 0 || d->started == d->load->runs)
                        continue;
                d->slot_started_ns[answer->tag] = now_ns;
                err = start_run(d, answer->tag, why);
        }
        pace_add(&d->result->pace, now_ns, d->ended - ended_before);
        progress_show(&d->progress, d->ended, now_ns);
        if (!err && d->load->look)
                err = d->load->look(d->load->look_context, d->ended, now_ns, why);
        if (!err && progress_interrupted())
                err = stet_why_set(why, STET_ECANCELED, "interrupted");
        *ret_count = count;
        return err;
}

static int closed_loop(struct driver *d, stet_why *why)
{
        uint64_t slots = d->load->in_flight < d->load->runs ? d->load->in_flight : d->load->runs, slot = 0;
        int err = 0;
        size_t count;
        while (d->ended < d->load->runs && !err) {
                for (; slot < slots && d->started < d->load->runs && d->started - d->durable < STARTS_MAX &&
                       !err;
                     slot++) {
                        d->slot_started_ns[slot] = machine_now_ns();
                        err = start_run(d, slot, why);
                }
                if (!err)
                        err = take_answers(d, WAIT_MS, &count, why);
        }
        return err;
}

/* Starts what is due; the nanoseconds until the next are in *ret_wait_ns. */
static int start_due(struct driver *d, int64_t *ret_wait_ns, stet_why *why)
{
        int err = 0;
        int64_t wait_ns = WAIT_MS * MS_NS;
        while (d->started < d->load->runs && !err) {
                wait_ns = intended_ns(d, d->started) - machine_now_ns();
                if (wait_ns > 0)
                        break;
                err = start_run(d, d->started, why);
        }
        *ret_wait_ns = wait_ns;
        return err;
}

static int open_loop(struct driver *d, stet_why *why)
{
        int err = 0;
        while (d->ended < d->load->runs && !err) {
                int64_t wait_ns;
                size_t count = 0;
                err = start_due(d, &wait_ns, why);
                if (!err)
                        err = take_answers(d, d->started == d->load->runs ? WAIT_MS : wait_ns / MS_NS, &count,
                                           why);
                if (!err && !count && wait_ns > 0 && wait_ns < MS_NS && d->started < d->load->runs) {
                        struct timespec pause = { .tv_nsec = LOOK_NS };
                        nanosleep(&pause, NULL);
                }
        }
        return err;
}

int load_run(stet_client *client, const struct load *load, struct load_result *ret, stet_why *why)
{
        struct driver d = {
                .client = client,
                .load = load,
                .start = { .workflow = load->workflow, .input = load->input },
                .slot_started_ns = load->rate > 0 ? NULL : xcalloc(load->in_flight, sizeof(int64_t)),
                .answers = xcalloc(ANSWERS_MAX, sizeof(stet_answer)),
                .result = ret,
        };
        memset(ret, 0, sizeof(*ret));
        progress_begin(&d.progress, load->what, load->runs);
        d.start_ns = machine_now_ns();
        pace_begin(&ret->pace, d.start_ns);
        int err = load->rate > 0 ? open_loop(&d, why) : closed_loop(&d, why);
        ret->seconds = (double)(machine_now_ns() - d.start_ns) / 1e9;
        progress_end(&d.progress);
        free(d.slot_started_ns);
        free(d.answers);
        return err;
}
