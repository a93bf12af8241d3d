/* SPDX-License-Identifier: MIT
 *
 * damage --cases N --seed N: damages a real data directory in every way there is, one at a time, and asks
 * stet_verify() about it. Promise (RELIABILITY: no silent corruption): what is called whole tells the same in
 * every reading as it did before; everything else is named. Neither crashes: LMDB may, and so every look is
 * taken in a process of its own, whose death by a signal is a finding as well, if it was verify's.
 *
 * Ways: a flipped bit, a page of zeros, two pages in each other's place, a page as an earlier past of the
 * file had it, a file cut at any byte. Each file is taken as often as any other, whatever its size.
 */
#include "base/buffer.h"
#include "tests/lib/random.h"
#include "tests/lib/temp_dir.h"

#include <stet/stet.h>

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, FILES = 2, RUNS = 60 };

static const char *const names[FILES] = { "shard-0.log", "shard-0.store" };

struct file {
        uint8_t *data;
        size_t size;
};

struct bench {
        char *dir;
        struct file sound[FILES];
        struct file earlier[FILES]; /* as the file was before its last changes */
        uint64_t told;              /* hash of all readings of the sound directory */
        uint64_t random;
        uint64_t found, unused, refused, crashed;
};

static void give_up(const char *what)
{
        perror(what);
        exit(1);
}

/* --- files --- */

static char *path_of(const struct bench *b, const char *name)
{
        size_t size = strlen(b->dir) + strlen(name) + 2;
        char *path = xmalloc(size);
        snprintf(path, size, "%s/%s", b->dir, name);
        return path;
}

static struct file file_read(const struct bench *b, const char *name)
{
        char *path = path_of(b, name);
        FILE *f = fopen(path, "rb");
        struct stat info;
        if (!f || fstat(fileno(f), &info))
                give_up(path);
        struct file file = { xmalloc((size_t)info.st_size), (size_t)info.st_size };
        if (fread(file.data, 1, file.size, f) != file.size)
                give_up(path);
        fclose(f);
        free(path);
        return file;
}

static void file_write(const struct bench *b, const char *name, struct bytes content)
{
        char *path = path_of(b, name);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(content.data, 1, content.size, f) != content.size || fclose(f))
                give_up(path);
        free(path);
}

static void restore_all(const struct bench *b)
{
        for (int i = 0; i < FILES; i++)
                file_write(b, names[i], bytes_of(b->sound[i].data, b->sound[i].size));
}

/* --- a directory --- */

static int waits(stet_run *run, const stet_value *in, stet_value *ret)
{
        stet_future futures[] = { stet_timer_start(run, stet_days(1000)), stet_signal_wait_start(run, "go") };
        size_t place;
        (void)in;
        int err = stet_await_any(run, futures, 2, &place);
        return err ? err : stet_await(run, futures[1], ret);
}

static int echo(stet_run *run, const stet_value *in, stet_value *ret)
{
        int err = stet_set_status(run, in);
        return err ? err : stet_value_copy(ret, in);
}

static void start(stet_client *client, int number)
{
        static char text[6000];
        char id[32];
        stet_value input = { 0 };
        stet_started started;
        stet_why why;
        memset(text, 'a' + number % 3, sizeof text - 1); /* the same large value in several runs */
        snprintf(id, sizeof id, "run-%d", number);
        stet_value_set_string_n(&input, text, number % 5 ? 40 : sizeof text - 1);
        stet_start s = { .workflow = number % 2 ? "echo" : "waits", .id = id, .input = &input };
        if (stet_client_start(client, &s, &started, &why) != 0)
                give_up(why.text);
        if (number % 4 == 0 && stet_client_signal(client, id, "go", &input, NULL, &why) != 0)
                give_up(why.text);
        stet_value_free(&input);
}

static stet_node *open_node(const struct bench *b, stet_app *app, stet_client **ret_client)
{
        stet_node_options options = STET_NODE_OPTIONS;
        stet_node *node;
        stet_why why;
        options.data_dir = b->dir;
        options.app = app;
        options.threads = true;
        options.shards = 1;
        if (stet_node_open(&options, &node, &why) != 0 || stet_node_client(node, ret_client, &why) != 0)
                return NULL;
        return node;
}

