/* SPDX-License-Identifier: MIT
 *
 * A node inside a service that has an event loop of its own: no server, no threads, no socket. The node gives
 * one descriptor and one deadline to the caller's poll(), beside the caller's own descriptors (here a timer
 * that ticks), and works only when it is called. One run is started and followed to its end.
 *
 *      build/examples/embed_poll            # makes tea; the data is in ./stet-data/tea
 *
 * Kill it while the tea is drawing and start it again: the same pot goes on.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stet/stet.h"

/* --- what the node runs --- */

static int boil(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        printf("kettle: boiling (attempt %u)\n", stet_activity_attempt(a));
        return stet_value_set_int(ret, 100);
}

static int pour(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        printf("pot: pouring at %lld degrees\n", (long long)stet_value_int(in, 0));
        return stet_value_set_string(ret, "a cup of tea");
}

static int make_tea(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value water = { 0 };
        (void)in;
        int err = stet_call(run, "boil", NULL, &water);
        if (!err)
                err = stet_sleep(run, stet_seconds(3)); /* it draws */
        return err ? err : stet_call(run, "pour", &water, ret);
}

/* --- the service that it lives in --- */

static int open_ticker(void)
{
        struct itimerspec every_half_second = { .it_interval = { .tv_nsec = 500000000 },
                                                .it_value = { .tv_nsec = 500000000 } };
        int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
        if (fd >= 0)
                timerfd_settime(fd, 0, &every_half_second, NULL);
        return fd;
}

static void tick(int ticker_fd)
{
        uint64_t ticks;
        if (read(ticker_fd, &ticks, sizeof(ticks)) == (ssize_t)sizeof(ticks))
                printf("service: still here\n");
}

/* Asks for the tea, or for the pot that an earlier process began: it has the same workflow id. */
static int order_tea(stet_client *client, stet_why *why)
{
        stet_start start = { .workflow = "make_tea", .id = "pot", .on_conflict = STET_CONFLICT_USE_EXISTING };
        return stet_client_submit(client, &start, 0, true, why);
}

/* Takes what the node has answered, without waiting; *ret_ended says that the run is over. */
static int take_answers(stet_client *client, bool *ret_ended, stet_why *why)
{
        stet_answer answers[4];
        size_t count;
        int err = stet_client_collect(client, answers, 4, 0, &count, why);
        for (size_t i = 0; i < count && !err; i++) {
                if (answers[i].err)
                        err = stet_why_set(why, answers[i].err, "the start was refused: %s",
                                           stet_error_text(answers[i].err));
                else if (answers[i].ended)
                        *ret_ended = true;
                else
                        printf("node: run %s is on disk\n", answers[i].run_id);
        }
        return err;
}

/* The event loop. */
static int serve(stet_node *node, stet_client *client, int ticker_fd, stet_why *why)
{
        bool ended = false;
        int err = order_tea(client, why);
        if (!err)
                err = take_answers(client, &ended, why); /* also sends what was submitted */
        while (!err && !ended) {
                struct pollfd fds[2] = {
                        { .fd = stet_node_fd(node), .events = POLLIN },
                        { .fd = ticker_fd, .events = POLLIN },
                };
                if (poll(fds, 2, stet_node_timeout_ms(node)) < 0 && errno != EINTR)
                        return stet_why_set(why, STET_EIO, "poll: %s", strerror(errno));
                if (fds[1].revents)
                        tick(ticker_fd);
                err = stet_node_poll(node, why);
                if (!err)
                        err = take_answers(client, &ended, why);
        }
        return err;
}

static int print_result(stet_client *client, stet_why *why)
{
        stet_result result;
        char *json = NULL;
        int err = stet_client_wait(client, "pot", 0, &result, why);
        if (err)
                return err;
        if (stet_value_to_json(&result.value, 0, &json) == 0)
                printf("node: %s: %s\n", stet_ending_name(result.ending), json);
        free(json);
        stet_value_free(&result.value);
        return 0;
}

static int run(const stet_app *app, stet_why *why)
{
        stet_node_options options = STET_NODE_OPTIONS;
        stet_node *node;
        stet_client *client;
        options.data_dir = "stet-data/tea";
        options.app = app;
        mkdir("stet-data", 0700); /* may be there; the node makes its own directory in it */
        int err = stet_node_open(&options, &node, why);
        if (err)
                return err;
        int ticker_fd = open_ticker();
        err = stet_node_client(node, &client, why);
        if (!err) {
                err = serve(node, client, ticker_fd, why);
                if (!err)
                        err = print_result(client, why);
                stet_client_close(client);
        }
        close(ticker_fd);
        stet_node_close(node);
        return err;
}

int main(void)
{
        stet_app app = STET_APP("tea");
        stet_why why;
        setvbuf(stdout, NULL, _IOLBF, 0);
        stet_app_workflow(&app, "make_tea", make_tea);
        stet_app_activity(&app, "boil", boil);
        stet_app_activity(&app, "pour", pour);
        int err = run(&app, &why);
        if (err)
                fprintf(stderr, "embed_poll: %s\n", why.text);
        stet_app_fini(&app);
        return err ? 1 : 0;
}
