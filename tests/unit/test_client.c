/* SPDX-License-Identifier: MIT
 *
 * Clients against a node that is only its wire: what they say, when they say it again, and what they make of
 * answers and of silence.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "runtime/client.h"
#include "runtime/clock.h"
#include "runtime/context_zmq.h"
#include "tests/lib/fake_node.h"
#include "tests/lib/temp_dir.h"

#define MS INT64_C(1000000)

static const uint64_t run_number = 0x0123456789abcdef;
static const char run_text[] = "0123456789abcdef";

/* --- helpers --- */

struct rig {
        struct fake_node *node;
        stet_client *client;
};

static struct rig rig_new(fake_handler *handler, void *ctx)
{
        struct rig r;
        stet_why why;
        r.node = fake_node_new(&(struct fake_options){ .handler = handler, .ctx = ctx });
        int err = stet_client_connect(fake_node_endpoint(r.node), &r.client, &why);
        cr_assert_eq(err, 0, "%s", why.text);
        return r;
}

static void rig_free(struct rig *r)
{
        stet_client_close(r->client);
        fake_node_free(r->node);
}

static int start_order(stet_client *client, const char *request_id, stet_started *ret, stet_why *why)
{
        stet_start start = { .workflow = "order", .id = "o-1", .request_id = request_id };
        return stet_client_start(client, &start, ret, why);
}

static void reply_started(struct fake_node *n, uint64_t peer, const struct message *m)
{
        struct message reply = {
                .type = MSG_REPLY, .correlation = m->correlation, .token.run = run_number, .id = m->id
        };
        fake_send(n, peer, &reply);
}

static void assert_text(struct bytes text, const char *expected)
{
        cr_assert_eq(text.size, strlen(expected), "%.*s", (int)text.size, (const char *)text.data);
        cr_assert_arr_eq(text.data, expected, text.size);
}

static void assert_says(const stet_why *why, const char *part)
{
        cr_assert_not_null(strstr(why->text, part), "\"%s\" does not say \"%s\"", why->text, part);
}

/* --- starting --- */

static void accept_all(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        reply_started(n, peer, m);
}

Test(client, start_sends_its_arguments_and_returns_the_run)
{
        struct rig r = rig_new(accept_all, NULL);
        stet_why why;
        stet_started started;
        stet_value input = { 0 };
        stet_value_set_int(&input, 7);
        stet_value attributes = { 0 };
        stet_value_pack(&attributes, "{s:b}", "urgent", 1);
        stet_start start = { .workflow = "order",
                             .id = "o-1",
                             .input = &input,
                             .attributes = &attributes,
                             .request_id = "r-1",
                             .name_space = "shop",
                             .on_conflict = STET_CONFLICT_USE_EXISTING,
                             .on_reuse = STET_REUSE_REJECT };
        cr_assert_eq(stet_client_start(r.client, &start, &started, &why), 0, "%s", why.text);
        cr_assert_str_eq(started.run_id, run_text);
        cr_assert_str_eq(started.workflow_id, "o-1");
        cr_assert_not(started.existing);
        const struct message *m = fake_received(r.node, MSG_START, 0, NULL);
        assert_text(m->name, "order");
        assert_text(m->id, "o-1");
        assert_text(m->request_id, "r-1");
        assert_text(m->ns, "shop");
        cr_assert_eq(m->conflict, ID_CONFLICT_USE_EXISTING);
        cr_assert_eq(m->reuse, ID_REUSE_REJECT);
        cr_assert_not(m->wait);
        cr_assert_eq(m->value.size, 1);
        cr_assert_eq(m->value.data[0], 7);
        cr_assert(bytes_equal(m->attributes, bytes_of("\x81\xa6urgent\xc3", 9)));
        stet_value_free(&input);
        stet_value_free(&attributes);
        rig_free(&r);
}

static void say_existing(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        struct message reply = { .type = MSG_REPLY,
                                 .correlation = m->correlation,
                                 .token.run = run_number,
                                 .id = m->id,
                                 .count = 1 };
        fake_send(n, peer, &reply);
}

Test(client, start_says_when_the_run_was_there_already)
{
        struct rig r = rig_new(say_existing, NULL);
        stet_started started;
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), 0);
        cr_assert(started.existing);
        rig_free(&r);
}

static void refuse_all(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        struct message reply = { .type = MSG_REPLY,
                                 .correlation = m->correlation,
                                 .code = STET_EEXISTS,
                                 .text = bytes_str("workflow id \"o-1\" belongs to an open run") };
        fake_send(n, peer, &reply);
}

Test(client, refusal_comes_with_the_nodes_sentence)
{
        struct rig r = rig_new(refuse_all, NULL);
        stet_started started = { .run_id = "before" };
        stet_why why;
        cr_assert_eq(start_order(r.client, NULL, &started, &why), STET_EEXISTS);
        cr_assert_str_eq(why.text, "workflow id \"o-1\" belongs to an open run");
        cr_assert_str_eq(started.run_id, "before", "set on success only");
        rig_free(&r);
}

