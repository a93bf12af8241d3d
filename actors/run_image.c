/* SPDX-License-Identifier: MIT */
#include "actors/run_image.h"

#include "actors/run_parts.h"
#include "base/attributes.h"
#include "base/run_id.h"
#include "stet/error.h"

enum { VERSION = 1 };

enum image_flags {
        IMAGE_ABANDON = 1,
        IMAGE_CANCEL_REQUESTED = 2,
        IMAGE_OWN_ID = 4,
        IMAGE_FLAGS_ALL = 7,
};

struct head {
        uint32_t flags;
        struct bytes ns;
        struct bytes workflow;
        struct bytes workflow_id;
        int64_t started_ns;
        uint64_t seed;
        uint64_t first_lsn;
        uint64_t last_lsn;
        uint32_t transitions;
        uint32_t parts;
        uint32_t pending;
        uint64_t status_lsn;
        uint64_t parent;
        uint32_t parent_op;
        uint64_t continued_from;
        uint32_t ending;
        int64_t ended_ns;
        uint64_t continued_as;
        struct bytes attributes;
        uint64_t history_bytes;
};

#define HEAD(kind, member) FIELD(struct head, kind, member)
static const struct field head_fields[] = {
        HEAD(FIELD_U32, flags),          HEAD(FIELD_STR, ns),
        HEAD(FIELD_STR, workflow),       HEAD(FIELD_STR, workflow_id),
        HEAD(FIELD_I64, started_ns),     HEAD(FIELD_U64, seed),
        HEAD(FIELD_U64, first_lsn),      HEAD(FIELD_U64, last_lsn),
        HEAD(FIELD_U32, transitions),    HEAD(FIELD_U32, parts),
        HEAD(FIELD_U32, pending),        HEAD(FIELD_U64, status_lsn),
        HEAD(FIELD_U64, parent),         HEAD(FIELD_U32, parent_op),
        HEAD(FIELD_U64, continued_from), HEAD(FIELD_U32, ending),
        HEAD(FIELD_I64, ended_ns),       HEAD(FIELD_U64, continued_as),
        HEAD(FIELD_VALUE, attributes),   HEAD(FIELD_U64, history_bytes),
};
static const struct shape heads[VERSION + 1] = { [VERSION] = SHAPE("run", VERSION, head_fields) };

enum part_kind {
        PART_SIGNAL = 32,
        PART_SENDER = 33,
        PART_KINDS,
};

/* An op's fields are those of struct op; a signal has a name and a count, a sender a run and an id. */
struct part {
        uint32_t id;
        uint64_t lsn;
        uint32_t attempt;
        int64_t due_ns;
        struct bytes name;
        bool abandon;
        uint32_t tries;
        bool noted;
        uint32_t max_attempts;
        int64_t initial_interval_ms;
        int64_t max_interval_ms;
        double backoff_factor;
        double jitter;
        struct bytes non_retryable;
        uint64_t more; /* signals beyond the first */
        uint64_t run;
};

#define PART(kind, member) FIELD(struct part, kind, member)
static const struct field op_fields[] = {
        PART(FIELD_U32, id),
        PART(FIELD_U64, lsn),
        PART(FIELD_U32, attempt),
        PART(FIELD_I64, due_ns),
        PART(FIELD_STR, name),
        PART(FIELD_BOOL, abandon),
        PART(FIELD_U32, tries),
        PART(FIELD_BOOL, noted),
        PART(FIELD_U32, max_attempts),
        PART(FIELD_I64, initial_interval_ms),
        PART(FIELD_I64, max_interval_ms),
        PART(FIELD_DOUBLE, backoff_factor),
        PART(FIELD_DOUBLE, jitter),
        PART(FIELD_BIN, non_retryable),
};
static const struct field signal_fields[] = { PART(FIELD_STR, name), PART(FIELD_U64, more) };
static const struct field sender_fields[] = { PART(FIELD_U64, run), PART(FIELD_U32, id) };
static const struct shape parts[PART_KINDS] = {
        [EFFECT_CALL] = SHAPE("call", EFFECT_CALL, op_fields),
        [EFFECT_TIMER] = SHAPE("timer", EFFECT_TIMER, op_fields),
        [EFFECT_WAIT_SIGNAL] = SHAPE("wait_signal", EFFECT_WAIT_SIGNAL, op_fields),
        [EFFECT_SEND] = SHAPE("send_signal", EFFECT_SEND, op_fields),
        [EFFECT_CHILD] = SHAPE("child", EFFECT_CHILD, op_fields),
        [PART_SIGNAL] = SHAPE("signal", PART_SIGNAL, signal_fields),
        [PART_SENDER] = SHAPE("sender", PART_SENDER, sender_fields),
};

