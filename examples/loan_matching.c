/* SPDX-License-Identifier: MIT
 *
 * A loan platform: which of 240 lenders would make this loan, and on what terms? It shows a workflow of three
 * steps, the middle one a fan-out: `score_lender` runs once for every lender, all of them in parallel, and
 * the workflow waits for all.
 *
 *      build/examples/loan_matching dev --executors 4          # in one terminal
 *      build/examples/loan_matching start loan-matching --id loan-1 --input '{"application": "A35", "data":
 * "examples/data"}' build/examples/loan_matching query loan-1 progress build/examples/loan_matching history
 * loan-1 build/examples/loan_matching start lender-processing --input '{"document":
 * "examples/data/lender-sheet.txt"}' --wait
 *
 * tools/quickstart does the first part for you, and kills the server halfway.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lender_sheet.h"
#include "loan_rules.h"
#include "stet/stet.h"

enum { FILE_SIZE_MAX = 1 << 20, PATH_SIZE = 1024, BEST_COUNT = 5 };

STET_PUBLIC stet_module_fn stet_module;

/* --- reading files --- */

/* The whole file on the heap; NULL and the reason in *why. */
static char *read_file(const char *path, size_t *ret_size, stet_why *why)
{
        FILE *file = fopen(path, "r");
        if (!file) {
                stet_why_set(why, STET_ENOTFOUND, "%s: %s", path, strerror(errno));
                return NULL;
        }
        char *text = malloc(FILE_SIZE_MAX);
        *ret_size = text ? fread(text, 1, FILE_SIZE_MAX, file) : 0;
        fclose(file);
        return text;
}

static int read_json(const char *dir, const char *name, stet_value *ret, stet_why *why)
{
        char path[2 * PATH_SIZE];
        size_t size;
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        char *text = read_file(path, &size, why);
        if (!text)
                return STET_ENOTFOUND;
        int err = stet_value_from_json(ret, text, size, why);
        free(text);
        return err;
}

/* --- prepare_matching: which application, which lenders --- */

static stet_value find_by_id(const stet_value *list, const stet_value *id)
{
        stet_value item;
        for (size_t at = 0; stet_value_next(list, &at, NULL, &item);) {
                stet_value its_id = stet_value_get(&item, "id");
                if (stet_value_equal(&its_id, id))
                        return item;
        }
        return (stet_value){ 0 };
}

static int prepare_matching(stet_activity *a, const stet_value *in, stet_value *ret)
{
        char dir[PATH_SIZE], id_text[64] = "";
        stet_value applications = { 0 }, lenders = { 0 };
        stet_value id = stet_value_get(in, "application");
        stet_value data = stet_value_get(in, "data");
        stet_why why;
        stet_value_get_string(&id, id_text, sizeof(id_text));
        if (stet_value_get_string(&data, dir, sizeof(dir)) != 0)
                return stet_fail_permanently(a, "BadInput",
                                             "the input needs \"data\", the directory with lenders.json");

        int err = read_json(dir, "applications.json", &applications, &why);
        if (!err)
                err = read_json(dir, "lenders.json", &lenders, &why);
        stet_value application = find_by_id(&applications, &id);
        if (err)
                err = stet_fail(a, "DataUnreadable", "%s", why.text);
        else if (stet_value_type(&application) != STET_MAP)
                err =
                    stet_fail_permanently(a, "UnknownApplication", "there is no application \"%s\"", id_text);
        else
                err = stet_value_pack(ret, "{s:v, s:v}", "application", &application, "lenders", &lenders);
        stet_value_free(&applications);
        stet_value_free(&lenders);
        return err;
}

/* --- score_lender: one lender's answer --- */

/* A lender's pricing service takes its time. */
static void wait_for_service(const stet_value *lender)
{
        long ms = (long)loan_number(lender, "answers_after_ms");
        struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
        while (nanosleep(&pause, &pause) != 0 && errno == EINTR)
                ;
}

static int pack_offer(const struct loan_offer *offer, const stet_value *lender, stet_value *ret)
{
        char terms[128], affordable[128];
        stet_value id = stet_value_get(lender, "id");
        stet_value name = stet_value_get(lender, "name");
        snprintf(terms, sizeof(terms), "%.2f %% a year, %.0f a month", offer->rate_percent,
                 offer->payment_month);
        snprintf(affordable, sizeof(affordable), "takes %.0f %% of the income, the lender allows %.0f %%",
                 offer->debt_service_percent, loan_number(lender, "debt_service_max_percent"));
        return stet_value_pack(ret, "{s:v, s:v, s:f, s:f, s:[s, s]}", "lender", &id, "name", &name, "score",
                               round(offer->score * 10) / 10, "rate_percent",
                               round(offer->rate_percent * 100) / 100, "reasons", terms, affordable);
}

