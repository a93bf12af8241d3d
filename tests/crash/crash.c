/* SPDX-License-Identifier: MIT
 *
 * The crash suite: real processes under load, killed with SIGKILL at random instants. A server with executors
 * of its own and an executor in another process over TCP; a client that starts three-step runs all the while
 * and writes down which starts were acknowledged. Nobody is spared: the server, the executor, both, also
 * while they come up. At the end, when nobody is killed any more: every acknowledged start has ended with the
 * right result, each activity's outcome was applied once, and the data directory is whole.
 *
 *      crash [--kills N] [--seed N] [--shards N]
 *
 * One more process, by the same program: `crash --node DIR PORT SHARDS` and `crash --executor PORT`.
 */
#include <stet/stet.h>

#include "tests/lib/random.h"
#include "tests/lib/temp_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
        IN_FLIGHT = 200,
        KILLS_DEFAULT = 50,
        KILL_AFTER_MS_MAX = 120, /* from the last kill; 0: at once, while it comes up */
        RUNS_MAX = 200000,
        END_TIMEOUT_MS = 60000, /* for what is open when the killing stops */
        STEPS = 3,
};

/* --- the app --- */

static int add_one(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)a;
        return stet_value_set_int(ret, stet_value_int(in, -1000) + 1);
}

static int chain(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_value sum = *in;
        for (int i = 0; i < STEPS; i++) {
                int err = stet_call(run, "add_one", &sum, &sum, .timeout_ms = 20000);
                if (err)
                        return err;
        }
        return stet_value_copy(ret, &sum);
}

static void fill(stet_app *app)
{
        stet_app_workflow(app, "chain", chain);
        stet_app_activity(app, "add_one", add_one);
}

/* --- the processes that are killed --- */

static void wait_for_ever(void)
{
        for (;;)
                pause();
}

static int node_main(const char *dir, const char *port, const char *shards)
{
        stet_app app = STET_APP("crash");
        fill(&app);
        char endpoint[64];
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", port);
        const char *listen[] = { endpoint, NULL };
        stet_node_options options = STET_NODE_OPTIONS;
        options.data_dir = dir;
        options.app = &app;
        options.listen = listen;
        options.threads = true;
        options.shards = (uint32_t)atoi(shards);
        options.lease_ms = 1000;
        stet_node *node;
        stet_why why = { "" };
        int err = stet_node_open(&options, &node, &why);
        if (err) {
                fprintf(stderr, "the node can't be opened: %s\n", why.text);
                return 1;
        }
        wait_for_ever();
        return 0;
}

static int executor_main(const char *port)
{
        stet_app app = STET_APP("crash");
        fill(&app);
        char endpoint[64];
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", port);
        stet_executor_options options = STET_EXECUTOR_OPTIONS;
        options.endpoint = endpoint;
        options.app = &app;
        options.slots = 2;
        stet_executor *executor;
        stet_why why = { "" };
        if (stet_executor_start(&options, &executor, &why) != 0) {
                fprintf(stderr, "the executor can't start: %s\n", why.text);
                return 1;
        }
        wait_for_ever();
        return 0;
}

/* --- the one that kills --- */

struct suite {
        const char *program;
        char *base; /* a temporary directory */
        char dir[256];
        char port[16];
        char shards[16];
        uint64_t random;
        pid_t node;
        pid_t executor;
        stet_client *client;

        int64_t started;    /* runs submitted: their numbers are 0 … started - 1 */
        bool *acknowledged; /* by number */
        bool *ended;
        int64_t acknowledged_count;
        int64_t ended_count;
        int64_t open; /* submitted and not ended */
        int kills_of_node, kills_of_executor;
};

