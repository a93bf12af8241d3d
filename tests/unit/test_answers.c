/* SPDX-License-Identifier: MIT */
#include "runtime/answers.h"

#include <criterion/criterion.h>
#include <stdio.h>

static const int64_t second_ns = INT64_C(1000000000);

static struct message command(uint8_t type, const char *id, const char *request_id)
{
        return (struct message){ .type = type, .id = bytes_str(id), .request_id = bytes_str(request_id) };
}

static struct message refusal(uint32_t code, const char *text)
{
        return (struct message){ .type = MSG_REPLY, .code = code, .token.run = 7, .text = bytes_str(text) };
}

Test(answers, repeat_gets_what_the_first_one_got)
{
        struct answers a = { .any = false };
        struct message to = command(MSG_SIGNAL, "order-1", "r1"), got;
        struct message reply = refusal(STET_ECLOSED, "it has ended");
        answers_keep(&a, &to, &reply, 0);
        cr_assert(answers_find(&a, &to, 29 * second_ns, &got));
        cr_assert_eq(got.code, STET_ECLOSED);
        cr_assert_eq(got.token.run, 7);
        cr_assert(bytes_equal(got.text, bytes_str("it has ended")));
        answers_fini(&a);
}

Test(answers, another_command_with_the_request_id_is_another)
{
        struct answers a = { .any = false };
        struct message to = command(MSG_SIGNAL, "order-1", "r1"), reply = refusal(STET_ECLOSED, ""), got;
        struct message others[] = { command(MSG_CANCEL, "order-1", "r1"),
                                    command(MSG_SIGNAL, "order-2", "r1"),
                                    command(MSG_SIGNAL, "order-1", "r2"),
                                    command(MSG_SIGNAL, "order-1r1", "") };
        struct message elsewhere = to;
        elsewhere.ns = bytes_str("test");
        answers_keep(&a, &to, &reply, 0);
        for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
                cr_assert_not(answers_find(&a, &others[i], 1, &got));
        cr_assert_not(answers_find(&a, &elsewhere, 1, &got));
        answers_fini(&a);
}

Test(answers, is_judged_anew_after_half_a_minute)
{
        struct answers a = { .any = false };
        struct message to = command(MSG_START, "order-1", "r1"), reply = refusal(STET_EEXISTS, "taken"), got;
        answers_keep(&a, &to, &reply, 0);
        cr_assert_not(answers_find(&a, &to, 30 * second_ns, &got));
        reply.code = STET_ENOTFOUND;
        answers_keep(&a, &to, &reply, 40 * second_ns);
        cr_assert(answers_find(&a, &to, 41 * second_ns, &got));
        cr_assert_eq(got.code, STET_ENOTFOUND);
        answers_fini(&a);
}

Test(answers, nothing_is_kept_for_a_command_without_a_request_id)
{
        struct answers a = { .any = false };
        struct message to = command(MSG_SIGNAL, "order-1", ""), reply = refusal(STET_ENOTFOUND, "nobody"),
                       got;
        answers_keep(&a, &to, &reply, 0);
        cr_assert_not(answers_find(&a, &to, 0, &got));
        answers_fini(&a);
}

Test(answers, only_the_newest_are_kept)
{
        struct answers a = { .any = false };
        struct message got, reply = refusal(STET_ENOTFOUND, "nobody");
        char request_id[16];
        for (int i = 0; i <= ANSWERS_MAX; i++) {
                snprintf(request_id, sizeof request_id, "r%d", i);
                struct message to = command(MSG_SIGNAL, "order-1", request_id);
                answers_keep(&a, &to, &reply, i);
        }
        struct message first = command(MSG_SIGNAL, "order-1", "r0"),
                       second = command(MSG_SIGNAL, "order-1", "r1");
        cr_assert_not(answers_find(&a, &first, ANSWERS_MAX, &got));
        cr_assert(answers_find(&a, &second, ANSWERS_MAX, &got));
        cr_assert_eq(a.by_command.count, ANSWERS_MAX);
        answers_fini(&a);
}
