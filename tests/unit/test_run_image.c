/* SPDX-License-Identifier: MIT
 *
 * A run's image against the run itself: random lives are led by a run and by what its image was decoded to,
 * and the two must stay the same in every judgement and every byte of their images.
 */
#include "actors/run_image.h"

#include "base/run_id.h"
#include "stet/error.h"

#include <criterion/criterion.h>

enum { RUN = 0x1001, ACTIVE = TRANSITION_DELIVERED | TRANSITION_ACTIVATED, SHARED = 100, LIVES = 300 };

#define SECOND INT64_C(1000000000)

/* A run in tables of its own. */
struct side {
        struct run_tables tables;
        struct run *run;
};

struct life {
        struct side original;
        struct side copy; /* without a run until the first image was decoded */
        uint64_t random;
        uint64_t lsn;
        int64_t now_ns;
        uint32_t ops; /* opened so far */
};

static uint32_t below(struct life *l, uint32_t limit)
{
        l->random += UINT64_C(0x9e3779b97f4a7c15);
        return (uint32_t)(hash_u64(l->random) % limit);
}

static void stop(struct side *s)
{
        if (s->run)
                run_free(s->run, &s->tables);
        cr_assert_eq(s->tables.ops.count, 0);
        cr_assert_eq(s->tables.ops_count, 0);
        cr_assert_eq(s->tables.requests.count, 0);
        cr_assert_null(heap_min(&s->tables.timers));
        run_tables_fini(&s->tables);
        s->run = NULL;
}

static void image_of(const struct side *s, struct buffer *ret)
{
        buffer_clear(ret);
        run_image_encode(s->run, ret);
}

static void assert_same_images(const struct side *a, const struct side *b)
{
        struct buffer x = { 0 }, y = { 0 };
        image_of(a, &x);
        image_of(b, &y);
        cr_assert(bytes_equal(buffer_bytes(&x), buffer_bytes(&y)));
        buffer_fini(&x);
        buffer_fini(&y);
}

/* The copy begins anew from the original's image. */
static void copy_anew(struct life *l)
{
        struct buffer image = { 0 };
        stop(&l->copy);
        image_of(&l->original, &image);
        cr_assert_eq(run_image_decode(buffer_bytes(&image), RUN, &l->copy.tables, &l->copy.run), 0);
        buffer_fini(&image);
        cr_assert_eq(l->copy.tables.ops_count, l->original.tables.ops_count);
        cr_assert_eq(l->copy.tables.timers.count, l->original.tables.timers.count);
        assert_same_images(&l->original, &l->copy);
}

/* --- what happens --- */

static const char *const names[] = { "go", "stop", "a much longer name of forty-two bytes here", "d", "ü" };

static struct bytes any_name(struct life *l)
{
        return bytes_str(names[below(l, 5)]);
}

static struct effect any_call(struct life *l)
{
        static const uint8_t kinds[] = "\x92\xa3one\xa3two";
        struct effect e = { .type = EFFECT_CALL, .name = any_name(l), .backoff_factor = 2 };
        e.queue = below(l, 2) ? bytes_str("default") : any_name(l);
        e.max_attempts = below(l, 4);
        e.initial_interval_ms = 1 + below(l, 5000);
        e.max_interval_ms = e.initial_interval_ms + below(l, 100000);
        e.jitter = below(l, 2) ? 0.2 : 0;
        if (below(l, 2))
                e.non_retryable = bytes_of(kinds, sizeof kinds - 1);
        return e;
}

static struct effect any_effect(struct life *l)
{
        uint32_t dice = below(l, 100);
        struct effect e = { .type = EFFECT_STATUS };
        if (dice < 15)
                return (struct effect){ .type = EFFECT_DROP, .op = 1 + below(l, l->ops + 1) };
        if (dice < 20)
                return e;
        if (dice < 22)
                return (struct effect){ .type = EFFECT_PATCH, .name = any_name(l) };
        if (dice < 23)
                return (struct effect){ .type = EFFECT_FINISH, .ending = 1 + below(l, RUN_CONTINUED) };
        if (dice < 45)
                e = any_call(l);
        else if (dice < 60)
                e = (struct effect){ .type = EFFECT_TIMER, .due_ns = l->now_ns + below(l, 3) * SECOND };
        else if (dice < 80)
                e = (struct effect){ .type = EFFECT_WAIT_SIGNAL, .name = any_name(l) };
        else if (dice < 90)
                e = (struct effect){ .type = EFFECT_SEND, .name = any_name(l) };
        else
                e = (struct effect){ .type = EFFECT_CHILD, .name = any_name(l), .abandon = below(l, 2) };
        e.op = ++l->ops;
        return e;
}