/* --- out --- */

static uint32_t count_parts(const struct run *run)
{
        uint32_t count = run->ops_count + (run->senders ? run->senders->count : 0);
        list_each(at, &run->channels.all) count +=
            container_of(at, struct run_channel, in_run.in_all)->kept != 0;
        return count;
}

static void encode_head(const struct run *run, struct buffer *to)
{
        struct bytes given = run_given_id(run), id = bytes_str(run->workflow_id);
        bool own_id = id.size && !given.size;
        struct head h = { .ns = bytes_str(run->ns),
                          .workflow = bytes_str(run->workflow),
                          .workflow_id = given,
                          .started_ns = run->started_ns,
                          .seed = run->seed,
                          .first_lsn = run->first_lsn,
                          .last_lsn = run->last_lsn,
                          .transitions = run->transitions,
                          .parts = count_parts(run),
                          .pending = run->pending,
                          .status_lsn = run->status_lsn,
                          .parent = run->parent,
                          .parent_op = run->parent_op,
                          .continued_from = run->continued_from,
                          .ending = run->ending,
                          .ended_ns = run->ended_ns,
                          .continued_as = run->continued_as,
                          .attributes = run->attributes,
                          .history_bytes = run->history_bytes };
        h.flags = (run->abandon ? IMAGE_ABANDON : 0u) |
                  (run->cancel_requested ? IMAGE_CANCEL_REQUESTED : 0u) | (own_id ? IMAGE_OWN_ID : 0u);
        codec_encode(to, &heads[VERSION], &h);
}

static void encode_op(const struct op *op, struct buffer *to)
{
        struct part p = { .id = op->id,
                          .lsn = op->lsn,
                          .attempt = op->attempt,
                          .due_ns = op->due_ns,
                          .name = bytes_str(op->name),
                          .abandon = op->abandon,
                          .tries = op->tries,
                          .noted = op->noted,
                          .max_attempts = op->retry.max_attempts,
                          .initial_interval_ms = op->retry.initial_interval_ms,
                          .max_interval_ms = op->retry.max_interval_ms,
                          .backoff_factor = op->retry.backoff_factor,
                          .jitter = op->retry.jitter,
                          .non_retryable = op->retry.non_retryable };
        codec_encode(to, &parts[op->effect], &p);
}

void run_image_encode(const struct run *run, struct buffer *to)
{
        encode_head(run, to);
        list_each(at, &run->ops) encode_op(container_of(at, struct op, in_run), to);
        list_each(at, &run->channels.all)
        {
                const struct run_channel *channel = container_of(at, struct run_channel, in_run.in_all);
                struct part p = { .name = channel->in_run.name, .more = channel->kept - 1 };
                if (channel->kept)
                        codec_encode(to, &parts[PART_SIGNAL], &p);
        }
        if (!run->senders)
                return;
        list_each(at, &run->senders->all)
        {
                const struct run_sender *sender = container_of(at, struct run_sender, in_all);
                struct part p = { .run = sender->run, .id = sender->op };
                codec_encode(to, &parts[PART_SENDER], &p);
        }
}

/* --- in --- */

/* As codec_decode(), but a field that is not known is a mistake. */
static const struct shape *decode_known(struct cursor *c, const struct shape *shapes, size_t count, void *ret)
{
        struct cursor ahead = *c;
        uint32_t items = cursor_array(&ahead);
        const struct shape *shape = codec_decode(c, shapes, count, ret);
        return shape && items <= shape->fields_count + 1u ? shape : NULL;
}

/* Names are C strings here. */
static bool text(struct bytes name)
{
        return !name.size || !memchr(name.data, 0, name.size);
}

static bool head_fits(const struct head *h)
{
        return text(h->ns) && text(h->workflow) && text(h->workflow_id) && h->flags <= IMAGE_FLAGS_ALL &&
               !(h->flags & IMAGE_OWN_ID && h->workflow_id.size) && h->transitions &&
               h->first_lsn <= h->last_lsn && h->ending <= RUN_CONTINUED &&
               (h->ending == RUN_OPEN || !h->pending) && !attributes_check(h->attributes, NULL) &&
               attributes_kept(h->attributes).size == h->attributes.size;
}

