/* SPDX-License-Identifier: MIT
 *
 * Lists by queue, by times and by everything else: whatever is asked for, and wherever the runs are, a list
 * has those that fit and no others, in one order, whole or page by page. What fits is told from the list of
 * all runs; what is asked for is drawn at random, the times from those at which something happened.
 */
#include "runtime/clock.h"
#include "tests/lib/embedded.h"
#include "tests/lib/random.h"
#include "tests/lib/told.h"
#include "tests/lib/workflows.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 120, FILTERS = 250, BOUND_MS = 30000 };

#define MS INT64_C(1000000)

static struct embedded e;
static stet_app app;
static uint64_t random_state;

/* --- code --- */

/* Calls an activity that nobody runs, on the queue it is told. */
static int call_on(stet_run *run, const stet_value *in, stet_value *ret)
{
        char queue[32];
        int err = stet_value_get_string(in, queue, sizeof queue);
        return err ? err : stet_call(run, "never", NULL, ret, .queue = queue);
}

/* Waits for either of two queues, and gives up on both when "go" comes. */
static int call_on_two(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future futures[] = { stet_call_start(run, "never", NULL, .queue = "mail"),
                                  stet_call_start(run, "never", NULL, .queue = "print"),
                                  stet_signal_wait_start(run, "go") };
        size_t place;
        int err = stet_await_any(run, futures, 3, &place);
        (void)in;
        (void)ret;
        stet_cancel_future(run, futures[0]);
        stet_cancel_future(run, futures[1]);
        return err ? err : stet_wait_signal(run, "go", NULL);
}

static void open_node(uint32_t shards)
{
        app = (stet_app)STET_APP("test");
        stet_app_workflow(&app, "echo", workflow_echo);
        stet_app_workflow(&app, "fails", workflow_fails);
        stet_app_workflow(&app, "wait", workflow_wait);
        stet_app_workflow(&app, "call", call_on);
        stet_app_workflow(&app, "two", call_on_two);
        cr_assert_eq(app.err, 0, "%s", app.why.text);
        e = (struct embedded){ .options = STET_NODE_OPTIONS };
        e.options.shards = shards;
        e.options.threads = shards > 1;
        e.options.no_activities = true;
        e.options.idle_ms = 1;
        random_state = shards;
        embedded_open(&e, &app);
}

static void setup_one(void)
{
        open_node(1);
}

static void setup_three(void)
{
        open_node(3);
}

static void teardown(void)
{
        embedded_close(&e);
        stet_app_fini(&app);
}

TestSuite(list_of_one_shard, .init = setup_one, .fini = teardown, .timeout = 120);
TestSuite(list_of_three_shards, .init = setup_three, .fini = teardown, .timeout = 120);

#define CLAIM(name)                                                                                          \
        static void claim_##name(void);                                                                      \
        Test(list_of_one_shard, name)                                                                        \
        {                                                                                                    \
                claim_##name();                                                                              \
        }                                                                                                    \
        Test(list_of_three_shards, name)                                                                     \
        {                                                                                                    \
                claim_##name();                                                                              \
        }                                                                                                    \
        static void claim_##name(void)

/* --- what happens --- */

static uint32_t below(uint32_t limit)
{
        return (uint32_t)random_below(&random_state, limit);
}

/* Until every run is in the store only. */
static void let_all_go(void)
{
        int64_t until_ns = clock_elapsed_ns() + BOUND_MS * MS;
        while (told_stat(e.client, "runs", "in_memory") != 0)
                cr_assert_lt(clock_elapsed_ns(), until_ns, "%lld runs are in memory",
                             (long long)told_stat(e.client, "runs", "in_memory"));
}

static void signal_run(const char *run)
{
        cr_assert_eq(stet_client_signal(e.client, run, "go", NULL, NULL, &e.why), 0, "%s", e.why.text);
}

/* Until the clock shows another millisecond than when the run started. */
static void pass_time(void)
{
        int64_t until_ns = clock_elapsed_ns() + 2 * MS;
        while (clock_elapsed_ns() < until_ns)
                told_stat(e.client, "runs", "in_memory");
}