Test(client, request_ids_that_it_makes_up_are_32_digits_and_differ)
{
        struct rig r = rig_new(accept_all, NULL);
        stet_started started;
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), 0);
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), 0);
        struct bytes first = fake_received(r.node, MSG_START, 0, NULL)->request_id;
        struct bytes second = fake_received(r.node, MSG_START, 1, NULL)->request_id;
        cr_assert_eq(first.size, 32);
        cr_assert_eq(second.size, 32);
        cr_assert_not(bytes_equal(first, second));
        rig_free(&r);
}

/* --- saying it again --- */

static void accept_second(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        if (fake_count(n, (enum message_type)m->type) == 2)
                reply_started(n, peer, m);
}

Test(client, start_is_repeated_with_its_request_id_when_the_answer_is_lost)
{
        struct rig r = rig_new(accept_second, NULL);
        stet_started started;
        stet_why why;
        int64_t begun_ns = clock_elapsed_ns();
        cr_assert_eq(start_order(r.client, NULL, &started, &why), 0, "%s", why.text);
        cr_assert_geq(clock_elapsed_ns() - begun_ns, 1900 * MS, "a repeat every two seconds");
        const struct message *first = fake_received(r.node, MSG_START, 0, NULL),
                             *second = fake_received(r.node, MSG_START, 1, NULL);
        cr_assert(bytes_equal(first->request_id, second->request_id));
        cr_assert_eq(first->correlation, second->correlation);
        rig_free(&r);
}

static void ask_then_accept(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        if (fake_count(n, (enum message_type)m->type) == 1)
                fake_send(n, peer, &(struct message){ .type = MSG_WHO });
        else
                reply_started(n, peer, m);
}

Test(client, start_is_repeated_at_once_when_the_node_asks_who)
{
        struct rig r = rig_new(ask_then_accept, NULL);
        stet_started started;
        int64_t begun_ns = clock_elapsed_ns();
        cr_assert_eq(start_order(r.client, "r-1", &started, NULL), 0);
        cr_assert_lt(clock_elapsed_ns() - begun_ns, 1900 * MS);
        cr_assert_eq(fake_count(r.node, MSG_HELLO), 2);
        assert_text(fake_received(r.node, MSG_START, 1, NULL)->request_id, "r-1");
        rig_free(&r);
}

/* A thread that restarts the node once so many messages of that type came. */
struct restarter {
        struct fake_node *node;
        enum message_type type;
        size_t count;
        pthread_t thread;
};

static void *restart(void *arg)
{
        const struct restarter *r = arg;
        fake_await(r->node, r->type, r->count);
        fake_node_down(r->node);
        fake_node_up(r->node);
        return NULL;
}

static void restart_after(struct restarter *r, struct fake_node *node, enum message_type type, size_t count)
{
        *r = (struct restarter){ .node = node, .type = type, .count = count };
        cr_assert_eq(pthread_create(&r->thread, NULL, restart, r), 0);
}

Test(client, start_survives_a_restart_of_the_node)
{
        struct rig r = rig_new(accept_second, NULL);
        struct restarter restarter;
        restart_after(&restarter, r.node, MSG_START, 1);
        stet_started started;
        stet_why why;
        cr_assert_eq(start_order(r.client, NULL, &started, &why), 0, "%s", why.text);
        pthread_join(restarter.thread, NULL);
        cr_assert_eq(fake_count(r.node, MSG_START), 2);
        cr_assert(bytes_equal(fake_received(r.node, MSG_START, 0, NULL)->request_id,
                              fake_received(r.node, MSG_START, 1, NULL)->request_id));
        rig_free(&r);
}

/* --- silence --- */

static stet_client *connect_to_nobody(char **ret_dir)
{
        char endpoint[128];
        stet_client *client;
        *ret_dir = temp_dir_new();
        snprintf(endpoint, sizeof endpoint, "ipc://%s/nobody", *ret_dir);
        cr_assert_eq(stet_client_connect(endpoint, &client, NULL), 0);
        stet_client_set_timeout(client, 50);
        return client;
}

Test(client, command_that_was_never_sent_is_unreachable_not_unknown)
{
        char *dir;
        stet_client *client = connect_to_nobody(&dir);
        stet_started started;
        stet_why why;
        cr_assert_eq(start_order(client, NULL, &started, &why), STET_EUNREACHABLE);
        assert_says(&why, "nothing was sent");
        cr_assert_eq(stet_client_cancel(client, "o-1", NULL, NULL, &why), STET_EUNREACHABLE);
        stet_client_close(client);
        temp_dir_free(dir);
}

Test(client, waits_and_readings_without_a_node_are_unreachable)
{
        char *dir;
        stet_client *client = connect_to_nobody(&dir);
        stet_value value = { 0 };
        stet_result result;
        stet_why why;
        cr_assert_eq(stet_client_show(client, "o-1", &value, &why), STET_EUNREACHABLE);
        cr_assert_eq(stet_client_wait(client, "o-1", 0, &result, &why), STET_EUNREACHABLE);
        cr_assert_eq(stet_client_wait(client, "o-1", -1, &result, &why), STET_EUNREACHABLE,
                     "also without a limit");
        stet_client_close(client);
        temp_dir_free(dir);
}

