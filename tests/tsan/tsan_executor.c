/* SPDX-License-Identifier: MIT
 *
 * An executor whose slots are often busy for long, so that its warden takes their connections over and gives
 * them back while the node goes down and comes back. A plain program, as ThreadSanitizer does not work under
 * Criterion; its output is TAP.
 */
#include "runtime/clock.h"
#include "tests/lib/fake_node.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stet/stet.h>

#define MS INT64_C(1000000)

enum { SLOTS = 3, ROUNDS = 60, RESTART_AT = 30, WITHIN_MS = 60000 };

static atomic_int ran;

static int quick(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        (void)in;
        atomic_fetch_add(&ran, 1);
        return stet_value_set_string(ret, "quick");
}

/* Long enough for what waits behind it to be handed back. */
static int busy(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        int64_t until_ns = clock_elapsed_ns() + 150 * MS;
        while (clock_elapsed_ns() < until_ns)
                if (stet_activity_heartbeat(a) != 0)
                        return STET_ECANCELED;
        atomic_fetch_add(&ran, 1);
        return stet_value_set_string(ret, "busy");
}

static void give(struct fake_node *n, uint64_t peer, uint32_t op)
{
        static const char *const names[] = { "quick", "busy" };
        struct message m = { .type = MSG_TASK,
                             .token = { .run = 1, .op = op, .attempt = 1, .incarnation = 1 },
                             .name = bytes_str(names[op % 8 == 0]),
                             .value = bytes_of("\xa2in", 3),
                             .heartbeat_ms = 20 };
        fake_send(n, peer, &m);
}

/* A window is answered with a task, a task that comes back with another try, an outcome with its ACK. */
static void serve(void *ctx, struct fake_node *n, uint64_t peer, const struct message *m)
{
        uint32_t *op = ctx;
        if (m->type == MSG_WINDOW && m->count)
                for (int i = 0; i < 4; i++)
                        give(n, peer, ++*op);
        if (m->type == MSG_RETURN)
                give(n, peer, m->token.op);
        if (m->type == MSG_DONE) {
                fake_send(n, peer, &(struct message){ .type = MSG_ACK, .token = m->token });
                give(n, peer, ++*op);
        }
}

static bool reaches(stet_executor *e, uint64_t done)
{
        int64_t until_ns = clock_elapsed_ns() + WITHIN_MS * MS;
        while (stet_executor_done(e) < done && clock_elapsed_ns() < until_ns)
                sched_yield();
        return stet_executor_done(e) >= done;
}

static bool busy_slots_are_tended_through_a_restart(const stet_app *app)
{
        uint32_t op = 0;
        stet_executor *e;
        stet_why why;
        struct fake_node *n = fake_node_new(&(struct fake_options){ .handler = serve, .ctx = &op });
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = fake_node_endpoint(n);
        options.app = app;
        options.slots = SLOTS;
        if (stet_executor_start(&options, &e, &why) != 0) {
                fprintf(stderr, "executor: %s\n", why.text);
                return false;
        }
        bool good = reaches(e, RESTART_AT);
        fake_node_down(n);
        fake_node_up(n);
        good = good && reaches(e, ROUNDS) && stet_executor_connected(e);
        stet_executor_stop(e, WITHIN_MS);
        good = good && fake_await(n, MSG_BYE, SLOTS) && fake_count(n, MSG_RETURN) > 0 &&
               atomic_load(&ran) >= ROUNDS;
        fake_node_free(n);
        return good;
}

int main(void)
{
        stet_app app = STET_APP("tsan");
        stet_app_activity(&app, "quick", quick);
        stet_app_activity(&app, "busy", busy);
        bool good = busy_slots_are_tended_through_a_restart(&app);
        printf("1..1\n%s 1 - busy_slots_are_tended_through_a_restart\n", good ? "ok" : "not ok");
        stet_app_fini(&app);
        return good ? 0 : 1;
}
