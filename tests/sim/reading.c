/* SPDX-License-Identifier: MIT
 *
 * What readings say must be on record: nobody may read what a crash could take back (P2, P32).
 */
#include "tests/sim/model.h"
#include "tests/sim/world.h"

#include "base/run_id.h"
#include "base/unpack.h"

/* The value of a key of a map, as a cursor before it; failed when there is none. */
static struct cursor find(struct bytes map, const char *key)
{
        struct cursor c = cursor_of(map);
        for (uint32_t left = map.size ? cursor_map(&c) : 0; left && !c.failed; left--) {
                if (bytes_equal(cursor_str(&c), bytes_str(key)))
                        return c;
                cursor_skip(&c);
        }
        return (struct cursor){ NULL, NULL, true };
}

static struct bytes text_at(struct bytes map, const char *key)
{
        struct cursor c = find(map, key);
        return cursor_str(&c);
}

static uint64_t number_at(struct bytes map, const char *key)
{
        struct cursor c = find(map, key);
        return cursor_uint(&c);
}

static const struct model_run *run_in(struct sim *s, struct bytes map)
{
        uint64_t id = 0;
        const struct model_run *run =
            run_id_parse(text_at(map, "run_id"), &id) ? model_run(s->model, id) : NULL;
        if (!run)
                sim_break(s, "P2: a reading names run %llx, which is not durable", (unsigned long long)id);
        return run;
}

/* Its state, unless that is of the moment: the run may have gone on since. */
static void check_summary(struct sim *s, struct bytes map)
{
        const struct model_run *run = run_in(s, map);
        struct bytes state = text_at(map, "state");
        bool ended = !bytes_equal(state, bytes_str("open")) && !bytes_equal(state, bytes_str("blocked"));
        if (run && ended && !bytes_equal(state, bytes_str(run_ending_name(run->ending))))
                sim_break(s, "P32: run %llx is shown as \"%.*s\", and it is on record as %s",
                          (unsigned long long)run->id, (int)state.size, (const char *)state.data,
                          run_ending_name(run->ending));
        struct cursor cancel = find(map, "cancel_requested");
        if (run && number_at(map, "transitions") == run->transitions &&
            cursor_bool(&cancel) != run->cancel_requested)
                sim_break(s, "P32: run %llx is shown as if it was%s asked to cancel",
                          (unsigned long long)run->id, run->cancel_requested ? " not" : "");
        if (run && number_at(map, "transitions") > run->transitions)
                sim_break(s, "P2: run %llx is shown with transitions that are not durable",
                          (unsigned long long)run->id);
}

static void check_history(struct sim *s, const struct ask *ask, struct bytes value)
{
        struct cursor c = cursor_of(value);
        uint32_t count = cursor_array(&c);
        for (uint32_t i = 0; i < count && !c.failed; i++) {
                struct bytes transition = cursor_skip(&c);
                uint64_t lsn = number_at(transition, "lsn"), most = 0;
                for (uint32_t shard = 0; shard < s->knobs.shards; shard++)
                        if (model_lsn(s->model, shard) > most)
                                most = model_lsn(s->model, shard);
                if (lsn > most || number_at(transition, "seq") != i)
                        sim_break(s, "P2: the history of \"%s\" shows record %llu, which is not durable",
                                  ask->id, (unsigned long long)lsn);
        }
        if (c.failed || !cursor_end(&c))
                sim_break(s, "P32: the history of \"%s\" can't be read", ask->id);
}

static void check_summaries(struct sim *s, struct bytes value)
{
        struct cursor c = cursor_of(value);
        for (uint32_t left = cursor_array(&c); left && !c.failed; left--)
                check_summary(s, cursor_skip(&c));
}

static void check_stats(struct sim *s, struct bytes value)
{
        struct cursor c = find(value, "log");
        uint64_t lsn = number_at(cursor_skip(&c), "lsn"), durable = 0;
        for (uint32_t shard = 0; shard < s->knobs.shards; shard++)
                durable += model_lsn(s->model, shard);
        if (lsn > durable)
                sim_break(s, "P2: the stats count %llu records, and %llu are durable",
                          (unsigned long long)lsn, (unsigned long long)durable);
}

void check_reading(struct sim *s, const struct ask *ask, const struct message *reply)
{
        if (reply->code) {
                if (reply->code != STET_ENOTFOUND && reply->code != STET_ECLOSED &&
                    reply->code != STET_EAGAIN)
                        sim_break(s, "%s of \"%s\" was answered %s: %.*s",
                                  sim_operation_words((enum sim_operation)ask->operation), ask->id,
                                  stet_error_name((int)reply->code), (int)reply->text.size,
                                  reply->text.size ? (const char *)reply->text.data : "");
                return;
        }
        sim_did(s, (enum sim_operation)ask->operation);
        switch ((enum sim_operation)ask->operation) {
        case DID_SHOW:
                check_summary(s, reply->value);
                break;
        case DID_HISTORY:
                check_history(s, ask, reply->value);
                break;
        case DID_LIST:
                check_summaries(s, reply->value);
                check_list(s, ask, reply->value);
                break;
        case DID_STATS:
                check_stats(s, reply->value);
                break;
        default:
                break;
        }
}