/* Runs of all kinds; now and then an older one ends. */
static void start_runs(int from, int count)
{
        static const char *const kinds[][2] = { { "echo", "1" },         { "fails", "null" },
                                                { "wait", "null" },      { "call", "\"mail\"" },
                                                { "call", "\"print\"" }, { "call", "\"default\"" },
                                                { "two", "null" },       { "echo", "2" } };
        for (int i = from; i < from + count; i++) {
                char id[16], older[16];
                const char *const *kind = kinds[below(sizeof kinds / sizeof kinds[0])];
                snprintf(id, sizeof id, "run-%d", i);
                embedded_start(&e, kind[0], id, kind[1]);
                snprintf(older, sizeof older, "run-%u", below((uint32_t)i + 1));
                if (below(3) == 0)
                        stet_client_terminate(e.client, older, NULL, NULL, &e.why); /* or it has ended */
                if (below(8) == 0)
                        pass_time();
        }
}

/* --- what is listed --- */

struct row {
        char run[STET_RUN_ID_SIZE];
        char workflow[16];
        char state[16];
        int64_t started_ms;
        int64_t ended_ms; /* -1: it has not */
        bool on_mail, on_print;
};

struct rows {
        struct row row[RUNS + 1];
        size_t count;
};

static void read_text(const stet_value *map, const char *key, char *ret, size_t size)
{
        stet_value item = stet_value_get(map, key);
        cr_assert_eq(stet_value_get_string(&item, ret, size), 0);
}

static int64_t read_int(const stet_value *map, const char *key)
{
        stet_value item = stet_value_get(map, key);
        return stet_value_int(&item, -1);
}

static struct row read_row(const stet_value *map)
{
        struct row row;
        read_text(map, "run_id", row.run, sizeof row.run);
        read_text(map, "workflow", row.workflow, sizeof row.workflow);
        read_text(map, "state", row.state, sizeof row.state);
        row.started_ms = read_int(map, "started_ms");
        row.ended_ms = read_int(map, "ended_ms");
        row.on_mail = row.on_print = false;
        return row;
}

static int list(const stet_list_filter *filter, struct rows *ret)
{
        stet_value page = { 0 };
        int err = stet_client_list(e.client, filter, &page, &e.why);
        ret->count = err ? 0 : stet_value_count(&page);
        cr_assert_leq(ret->count, RUNS);
        for (size_t i = 0; i < ret->count; i++) {
                stet_value map = stet_value_at(&page, i);
                ret->row[i] = read_row(&map);
        }
        stet_value_free(&page);
        return err;
}

/* What an open run waits for, as `show` has it, which does not look at any index. */
static void read_queues(struct row *row)
{
        stet_value shown = { 0 };
        char *text;
        if (row->ended_ms >= 0)
                return;
        cr_assert_eq(stet_client_show(e.client, row->run, &shown, &e.why), 0, "%s", e.why.text);
        stet_value blocked_on = stet_value_get(&shown, "blocked_on");
        cr_assert_eq(stet_value_to_json(&blocked_on, 0, &text), 0);
        row->on_mail = strstr(text, "mail") != NULL;
        row->on_print = strstr(text, "print") != NULL;
        free(text);
        stet_value_free(&shown);
}

static struct rows all_runs(void)
{
        static struct rows all;
        cr_assert_eq(list(&(stet_list_filter){ .limit = 1000 }, &all), 0, "%s", e.why.text);
        for (size_t i = 0; i < all.count; i++)
                read_queues(&all.row[i]);
        return all;
}

static bool fits(const struct row *row, const stet_list_filter *f)
{
        bool ended = row->ended_ms >= 0;
        if (f->state && strcmp(f->state, row->state) != 0)
                return false;
        if (f->workflow && strcmp(f->workflow, row->workflow) != 0)
                return false;
        if (f->queue && !(strcmp(f->queue, "mail") == 0 ? row->on_mail : row->on_print))
                return false;
        if (f->started_after_ms && row->started_ms < f->started_after_ms)
                return false;
        if (f->started_before_ms && row->started_ms >= f->started_before_ms)
                return false;
        if (f->ended_after_ms && (!ended || row->ended_ms < f->ended_after_ms))
                return false;
        return !f->ended_before_ms || (ended && row->ended_ms < f->ended_before_ms);
}

/* --- what is asked for --- */

/* A time at which something happened, or one beside it. */
static int64_t any_time_ms(const struct rows *all)
{
        const struct row *row = &all->row[below((uint32_t)all->count)];
        int64_t ms = row->ended_ms >= 0 && below(2) ? row->ended_ms : row->started_ms;
        return ms + (int64_t)below(3) - 1;
}

