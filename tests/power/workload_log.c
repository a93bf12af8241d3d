/* SPDX-License-Identifier: MIT
 *
 * The bare log: groups of records of all sizes, trims, reopenings. After a cut the log is a prefix of what
 * was appended, in whole groups, at least as long as was promised; nothing is forgotten that no trim allowed;
 * and it can be appended to.
 */
#include "tests/power/check.h"
#include "tests/power/workload.h"

#include "base/map.h"
#include "tests/lib/random.h"
#include "tests/lib/records.h"
#include "wal/data_dir.h"
#include "wal/log.h"

#include <stdio.h>
#include <stdlib.h>

enum { STEPS_MIN = 3, STEPS_MAX = 20, GROUP_MAX = 6, SMALL_MAX = 200, LARGE_MAX = 9000 };

struct open_log {
        struct data_dir dir;
        bool dir_open;
        struct log *log;
        struct log_group group;
        struct session *session;
        uint64_t random_state;
        enum canary canary;
};

/* --- opening and closing --- */

static int open_log(struct open_log *l, const struct workload_options *o, struct session *s, stet_why *why)
{
        char path[300];
        *l = (struct open_log){ .session = s, .random_state = hash_u64(o->seed) + 1, .canary = o->canary };
        snprintf(path, sizeof path, "%s/data", o->root);
        int err = data_dir_open(path, true, 1, &l->dir, why);
        if (err)
                return err;
        l->dir_open = true;
        char *log_path = data_dir_log_path(&l->dir, 0);
        struct log_lmdb_options options = { .path = log_path,
                                            .level = o->canary == CANARY_NOSYNC ? LOG_MEMORY : LOG_SYNC,
                                            .map_bytes = 1 << 20 };
        err = log_lmdb_open(&options, &l->log, why);
        free(log_path);
        return err;
}

static void close_log(struct open_log *l)
{
        log_close(l->log);
        l->log = NULL;
        if (l->dir_open)
                data_dir_close(&l->dir);
        l->dir_open = false;
        log_group_fini(&l->group);
}

static void promise(struct open_log *l, uint64_t lsn)
{
        session_ack(l->session,
                    (struct session_ack){ .lsn = lsn, .first = l->log->first_lsn, .epoch = l->log->epoch });
}

/* --- doing --- */

static size_t body_size(struct open_log *l)
{
        return random_below(&l->random_state, random_below(&l->random_state, 10) ? SMALL_MAX : LARGE_MAX);
}

static int append_group(struct open_log *l, stet_why *why)
{
        log_group_reset(&l->group, l->log->last_lsn, l->log->last_crc);
        for (size_t count = 1 + random_below(&l->random_state, GROUP_MAX); count; count--)
                records_put(&l->group, body_size(l));
        session_append(l->session, &l->group);
        if (l->canary == CANARY_ACK_EARLY)
                promise(l, log_group_next_lsn(&l->group) - 1);
        int err = log_append(l->log, l->log->epoch, &l->group, why);
        if (err == STET_EFULL) /* it may be tried again */
                err = log_append(l->log, l->log->epoch, &l->group, why);
        if (!err)
                promise(l, l->log->last_lsn);
        return err;
}

/* The appends that follow forget what was before. */
static void trim(struct open_log *l)
{
        uint64_t to = 1 + random_below(&l->random_state, (size_t)l->log->last_lsn + 1);
        session_trim(l->session, to);
        log_trim(l->log, to);
}

static int step(struct open_log *l, const struct workload_options *o, stet_why *why)
{
        size_t what = random_below(&l->random_state, 10);
        if (what < 8)
                return append_group(l, why);
        if (what == 8) {
                trim(l);
                return 0;
        }
        uint64_t random_state = l->random_state;
        struct session *s = l->session;
        close_log(l);
        int err = open_log(l, o, s, why);
        if (err)
                return err;
        l->random_state = random_state;
        promise(l, l->log->last_lsn);
        return 0;
}

static int run(const struct workload_options *o, struct session *s, stet_why *why)
{
        struct open_log l;
        int err = open_log(&l, o, s, why);
        if (!err)
                promise(&l, 0);
        size_t steps = STEPS_MIN + random_below(&l.random_state, STEPS_MAX - STEPS_MIN + 1);
        while (!err && steps--)
                err = step(&l, o, why);
        close_log(&l);
        return err;
}

/* --- coming back --- */

static void go_on(struct open_log *l)
{
        stet_why why = { "" };
        if (append_group(l, &why))
                session_wrong(l->session, "P1: the log can't be appended to: %s", why.text);
}

static void recover(const struct workload_options *o, const struct session *before, size_t acks, bool to_end,
                    struct session *after)
{
        struct open_log l;
        stet_why why = { "" };
        session_begin(after, before, before->records_count, acks);
        int err = open_log(&l, o, after, &why);
        if (err) {
                session_wrong(after, "P4: the log can't be opened: %s", why.text);
        } else if (check_log(l.log, before, acks, after)) {
                promise(&l, l.log->last_lsn);
                l.random_state += l.log->last_lsn;
                if (to_end)
                        go_on(&l);
        }
        close_log(&l);
}

const struct workload workload_log = { .name = "log", .run = run, .recover = recover };