static void make_runs(const struct bench *b, int from)
{
        stet_app app = STET_APP("damage");
        stet_client *client;
        stet_app_workflow(&app, "waits", waits);
        stet_app_workflow(&app, "echo", echo);
        stet_node *node = open_node(b, &app, &client);
        if (!node)
                give_up("cannot make a directory");
        for (int i = from; i < from + RUNS / 2; i++)
                start(client, i);
        stet_client_close(client);
        stet_node_close(node);
        stet_app_fini(&app);
}

/* --- what is told --- */

static uint64_t mix(uint64_t hash, const stet_value *v)
{
        const uint8_t *data = v->data;
        for (size_t i = 0; i < v->size; i++)
                hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
        return hash;
}

static int tell_run(stet_client *client, const char *run, uint64_t *hash)
{
        stet_value shown = { 0 }, history = { 0 };
        stet_why why;
        int err = stet_client_show(client, run, &shown, &why);
        if (!err)
                err = stet_client_history(client, run, 0, 0, &history, &why);
        if (!err) {
                /* When a timer is due is told in time that passes. */
                stet_value input = stet_value_get(&shown, "input"), state = stet_value_get(&shown, "state"),
                           result = stet_value_get(&shown, "result"),
                           status = stet_value_get(&shown, "status");
                *hash = mix(mix(mix(mix(*hash, &input), &state), &result), &status);
                *hash = mix(*hash, &history);
        }
        stet_value_free(&shown);
        stet_value_free(&history);
        return err;
}

/* All runs by their ids, which the list must have as well. */
static int tell_all(stet_client *client, uint64_t *hash)
{
        stet_value list = { 0 }, row;
        stet_why why;
        int err = stet_client_list(client, &(stet_list_filter){ .limit = 1000 }, &list, &why);
        for (size_t at = 0; !err && stet_value_next(&list, &at, NULL, &row);) {
                char run[STET_RUN_ID_SIZE];
                stet_value id = stet_value_get(&row, "run_id");
                err = stet_value_get_string(&id, run, sizeof run);
                if (!err)
                        err = tell_run(client, run, hash);
        }
        for (int i = 0; i < RUNS && !err; i++) {
                char id[32];
                snprintf(id, sizeof id, "run-%d", i);
                err = tell_run(client, id, hash);
        }
        stet_value_free(&list);
        return err;
}

/* --- looks, each in a process of its own --- */

struct answer {
        int err;
        uint64_t damaged;
        uint64_t hash;
};

static void ignore_damage(void *context, const stet_damage *damage)
{
        uint64_t *sentences = context;
        *sentences += damage->sentence && *damage->sentence;
}

static void verify(const struct bench *b, struct answer *ret)
{
        stet_verify_report report = { 0 };
        stet_why why;
        uint64_t sentences = 0;
        ret->err = stet_verify(b->dir, ignore_damage, NULL, &sentences, &report, &why);
        ret->damaged = sentences;
}

static void tell(const struct bench *b, struct answer *ret)
{
        stet_client *client;
        stet_node *node = open_node(b, NULL, &client);
        ret->hash = UINT64_C(0xcbf29ce484222325);
        ret->err = node ? tell_all(client, &ret->hash) : STET_ECORRUPT;
}

/* False: a signal ended it. */
static bool look(const struct bench *b, void (*what)(const struct bench *b, struct answer *ret),
                 struct answer *ret)
{
        int fds[2], status;
        if (pipe(fds))
                give_up("pipe");
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
                struct answer answer = { 0 };
                int null = open("/dev/null", O_WRONLY);
                dup2(null, STDERR_FILENO);
                setrlimit(RLIMIT_CORE, &(struct rlimit){ 0 });
                what(b, &answer);
                _exit(write(fds[1], &answer, sizeof answer) == (ssize_t)sizeof answer ? 0 : 1);
        }
        close(fds[1]);
        bool answered = read(fds[0], ret, sizeof *ret) == (ssize_t)sizeof *ret;
        close(fds[0]);
        if (waitpid(child, &status, 0) != child)
                give_up("waitpid");
        return answered;
}

static void in_child(const struct bench *b, int from)
{
        int status;
        pid_t child = fork();
        if (child == 0) {
                make_runs(b, from);
                _exit(0);
        }
        if (waitpid(child, &status, 0) != child || status)
                give_up("making a directory");
}

/* --- damages --- */

static size_t some_page(struct bench *b, const struct file *f)
{
        return random_below(&b->random, f->size / PAGE) * PAGE;
}