static stet_list_filter any_filter(const struct rows *all)
{
        static const char *const states[] = { "open", "completed", "failed", "terminated" };
        static const char *const workflows[] = { "echo", "wait", "call", "two" };
        stet_list_filter f = { .limit = 1000 };
        if (below(3) == 0)
                f.state = states[below(4)];
        if (below(4) == 0)
                f.workflow = workflows[below(4)];
        if (below(5) == 0)
                f.queue = below(2) ? "mail" : "print";
        if (below(3) == 0)
                f.started_after_ms = any_time_ms(all);
        if (below(3) == 0)
                f.started_before_ms = any_time_ms(all);
        if (below(2) == 0)
                f.ended_after_ms = any_time_ms(all);
        if (below(3) == 0)
                f.ended_before_ms = any_time_ms(all);
        return f;
}

static const char *words_of(const stet_list_filter *f, uint32_t limit)
{
        static char words[300];
        snprintf(words, sizeof words,
                 "state %s workflow %s queue %s started %lld to %lld ended %lld to %lld by %u",
                 f->state ? f->state : "-", f->workflow ? f->workflow : "-", f->queue ? f->queue : "-",
                 (long long)f->started_after_ms, (long long)f->started_before_ms,
                 (long long)f->ended_after_ms, (long long)f->ended_before_ms, limit);
        return words;
}

/* Page by page, every run of the list of all that fits, and no other. */
static void assert_lists(const struct rows *all, stet_list_filter f, uint32_t limit)
{
        static struct rows page;
        char last[STET_RUN_ID_SIZE];
        size_t place = 0;
        f.limit = limit;
        do {
                cr_assert_eq(list(&f, &page), 0, "%s", e.why.text);
                cr_assert_leq(page.count, limit);
                for (size_t i = 0; i < page.count; i++, place++) {
                        while (place < all->count && !fits(&all->row[place], &f))
                                place++;
                        cr_assert_lt(place, all->count, "%s is listed: %s", page.row[i].run,
                                     words_of(&f, limit));
                        cr_assert_str_eq(page.row[i].run, all->row[place].run, "%s", words_of(&f, limit));
                }
                if (page.count)
                        memcpy(last, page.row[page.count - 1].run, sizeof last);
                f.before_run_id = last;
        } while (page.count);
        while (place < all->count && !fits(&all->row[place], &f))
                place++;
        cr_assert_eq(place, all->count, "%s is not listed: %s", all->row[place].run, words_of(&f, limit));
}

static void assert_all_filters(size_t count)
{
        struct rows all = all_runs();
        cr_assert_eq(all.count, count);
        for (int i = 0; i < FILTERS;) {
                stet_list_filter f = any_filter(&all);
                if (list(&f, &(struct rows){ .count = 0 }) == STET_EINVAL)
                        continue; /* no run can ever fit */
                assert_lists(&all, f, 1000);
                assert_lists(&all, f, 1 + below(9));
                i++;
        }
}

/* --- claims --- */

CLAIM(every_filter_has_what_fits_in_memory_and_in_the_store)
{
        start_runs(0, RUNS / 2);
        assert_all_filters(RUNS / 2);
        let_all_go();
        assert_all_filters(RUNS / 2);
        start_runs(RUNS / 2, RUNS / 2); /* and some of the first half end now */
        assert_all_filters(RUNS);
}

CLAIM(every_filter_has_what_fits_after_a_restart)
{
        start_runs(0, RUNS);
        embedded_reopen(&e, &app);
        assert_all_filters(RUNS);
        let_all_go();
        embedded_reopen(&e, &app);
        assert_all_filters(RUNS);
}

CLAIM(runs_are_listed_by_a_queue_as_long_as_a_call_is_open_on_it)
{
        const stet_list_filter mail = { .queue = "mail" }, print = { .queue = "print" },
                               usual = { .queue = "default" };
        struct rows found;
        char run[STET_RUN_ID_SIZE];
        embedded_start(&e, "call", "usual", "\"default\"");
        snprintf(run, sizeof run, "%s", embedded_start(&e, "two", "both", NULL));
        for (int where = 0; where < 2; where++) {
                list(&mail, &found);
                cr_assert_eq(found.count, 1);
                cr_assert_str_eq(found.row[0].run, run);
                list(&print, &found);
                cr_assert_eq(found.count, 1);
                list(&usual, &found);
                cr_assert_eq(found.count, 1);
                cr_assert_str_neq(found.row[0].run, run);
                list(&(stet_list_filter){ .queue = "mail", .workflow = "call" }, &found);
                cr_assert_eq(found.count, 0);
                list(&(stet_list_filter){ .queue = "mail", .state = "open", .workflow = "two" }, &found);
                cr_assert_eq(found.count, 1);
                list(&(stet_list_filter){ .queue = "nobody's" }, &found);
                cr_assert_eq(found.count, 0);
                let_all_go();
        }
        signal_run("both");
        for (int where = 0; where < 2; where++) {
                list(&mail, &found);
                cr_assert_eq(found.count, 0);
                list(&print, &found);
                cr_assert_eq(found.count, 0);
                list(&(stet_list_filter){ .state = "open" }, &found);
                cr_assert_eq(found.count, 2, "it goes on");
                let_all_go();
        }
}

