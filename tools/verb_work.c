/* SPDX-License-Identifier: MIT
 *
 * work: an executor in a process of its own, until it is told to stop.
 */
#include "stet/crash.h"
#include "tools/exit_code.h"
#include "tools/session.h"
#include "tools/stop_signal.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
        SLOTS = 4,
        SLOTS_MAX = 1024,
        CHECK_MS = 50,
        SILENCE_MS = 3000, /* after this long without an answer it says so, once */
        STOP_MS = 10000,
};

struct work {
        stet_executor_options options;
        char *endpoint;
        int log_least;
        stet_executor *executor;
        bool connected;
        bool complained;
};

static int refuse_without_activities(const struct command *c, stet_why *why)
{
        if (stet_app_activities_count(c->app) > 0)
                return 0;
        if (option_given(&c->options, OPTION_MODULE))
                return stet_why_set(why, STET_EMODULE,
                                    "no module registers an activity: there is nothing to execute");
        return stet_why_set(why, STET_EINVAL, "work needs activities: give --module FILE.so");
}

static int read_options(const struct command *c, struct work *w, stet_why *why)
{
        uint64_t slots = SLOTS;
        int err;
        const char *endpoint = session_endpoint(c, why, &err);
        if (!err)
                err = option_count(&c->options, OPTION_SLOTS, 1, SLOTS_MAX, &slots, why);
        if (err)
                return err;
        w->endpoint = endpoint ? text_format("%s", endpoint) : session_local_endpoint(session_data_dir(c));
        if (!w->endpoint)
                return stet_why_set(why, STET_EENDPOINT,
                                    "the path of %s is too long for a local socket; use --connect",
                                    session_data_dir(c));
        w->options = (stet_executor_options)STET_EXECUTOR_OPTIONS;
        w->options.endpoint = w->endpoint;
        w->options.app = c->app;
        w->options.name = option_text(&c->options, OPTION_NAME);
        w->options.queues = (const char *const *)c->options.given[OPTION_QUEUE];
        w->options.slots = (uint32_t)slots;
        w->options.log = session_log;
        w->log_least = option_word(&c->options, OPTION_LOG);
        w->options.log_context = &w->log_least;
        return 0;
}

static void print_connected(const struct command *c, const struct work *w)
{
        stet_value v = { 0 };
        size_t activities = stet_app_activities_count(c->app);
        if (c->json)
                command_print_packed(c, &v,
                                     stet_value_pack(&v, "{s:s, s:i, s:i}", "endpoint", w->endpoint, "slots",
                                                     (int)w->options.slots, "activities", (int)activities));
        else
                printf("working for %s: %zu %s, %" PRIu32 " at the same time\n", w->endpoint, activities,
                       activities == 1 ? "activity" : "activities", w->options.slots);
        fflush(stdout);
}

/* Says once that it is connected, and once that nobody answers. */
static void report(const struct command *c, struct work *w)
{
        if (!w->connected && stet_executor_connected(w->executor)) {
                w->connected = true;
                print_connected(c, w);
        }
        if (w->connected || w->complained || terminal_now_ms() - c->began_ms < SILENCE_MS)
                return;
        w->complained = true;
        command_note(c, "no answer from %s yet; still trying", w->endpoint);
}

static void run_until_stopped(const struct command *c, struct work *w)
{
        do
                report(c, w);
        while (!stop_signal_wait(CHECK_MS));
        uint64_t done = stet_executor_done(w->executor);
        stet_executor_stop(w->executor, STOP_MS);
        if (!c->json && w->connected)
                printf("stopped after %" PRIu64 " %s\n", done, done == 1 ? "outcome" : "outcomes");
}

int verb_work(struct command *c)
{
        struct work w = { 0 };
        stet_why why = { "" };
        int err = session_load_modules(c, &why), code = EXIT_OK;
        if (!err)
                err = refuse_without_activities(c, &why);
        if (!err)
                err = read_options(c, &w, &why);
        if (!err) {
                stop_signal_install();
                stet_crash_guard_install();
                err = stet_executor_start(&w.options, &w.executor, &why);
        }
        if (err)
                code =
                    err == STET_EINVAL ? command_fail_usage(c, err, &why) : command_fail(c, err, &why, NULL);
        else
                run_until_stopped(c, &w);
        free(w.endpoint);
        return code;
}