static struct event any_event(struct life *l)
{
        static const uint8_t types[] = { EVENT_ACTIVITY, EVENT_ACTIVITY, EVENT_ACTIVITY, EVENT_TIMER,
                                         EVENT_SIGNAL,   EVENT_SIGNAL,   EVENT_SIGNAL,   EVENT_CHILD,
                                         EVENT_SENT,     EVENT_WAKE };
        struct event e = { .type = types[below(l, sizeof types)], .op = 1 + below(l, l->ops + 1) };
        uint32_t dice = below(l, 100);
        if (dice < 2)
                e.type = EVENT_CANCEL;
        if (dice == 2)
                e.type = EVENT_TERMINATE;
        const struct op *op = run_op(&l->original.tables, l->original.run, e.op);
        e.attempt = op && below(l, 8) ? op->attempt : below(l, 3);
        if (e.type == EVENT_ACTIVITY && below(l, 2)) {
                e.code = STET_EFAILED;
                e.kind = bytes_str(below(l, 8) ? "three" : "two");
                e.lost = below(l, 2);
        }
        e.name = any_name(l);
        if (e.type == EVENT_SIGNAL && below(l, 2)) {
                e.sender = 1 + below(l, 20);
                e.sender_op = below(l, 50);
        }
        return e;
}

static void apply(struct life *l, struct side *s, uint8_t flags, struct bytes body)
{
        cr_assert_eq(run_apply(s->run, &s->tables, l->lsn, flags, l->now_ns, body), 0);
}

static void record(struct life *l, uint8_t flags, const struct event *e, struct bytes effects)
{
        struct buffer body = { 0 };
        event_encode(&body, e);
        buffer_append(&body, effects.data, effects.size);
        l->lsn += 1 + below(l, 1000);
        apply(l, &l->original, flags, buffer_bytes(&body));
        if (l->copy.run) {
                apply(l, &l->copy, flags, buffer_bytes(&body));
                assert_same_images(&l->original, &l->copy);
        }
        buffer_fini(&body);
}

/* Both must think the same of it. */
static enum run_verdict judge(struct life *l, const struct event *e, struct buffer *effects)
{
        struct buffer again = { 0 };
        int err = 0, err_again = 0;
        enum run_verdict verdict =
            run_judge(l->original.run, &l->original.tables, e, l->now_ns, effects, &err);
        if (l->copy.run) {
                cr_assert_eq(run_judge(l->copy.run, &l->copy.tables, e, l->now_ns, &again, &err_again),
                             verdict);
                cr_assert_eq(err_again, err);
                cr_assert(bytes_equal(buffer_bytes(&again), buffer_bytes(effects)));
        }
        buffer_fini(&again);
        return verdict;
}

static void step(struct life *l)
{
        struct buffer effects = { 0 };
        struct event e = any_event(l);
        l->now_ns += below(l, 1000);
        enum run_verdict verdict = judge(l, &e, &effects);
        uint8_t flags = verdict != RUN_DELIVER ? 0 : below(l, 4) ? ACTIVE : TRANSITION_DELIVERED;
        for (uint32_t left = flags == ACTIVE ? below(l, 4) : 0; left; left--) {
                struct effect effect = any_effect(l);
                effect_encode(&effects, &effect);
                if (effect.type == EFFECT_FINISH)
                        break;
        }
        if (verdict != RUN_REFUSE)
                record(l, flags, &e, buffer_bytes(&effects));
        buffer_fini(&effects);
}

static void start(struct life *l, uint64_t seed)
{
        *l = (struct life){ .original.run = run_new(NULL, RUN), .random = seed, .now_ns = SECOND };
        char own[RUN_ID_SIZE];
        run_id_print(RUN, own);
        struct event e = { .type = EVENT_START, .workflow = bytes_str("order"), .ns = bytes_str("prod") };
        e.id = bytes_str(below(l, 2) ? own : "order-17");
        e.seed = hash_u64(seed);
        e.abandon = below(l, 2);
        if (below(l, 2)) {
                e.sender = hash_u64(seed + 1);
                e.sender_op = 3;
        }
        if (below(l, 2))
                e.attributes = bytes_of("\x82\xa4"
                                        "city\xa3Ulm\xa4"
                                        "size\x07",
                                        16);
        e.continued_from = below(l, 2) ? hash_u64(seed + 2) : 0;
        struct buffer first = { 0 };
        for (uint32_t left = below(l, 8); left; left--) {
                struct effect effect = any_effect(l);
                if (effect.type != EFFECT_FINISH)
                        effect_encode(&first, &effect);
        }
        record(l, ACTIVE, &e, buffer_bytes(&first));
        buffer_fini(&first);
}

