/* SPDX-License-Identifier: MIT */
#include "bench/signalers.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/machine.h"
#include "bench/progress.h"

enum {
        TIMEOUT_MS = 120000, /* a long history may have to be replayed before the answer */
        ANSWERS_MAX = 4096,
};

struct crowd {
        const struct signalers *options;
        pthread_barrier_t barrier; /* for all and the caller: connected, begin, done, leave */
        pthread_mutex_t mutex;     /* of err, why and progress */
        _Atomic uint64_t next;
        atomic_bool failed;
        int err;
        stet_why why;
        struct progress progress;
};

struct signaler {
        pthread_t thread;
        struct crowd *crowd;
        struct histogram latency;
};

static void fail(struct crowd *crowd, int err, const stet_why *why)
{
        pthread_mutex_lock(&crowd->mutex);
        if (!crowd->err) {
                crowd->err = err;
                crowd->why = *why;
        }
        pthread_mutex_unlock(&crowd->mutex);
        atomic_store(&crowd->failed, true);
}

static int connect_client(const struct signalers *s, stet_client **ret, stet_why *why)
{
        stet_value stats = { 0 };
        int err = s->node ? stet_node_client(s->node, ret, why) : stet_client_connect(s->endpoint, ret, why);
        if (!err) {
                stet_client_set_timeout(*ret, TIMEOUT_MS);
                err = stet_client_stats(*ret, &stats, why);
        }
        stet_value_free(&stats);
        return err;
}

static void send_all(struct signaler *me, stet_client *client)
{
        struct crowd *crowd = me->crowd;
        const struct signalers *s = crowd->options;
        stet_why why;
        for (uint64_t i;
             (i = atomic_fetch_add(&crowd->next, 1)) < s->signals && !atomic_load(&crowd->failed);) {
                int64_t start_ns = machine_now_ns();
                int err =
                    stet_client_signal(client, s->run_ids[i % s->runs_count], s->name, s->value, NULL, &why);
                int64_t now_ns = machine_now_ns();
                histogram_add(&me->latency, now_ns - start_ns);
                if (!err && progress_interrupted())
                        err = stet_why_set(&why, STET_ECANCELED, "interrupted");
                if (err)
                        fail(crowd, err, &why);
                if (pthread_mutex_trylock(&crowd->mutex) == 0) {
                        progress_show(&crowd->progress, i, now_ns);
                        pthread_mutex_unlock(&crowd->mutex);
                }
        }
}

/* --- in batches --- */

/* Signals under way; the tag of each is a place that no other one has. */
struct window {
        stet_client *client;
        int64_t *sent_ns; /* by place */
        uint32_t *places; /* the free ones are at the end */
        uint32_t used;
        stet_answer *answers;
};

static void window_init(struct window *w, stet_client *client, uint32_t size)
{
        *w = (struct window){ .client = client,
                              .sent_ns = xcalloc(size, sizeof(*w->sent_ns)),
                              .places = xcalloc(size, sizeof(*w->places)),
                              .answers = xcalloc(ANSWERS_MAX, sizeof(*w->answers)) };
        for (uint32_t i = 0; i < size; i++)
                w->places[i] = i;
}

static void window_fini(struct window *w)
{
        free(w->sent_ns);
        free(w->places);
        free(w->answers);
}

static int fill_window(struct signaler *me, struct window *w, stet_why *why)
{
        struct crowd *crowd = me->crowd;
        const struct signalers *s = crowd->options;
        int err = 0;
        while (w->used < s->window && !err) {
                uint64_t i = atomic_fetch_add(&crowd->next, 1);
                if (i >= s->signals)
                        break;
                uint32_t place = w->places[w->used++];
                w->sent_ns[place] = machine_now_ns();
                err = stet_client_submit_signal(w->client, s->run_ids[i % s->runs_count], s->name, s->value,
                                                NULL, place, why);
        }
        return err;
}

