/* SPDX-License-Identifier: MIT */
#include "bench/firings.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/machine.h"
#include "bench/progress.h"

enum {
        TRANSITIONS_EACH = 2, /* the start and the firing */
        READERS_COUNT = 8,
};

int64_t firings_due_ms(const struct firings_due *due, uint64_t number)
{
        return due->first_ms + (int64_t)((double)due->spread_ms * (double)number / (double)due->runs);
}

static int64_t number_of(const stet_value *map, const char *key)
{
        stet_value item = stet_value_get(map, key);
        return stet_value_int(&item, -1);
}

static void count_run(const struct firings_due *due, uint64_t number, const stet_value *shown,
                      struct firings *f)
{
        stet_value state = stet_value_get(shown, "state");
        int64_t fired_ms = number_of(shown, "result");
        if (!stet_value_equals_string(&state, "completed") || fired_ms < 0) {
                f->lost++;
                return;
        }
        if (number_of(shown, "transitions") == TRANSITIONS_EACH)
                f->once++;
        else
                f->again++;
        if (fired_ms < firings_due_ms(due, number))
                f->early++;
        if (fired_ms > f->last_fired_ms)
                f->last_fired_ms = fired_ms;
        histogram_add(&f->lateness, (fired_ms - firings_due_ms(due, number)) * 1000000);
}

/* Reads every eighth run, with a client of its own. */
struct reader {
        pthread_t thread;
        bool started;
        const struct firings_due *due;
        const struct server_process *server;
        char (*run_ids)[STET_RUN_ID_SIZE];
        uint64_t first;
        struct firings fired;
        struct progress *progress; /* of the first only */
        int err;
        stet_why why;
};

static int read_run(struct reader *me, stet_client *client, uint64_t number)
{
        stet_value shown = { 0 };
        int err = stet_client_show(client, me->run_ids[number], &shown, &me->why);
        if (!err)
                count_run(me->due, number, &shown, &me->fired);
        stet_value_free(&shown);
        if (err == STET_ENOTFOUND) {
                me->fired.lost++;
                err = 0;
        }
        progress_show(me->progress, number, machine_now_ns());
        if (!err && progress_interrupted())
                err = stet_why_set(&me->why, STET_ECANCELED, "interrupted");
        return err;
}

static void *reader_main(void *arg)
{
        struct reader *me = arg;
        stet_client *client = NULL;
        me->err = server_process_connect(me->server, &client, &me->why);
        for (uint64_t i = me->first; i < me->due->runs && !me->err; i += READERS_COUNT)
                me->err = read_run(me, client, i);
        stet_client_close(client);
        return NULL;
}

static void add_firings(struct firings *sum, const struct firings *more)
{
        histogram_merge(&sum->lateness, &more->lateness);
        sum->once += more->once;
        sum->again += more->again;
        sum->early += more->early;
        sum->lost += more->lost;
        if (more->last_fired_ms > sum->last_fired_ms)
                sum->last_fired_ms = more->last_fired_ms;
}

int firings_read(const struct firings_due *due, const struct server_process *server,
                 char (*run_ids)[STET_RUN_ID_SIZE], struct firings *ret, stet_why *why)
{
        struct progress progress;
        struct reader *readers = xcalloc(READERS_COUNT, sizeof(*readers));
        int err = 0;
        memset(ret, 0, sizeof(*ret));
        progress_begin(&progress, "timers, read", due->runs);
        for (uint64_t i = 0; i < READERS_COUNT; i++) {
                struct reader *me = &readers[i];
                me->due = due;
                me->server = server;
                me->run_ids = run_ids;
                me->first = i;
                me->progress = i ? NULL : &progress;
                me->started = pthread_create(&me->thread, NULL, reader_main, me) == 0;
                if (!me->started)
                        err = stet_why_set(why, STET_EIO, "a thread that reads results can't be made");
        }
        for (size_t i = 0; i < READERS_COUNT; i++) {
                struct reader *me = &readers[i];
                if (me->started)
                        pthread_join(me->thread, NULL);
                if (!err && me->err)
                        err = stet_why_set(why, me->err, "%s", me->why.text);
                add_firings(ret, &me->fired);
        }
        progress_end(&progress);
        free(readers);
        return err;
}