static int64_t now_ms(void)
{
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fail(const struct suite *s, const char *format, ...) STET_PRINTF(2, 3);

static void stop_all(const struct suite *s)
{
        if (s->node > 0)
                kill(s->node, SIGKILL);
        if (s->executor > 0)
                kill(s->executor, SIGKILL);
}

static void fail(const struct suite *s, const char *format, ...)
{
        va_list args;
        va_start(args, format);
        fprintf(stderr, "crash: FAILED: ");
        vfprintf(stderr, format, args);
        fprintf(stderr, "\ncrash: the data directory is kept at %s\n", s->dir);
        va_end(args);
        stop_all(s);
        exit(1);
}

static pid_t launch(const struct suite *s, const char *const *args)
{
        pid_t pid = fork();
        if (pid < 0)
                fail(s, "no process: %s", strerror(errno));
        if (pid == 0) {
                execv(s->program, (char *const *)(uintptr_t)args);
                _exit(127);
        }
        return pid;
}

static void launch_node(struct suite *s)
{
        const char *args[] = { s->program, "--node", s->dir, s->port, s->shards, NULL };
        s->node = launch(s, args);
}

static void launch_executor(struct suite *s)
{
        const char *args[] = { s->program, "--executor", s->port, NULL };
        s->executor = launch(s, args);
}

/* Kills it. That it is still alive is part of the test: nothing but us may end it. */
static void kill_one(struct suite *s, pid_t pid, const char *what)
{
        int status;
        pid_t gone = waitpid(pid, &status, WNOHANG);
        if (gone == pid)
                fail(s, "the %s ended by itself (status %d)", what, status);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
}

/* --- load --- */

static void submit(struct suite *s)
{
        while (s->open < IN_FLIGHT && s->started < RUNS_MAX) {
                stet_value input = { 0 };
                stet_why why = { "" };
                char id[32];
                snprintf(id, sizeof id, "run-%lld", (long long)s->started);
                stet_value_set_int(&input, s->started);
                stet_start start = { .workflow = "chain", .id = id, .input = &input, .request_id = id };
                if (stet_client_submit(s->client, &start, (uint64_t)s->started, true, &why) != 0)
                        fail(s, "a start can't be sent: %s", why.text);
                stet_value_free(&input);
                s->started++;
                s->open++;
        }
}

static void take(struct suite *s, const stet_answer *a)
{
        if (a->err)
                fail(s, "run-%llu was refused: %s", (unsigned long long)a->tag, stet_error_text(a->err));
        if (!a->ended && !s->acknowledged[a->tag]) {
                s->acknowledged[a->tag] = true;
                s->acknowledged_count++;
        }
        if (!a->ended)
                return;
        if (s->ended[a->tag])
                fail(s, "run-%llu ended twice", (unsigned long long)a->tag);
        if (a->ending != STET_RUN_COMPLETED)
                fail(s, "run-%llu ended as %s", (unsigned long long)a->tag, stet_ending_name(a->ending));
        s->ended[a->tag] = true;
        s->ended_count++;
        s->open--;
}

/* Takes answers for that long, keeping the load up if it is wanted. */
static void work(struct suite *s, int64_t for_ms, bool load)
{
        stet_answer answers[64];
        for (int64_t end = now_ms() + for_ms, left = for_ms; left >= 0; left = end - now_ms()) {
                size_t count = 0;
                stet_why why = { "" };
                if (load)
                        submit(s);
                int err = stet_client_collect(s->client, answers, 64, left, &count, &why);
                if (err && err != STET_EUNREACHABLE)
                        fail(s, "no answers: %s", why.text);
                for (size_t i = 0; i < count; i++)
                        take(s, &answers[i]);
                if (!load && s->open == 0)
                        return;
                if (left == 0)
                        return;
        }
}

static void kill_some(struct suite *s)
{
        uint64_t whom = random_below(&s->random, 4); /* the node twice as often */
        if (whom != 0) {
                kill_one(s, s->node, "node");
                s->kills_of_node++;
        }
        if (whom == 0 || whom == 3) {
                kill_one(s, s->executor, "executor");
                s->kills_of_executor++;
        }
        if (whom == 0 || whom == 3)
                launch_executor(s);
        if (whom != 0)
                launch_node(s);
}

/* --- checking --- */

static int64_t count_outcomes(const stet_value *history, int64_t op)
{
        int64_t outcomes = 0;
        for (size_t i = 0; i < stet_value_count(history); i++) {
                stet_value transition = stet_value_at(history, i);
                stet_value event = stet_value_get(&transition, "event");
                stet_value type = stet_value_get(&event, "type"), number = stet_value_get(&event, "op");
                stet_value code = stet_value_get(&event, "code");
                outcomes += stet_value_equals_string(&type, "activity_ended") &&
                            stet_value_int(&number, 0) == op && stet_value_int(&code, 0) == 0;
        }
        return outcomes;
}

static void check_run(struct suite *s, int64_t number)
{
        char id[32];
        stet_why why = { "" };
        stet_result result;
        stet_value history = { 0 };
        snprintf(id, sizeof id, "run-%lld", (long long)number);
        int err = stet_client_wait(s->client, id, END_TIMEOUT_MS, &result, &why);
        if (err)
                fail(s, "%s has not ended: %s", id, why.text);
        if (stet_value_int(&result.value, -1) != number + STEPS)
                fail(s, "%s ended with a wrong result: %lld", id,
                     (long long)stet_value_int(&result.value, -1));
        stet_value_free(&result.value);
        err = stet_client_history(s->client, id, 0, 0, &history, &why);
        if (err)
                fail(s, "the history of %s can't be read: %s", id, why.text);
        for (int64_t op = 1; op <= STEPS; op++)
                if (count_outcomes(&history, op) != 1)
                        fail(s, "step %lld of %s has %lld outcomes", (long long)op, id,
                             (long long)count_outcomes(&history, op));
        stet_value_free(&history);
}

static void print_damage(void *context, const stet_damage *damage)
{
        (void)context;
        fprintf(stderr, "crash: shard %u, LSN %llu, run %s: %s\n", damage->shard,
                (unsigned long long)damage->lsn, damage->run_id, damage->sentence);
}

static void check_all(struct suite *s)
{
        for (int64_t i = 0; i < s->started; i++)
                if (s->acknowledged[i] && !s->ended[i])
                        fail(s, "run-%lld was acknowledged and has not ended", (long long)i);
        for (int64_t i = 0; i < s->started; i++)
                if (s->acknowledged[i])
                        check_run(s, i);
        kill_one(s, s->node, "node");
        kill_one(s, s->executor, "executor");
        stet_verify_report report;
        stet_why why = { "" };
        if (stet_verify(s->dir, print_damage, NULL, NULL, &report, &why) != 0)
                fail(s, "the data directory is damaged: %s", why.text);
        printf("crash: %lld runs, all acknowledged starts ended right; %llu records whole\n",
               (long long)s->ended_count, (unsigned long long)report.records);
}

static int suite_main(const char *program, int kills, uint64_t seed, int shards)
{
        struct suite s = { .program = program, .base = temp_dir_new(), .random = seed };
        char endpoint[64];
        stet_why why = { "" };
        snprintf(s.dir, sizeof s.dir, "%s/data", s.base);
        snprintf(s.port, sizeof s.port, "%d", 20000 + (int)(getpid() % 12000));
        snprintf(s.shards, sizeof s.shards, "%d", shards);
        snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%s", s.port);
        s.acknowledged = calloc(RUNS_MAX, sizeof(bool));
        s.ended = calloc(RUNS_MAX, sizeof(bool));
        printf("crash: seed %llu, %d kills, %d shard(s), port %s\n", (unsigned long long)seed, kills, shards,
               s.port);
        launch_node(&s);
        launch_executor(&s);
        if (stet_client_connect(endpoint, &s.client, &why) != 0)
                fail(&s, "no client: %s", why.text);
        stet_client_set_timeout(s.client, END_TIMEOUT_MS);
        work(&s, 500, true);
        for (int i = 0; i < kills; i++) {
                kill_some(&s);
                work(&s, (int64_t)random_below(&s.random, KILL_AFTER_MS_MAX), true);
                if (i % 10 == 9) /* now and then long enough that much is under way */
                        work(&s, 600, true);
        }
        printf("crash: the node was killed %d times, the executor %d times; %lld starts acknowledged, %lld "
               "runs ended so far\n",
               s.kills_of_node, s.kills_of_executor, (long long)s.acknowledged_count,
               (long long)s.ended_count);
        work(&s, END_TIMEOUT_MS, false);
        check_all(&s);
        stet_client_close(s.client);
        temp_dir_free(s.base);
        free(s.acknowledged);
        free(s.ended);
        return 0;
}

static long number_after(int argc, char **argv, const char *name, long fallback)
{
        for (int i = 1; i + 1 < argc; i++)
                if (strcmp(argv[i], name) == 0)
                        return strtol(argv[i + 1], NULL, 10);
        return fallback;
}

int main(int argc, char **argv)
{
        if (argc == 5 && strcmp(argv[1], "--node") == 0)
                return node_main(argv[2], argv[3], argv[4]);
        if (argc == 3 && strcmp(argv[1], "--executor") == 0)
                return executor_main(argv[2]);
        setvbuf(stdout, NULL, _IOLBF, 0);
        return suite_main("/proc/self/exe", (int)number_after(argc, argv, "--kills", KILLS_DEFAULT),
                          (uint64_t)number_after(argc, argv, "--seed", (long)now_ms()),
                          (int)number_after(argc, argv, "--shards", 1));
}