static int take_answers(struct signaler *me, struct window *w, stet_why *why)
{
        size_t count;
        int err = stet_client_collect(w->client, w->answers, ANSWERS_MAX, TIMEOUT_MS, &count, why);
        int64_t now_ns = machine_now_ns();
        for (size_t i = 0; i < count && !err; i++) {
                const stet_answer *answer = &w->answers[i];
                if (answer->err)
                        err = stet_why_set(why, answer->err, "a signal was refused: %s",
                                           stet_error_text(answer->err));
                histogram_add(&me->latency, now_ns - w->sent_ns[answer->tag]);
                w->places[--w->used] = (uint32_t)answer->tag;
        }
        if (!err && progress_interrupted())
                err = stet_why_set(why, STET_ECANCELED, "interrupted");
        return err;
}

static void send_batched(struct signaler *me, stet_client *client)
{
        struct crowd *crowd = me->crowd;
        struct window w;
        stet_why why;
        window_init(&w, client, crowd->options->window);
        int err = fill_window(me, &w, &why);
        while (w.used && !err && !atomic_load(&crowd->failed)) {
                err = take_answers(me, &w, &why);
                if (!err)
                        err = fill_window(me, &w, &why);
                if (pthread_mutex_trylock(&crowd->mutex) == 0) {
                        progress_show(&crowd->progress, atomic_load(&crowd->next), machine_now_ns());
                        pthread_mutex_unlock(&crowd->mutex);
                }
        }
        if (err)
                fail(crowd, err, &why);
        window_fini(&w);
}

/* --- all of them --- */

static void *signaler_main(void *arg)
{
        struct signaler *me = arg;
        stet_client *client = NULL;
        stet_why why;
        int err = connect_client(me->crowd->options, &client, &why);
        if (err)
                fail(me->crowd, err, &why);
        pthread_barrier_wait(&me->crowd->barrier);
        pthread_barrier_wait(&me->crowd->barrier);
        if (!err && me->crowd->options->window)
                send_batched(me, client);
        else if (!err)
                send_all(me, client);
        pthread_barrier_wait(&me->crowd->barrier);
        pthread_barrier_wait(&me->crowd->barrier);
        stet_client_close(client);
        return NULL;
}

static double cpu_s(const struct signalers *s)
{
        return s->cpu_s ? s->cpu_s(s->cpu_context) : (double)NAN;
}

/* With fewer threads than the barrier waits for there is no way on: a machine that can't make them ends the
 * process, as when memory is out. */
static void start_threads(struct crowd *crowd, struct signaler *signalers)
{
        for (uint32_t i = 0; i < crowd->options->clients; i++) {
                signalers[i].crowd = crowd;
                if (pthread_create(&signalers[i].thread, NULL, signaler_main, &signalers[i]) != 0)
                        abort();
        }
}

int signalers_run(const struct signalers *s, struct signalers_result *ret, stet_why *why)
{
        struct signaler *signalers = xcalloc(s->clients, sizeof(*signalers));
        struct crowd crowd = { .options = s };
        memset(ret, 0, sizeof(*ret));
        pthread_barrier_init(&crowd.barrier, NULL, s->clients + 1);
        pthread_mutex_init(&crowd.mutex, NULL);
        progress_begin(&crowd.progress, s->what, s->signals);
        start_threads(&crowd, signalers);
        pthread_barrier_wait(&crowd.barrier);
        double cpu_before_s = cpu_s(s);
        int64_t start_ns = machine_now_ns();
        pthread_barrier_wait(&crowd.barrier);
        pthread_barrier_wait(&crowd.barrier);
        ret->seconds = (double)(machine_now_ns() - start_ns) / 1e9;
        ret->cpu_s = cpu_s(s) - cpu_before_s;
        pthread_barrier_wait(&crowd.barrier);
        for (uint32_t i = 0; i < s->clients; i++) {
                pthread_join(signalers[i].thread, NULL);
                histogram_merge(&ret->latency, &signalers[i].latency);
        }
        progress_end(&crowd.progress);
        pthread_barrier_destroy(&crowd.barrier);
        pthread_mutex_destroy(&crowd.mutex);
        free(signalers);
        return crowd.err ? stet_why_set(why, crowd.err, "%s", crowd.why.text) : 0;
}
