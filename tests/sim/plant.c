/* SPDX-License-Identifier: MIT
 *
 * Bugs planted between the parts, one at a time, to see that the checkers find them. The engine itself stays
 * as it is: what these do is what a wrong line in its wiring would do.
 */
#include "tests/sim/world.h"

#include "runtime/parcel.h"
#include "tests/sim/model.h"

#include <stdio.h>

enum { ONE_IN_EIGHT = 8192, EARLY_MS = 20 };

/* A frame from an executor in which an old attempt's outcome has the number of the attempt that is current
 * now. */
struct bytes plant_frame(struct sim *s, struct bytes frame)
{
        struct cursor c = frame_cursor(frame);
        struct message m;
        if (s->options.bug != BUG_STALE_TOKEN || frame_check(frame, NULL) != 0 || !frame.size)
                return frame;
        buffer_clear(&s->plant.frame);
        frame_begin(&s->plant.frame);
        while (frame_next(&c, &m) > 0) {
                if (m.type == MSG_DONE)
                        m.token.attempt = model_attempt(s->model, m.token.run, m.token.op);
                frame_put(&s->plant.frame, &m);
        }
        return buffer_bytes(&s->plant.frame);
}

static void start_twice(struct sim *s, uint32_t shard, const struct message *m, plant_deliver_fn *deliver)
{
        struct message again = *m;
        char request_id[40];
        snprintf(request_id, sizeof request_id, "%.*s!",
                 (int)(m->request_id.size < 30 ? m->request_id.size : 30),
                 m->request_id.size ? (const char *)m->request_id.data : "");
        again.request_id = bytes_str(request_id);
        again.id = bytes_of(NULL, 0);
        deliver(s, shard, m);
        deliver(s, shard, &again);
}

/* A signal waits until the next message has gone by. */
static bool swap_signals(struct sim *s, uint32_t shard, const struct message *m, plant_deliver_fn *deliver)
{
        struct message kept;
        struct bytes at = buffer_bytes(&s->plant.kept);
        bool any = parcel_take(&at, &kept);
        if (!any && m->type == MSG_SEND) {
                parcel_put(&s->plant.kept, m);
                return true;
        }
        if (any) {
                deliver(s, shard, m);
                deliver(s, shard_of(s->knobs.shards, kept.ns, kept.id, kept.request_id), &kept);
                buffer_clear(&s->plant.kept);
        }
        return any;
}

static void swap_results(struct sim *s, uint32_t shard, const struct message *m, plant_deliver_fn *deliver)
{
        struct message other = *m;
        struct buffer before = { 0 };
        buffer_swap(&before, &s->plant.result);
        buffer_append(&s->plant.result, m->value.data, m->value.size);
        if (before.size && sim_chance(s, ONE_IN_EIGHT))
                other.value = buffer_bytes(&before);
        deliver(s, shard, &other);
        buffer_fini(&before);
}

void plant_to_shard(struct sim *s, uint32_t shard, const struct message *m, plant_deliver_fn *deliver)
{
        enum sim_bug bug = s->options.bug;
        if (bug == BUG_DOUBLE_START && m->type == MSG_START && sim_chance(s, ONE_IN_EIGHT))
                start_twice(s, shard, m, deliver);
        else if (bug == BUG_SWAPPED_RESULTS && m->type == MSG_OUTCOME && !m->code)
                swap_results(s, shard, m, deliver);
        else if (bug != BUG_SWAPPED_SIGNALS || !swap_signals(s, shard, m, deliver))
                deliver(s, shard, m);
}

bool plant_swallows(struct sim *s, const struct message *m)
{
        return s->options.bug == BUG_LOST_RETRY && m->type == MSG_ENQUEUE && m->token.attempt > 1 &&
               sim_chance(s, ONE_IN_EIGHT);
}

int64_t plant_timer_now(const struct sim *s)
{
        return sim_node_now(s) + (s->options.bug == BUG_TIMER_EARLY ? EARLY_MS * MS : 0);
}

bool plant_skips(struct sim *s, const struct record *r)
{
        return s->options.bug == BUG_SKIPPED_RECORD && r->kind == RECORD_TRANSITION &&
               sim_chance(s, ONE_IN_EIGHT / 4);
}

static int remove_entry(void *ctx, struct bytes key, struct bytes value)
{
        (void)value;
        store_remove(ctx, key);
        return 1;
}

void plant_loss(struct sim *s, struct store *store)
{
        const char *table = s->options.bug == BUG_LOST_TIMER     ? "tu"
                            : s->options.bug == BUG_LOST_REQUEST ? "qr"
                                                                 : NULL;
        struct store_batch batch = { 0 };
        if (!table || !sim_chance(s, ONE_IN_EIGHT))
                return;
        if (store_scan(store, bytes_of(table, 1), bytes_of(table + 1, 1), false, remove_entry, &batch, NULL) >
            0)
                store_commit(store, &batch, store->checkpoint, NULL);
        store_batch_fini(&batch);
}

uint64_t plant_trim_to(const struct sim *s, uint64_t to_lsn)
{
        return to_lsn + (s->options.bug == BUG_TRIMMED_TOO_FAR);
}

void plant_fini(struct sim *s)
{
        buffer_fini(&s->plant.kept);
        buffer_fini(&s->plant.result);
        buffer_fini(&s->plant.frame);
}
