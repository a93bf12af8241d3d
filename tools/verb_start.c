/* SPDX-License-Identifier: MIT
 *
 * start: a run, and with --wait its ending.
 *
 * The request id is made here rather than in the library, so that a start whose outcome is unknown can be
 * repeated: the error names it.
 */
#include "tools/attribute.h"
#include "tools/exit_code.h"
#include "tools/input.h"
#include "tools/quantity.h"
#include "tools/session.h"
#include "tools/terminal.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <stdlib.h>
#include <string.h>

enum { PROGRESS_MS = 1000, ANSWER_MS = 10000 };

struct starting {
        stet_start start;
        stet_value input;
        stet_value attributes;
        char request_id[40];
        int64_t timeout_ms; /* of --wait; -1: none */
};

static int read_options(const struct command *c, struct starting *s, stet_why *why)
{
        const struct option_values *options = &c->options;
        const char *request_id = option_text(options, OPTION_REQUEST_ID);
        input_request_id(s->request_id);
        s->start = (stet_start){
                .workflow = c->arguments[0],
                .id = option_text(options, OPTION_ID),
                .input = &s->input,
                .request_id = request_id ? request_id : s->request_id,
                .on_conflict = (stet_on_conflict)option_word(options, OPTION_ON_CONFLICT),
                .on_reuse = (stet_on_reuse)option_word(options, OPTION_ON_REUSE),
                .attributes = option_given(options, OPTION_ATTRIBUTE) ? &s->attributes : NULL,
        };
        s->timeout_ms = -1;
        if (option_given(options, OPTION_WAIT_TIMEOUT) && !option_given(options, OPTION_WAIT))
                return stet_why_set(why, STET_EINVAL, "--timeout says how long to wait: give --wait, too");
        int err = option_duration(options, OPTION_WAIT_TIMEOUT, &s->timeout_ms, why);
        if (!err)
                err = attributes_read((const char *const *)options->given[OPTION_ATTRIBUTE], &s->attributes,
                                      why);
        return err ? err : input_read(option_text(options, OPTION_INPUT), &s->input, why);
}

/* Waits; on a terminal in short steps, between which it shows for how long. */
static int wait_for_ending(const struct command *c, stet_client *client, const stet_started *started,
                           int64_t timeout_ms, stet_result *ret, stet_why *why)
{
        bool shown = terminal_is(stderr) && !c->json;
        int64_t began_ms = terminal_now_ms();
        for (;;) {
                int64_t waited_ms = terminal_now_ms() - began_ms;
                int64_t left_ms = timeout_ms < 0           ? INT64_MAX
                                  : timeout_ms > waited_ms ? timeout_ms - waited_ms
                                                           : 0;
                bool last = !shown || left_ms <= PROGRESS_MS;
                int64_t step_ms = !last ? PROGRESS_MS : timeout_ms < 0 ? -1 : left_ms;
                int err = stet_client_wait(client, started->run_id, step_ms, ret, why);
                if (err != STET_ETIMEDOUT || last) {
                        terminal_progress_end();
                        return err;
                }
                char *span = quantity_span_text((terminal_now_ms() - began_ms) / 1000 * 1000);
                terminal_progress("waiting for %s, %s", started->workflow_id, span);
                free(span);
        }
}

static int failure_of(const stet_result *result)
{
        switch (result->ending) {
        case STET_RUN_COMPLETED:
                return 0;
        case STET_RUN_CANCELED:
                return STET_ECANCELED;
        case STET_RUN_TERMINATED:
                return STET_ETERMINATED;
        case STET_RUN_OPEN:
        case STET_RUN_FAILED:
        case STET_RUN_CONTINUED:
                break;
        }
        return STET_EFAILED;
}

static int print_result_json(const struct command *c, const stet_started *started, const stet_result *result)
{
        stet_value v = { 0 };
        const char *state = stet_ending_name(result->ending);
        int err;
        if (result->ending == STET_RUN_COMPLETED)
                err = stet_value_pack(&v, "{s:s, s:s, s:b, s:s, s:v}", "run_id", result->run_id,
                                      "workflow_id", started->workflow_id, "existing", started->existing,
                                      "state", state, "result", &result->value);
        else
                err = stet_value_pack(&v, "{s:s, s:s, s:b, s:s, s:{s:s, s:s}}", "run_id", result->run_id,
                                      "workflow_id", started->workflow_id, "existing", started->existing,
                                      "state", state, "failure", "kind", result->failure_kind, "message",
                                      result->failure_message);
        return command_print_packed(c, &v, err);
}

