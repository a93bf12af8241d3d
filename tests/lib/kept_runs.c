/* SPDX-License-Identifier: MIT */
#include "tests/lib/kept_runs.h"

#include "runtime/checkpointer.h"

#include <criterion/criterion.h>

void kept_runs_open(struct kept_runs *k)
{
        stet_why why = { "" };
        *k = (struct kept_runs){ .log_disk = log_disk_new(), .store_disk = store_disk_new() };
        k->log = log_mem_open(k->log_disk);
        cr_assert_eq(run_store_open(store_mem_open(k->store_disk, k->log->epoch), 7, &k->runs, &why), 0, "%s",
                     why.text);
        log_group_reset(&k->group, 0, 0);
}

void kept_runs_close(struct kept_runs *k)
{
        log_group_fini(&k->group);
        store_close(k->runs.store);
        log_close(k->log);
        store_disk_free(k->store_disk);
        log_disk_free(k->log_disk);
}

uint64_t kept_runs_step(struct kept_runs *k, uint64_t run, uint64_t previous_lsn, int64_t time_ns,
                        const struct event *event, const struct effect *effects, size_t count)
{
        size_t offset =
            log_group_begin(&k->group, RECORD_TRANSITION, TRANSITION_DELIVERED | TRANSITION_ACTIVATED, run,
                            previous_lsn, time_ns);
        event_encode(&k->group.bytes, event);
        for (size_t i = 0; i < count; i++)
                effect_encode(&k->group.bytes, &effects[i]);
        return log_group_end(&k->group, offset);
}

uint64_t kept_runs_start(struct kept_runs *k, int64_t time_ns, const struct effect *effects, size_t count)
{
        struct event start = { .type = EVENT_START,
                               .ns = bytes_str("default"),
                               .workflow = bytes_str("order") };
        return kept_runs_step(k, log_group_next_lsn(&k->group), 0, time_ns, &start, effects, count);
}

void kept_runs_append(struct kept_runs *k)
{
        stet_why why = { "" };
        cr_assert_eq(log_append(k->log, k->log->epoch, &k->group, &why), 0, "%s", why.text);
        log_group_reset(&k->group, k->log->last_lsn, k->log->last_crc);
}

void kept_runs_checkpoint(struct kept_runs *k)
{
        stet_why why = { "" };
        struct checkpointer_batch batch;
        kept_runs_append(k);
        struct checkpointer *c = checkpointer_new(k->log, &k->runs);
        cr_assert_eq(checkpointer_step(c, k->log->last_lsn, SIZE_MAX, &batch, &why), 0, "%s", why.text);
        checkpointer_free(c);
}