static void damage_file(struct bench *b, int number, struct buffer *content, char *said, size_t said_size)
{
        const struct file *f = &b->sound[number], *earlier = &b->earlier[number];
        size_t at = some_page(b, f), other = some_page(b, f), bit = random_below(&b->random, f->size * 8);
        buffer_clear(content);
        buffer_append(content, f->data, f->size);
        switch (random_below(&b->random, 8)) {
        case 0:
                memset(content->data + at, 0, PAGE);
                snprintf(said, said_size, "%s: page %zu is all zeros", names[number], at / PAGE);
                break;
        case 1:
                memcpy(content->data + at, f->data + other, PAGE);
                memcpy(content->data + other, f->data + at, PAGE);
                snprintf(said, said_size, "%s: pages %zu and %zu are in each other's place", names[number],
                         at / PAGE, other / PAGE);
                break;
        case 2:
                if (at + PAGE <= earlier->size)
                        memcpy(content->data + at, earlier->data + at, PAGE);
                snprintf(said, said_size, "%s: page %zu is an earlier one", names[number], at / PAGE);
                break;
        case 3:
                content->size = random_below(&b->random, f->size);
                snprintf(said, said_size, "%s: cut at byte %zu", names[number], content->size);
                break;
        default:
                content->data[bit / 8] ^= (uint8_t)(1 << bit % 8);
                snprintf(said, said_size, "%s: bit %zu of byte %zu is flipped", names[number], bit % 8,
                         bit / 8);
                break;
        }
}

/* True: as it should be. */
static bool judge(struct bench *b, const char *said)
{
        struct answer answer = { 0 };
        if (!look(b, verify, &answer)) {
                b->crashed++;
                return true; /* LMDB's crash: for `stet verify` a damage like any other */
        }
        if (answer.err && answer.err != STET_ECORRUPT) {
                b->refused++;
                return true;
        }
        if (answer.err) {
                b->found++;
                if (!answer.damaged)
                        printf("# %s: found, and no sentence says what\n", said);
                return answer.damaged > 0;
        }
        b->unused++;
        if (look(b, tell, &answer) && !answer.err && answer.hash == b->told)
                return true;
        printf("# %s: called whole, and what is told differs (error %d)\n", said, answer.err);
        return false;
}

static uint64_t run_cases(struct bench *b, uint64_t cases)
{
        struct buffer content = { 0 };
        char said[200];
        uint64_t wrong = 0;
        for (uint64_t i = 0; i < cases; i++) {
                damage_file(b, (int)(i % FILES), &content, said, sizeof said);
                restore_all(b);
                file_write(b, names[i % FILES], buffer_bytes(&content));
                wrong += !judge(b, said);
        }
        buffer_fini(&content);
        return wrong;
}

static void take_files(const struct bench *b, struct file *to)
{
        for (int i = 0; i < FILES; i++)
                to[i] = file_read(b, names[i]);
}

static uint64_t argument(int argc, char **argv, const char *name, uint64_t fallback)
{
        for (int i = 1; i + 1 < argc; i++)
                if (strcmp(argv[i], name) == 0)
                        return strtoull(argv[i + 1], NULL, 10);
        return fallback;
}

int main(int argc, char **argv)
{
        uint64_t cases = argument(argc, argv, "--cases", 300), seed = argument(argc, argv, "--seed", 1);
        struct bench b = { .dir = temp_dir_new(), .random = seed };
        struct answer answer = { 0 };
        printf("1..2\n# seed %" PRIu64 "\n", seed);
        in_child(&b, 0);
        take_files(&b, b.earlier);
        in_child(&b, RUNS / 2);
        take_files(&b, b.sound);
        bool sound = look(&b, verify, &answer) && !answer.err && look(&b, tell, &answer) && !answer.err;
        b.told = answer.hash;
        printf("%sok 1 - a sound directory is whole and can be read\n", sound ? "" : "not ");
        uint64_t wrong = sound ? run_cases(&b, cases) : 1;
        printf("# %" PRIu64 " cases: %" PRIu64 " found, %" PRIu64 " refused, %" PRIu64
               " crashed the reader, %" PRIu64 " in what is in no use\n",
               cases, b.found, b.refused, b.crashed, b.unused);
        printf("%sok 2 - every damage is found, or changes nothing that is told\n", wrong ? "not " : "");
        temp_dir_free(b.dir);
        for (int i = 0; i < FILES; i++) {
                free(b.sound[i].data);
                free(b.earlier[i].data);
        }
        return wrong ? 1 : 0;
}