static const char *ended_how(stet_ending ending)
{
        switch (ending) {
        case STET_RUN_CANCELED:
                return "was canceled";
        case STET_RUN_TERMINATED:
                return "was terminated";
        case STET_RUN_OPEN:
        case STET_RUN_COMPLETED:
        case STET_RUN_FAILED:
        case STET_RUN_CONTINUED:
                break;
        }
        return stet_ending_name(ending);
}

static int fail_with_ending(const struct command *c, const stet_result *result)
{
        stet_why why;
        bool kind = *result->failure_kind, message = *result->failure_message;
        int err = failure_of(result);
        stet_why_set(&why, err, "the run %s of %s %s%s%s%s%s", result->run_id, c->arguments[0],
                     ended_how(result->ending), kind || message ? ": " : "", result->failure_kind,
                     kind && message ? ": " : "", result->failure_message);
        char *advice = text_format("'%s history %s' tells what happened.", c->program, result->run_id);
        int code = command_fail(c, err, &why, advice);
        free(advice);
        return code;
}

static int print_ending(const struct command *c, const stet_started *started, const stet_result *result)
{
        int code = EXIT_OK;
        if (c->json)
                code = print_result_json(c, started, result);
        else if (result->ending == STET_RUN_COMPLETED)
                code = command_print_json(&result->value);
        if (code == EXIT_OK && result->ending != STET_RUN_COMPLETED)
                code = fail_with_ending(c, result);
        return code;
}

static int print_started(const struct command *c, const stet_started *started)
{
        stet_value v = { 0 };
        if (c->json)
                return command_print_packed(c, &v,
                                            stet_value_pack(&v, "{s:s, s:s, s:b}", "run_id", started->run_id,
                                                            "workflow_id", started->workflow_id, "existing",
                                                            started->existing));
        if (started->existing)
                command_note(c, "it was started before; nothing new was");
        printf("%s  %s\n", started->run_id, started->workflow_id);
        return EXIT_OK;
}

static int fail_to_start(const struct command *c, const struct starting *s, int err, const stet_why *why)
{
        if (err == STET_EINVAL || err == STET_EJSON)
                return command_fail_usage(c, err, why);
        if (err != STET_EUNKNOWN)
                return command_fail(c, err, why, NULL);
        char *advice = text_format("Repeat it with --request-id %s: it is done once.", s->start.request_id);
        int code = command_fail(c, err, why, advice);
        free(advice);
        return code;
}

static int fail_to_wait(const struct command *c, const stet_started *started, int err, const stet_why *why)
{
        char *advice = text_format("The run %s is started and goes on; '%s show %s' tells where it stands.",
                                   started->run_id, c->program, started->run_id);
        int code = command_fail(c, err, why, advice);
        free(advice);
        return code;
}

static int start_and_wait(const struct command *c, struct session *session, const struct starting *s)
{
        stet_why why = { "" };
        stet_started started = { 0 };
        stet_result result = { 0 };
        stet_client_set_timeout(session->client, ANSWER_MS);
        int err = stet_client_start(session->client, &s->start, &started, &why);
        if (err)
                return fail_to_start(c, s, err, &why);
        if (!option_given(&c->options, OPTION_WAIT))
                return print_started(c, &started);
        err = wait_for_ending(c, session->client, &started, s->timeout_ms, &result, &why);
        if (err)
                return fail_to_wait(c, &started, err, &why);
        int code = print_ending(c, &started, &result);
        stet_value_free(&result.value);
        return code;
}

int verb_start(struct command *c)
{
        struct starting s = { 0 };
        struct session session = { 0 };
        stet_why why = { "" };
        int code, err = read_options(c, &s, &why);
        if (!err)
                err = session_open(c, option_given(&c->options, OPTION_WAIT) ? SESSION_WAIT : SESSION_START,
                                   &session, &why);
        code = err ? fail_to_start(c, &s, err, &why) : start_and_wait(c, &session, &s);
        session_close(&session);
        stet_value_free(&s.input);
        stet_value_free(&s.attributes);
        return code;
}