static void end(struct life *l)
{
        stop(&l->copy);
        stop(&l->original);
}

/* A run that has lived for a while, with much that is open. */
static void lived(struct life *l, uint64_t seed, unsigned steps)
{
        start(l, seed);
        while (steps-- && l->original.run->ending == RUN_OPEN)
                step(l);
}

static int try(struct bytes image, struct run_tables *tables)
{
        struct run *run = NULL;
        uint8_t *exact = xmalloc(image.size + !image.size); /* so that a read past it is seen */
        memcpy(exact, image.data, image.size);
        int err = run_image_decode(bytes_of(exact, image.size), RUN, tables, &run);
        free(exact);
        if (!err) {
                if (run->ending != RUN_OPEN)
                        cr_assert_null(run_check(run));
                struct buffer again = { 0 };
                run_image_encode(run, &again);
                buffer_fini(&again);
                run_free(run, tables);
        }
        cr_assert_eq(tables->ops_count, 0);
        cr_assert_null(heap_min(&tables->timers));
        return err;
}

/* --- the same run --- */

Test(run_image, decoded_run_leads_the_same_life)
{
        unsigned ended = 0, copied_open = 0;
        for (uint64_t seed = 0; seed < LIVES; seed++) {
                struct life l;
                lived(&l, seed, below(&(struct life){ .random = seed }, SHARED));
                copied_open += l.original.run->ending == RUN_OPEN;
                copy_anew(&l);
                for (unsigned i = 0; i < SHARED; i++) {
                        step(&l);
                        if (i % 16 == 0)
                                copy_anew(&l);
                }
                ended += l.original.run->ending != RUN_OPEN;
                end(&l);
        }
        cr_assert_gt(copied_open, LIVES / 4);
        cr_assert_gt(ended, LIVES / 4);
        cr_assert_lt(ended, LIVES, "no run lived on to the end");
}

Test(run_image, notes_and_what_a_run_was_continued_as_are_kept)
{
        struct life l;
        start(&l, 1);
        struct effect call = any_call(&l);
        struct buffer effects = { 0 };
        call.op = ++l.ops;
        effect_encode(&effects, &call);
        record(&l, ACTIVE, &(struct event){ .type = EVENT_WAKE }, buffer_bytes(&effects));
        buffer_fini(&effects);
        run_op(&l.original.tables, l.original.run, call.op)->noted = true;
        l.original.run->continued_as = 77;
        copy_anew(&l);
        cr_assert(run_op(&l.copy.tables, l.copy.run, call.op)->noted);
        cr_assert_eq(l.copy.run->continued_as, 77);
        end(&l);
}

Test(run_image, attributes_are_kept_and_checked)
{
        struct life l = { .original.run = run_new(NULL, RUN), .now_ns = SECOND };
        struct event e = { .type = EVENT_START,
                           .attributes = bytes_of("\x81\xa4"
                                                  "city\xa3Ulm",
                                                  10) };
        struct buffer image = { 0 };
        record(&l, TRANSITION_DELIVERED, &e, bytes_of(NULL, 0));
        copy_anew(&l);
        cr_assert(bytes_equal(l.copy.run->attributes, e.attributes));
        cr_assert(l.copy.run->attributes.data != l.original.run->attributes.data);
        image_of(&l.original, &image);
        end(&l);
        uint8_t *city = memmem(image.data, image.size, "city", 4);
        city[0] = '\n'; /* no name */
        struct run_tables tables = { 0 };
        cr_assert_eq(try(buffer_bytes(&image), &tables), STET_ECORRUPT);
        run_tables_fini(&tables);
        buffer_fini(&image);
}

Test(run_image, requests_are_no_part_of_it)
{
        struct life l;
        start(&l, 1);
        struct event cancel = { .type = EVENT_CANCEL, .request_id = bytes_str("r1") };
        record(&l, ACTIVE, &cancel, bytes_of(NULL, 0));
        cr_assert(!list_empty(&l.original.run->requests));
        copy_anew(&l);
        cr_assert(list_empty(&l.copy.run->requests));
        end(&l);
}