static int score_lender(stet_activity *a, const stet_value *in, stet_value *ret)
{
        stet_value lender = stet_value_get(in, "lender");
        stet_value application = stet_value_get(in, "application");
        stet_value fails_first = stet_value_get(&lender, "fails_first");
        wait_for_service(&lender);
        if (stet_value_bool(&fails_first, false) && stet_activity_attempt(a) == 1)
                return stet_fail(a, "LenderUnavailable", "the pricing service did not answer"); /* retried */

        const char *rejection = loan_rejection(&lender, &application);
        if (rejection)
                return stet_value_pack(ret, "{s:s}", "rejected", rejection);
        struct loan_offer offer = loan_offer_make(&lender, &application);
        return pack_offer(&offer, &lender, ret);
}

/* --- finalize_matching: the ranking --- */

static int better_first(const void *a, const void *b)
{
        double score_a = loan_number(a, "score"), score_b = loan_number(b, "score");
        return score_a < score_b ? 1 : score_a > score_b ? -1 : 0;
}

/* One more rejection for that reason. */
static int count_rejection(stet_value *rejected, const char *reason)
{
        stet_value count = { 0 };
        stet_value before = stet_value_get(rejected, reason);
        int err = stet_value_set_int(&count, stet_value_int(&before, 0) + 1);
        if (!err)
                err = stet_value_set(rejected, reason, &count);
        stet_value_free(&count);
        return err;
}

/* Sorts the answers into offers (borrowed from them) and reasons for saying no. */
static int sort_answers(const stet_value *answers, stet_value *offers, size_t *ret_offers_count,
                        stet_value *rejected)
{
        char reason[128];
        stet_value answer;
        size_t count = 0;
        int err = stet_value_pack(rejected, "{}");
        for (size_t at = 0; !err && stet_value_next(answers, &at, NULL, &answer);) {
                stet_value rejection = stet_value_get(&answer, "rejected");
                if (stet_value_get_string(&rejection, reason, sizeof(reason)) == 0)
                        err = count_rejection(rejected, reason);
                else
                        offers[count++] = answer;
        }
        *ret_offers_count = count;
        return err;
}

static int pack_best(stet_value *offers, size_t count, stet_value *ret)
{
        qsort(offers, count, sizeof(*offers), better_first);
        int err = stet_value_pack(ret, "[]");
        for (size_t i = 0; i < count && i < BEST_COUNT && !err; i++)
                err = stet_value_append(ret, &offers[i]);
        return err;
}

static int finalize_matching(stet_activity *a, const stet_value *in, stet_value *ret)
{
        stet_value id = stet_value_get(in, "application");
        stet_value answers = stet_value_get(in, "answers");
        stet_value best = { 0 }, rejected = { 0 };
        size_t asked = stet_value_count(&answers), offers_count;
        stet_value *offers = calloc(asked ? asked : 1, sizeof(*offers));
        if (!offers)
                return stet_fail(a, "OutOfMemory", "no room for %zu offers", asked);
        int err = sort_answers(&answers, offers, &offers_count, &rejected);
        if (!err)
                err = pack_best(offers, offers_count, &best);
        if (!err)
                err = stet_value_pack(ret, "{s:v, s:I, s:I, s:v, s:v}", "application", &id, "lenders_asked",
                                      (int64_t)asked, "offers", (int64_t)offers_count, "best", &best,
                                      "rejected", &rejected);
        stet_value_free(&best);
        stet_value_free(&rejected);
        free(offers);
        return err;
}

/* --- the workflow --- */

/* The fan-out, while it goes on. */
struct matching {
        stet_run *run;
        stet_future *answers; /* one a lender */
        size_t count;
};

/* Answers `query RUN progress`. */
static int progress(void *context, const stet_value *in, stet_value *ret)
{
        const struct matching *m = context;
        int64_t answered = 0;
        (void)in;
        for (size_t i = 0; i < m->count; i++)
                answered += stet_is_done(m->run, m->answers[i]);
        return stet_value_pack(ret, "{s:I, s:I}", "answered", answered, "lenders", (int64_t)m->count);
}

/* Asks every lender; they are scored in parallel, on as many executors as there are. */
static int ask_lenders(struct matching *m, const stet_value *application, const stet_value *lenders)
{
        stet_value lender, question = { 0 };
        int err = 0;
        for (size_t at = 0; !err && stet_value_next(lenders, &at, NULL, &lender);) {
                err = stet_value_pack(&question, "{s:v, s:v}", "application", application, "lender", &lender);
                if (!err)
                        m->answers[m->count++] =
                            stet_call_start(m->run, "score_lender", &question, .timeout_ms = stet_seconds(30),
                                            .retry = stet_retry_preset("api"));
        }
        stet_value_free(&question);
        return err;
}