CLAIM(namespaces_have_queues_and_times_of_their_own)
{
        struct rows found;
        const struct {
                stet_list_filter filter;
                size_t here, there;
        } rows[] = {
                { { .queue = "mail" }, 1, 0 },        { { .queue = "print" }, 0, 1 },
                { { .started_after_ms = 1 }, 2, 1 },  { { .ended_after_ms = 1 }, 1, 0 },
                { { .started_before_ms = 1 }, 0, 0 },
        };
        embedded_start(&e, "call", "a", "\"mail\"");
        embedded_start(&e, "echo", "b", "1");
        cr_assert_eq(stet_client_set_namespace(e.client, "other", &e.why), 0, "%s", e.why.text);
        embedded_start(&e, "call", "a", "\"print\"");
        for (int where = 0; where < 2; where++, let_all_go())
                for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                        cr_assert_eq(stet_client_set_namespace(e.client, "other", &e.why), 0);
                        cr_assert_eq(list(&rows[i].filter, &found), 0, "%s", e.why.text);
                        cr_assert_eq(found.count, rows[i].there, "row %zu", i);
                        cr_assert_eq(stet_client_set_namespace(e.client, NULL, &e.why), 0);
                        cr_assert_eq(list(&rows[i].filter, &found), 0, "%s", e.why.text);
                        cr_assert_eq(found.count, rows[i].here, "row %zu", i);
                }
}

CLAIM(after_includes_its_time_and_before_does_not)
{
        struct rows found;
        embedded_start(&e, "echo", "a", "1");
        embedded_result(&e, "a", STET_RUN_COMPLETED);
        struct rows all = all_runs();
        int64_t started_ms = all.row[0].started_ms, ended_ms = all.row[0].ended_ms;
        const struct {
                stet_list_filter filter;
                size_t count;
        } rows[] = {
                { { .started_after_ms = started_ms }, 1 },
                { { .started_after_ms = started_ms + 1 }, 0 },
                { { .started_before_ms = started_ms }, 0 },
                { { .started_before_ms = started_ms + 1 }, 1 },
                { { .ended_after_ms = ended_ms }, 1 },
                { { .ended_after_ms = ended_ms + 1 }, 0 },
                { { .ended_before_ms = ended_ms }, 0 },
                { { .ended_before_ms = ended_ms + 1 }, 1 },
                { { .started_after_ms = started_ms, .ended_before_ms = INT64_MAX }, 1 },
                { { .started_after_ms = 1, .started_before_ms = INT64_MAX }, 1 },
        };
        for (int where = 0; where < 2; where++, let_all_go())
                for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                        cr_assert_eq(list(&rows[i].filter, &found), 0, "%s", e.why.text);
                        cr_assert_eq(found.count, rows[i].count, "row %zu", i);
                }
}

CLAIM(filters_that_no_run_can_fit_are_refused)
{
        struct rows found;
        const struct {
                stet_list_filter filter;
                const char *word;
        } rows[] = {
                { { .started_after_ms = -1 }, "1970" },
                { { .ended_before_ms = -5 }, "1970" },
                { { .started_after_ms = 5, .started_before_ms = 5 }, "\"started before\"" },
                { { .ended_after_ms = 6, .ended_before_ms = 5 }, "\"ended after\"" },
                { { .started_after_ms = 9, .ended_before_ms = 9 }, "\"ended before\"" },
                { { .state = "open", .ended_after_ms = 5 }, "open" },
                { { .state = "blocked", .ended_before_ms = 5 }, "blocked" },
                { { .queue = "mail", .state = "failed" }, "\"mail\"" },
                { { .queue = "mail", .ended_before_ms = 5 }, "has ended" },
                { { .queue = "" }, "queue" },
                { { .queue = "\n" }, "control" },
        };
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
                cr_assert_eq(list(&rows[i].filter, &found), STET_EINVAL, "row %zu", i);
                cr_assert(strstr(e.why.text, rows[i].word), "row %zu: %s", i, e.why.text);
        }
}