Test(run_image, senders_beyond_a_few_are_found_and_keep_their_order)
{
        struct life l;
        start(&l, 2);
        struct event e = { .type = EVENT_SIGNAL, .name = bytes_str("go"), .sender_op = 7 };
        for (e.sender = 1000; e.sender > 0; e.sender--)
                record(&l, ACTIVE, &e, bytes_of(NULL, 0));
        copy_anew(&l);
        for (uint64_t sender = 1; sender <= 1000; sender++)
                cr_assert_eq(run_sender_find(l.copy.run, sender)->op, 7);
        cr_assert_null(run_sender_find(l.copy.run, 1001));
        cr_assert_eq(container_of(l.copy.run->senders->all.next, struct run_sender, in_all)->run, 1000);
        end(&l);
}

Test(run_image, timers_of_a_decoded_run_are_armed)
{
        struct life l = { .original.run = run_new(NULL, RUN), .now_ns = SECOND };
        struct event e = { .type = EVENT_START };
        struct effect timers[] = { { .type = EFFECT_TIMER, .op = 1, .due_ns = 9 * SECOND },
                                   { .type = EFFECT_TIMER, .op = 2, .due_ns = 4 * SECOND } };
        struct buffer effects = { 0 };
        effect_encode(&effects, &timers[0]);
        effect_encode(&effects, &timers[1]);
        record(&l, ACTIVE, &e, buffer_bytes(&effects));
        buffer_fini(&effects);
        copy_anew(&l);
        cr_assert_eq(heap_min(&l.copy.tables.timers)->due_ns, 4 * SECOND);
        cr_assert_eq(l.copy.tables.timers.count, 2);
        end(&l);
}

/* --- size --- */

Test(run_image, run_that_sleeps_on_one_timer_takes_at_most_120_bytes)
{
        struct life l = { .original.run = run_new(NULL, UINT64_MAX), .now_ns = INT64_C(1) << 60 };
        l.lsn = UINT64_C(1) << 40; /* a log of years */
        struct event e = { .type = EVENT_START,
                           .workflow = bytes_str("order"),
                           .ns = bytes_str("default"),
                           .id = bytes_str("order-123456"),
                           .seed = UINT64_MAX };
        struct effect sleep = { .type = EFFECT_TIMER, .op = 1, .due_ns = INT64_MAX };
        struct buffer bytes = { 0 };
        effect_encode(&bytes, &sleep);
        record(&l, ACTIVE, &e, buffer_bytes(&bytes));
        image_of(&l.original, &bytes);
        cr_assert_leq(bytes.size, 120, "it takes %zu", bytes.size);
        buffer_fini(&bytes);
        end(&l);
}

/* --- what is no image --- */

Test(run_image, cut_anywhere_or_longer_it_is_refused)
{
        struct buffer image = { 0 };
        struct run_tables tables = { 0 };
        for (uint64_t seed = 0; seed < 20; seed++) {
                struct life l;
                lived(&l, seed, 60);
                image_of(&l.original, &image);
                end(&l);
                for (size_t size = 0; size < image.size; size++)
                        cr_assert_eq(try(bytes_of(image.data, size), &tables), STET_ECORRUPT);
                cr_assert_eq(try(buffer_bytes(&image), &tables), 0);
                pack_nil(&image);
                cr_assert_eq(try(buffer_bytes(&image), &tables), STET_ECORRUPT);
        }
        buffer_fini(&image);
        run_tables_fini(&tables);
}

Test(run_image, flipped_bits_give_an_error_or_a_run_that_can_be_lived)
{
        struct buffer image = { 0 };
        unsigned refused = 0;
        for (unsigned i = 0; i < 10000; i++) {
                struct life l;
                lived(&l, i % 100, 20);
                image_of(&l.original, &image);
                uint32_t bit = below(&l, (uint32_t)image.size * 8);
                image.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
                struct life other = { .random = i, .now_ns = l.now_ns, .lsn = l.lsn, .ops = l.ops };
                end(&l);
                if (run_image_decode(buffer_bytes(&image), RUN, &other.original.tables,
                                     &other.original.run)) {
                        refused++;
                } else {
                        other.ops = 1u << 20; /* ops of the image may have any number below */
                        for (unsigned steps = 0; steps < 5; steps++)
                                step(&other);
                }
                end(&other);
        }
        cr_assert(refused > 1000 && refused < 9000, "%u were refused", refused);
        buffer_fini(&image);
}

