/* SPDX-License-Identifier: MIT
 *
 * signal, cancel, terminate and query: what one says to a run.
 */
#include "tools/exit_code.h"
#include "tools/input.h"
#include "tools/session.h"
#include "tools/text.h"
#include "tools/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct saying {
        const char *run;
        const char *name; /* of the signal or query */
        const char *reason;
        const char *request_id;
        stet_value input;
        stet_value answer; /* of a query */
        char own_request_id[40];
};

typedef int say_fn(stet_client *client, struct saying *s, stet_why *why);

static int say_signal(stet_client *client, struct saying *s, stet_why *why)
{
        return stet_client_signal(client, s->run, s->name, &s->input, s->request_id, why);
}

static int say_cancel(stet_client *client, struct saying *s, stet_why *why)
{
        return stet_client_cancel(client, s->run, s->reason, s->request_id, why);
}

static int say_terminate(stet_client *client, struct saying *s, stet_why *why)
{
        return stet_client_terminate(client, s->run, s->reason, s->request_id, why);
}

static int say_query(stet_client *client, struct saying *s, stet_why *why)
{
        return stet_client_query(client, s->run, s->name, &s->input, &s->answer, why);
}

static int fail_to_say(const struct command *c, const struct saying *s, int err, const stet_why *why)
{
        if (err == STET_EINVAL || err == STET_EJSON)
                return command_fail_usage(c, err, why);
        if (err != STET_EUNKNOWN)
                return command_fail(c, err, why, NULL);
        char *advice = text_format("Repeat it with --request-id %s: it is done once.", s->request_id);
        int code = command_fail(c, err, why, advice);
        free(advice);
        return code;
}

/* What was said, on disk by now. */
static int print_said(const struct command *c, const struct saying *s, const char *done)
{
        stet_value v = { 0 };
        int err;
        if (!c->json) {
                char *run = text_clean(s->run, strlen(s->run));
                printf("%s %s\n", run, done);
                free(run);
                return EXIT_OK;
        }
        if (s->name)
                err = stet_value_pack(&v, "{s:s, s:s, s:s}", "command", c->verb->name, "run", s->run, "name",
                                      s->name);
        else
                err = stet_value_pack(&v, "{s:s, s:s}", "command", c->verb->name, "run", s->run);
        return command_print_packed(c, &v, err);
}

/* done: what is printed of a command; NULL: print the answer of a query. */
static int say(struct command *c, say_fn *fn, const char *done)
{
        struct saying s = { .run = c->arguments[0], .name = c->arguments[1] };
        struct session session = { 0 };
        stet_why why = { "" };
        int code;
        input_request_id(s.own_request_id);
        s.request_id = option_text(&c->options, OPTION_REQUEST_ID);
        s.request_id = s.request_id ? s.request_id : s.own_request_id;
        s.reason = option_text(&c->options, OPTION_REASON);
        int err = input_read(option_text(&c->options, OPTION_INPUT), &s.input, &why);
        if (!err)
                err = session_open(c, SESSION_READ, &session, &why);
        if (!err)
                err = fn(session.client, &s, &why);
        if (err)
                code = fail_to_say(c, &s, err, &why);
        else
                code = done ? print_said(c, &s, done) : command_print_json(&s.answer);
        session_close(&session);
        stet_value_free(&s.answer);
        stet_value_free(&s.input);
        return code;
}

int verb_signal(struct command *c)
{
        return say(c, say_signal, "has the signal in its log");
}

int verb_cancel(struct command *c)
{
        return say(c, say_cancel, "is asked to cancel");
}

int verb_terminate(struct command *c)
{
        return say(c, say_terminate, "is terminated");
}

int verb_query(struct command *c)
{
        return say(c, say_query, NULL);
}