Test(client, command_without_an_answer_is_unknown_and_names_its_request_id)
{
        struct rig r = rig_new(NULL, NULL);
        stet_started started;
        stet_why why;
        stet_client_set_timeout(r.client, 300);
        cr_assert_eq(start_order(r.client, "r-77", &started, &why), STET_EUNKNOWN);
        assert_says(&why, "request id \"r-77\"");
        cr_assert_eq(stet_client_signal(r.client, "o-1", "paid", NULL, NULL, &why), STET_EUNKNOWN);
        const struct message *signal = fake_received(r.node, MSG_SIGNAL, 0, NULL);
        char made[33] = { 0 };
        memcpy(made, signal->request_id.data, 32);
        assert_says(&why, made);
        rig_free(&r);
}

Test(client, reading_without_an_answer_is_unreachable)
{
        struct rig r = rig_new(NULL, NULL);
        stet_value value = { 0 };
        stet_why why;
        stet_client_set_timeout(r.client, 300);
        cr_assert_eq(stet_client_stats(r.client, &value, &why), STET_EUNREACHABLE);
        cr_assert(fake_await(r.node, MSG_READ, 1));
        rig_free(&r);
}

static void answer_late(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        uint64_t *first = ctx; /* the number of the request that is answered too late */
        if (!*first) {
                *first = m->correlation;
                return;
        }
        fake_send(n, peer,
                  &(struct message){ .type = MSG_REPLY, .correlation = *first, .code = STET_EINTERNAL });
        reply_started(n, peer, m);
}

Test(client, answer_to_an_earlier_request_is_not_taken_for_the_present_ones)
{
        uint64_t first = 0;
        struct rig r = rig_new(answer_late, &first);
        stet_started started;
        stet_why why;
        stet_client_set_timeout(r.client, 300);
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), STET_EUNKNOWN);
        cr_assert_eq(start_order(r.client, NULL, &started, &why), 0, "%s", why.text);
        rig_free(&r);
}

static void garble_then_accept(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        fake_send_frame(n, peer, bytes_of("\x01\x92\x12\xff", 4));
        fake_send_frame(n, peer, bytes_of("\xdd\xff\xff\xff\xff", 5));
        reply_started(n, peer, m);
}

Test(client, frames_that_are_not_the_protocol_are_passed_over)
{
        struct rig r = rig_new(garble_then_accept, NULL);
        stet_started started;
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), 0);
        rig_free(&r);
}

Test(client, peer_that_never_speaks_the_protocol_is_named_as_such)
{
        struct fake_node *node = fake_node_new(&(struct fake_options){ .mute = true });
        stet_client *client;
        stet_started started;
        stet_why why;
        cr_assert_eq(stet_client_connect(fake_node_endpoint(node), &client, NULL), 0);
        stet_client_set_timeout(client, 200);
        cr_assert_eq(start_order(client, NULL, &started, NULL), STET_EUNREACHABLE,
                     "it says HELLO when nobody asks");
        cr_assert(fake_await(node, MSG_HELLO, 1));
        cr_assert_eq(fake_count(node, MSG_START), 0, "and nothing else");
        uint64_t peer;
        fake_received(node, MSG_HELLO, 0, &peer);
        fake_send_frame(node, peer, bytes_of("\x02\x92\x12\x00", 4));
        cr_assert_eq(start_order(client, NULL, &started, &why), STET_EPROTOCOL);
        assert_says(&why, "version 2");
        stet_client_close(client);
        fake_node_free(node);
}

static void refuse_hello(struct fake_node *node)
{
        uint64_t peer;
        cr_assert(fake_await(node, MSG_HELLO, 1));
        fake_received(node, MSG_HELLO, 0, &peer);
        fake_send(
            node, peer,
            &(struct message){ .type = MSG_WELCOME, .code = STET_ENEWER, .text = bytes_str("too new") });
}

Test(client, node_that_refuses_the_client_is_believed)
{
        struct fake_node *node = fake_node_new(&(struct fake_options){ .mute = true });
        stet_client *client;
        stet_started started;
        stet_why why;
        cr_assert_eq(stet_client_connect(fake_node_endpoint(node), &client, NULL), 0);
        stet_client_set_timeout(client, 200);
        cr_assert_eq(start_order(client, NULL, &started, NULL), STET_EUNREACHABLE);
        refuse_hello(node);
        cr_assert_eq(start_order(client, NULL, &started, &why), STET_ENEWER);
        assert_says(&why, "too new");
        stet_client_close(client);
        fake_node_free(node);
}

/* --- arguments --- */