/* Images made by hand: a head of version 1 with so many parts, and what follows it. */
static void by_hand(struct buffer *b, uint32_t version, uint32_t flags, uint32_t parts, uint32_t ending)
{
        buffer_clear(b);
        pack_array(b, 17);
        pack_uint(b, version);
        pack_uint(b, flags);
        pack_cstr(b, "prod");
        pack_cstr(b, "order");
        pack_cstr(b, flags & 4 ? "" : "order-17");
        pack_int(b, 5);  /* started_ns */
        pack_uint(b, 6); /* seed */
        pack_uint(b, 7); /* first_lsn */
        pack_uint(b, 8); /* last_lsn */
        pack_uint(b, 2); /* transitions */
        pack_uint(b, parts);
        pack_uint(b, 0); /* pending */
        pack_uint(b, 0); /* status_lsn */
        pack_uint(b, 0); /* parent */
        pack_uint(b, 0); /* parent_op */
        pack_uint(b, 0); /* continued_from */
        pack_uint(b, ending);
}

static void timer(struct buffer *b, uint32_t op)
{
        pack_array(b, 5);
        pack_uint(b, EFFECT_TIMER);
        pack_uint(b, op);
        pack_uint(b, 8);
        pack_uint(b, 0);
        pack_int(b, 1000);
}

Test(run_image, what_no_run_can_be_is_refused_and_leaves_nothing_behind)
{
        struct buffer b = { 0 };
        struct run_tables tables = { 0 };
        by_hand(&b, 1, 0, 2, RUN_OPEN);
        timer(&b, 1);
        timer(&b, 2);
        cr_assert_eq(try(buffer_bytes(&b), &tables), 0, "the same with nothing wrong");
        by_hand(&b, 1, 0, 2, RUN_OPEN);
        timer(&b, 1);
        timer(&b, 1);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "an op is there twice");
        by_hand(&b, 1, 0, 1, RUN_OPEN);
        timer(&b, 0);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "no op is number 0");
        by_hand(&b, 1, 0, 1, RUN_COMPLETED);
        timer(&b, 1);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "an ended run owes nothing");
        by_hand(&b, 1, 0, 0, RUN_CONTINUED + 1);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "no such ending");
        by_hand(&b, 1, 8, 0, RUN_OPEN);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "no such flag");
        by_hand(&b, 1, 0, 1, RUN_OPEN);
        pack_array(&b, 2);
        pack_uint(&b, EFFECT_DROP);
        pack_uint(&b, 1);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "nothing opens an op so");
        by_hand(&b, 1, 0, 1, RUN_OPEN);
        pack_array(&b, 2);
        pack_uint(&b, EFFECT_CALL);
        pack_uint(&b, 1);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "a call has a retry policy");
        buffer_fini(&b);
        run_tables_fini(&tables);
}

Test(run_image, newer_version_and_a_field_that_is_not_known_are_refused)
{
        struct buffer b = { 0 };
        struct run_tables tables = { 0 };
        by_hand(&b, 2, 0, 0, RUN_OPEN);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ENEWER);
        by_hand(&b, 0, 0, 0, RUN_OPEN);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT);
        by_hand(&b, 1, 0, 1, RUN_OPEN);
        pack_array(&b, 4);
        pack_uint(&b, 33);
        pack_uint(&b, 5);
        pack_uint(&b, 6);
        pack_uint(&b, 7);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT);
        buffer_fini(&b);
        run_tables_fini(&tables);
}

Test(run_image, nothing_is_left_of_an_image_that_lacks_a_part)
{
        struct buffer b = { 0 };
        struct run_tables tables = { 0 };
        by_hand(&b, 1, 0, 2, RUN_OPEN);
        pack_array(&b, 7);
        pack_uint(&b, EFFECT_CHILD);
        pack_uint(&b, 1);
        pack_uint(&b, 8);
        pack_uint(&b, 0);
        pack_int(&b, 0);
        pack_cstr(&b, "child");
        pack_bool(&b, true);
        cr_assert_eq(try(buffer_bytes(&b), &tables), STET_ECORRUPT, "a part is missing");
        cr_assert_eq(tables.ops_count, 0);
        buffer_fini(&b);
        run_tables_fini(&tables);
}
