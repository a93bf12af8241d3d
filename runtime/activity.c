/* SPDX-License-Identifier: MIT
 *
 * What the code fails with goes to people's terminals and over the wire as text, so it is made whole UTF-8
 * here, whatever the code hands in: a frame with other bytes would be refused as a whole.
 */
#include "runtime/activity.h"

#include "base/app.h"
#include "base/value.h"
#include "runtime/executor.h"

#include <stdarg.h>
#include <stdio.h>

/* --- what the code sees --- */

static void fail_with(stet_activity *a, bool permanent, const char *kind, const char *message)
{
        stet_why clean;
        stet_why_set(&clean, 0, "%.*s", (int)sizeof a->kind - 1, kind && *kind ? kind : "Failed");
        for (char *at = clean.text; *at; at++)
                if (*at > 0 && *at < ' ')
                        *at = '?';
        memcpy(a->kind, clean.text, strlen(clean.text) + 1);
        stet_why_set(&a->message, 0, "%s", message);
        a->failed = true;
        a->permanent = permanent;
}

static int fail_formatted(stet_activity *a, bool permanent, const char *kind, const char *format,
                          va_list args)
{
        char message[2 * sizeof a->message.text]; /* what is too long is cut as text */
        vsnprintf(message, sizeof message, format ? format : "", args);
        fail_with(a, permanent, kind, message);
        return STET_EFAILED;
}

int stet_fail(stet_activity *a, const char *kind, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int err = fail_formatted(a, false, kind, format, args);
        va_end(args);
        return err;
}

int stet_fail_permanently(stet_activity *a, const char *kind, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        int err = fail_formatted(a, true, kind, format, args);
        va_end(args);
        return err;
}

int stet_activity_heartbeat(stet_activity *a)
{
        return a->heart.beat(a->heart.ctx);
}

const char *stet_activity_name(const stet_activity *a)
{
        return a->name;
}

const char *stet_activity_run_id(const stet_activity *a)
{
        return a->run_id;
}

uint32_t stet_activity_attempt(const stet_activity *a)
{
        return a->attempt;
}

const char *stet_activity_key(const stet_activity *a)
{
        return a->key;
}

void *stet_activity_context(const stet_activity *a)
{
        return a->context;
}

/* --- running it --- */

/* The run's id, a dash, and the op in decimal. */
static void print_key(stet_activity *a, uint32_t op)
{
        char digits[10];
        size_t count = 0, at = RUN_ID_SIZE - 1;
        do
                digits[count++] = (char)('0' + op % 10);
        while (op /= 10);
        memcpy(a->key, a->run_id, at);
        a->key[at++] = '-';
        while (count)
                a->key[at++] = digits[--count];
        a->key[at] = 0;
}

/* Field by field: the large ones are only written when they are needed. */
static void init(stet_activity *a, stet_arena *arena, const struct worker_task *task,
                 struct activity_heart heart)
{
        a->arena = arena;
        a->heart = heart;
        a->context = NULL;
        a->attempt = task->attempt;
        a->failed = a->permanent = false;
        size_t size = task->activity.size < sizeof a->name ? task->activity.size : sizeof a->name - 1;
        if (size)
                memcpy(a->name, task->activity.data, size);
        a->name[size] = 0;
        run_id_print(task->token.run, a->run_id);
        print_key(a, task->token.op);
}

static int call(stet_activity *a, stet_activity_fn *fn, const struct worker_task *task, stet_value *ret)
{
        stet_value in = value_borrow(a->arena, task->input);
        struct running_code before = running_code;
        running_code = (struct running_code){ .what = "activity", .name = a->name, .run = task->token.run };
        value_home = a->arena;
        int err = fn(a, &in, ret);
        value_home = NULL;
        running_code = before;
        return err;
}

/* The failure that the code returned: its own, or the error's name. */
static void settle_failure(stet_activity *a, int err)
{
        if (err == STET_EFAILED && a->failed)
                return;
        char message[160];
        snprintf(message, sizeof message, "the activity returned %d: %s", err, stet_error_text(err));
        fail_with(a, false, stet_error_name(err), message);
}

void activity_run(stet_activity *a, stet_arena *arena, const stet_app *app, const struct worker_task *task,
                  struct activity_heart heart, struct message *ret)
{
        init(a, arena, task, heart);
        stet_value out = { .arena = a->arena };
        stet_activity_fn *fn = app_activity(app, task->activity, &a->context);
        int err = fn ? call(a, fn, task, &out)
                     : stet_fail(a, "UnknownActivity", "this executor has no activity \"%s\"", a->name);
        if (!err && out.size > STET_VALUE_SIZE_MAX)
                err = stet_fail_permanently(a, stet_error_name(STET_ETOOBIG),
                                            "the result has %zu bytes; the most is %d", out.size,
                                            STET_VALUE_SIZE_MAX);
        *ret = (struct message){ .token = task->token };
        if (!err) {
                ret->value = bytes_of(out.data, out.size);
                return;
        }
        settle_failure(a, err);
        ret->code = STET_EFAILED;
        ret->kind = bytes_str(a->kind);
        ret->text = bytes_str(a->message.text);
        ret->permanent = a->permanent;
}