/* Waits until all have answered or five minutes are over: who has not answered then is let go. */
static int await_lenders(struct matching *m)
{
        stet_future deadline = stet_timer_start(m->run, stet_minutes(5));
        int err = 0;
        size_t place = 0;
        for (size_t i = 0; i < m->count && place == 0 && !err; i++)
                err = stet_await_any(m->run, (stet_future[]){ m->answers[i], deadline }, 2, &place);
        for (size_t i = 0; i < m->count; i++)
                stet_cancel_future(m->run, m->answers[i]); /* harmless where it is done */
        stet_cancel_future(m->run, deadline);
        return err;
}

/* What the lenders said, in their order. Whoever could not be asked counts as a rejection: one lender must
 * not cost the borrower the others. */
static int collect_answers(struct matching *m, stet_value *ret)
{
        stet_value unasked = { 0 };
        int err = stet_value_pack(&unasked, "{s:s}", "rejected", "no answer");
        for (size_t i = 0; i < m->count && !err; i++) {
                stet_value answer = { 0 };
                bool answered = stet_await(m->run, m->answers[i], &answer) == 0;
                err = stet_value_append(ret, answered ? &answer : &unasked);
        }
        stet_value_free(&unasked);
        return err;
}

static int calculate_matches(struct matching *m, const stet_value *prepared, stet_value *ret)
{
        stet_value application = stet_value_get(prepared, "application");
        stet_value lenders = stet_value_get(prepared, "lenders");
        m->answers = stet_run_alloc(m->run, stet_value_count(&lenders) * sizeof(*m->answers));
        int err = ask_lenders(m, &application, &lenders);
        if (!err)
                err = await_lenders(m);
        return err ? err : collect_answers(m, ret);
}

static int loan_matching(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value prepared = { 0 }, answers = { 0 }, all = { 0 };
        struct matching m = { .run = run };
        stet_on_query(run, "progress", progress, &m);

        int err = stet_call(run, "prepare_matching", in, &prepared, .timeout_ms = stet_seconds(60));
        if (!err)
                err = calculate_matches(&m, &prepared, &answers);
        if (err)
                return err;

        stet_value id = stet_value_get(in, "application");
        err = stet_value_pack(&all, "{s:v, s:v}", "application", &id, "answers", &answers);
        stet_future final = stet_call_start(run, "finalize_matching", &all, .timeout_ms = stet_seconds(30));
        stet_value_free(&answers); /* our own memory is not held across a wait: a parked run keeps none */
        stet_value_free(&all);
        return err ? err : stet_await(run, final, ret);
}

/* --- lender-processing: what a lender sent becomes a row of lenders.json --- */

static int process_document(stet_activity *a, const stet_value *in, stet_value *ret)
{
        char path[PATH_SIZE];
        size_t size;
        stet_why why;
        stet_value document = stet_value_get(in, "document");
        if (stet_value_get_string(&document, path, sizeof(path)) != 0)
                return stet_fail_permanently(a, "BadInput",
                                             "the input needs \"document\", the path of a lender's sheet");
        char *text = read_file(path, &size, &why);
        if (!text)
                return stet_fail(a, "DocumentUnreadable", "%s", why.text);
        int err = lender_sheet_read(text, size, ret, &why);
        free(text);
        /* The same sheet will read the same way next time: no retry. */
        return err ? stet_fail_permanently(a, "DocumentNotUnderstood", "%s: %s", path, why.text) : 0;
}

static int lender_processing(stet_run *run, const stet_value *in, stet_value *ret)
{
        return stet_call(run, "process_document", in, ret, .timeout_ms = stet_minutes(1));
}

/* As a module: stet dev --module build/examples/loan_matching.so */
int stet_module(stet_app *app)
{
        stet_app_workflow(app, "loan-matching", loan_matching);
        stet_app_workflow(app, "lender-processing", lender_processing);
        stet_app_activity(app, "prepare_matching", prepare_matching);
        stet_app_activity(app, "score_lender", score_lender);
        stet_app_activity(app, "finalize_matching", finalize_matching);
        return stet_app_activity(app, "process_document", process_document);
}

int main(int argc, char **argv)
{
        stet_app app = STET_APP("loans");
        stet_module(&app);
        int code = stet_app_main(&app, argc, argv);
        stet_app_fini(&app);
        return code;
}