static void take_head(struct run *run, const struct head *h)
{
        char own[RUN_ID_SIZE];
        run_id_print(run->id, own);
        run_set_names(run, h->ns, h->workflow, h->flags & IMAGE_OWN_ID ? bytes_str(own) : h->workflow_id);
        run_set_attributes(run, h->attributes);
        run->abandon = h->flags & IMAGE_ABANDON;
        run->cancel_requested = h->flags & IMAGE_CANCEL_REQUESTED;
        run->started_ns = h->started_ns;
        run->seed = h->seed;
        run->first_lsn = h->first_lsn;
        run->last_lsn = h->last_lsn;
        run->transitions = h->transitions;
        run->pending = h->pending;
        run->status_lsn = h->status_lsn;
        run->parent = h->parent;
        run->parent_op = h->parent_op;
        run->continued_from = h->continued_from;
        run->ending = h->ending;
        run->ended_ns = h->ended_ns;
        run->continued_as = h->continued_as;
        run->history_bytes = h->history_bytes;
}

/* Whether the arithmetic of retries can be done with it, and kinds be looked up in it. */
static bool retry_fits(const struct part *p)
{
        const struct unpack_limits limits = { .depth_max = 1, .nodes_max = UINT32_MAX };
        stet_retry policy = { p->max_attempts,    p->initial_interval_ms,
                              p->max_interval_ms, p->backoff_factor,
                              p->jitter,          NULL };
        return !retry_invalid(&policy) &&
               (!p->non_retryable.size || unpack_validate(p->non_retryable, &limits, 1, NULL) == 0);
}

static int take_op(struct run *run, struct run_tables *tables, uint8_t effect, const struct part *p)
{
        bool outlives = effect == EFFECT_CHILD && p->abandon && !p->noted;
        if ((run->ending != RUN_OPEN && !outlives) || !p->id || (p->abandon && effect != EFFECT_CHILD) ||
            run_op(tables, run, p->id) || !text(p->name) || (effect == EFFECT_CALL && !retry_fits(p)))
                return STET_ECORRUPT;
        struct op *op = run_op_open(run, tables, p->id, effect, p->name, p->due_ns);
        op->lsn = p->lsn;
        op->attempt = p->attempt;
        op->due_ns = p->due_ns;
        op->abandon = p->abandon;
        op->tries = p->tries;
        op->noted = p->noted;
        op->retry = (struct retry_policy){ p->max_attempts,    p->initial_interval_ms,
                                           p->max_interval_ms, p->backoff_factor,
                                           p->jitter,          { NULL, 0 } };
        struct bytes kinds = p->non_retryable;
        if (kinds.size)
                op->retry.non_retryable = bytes_of(xmemdup(kinds.data, kinds.size), kinds.size);
        return 0;
}

static int take_signal(struct run *run, const struct part *p)
{
        if (run->ending != RUN_OPEN || !text(p->name) || p->more == UINT64_MAX ||
            run_channel_find(run, p->name))
                return STET_ECORRUPT;
        run_signal_keep(run, p->name, p->more + 1);
        return 0;
}

static int take_sender(struct run *run, const struct part *p)
{
        if (!p->run || run_sender_find(run, p->run))
                return STET_ECORRUPT;
        run_sender_keep(run, p->run, p->id);
        return 0;
}

static int take_parts(struct run *run, struct run_tables *tables, struct cursor *c, uint32_t count)
{
        int err = 0;
        while (count-- && !err) {
                struct part p = { 0 };
                const struct shape *shape = decode_known(c, parts, PART_KINDS, &p);
                if (!shape)
                        return STET_ECORRUPT;
                if (shape->type == PART_SENDER)
                        err = take_sender(run, &p);
                else if (shape->type == PART_SIGNAL)
                        err = take_signal(run, &p);
                else
                        err = take_op(run, tables, shape->type, &p);
        }
        return err || !cursor_end(c) ? STET_ECORRUPT : 0;
}

int run_image_decode(struct bytes image, uint64_t id, struct run_tables *tables, struct run **ret)
{
        static const struct unpack_limits limits = { .depth_max = 1, .nodes_max = UINT32_MAX };
        if (unpack_validate(image, &limits, 0, NULL) != 0)
                return STET_ECORRUPT;
        struct cursor c = cursor_of(image), ahead = c;
        if (cursor_array(&ahead) && cursor_uint(&ahead) > VERSION)
                return STET_ENEWER;
        struct head h = { 0 };
        if (!decode_known(&c, heads, VERSION + 1, &h) || !head_fits(&h))
                return STET_ECORRUPT;
        struct run *run = run_new(tables, id);
        take_head(run, &h);
        int err = take_parts(run, tables, &c, h.parts);
        if (err)
                run_free(run, tables);
        else
                *ret = run;
        return err;
}