Test(client, arguments_that_cannot_be_right_are_refused_before_anything_is_sent)
{
        struct rig r = rig_new(accept_all, NULL);
        stet_client *c = r.client;
        stet_why why;
        stet_started started;
        stet_result result;
        stet_value value = { 0 }, big = { .data = "", .size = STET_VALUE_SIZE_MAX + 1, .borrowed = true };
        stet_value list = { .data = "\x90", .size = 1, .borrowed = true };
        char long_name[STET_ID_SIZE_MAX + 2];
        memset(long_name, 'x', sizeof long_name);
        long_name[sizeof long_name - 1] = 0;
        stet_start start = { .workflow = "order" };

        cr_assert_eq(stet_client_start(NULL, &start, &started, &why), STET_EINVAL);
        cr_assert_eq(stet_client_start(c, NULL, &started, &why), STET_EINVAL);
        cr_assert_eq(stet_client_start(c, &start, NULL, &why), STET_EINVAL);
        start.workflow = NULL;
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_EINVAL);
        assert_says(&why, "the workflow's name is missing");
        start.workflow = long_name;
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_EINVAL);
        assert_says(&why, "255 bytes");
        start = (stet_start){ .workflow = "order", .id = "a\nb" };
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_EINVAL);
        assert_says(&why, "the workflow id");
        start = (stet_start){ .workflow = "order", .input = &big };
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_ETOOBIG);
        assert_says(&why, "2097153 bytes");
        start = (stet_start){ .workflow = "order", .attributes = &list };
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_EINVAL);
        assert_says(&why, "attributes are a map");
        cr_assert_eq(stet_client_submit(c, &start, 1, false, &why), STET_EINVAL);
        assert_says(&why, "attributes are a map");
        start = (stet_start){ .workflow = "order", .on_reuse = (stet_on_reuse)9 };
        cr_assert_eq(stet_client_start(c, &start, &started, &why), STET_EINVAL);
        cr_assert_eq(stet_client_submit(c, &start, 1, false, &why), STET_EINVAL);
        cr_assert_eq(stet_client_wait(c, "", -1, &result, &why), STET_EINVAL);
        cr_assert_eq(stet_client_signal(c, "o-1", NULL, NULL, NULL, &why), STET_EINVAL);
        cr_assert_eq(stet_client_signal(c, "o-1", "\xff", NULL, NULL, &why), STET_EINVAL);
        cr_assert_eq(stet_client_submit_signal(NULL, "o-1", "paid", NULL, NULL, 1, &why), STET_EINVAL);
        assert_says(&why, "the client is missing");
        cr_assert_eq(stet_client_submit_signal(c, NULL, "paid", NULL, NULL, 1, &why), STET_EINVAL);
        assert_says(&why, "the run is missing");
        cr_assert_eq(stet_client_submit_signal(c, "o-1", "a\nb", NULL, NULL, 1, &why), STET_EINVAL);
        assert_says(&why, "the signal's name");
        cr_assert_eq(stet_client_submit_signal(c, "o-1", "paid", NULL, long_name, 1, &why), STET_EINVAL);
        assert_says(&why, "the request id");
        cr_assert_eq(stet_client_submit_signal(c, "o-1", "paid", &big, NULL, 1, &why), STET_ETOOBIG);
        assert_says(&why, "the signal's value has 2097153 bytes");
        cr_assert_eq(stet_client_cancel(c, "o-1", "\xff", NULL, &why), STET_EINVAL);
        cr_assert_eq(stet_client_terminate(c, NULL, NULL, NULL, &why), STET_EINVAL);
        cr_assert_eq(stet_client_query(c, "o-1", "state", &big, &value, &why), STET_ETOOBIG);
        cr_assert_eq(stet_client_list(c, &(stet_list_filter){ .state = "broken" }, &value, &why),
                     STET_EINVAL);
        assert_says(&why, "\"broken\"");
        cr_assert_eq(stet_client_list(c, &(stet_list_filter){ .limit = 1001 }, &value, &why), STET_EINVAL);
        cr_assert_eq(stet_client_show(c, NULL, &value, &why), STET_EINVAL);

        start = (stet_start){ .workflow = "order" };
        cr_assert_eq(stet_client_start(c, &start, &started, &why), 0, "the client still works");
        cr_assert_eq(fake_count(r.node, MSG_START), 1);
        cr_assert_eq(fake_count(r.node, MSG_SIGNAL) + fake_count(r.node, MSG_CANCEL) +
                         fake_count(r.node, MSG_READ),
                     0);
        rig_free(&r);
}

Test(client, endpoints_that_cannot_be_connected_are_refused_with_a_sentence)
{
        stet_client *client;
        stet_why why;
        cr_assert_eq(stet_client_connect("nonsense", &client, &why), STET_EENDPOINT);
        cr_assert_eq(stet_client_connect("inproc://node", &client, &why), STET_EENDPOINT);
        assert_says(&why, "stet_node_client()");
        cr_assert_eq(stet_client_connect(NULL, &client, &why), STET_EINVAL);
        stet_client_close(NULL);
}

/* --- waiting --- */

static void end_run(struct fake_node *n, uint64_t peer, const struct message *m)
{
        struct message result = { .type = MSG_RESULT,
                                  .correlation = m->correlation,
                                  .token.run = run_number,
                                  .role = STET_RUN_FAILED,
                                  .kind = bytes_str("OutOfStock"),
                                  .text = bytes_str("no bolts left") };
        fake_send(n, peer, &result);
}

static void end_at_once(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        end_run(n, peer, m);
}

Test(client, wait_tells_how_a_run_failed)
{
        struct rig r = rig_new(end_at_once, NULL);
        stet_result result;
        cr_assert_eq(stet_client_wait(r.client, "o-1", -1, &result, NULL), 0);
        cr_assert_eq(result.ending, STET_RUN_FAILED);
        cr_assert_str_eq(result.run_id, run_text);
        cr_assert_str_eq(result.failure_kind, "OutOfStock");
        cr_assert_str_eq(result.failure_message, "no bolts left");
        cr_assert_eq(stet_value_type(&result.value), STET_NULL);
        rig_free(&r);
}

static void complete(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        struct message result = { .type = MSG_RESULT,
                                  .correlation = m->correlation,
                                  .token.run = run_number,
                                  .role = STET_RUN_COMPLETED,
                                  .value = bytes_of("\xa4"
                                                    "done",
                                                    5) };
        fake_send(n, peer, &(struct message){ .type = MSG_REPLY, .correlation = m->correlation });
        fake_send(n, peer, &result);
}

Test(client, wait_gives_the_result_of_a_completed_run)
{
        struct rig r = rig_new(complete, NULL);
        stet_result result;
        cr_assert_eq(stet_client_wait(r.client, "o-1", -1, &result, NULL), 0);
        cr_assert_eq(result.ending, STET_RUN_COMPLETED);
        cr_assert(stet_value_equals_string(&result.value, "done"));
        stet_value_free(&result.value);
        rig_free(&r);
}

static void long_failure(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        char text[1001];
        for (size_t i = 0; i < sizeof text - 1; i += 2)
                memcpy(text + i, "\xc3\xa9", 2); /* é */
        struct message result = { .type = MSG_RESULT,
                                  .correlation = m->correlation,
                                  .role = STET_RUN_FAILED };
        result.text = bytes_of(text, sizeof text - 1);
        fake_send(n, peer, &result);
}

Test(client, failure_message_is_cut_between_characters)
{
        struct rig r = rig_new(long_failure, NULL);
        stet_result result;
        cr_assert_eq(stet_client_wait(r.client, "o-1", -1, &result, NULL), 0);
        cr_assert_eq(strlen(result.failure_message), 510);
        rig_free(&r);
}

static void still_open(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        if (m->due_ns < 0)
                fake_send(n, peer,
                          &(struct message){
                              .type = MSG_REPLY, .correlation = m->correlation, .code = STET_ETIMEDOUT });
}

Test(client, look_asks_for_an_answer_at_once)
{
        struct rig r = rig_new(still_open, NULL);
        stet_result result;
        cr_assert_eq(stet_client_wait(r.client, "o-1", 0, &result, NULL), STET_ETIMEDOUT);
        cr_assert_lt(fake_received(r.node, MSG_WAIT, 0, NULL)->due_ns, 0);
        rig_free(&r);
}

Test(client, wait_ends_when_its_time_is_over)
{
        struct rig r = rig_new(still_open, NULL);
        stet_result result;
        stet_why why;
        cr_assert_eq(stet_client_wait(r.client, "o-1", 100, &result, &why), STET_ETIMEDOUT);
        assert_says(&why, "still open after 100 ms");
        rig_free(&r);
}

static void end_at_second_wait(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        if (fake_count(n, MSG_WAIT) == 2)
                end_run(n, peer, m);
}

Test(client, wait_survives_a_restart_of_the_node)
{
        struct rig r = rig_new(end_at_second_wait, NULL);
        struct restarter restarter;
        restart_after(&restarter, r.node, MSG_WAIT, 1);
        stet_result result;
        stet_why why;
        cr_assert_eq(stet_client_wait(r.client, "o-1", 8000, &result, &why), 0, "%s", why.text);
        pthread_join(restarter.thread, NULL);
        cr_assert_eq(result.ending, STET_RUN_FAILED);
        rig_free(&r);
}

/* --- the other calls --- */

static void answer_value(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        fake_send(n, peer,
                  &(struct message){ .type = MSG_REPLY,
                                     .correlation = m->correlation,
                                     .value = bytes_of("\x92\x01\x02", 3) });
}

Test(client, query_gives_the_codes_answer)
{
        struct rig r = rig_new(answer_value, NULL);
        stet_value in = { 0 }, out = { 0 };
        stet_value_set_bool(&in, true);
        cr_assert_eq(stet_client_query(r.client, "o-1", "state", &in, &out, NULL), 0);
        cr_assert_eq(stet_value_count(&out), 2);
        const struct message *m = fake_received(r.node, MSG_QUERY, 0, NULL);
        assert_text(m->id, "o-1");
        assert_text(m->name, "state");
        assert_text(m->value, "\xc3");
        stet_value_free(&out);
        stet_value_free(&in);
        rig_free(&r);
}

Test(client, readings_carry_their_arguments_as_a_map)
{
        struct rig r = rig_new(answer_value, NULL);
        stet_value out = { 0 }, args = { 0 };
        stet_list_filter filter = {
                .state = "failed", .workflow = "order", .limit = 5, .before_run_id = run_text
        };
        cr_assert_eq(stet_client_list(r.client, &filter, &out, NULL), 0);
        const struct message *m = fake_received(r.node, MSG_READ, 0, NULL);
        assert_text(m->name, "list");
        cr_assert_eq(stet_value_from_msgpack(&args, m->value.data, m->value.size), 0);
        stet_value state = stet_value_get(&args, "state"), limit = stet_value_get(&args, "limit");
        stet_value before = stet_value_get(&args, "before"), workflow = stet_value_get(&args, "workflow");
        cr_assert(stet_value_equals_string(&state, "failed"));
        cr_assert(stet_value_equals_string(&workflow, "order"));
        cr_assert(stet_value_equals_string(&before, run_text));
        cr_assert_eq(stet_value_int(&limit, 0), 5);

        cr_assert_eq(stet_client_history(r.client, "o-1", 3, 4, &out, NULL), 0);
        m = fake_received(r.node, MSG_READ, 1, NULL);
        assert_text(m->name, "history");
        assert_text(m->id, "o-1");
        cr_assert_eq(stet_value_from_msgpack(&args, m->value.data, m->value.size), 0);
        stet_value from = stet_value_get(&args, "from");
        cr_assert_eq(stet_value_int(&from, 0), 3);

        cr_assert_eq(stet_client_list(r.client, NULL, &out, NULL), 0);
        cr_assert_eq(fake_received(r.node, MSG_READ, 2, NULL)->value.size, 0, "no filter, no arguments");
        cr_assert_eq(stet_client_stats(r.client, &out, NULL), 0);
        cr_assert_eq(stet_client_executors(r.client, &out, NULL), 0);
        cr_assert_eq(stet_client_show(r.client, "o-1", &out, NULL), 0);
        stet_value_free(&out);
        rig_free(&r);
}

Test(client, terminate_carries_its_reason)
{
        struct rig r = rig_new(accept_all, NULL);
        cr_assert_eq(stet_client_terminate(r.client, "o-1", "wrong customer", "r-3", NULL), 0);
        const struct message *m = fake_received(r.node, MSG_TERMINATE, 0, NULL);
        assert_text(m->text, "wrong customer");
        assert_text(m->request_id, "r-3");
        cr_assert_eq(stet_client_cancel(r.client, "o-1", NULL, NULL, NULL), 0);
        cr_assert_eq(fake_received(r.node, MSG_CANCEL, 0, NULL)->text.size, 0);
        rig_free(&r);
}

Test(client, endings_have_names)
{
        cr_assert_str_eq(stet_ending_name(STET_RUN_OPEN), "open");
        cr_assert_str_eq(stet_ending_name(STET_RUN_TERMINATED), "terminated");
        cr_assert_str_eq(stet_ending_name((stet_ending)99), "?");
}

/* --- many at once --- */

enum { MANY = 10000 };

static void accept_and_complete(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        struct message reply = {
                .type = MSG_REPLY, .correlation = m->correlation, .token.run = m->correlation, .id = m->id
        };
        struct message result = { .type = MSG_RESULT,
                                  .correlation = m->correlation,
                                  .token.run = m->correlation,
                                  .role = STET_RUN_COMPLETED };
        fake_send(n, peer, &reply);
        if (m->type == MSG_WAIT || m->wait)
                fake_send(n, peer, &result);
}

static void submit(stet_client *client, uint64_t tag, bool wait)
{
        char id[32], request[32];
        snprintf(id, sizeof id, "o-%llu", (unsigned long long)tag);
        snprintf(request, sizeof request, "r-%llu", (unsigned long long)tag);
        stet_start start = { .workflow = "order", .id = id, .request_id = request };
        stet_why why;
        int err = stet_client_submit(client, &start, tag, wait, &why);
        cr_assert_eq(err, 0, "%s", why.text);
}

Test(client, ten_thousand_starts_are_each_answered_twice)
{
        struct rig r = rig_new(accept_and_complete, NULL);
        uint8_t *seen = calloc(MANY, 1);
        for (uint64_t tag = 0; tag < MANY; tag++)
                submit(r.client, tag, true);
        size_t answered = 0, count;
        stet_answer answers[300];
        stet_why why;
        while (answered < 2 * MANY) {
                int err = stet_client_collect(r.client, answers, 300, 5000, &count, &why);
                cr_assert_eq(err, 0, "%s", why.text);
                cr_assert_gt(count, 0);
                for (size_t i = 0; i < count; i++) {
                        cr_assert_lt(answers[i].tag, MANY);
                        cr_assert_eq(answers[i].err, 0);
                        cr_assert_eq(seen[answers[i].tag], answers[i].ended ? 1 : 0, "started, then ended");
                        cr_assert_eq(answers[i].ending,
                                     answers[i].ended ? STET_RUN_COMPLETED : STET_RUN_OPEN);
                        seen[answers[i].tag]++;
                }
                answered += count;
        }
        cr_assert_eq(stet_client_collect(r.client, answers, 300, 5000, &count, &why), 0);
        cr_assert_eq(count, 0, "nothing is due, so it does not wait");
        cr_assert_eq(fake_count(r.node, MSG_START), MANY, "each was said once");
        free(seen);
        rig_free(&r);
}

/* Gives the first two starts their answers, and from then on nothing until it asks WHO. */
static void accept_after_who(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        (void)ctx;
        size_t starts = fake_count(n, MSG_START);
        if (m->type == MSG_WAIT || starts > 4) {
                accept_and_complete(NULL, n, peer, m);
                return;
        }
        if (starts <= 2)
                fake_send(n, peer,
                          &(struct message){
                              .type = MSG_REPLY, .correlation = m->correlation, .token.run = run_number });
        if (starts == 4)
                fake_send(n, peer, &(struct message){ .type = MSG_WHO });
}

static size_t collect(stet_client *client, stet_answer *answers, size_t want)
{
        size_t had = 0, count;
        stet_why why;
        while (had < want) {
                int err = stet_client_collect(client, answers + had, want - had, 5000, &count, &why);
                cr_assert_eq(err, 0, "%s", why.text);
                if (!count)
                        break;
                had += count;
        }
        return had;
}

Test(client, batch_is_said_again_after_who_the_durable_ones_as_waits)
{
        struct rig r = rig_new(accept_after_who, NULL);
        stet_answer answers[8];
        for (uint64_t tag = 0; tag < 4; tag++)
                submit(r.client, tag, true);
        cr_assert_eq(collect(r.client, answers, 8), 8);
        cr_assert_eq(fake_count(r.node, MSG_START), 6);
        cr_assert_eq(fake_count(r.node, MSG_WAIT), 2);
        assert_text(fake_received(r.node, MSG_START, 4, NULL)->request_id, "r-2");
        assert_text(fake_received(r.node, MSG_START, 5, NULL)->request_id, "r-3");
        assert_text(fake_received(r.node, MSG_WAIT, 0, NULL)->id, run_text);
        cr_assert_eq(fake_received(r.node, MSG_WAIT, 0, NULL)->correlation,
                     fake_received(r.node, MSG_START, 0, NULL)->correlation);
        rig_free(&r);
}

static void answer_after_restart(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        if (fake_count(n, MSG_START) > 3)
                accept_and_complete(ctx, n, peer, m);
}

Test(client, batch_survives_a_restart_of_the_node)
{
        struct rig r = rig_new(answer_after_restart, NULL);
        stet_answer answers[3];
        struct restarter restarter;
        restart_after(&restarter, r.node, MSG_START, 3);
        for (uint64_t tag = 0; tag < 3; tag++)
                submit(r.client, tag, false);
        cr_assert_eq(collect(r.client, answers, 3), 3);
        pthread_join(restarter.thread, NULL);
        for (uint64_t tag = 0; tag < 3; tag++)
                cr_assert_eq(answers[tag].tag, tag, "in the order of their submission");
        rig_free(&r);
}

Test(client, refused_start_in_a_batch_has_its_error_and_no_ending)
{
        struct rig r = rig_new(refuse_all, NULL);
        stet_answer answers[2];
        submit(r.client, 5, true);
        cr_assert_eq(collect(r.client, answers, 2), 1);
        cr_assert_eq(answers[0].tag, 5);
        cr_assert_eq(answers[0].err, STET_EEXISTS);
        cr_assert_not(answers[0].ended);
        rig_free(&r);
}

Test(client, collecting_from_a_silent_node_is_unreachable)
{
        char *dir;
        stet_client *client = connect_to_nobody(&dir);
        stet_answer answer;
        stet_why why;
        size_t count = 9;
        submit(client, 1, false);
        cr_assert_eq(stet_client_collect(client, &answer, 1, 5000, &count, &why), STET_EUNREACHABLE);
        assert_says(&why, "1 requests are not answered");
        stet_client_close(client);
        temp_dir_free(dir);
}

Test(client, collect_returns_nothing_when_its_time_is_over)
{
        struct rig r = rig_new(NULL, NULL);
        stet_answer answer;
        size_t count = 9;
        submit(r.client, 1, false);
        cr_assert_eq(stet_client_collect(r.client, &answer, 1, 50, &count, NULL), 0);
        cr_assert_eq(count, 0);
        rig_free(&r);
}

Test(client, call_between_submit_and_collect_takes_nothing_from_the_batch)
{
        struct rig r = rig_new(accept_and_complete, NULL);
        stet_answer answers[20];
        stet_started started;
        for (uint64_t tag = 0; tag < 10; tag++)
                submit(r.client, tag, true);
        cr_assert_eq(start_order(r.client, NULL, &started, NULL), 0);
        cr_assert_eq(collect(r.client, answers, 20), 20);
        rig_free(&r);
}

/* --- many signals at once --- */

static void submit_signal(stet_client *client, uint64_t tag)
{
        stet_value value = { 0 };
        stet_why why;
        stet_value_set_int(&value, (int64_t)(tag % 100));
        int err = stet_client_submit_signal(client, "o-1", "paid", &value, NULL, tag, &why);
        cr_assert_eq(err, 0, "%s", why.text);
        stet_value_free(&value);
}

Test(client, submitted_signal_carries_its_arguments_and_is_answered_once)
{
        struct rig r = rig_new(accept_all, NULL);
        stet_answer answers[2];
        stet_why why;
        size_t count;
        stet_value value = { 0 };
        stet_value_set_int(&value, 7);
        cr_assert_eq(stet_client_set_namespace(r.client, "shop", NULL), 0);
        cr_assert_eq(stet_client_submit_signal(r.client, "o-1", "paid", &value, "r-1", 5, &why), 0);
        stet_value_set_int(&value, 8); /* what was given is copied */
        cr_assert_eq(stet_client_submit_signal(r.client, "o-1", "paid", NULL, NULL, 6, &why), 0);
        cr_assert_eq(collect(r.client, answers, 2), 2);
        const struct message *m = fake_received(r.node, MSG_SIGNAL, 0, NULL);
        assert_text(m->ns, "shop");
        assert_text(m->id, "o-1");
        assert_text(m->name, "paid");
        assert_text(m->request_id, "r-1");
        assert_text(m->value, "\x07");
        m = fake_received(r.node, MSG_SIGNAL, 1, NULL);
        cr_assert_eq(m->request_id.size, 32, "made up");
        cr_assert_eq(m->value.size, 0);
        for (uint64_t i = 0; i < 2; i++) {
                cr_assert_eq(answers[i].tag, 5 + i);
                cr_assert_eq(answers[i].err, 0);
                cr_assert_not(answers[i].ended);
                cr_assert_str_eq(answers[i].run_id, run_text);
        }
        cr_assert_eq(stet_client_collect(r.client, answers, 2, 5000, &count, &why), 0);
        cr_assert_eq(count, 0, "nothing is due, so it does not wait");
        stet_value_free(&value);
        rig_free(&r);
}

static void refuse_second_signal(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        if (m->type == MSG_SIGNAL && fake_count(n, MSG_SIGNAL) == 2)
                fake_send(n, peer,
                          &(struct message){
                              .type = MSG_REPLY, .correlation = m->correlation, .code = STET_ECLOSED });
        else
                accept_and_complete(ctx, n, peer, m);
}

Test(client, starts_and_signals_are_answered_from_the_same_batch)
{
        struct rig r = rig_new(refuse_second_signal, NULL);
        stet_answer answers[5];
        submit(r.client, 1, true);
        submit_signal(r.client, 2);
        submit_signal(r.client, 3);
        submit(r.client, 4, false);
        cr_assert_eq(collect(r.client, answers, 5), 5);
        const uint64_t tags[] = { 1, 1, 2, 3, 4 };
        for (size_t i = 0; i < 5; i++) {
                cr_assert_eq(answers[i].tag, tags[i]);
                cr_assert_eq(answers[i].ended, i == 1);
                cr_assert_eq(answers[i].err, tags[i] == 3 ? STET_ECLOSED : 0);
        }
        rig_free(&r);
}

enum { SIGNALS = 600, SIGNALS_ANSWERED = 100 };

/* Answers the first few, and from then on nothing until the others are said again. */
static void answer_repeated_signals(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        size_t count = fake_count(n, MSG_SIGNAL);
        if (count <= SIGNALS_ANSWERED || count > SIGNALS)
                accept_all(ctx, n, peer, m);
}

Test(client, signals_without_an_answer_are_said_again_in_their_order_after_a_restart)
{
        struct rig r = rig_new(answer_repeated_signals, NULL);
        stet_answer answers[SIGNALS];
        struct restarter restarter;
        restart_after(&restarter, r.node, MSG_SIGNAL, SIGNALS);
        for (uint64_t tag = 0; tag < SIGNALS; tag++)
                submit_signal(r.client, tag);
        cr_assert_eq(collect(r.client, answers, SIGNALS), SIGNALS);
        pthread_join(restarter.thread, NULL);
        size_t answered = 2 * SIGNALS - fake_count(r.node, MSG_SIGNAL); /* and heard of by the client */
        cr_assert_leq(answered, SIGNALS_ANSWERED);
        for (uint64_t tag = 0; tag < SIGNALS; tag++)
                cr_assert_eq(answers[tag].tag, tag);
        for (size_t i = answered; i < SIGNALS; i++) {
                const struct message *first = fake_received(r.node, MSG_SIGNAL, i, NULL),
                                     *again = fake_received(r.node, MSG_SIGNAL, SIGNALS + i - answered, NULL);
                cr_assert(bytes_equal(first->request_id, again->request_id));
                cr_assert(bytes_equal(first->value, again->value));
        }
        rig_free(&r);
}

/* --- a node without threads --- */

static int drive(void *ctx, int fd, int64_t timeout_ms, stet_why *why)
{
        (void)why;
        (void)fd;
        fake_node_turn(ctx, timeout_ms);
        return 0;
}

Test(client, client_of_a_node_without_threads_drives_it_while_it_waits)
{
        void *context;
        stet_client *client;
        stet_started started;
        stet_answer answers[4];
        stet_why why;
        cr_assert_eq(context_open(&context, NULL), 0);
        struct fake_node *node = fake_node_new(&(struct fake_options){ .zmq_context = context,
                                                                       .endpoint = "inproc://driven",
                                                                       .handler = accept_and_complete,
                                                                       .driven = true });
        struct client_driver driver = { node, drive };
        cr_assert_eq(client_open(context, "inproc://driven", &driver, &client, NULL), 0);
        int err = start_order(client, NULL, &started, &why);
        cr_assert_eq(err, 0, "%s", why.text);
        submit(client, 1, true);
        submit(client, 2, true);
        cr_assert_eq(collect(client, answers, 4), 4);
        stet_client_close(client);
        fake_node_free(node);
        context_close(context);
}

static int drive_broken(void *ctx, int fd, int64_t timeout_ms, stet_why *why)
{
        (void)ctx;
        (void)fd;
        (void)timeout_ms;
        return stet_why_set(why, STET_EIO, "the disk failed");
}

Test(client, error_of_a_driven_node_ends_the_call)
{
        void *context;
        stet_client *client;
        stet_started started;
        stet_why why;
        cr_assert_eq(context_open(&context, NULL), 0);
        struct client_driver driver = { NULL, drive_broken };
        cr_assert_eq(client_open(context, "inproc://broken", &driver, &client, NULL), 0);
        cr_assert_eq(start_order(client, NULL, &started, &why), STET_EIO);
        cr_assert_str_eq(why.text, "the disk failed");
        stet_client_close(client);
        context_close(context);
}
