/* SPDX-License-Identifier: MIT
 *
 * Other processes are real ones: a child opens the directory, says so through a pipe, and stays until it is
 * killed.
 */
#include "wal/data_dir.h"

#include "tests/lib/temp_dir.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

/* --- fixture --- */

static uint32_t fake_file_system; /* 0: the real one */

int fstatfs(int fd, struct statfs *ret)
{
        int rc = (int)syscall(SYS_fstatfs, fd, ret);
        if (fake_file_system)
                ret->f_type = fake_file_system;
        return rc;
}

struct place {
        char *dir;
        char path[128];
};

static struct place place_new(void)
{
        struct place p = { .dir = temp_dir_new() };
        snprintf(p.path, sizeof p.path, "%s/data", p.dir);
        return p;
}

static struct data_dir open_at(const char *path, bool create, uint32_t shards)
{
        struct data_dir d;
        stet_why why = { "" };
        cr_assert_eq(data_dir_open(path, create, shards, &d, &why), 0, "%s", why.text);
        return d;
}

static void make_at(const char *path, uint32_t shards)
{
        struct data_dir d = open_at(path, true, shards);
        data_dir_close(&d);
}

static void assert_refused(const char *path, bool create, uint32_t shards, int expected, const char *words)
{
        struct data_dir d = { .lock_fd = 12345 };
        stet_why why = { "" };
        int err = data_dir_open(path, create, shards, &d, &why);
        cr_assert_eq(err, expected, "%d: %s", err, why.text);
        cr_assert_not_null(strstr(why.text, words), "%s", why.text);
        cr_assert_eq(d.lock_fd, 12345);
}

static bool has(const char *dir, const char *name)
{
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        return access(path, F_OK) == 0;
}

static void write_file(const char *dir, const char *name, const char *text)
{
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *file = fopen(path, "w");
        cr_assert_not_null(file);
        fputs(text, file);
        fclose(file);
}

static void read_file(const char *dir, const char *name, char *text, size_t size)
{
        char path[256];
        snprintf(path, sizeof path, "%s/%s", dir, name);
        FILE *file = fopen(path, "r");
        cr_assert_not_null(file);
        text[fread(text, 1, size - 1, file)] = 0;
        fclose(file);
}

static unsigned mode_of(const char *dir, const char *name)
{
        char path[256];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", dir, name);
        cr_assert_eq(stat(path, &st), 0);
        return st.st_mode & 0777;
}

/* A process that holds the directory, and says where it serves if endpoint is given. */
static pid_t hold(const char *path, const char *endpoint)
{
        int ready[2];
        char byte = 0;
        cr_assert_eq(pipe(ready), 0);
        pid_t pid = fork();
        if (pid == 0) {
                struct data_dir d;
                if (!data_dir_open(path, true, 0, &d, NULL) &&
                    (!endpoint || !data_dir_announce(&d, endpoint, NULL)))
                        byte = 'y';
                if (write(ready[1], &byte, 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        cr_assert_eq(read(ready[0], &byte, 1), 1);
        cr_assert_eq(byte, 'y');
        close(ready[0]);
        close(ready[1]);
        return pid;
}

static void kill_and_wait(pid_t pid)
{
        cr_assert_eq(kill(pid, SIGKILL), 0);
        cr_assert_eq(waitpid(pid, NULL, 0), pid);
}

/* --- making and opening --- */

Test(data_dir, a_missing_directory_is_made_for_its_owner_only)
{
        struct place p = place_new();
        struct data_dir d = open_at(p.path, true, 4);
        cr_assert_eq(d.shards, 4);
        cr_assert_neq(d.incarnation, 0);
        cr_assert_eq(d.path[0], '/');
        cr_assert_eq(mode_of(p.dir, "data"), 0700);
        cr_assert_eq(mode_of(p.path, "stet.meta"), 0600);
        cr_assert_eq(mode_of(p.path, "lock"), 0600);
        cr_assert_not(has(p.path, "stet.meta.new"));
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, stet_meta_is_one_json_object)
{
        struct place p = place_new();
        char text[1000];
        make_at(p.path, 4);
        read_file(p.path, "stet.meta", text, sizeof text);
        json_t *meta = json_loads(text, 0, NULL);
        cr_assert_not_null(meta);
        cr_assert_eq(json_integer_value(json_object_get(meta, "format")), DATA_DIR_FORMAT);
        cr_assert_eq(json_integer_value(json_object_get(meta, "shards")), 4);
        cr_assert_eq(strlen(json_string_value(json_object_get(meta, "incarnation"))), 16);
        cr_assert_eq(strlen(json_string_value(json_object_get(meta, "created"))),
                     strlen("2024-01-01T00:00:00Z"));
        json_decref(meta);
        temp_dir_free(p.dir);
}

Test(data_dir, an_empty_directory_is_taken_and_one_shard_is_what_nobody_asked_for)
{
        struct place p = place_new();
        cr_assert_eq(mkdir(p.path, 0700), 0);
        struct data_dir d = open_at(p.path, true, 0);
        cr_assert_eq(d.shards, 1);
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, a_reopened_directory_is_the_same)
{
        struct place p = place_new();
        struct data_dir d = open_at(p.path, true, 3);
        uint64_t incarnation = d.incarnation;
        data_dir_close(&d);
        for (int i = 0; i < 3; i++) {
                d = open_at(p.path, i == 0, i == 1 ? 3 : 0);
                cr_assert_eq(d.shards, 3);
                cr_assert_eq(d.incarnation, incarnation);
                data_dir_close(&d);
        }
        temp_dir_free(p.dir);
}

Test(data_dir, two_directories_have_different_incarnations)
{
        struct place p = place_new(), q = place_new();
        struct data_dir a = open_at(p.path, true, 1), b = open_at(q.path, true, 1);
        cr_assert_neq(a.incarnation, b.incarnation);
        data_dir_close(&a);
        data_dir_close(&b);
        temp_dir_free(p.dir);
        temp_dir_free(q.dir);
}

Test(data_dir, paths_of_logs_and_stores_are_absolute_and_numbered)
{
        struct place p = place_new();
        make_at(p.path, 2);
        cr_assert_eq(chdir(p.dir), 0);
        struct data_dir d = open_at("data", false, 0);
        char expected[160], *log = data_dir_log_path(&d, 1), *store = data_dir_store_path(&d, 63);
        snprintf(expected, sizeof expected, "%s/shard-1.log", p.path);
        cr_assert_str_eq(log, expected);
        snprintf(expected, sizeof expected, "%s/shard-63.store", p.path);
        cr_assert_str_eq(store, expected);
        free(log);
        free(store);
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, a_creation_that_was_cut_short_is_completed_and_lost_and_found_is_no_obstacle)
{
        struct place p = place_new();
        char found[160];
        cr_assert_eq(mkdir(p.path, 0700), 0);
        write_file(p.path, "lock", "");
        write_file(p.path, "stet.meta.new", "{\"form");
        snprintf(found, sizeof found, "%s/lost+found", p.path);
        cr_assert_eq(mkdir(found, 0700), 0);
        struct data_dir d = open_at(p.path, true, 2);
        cr_assert_eq(d.shards, 2);
        cr_assert_not(has(p.path, "stet.meta.new"));
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, other_files_beside_stet_meta_do_no_harm)
{
        struct place p = place_new();
        make_at(p.path, 1);
        write_file(p.path, "README", "our data");
        make_at(p.path, 1);
        temp_dir_free(p.dir);
}

/* --- what is refused --- */

Test(data_dir, a_missing_directory_is_not_made_unasked)
{
        struct place p = place_new();
        assert_refused(p.path, false, 0, STET_ENOTFOUND, "there is no data directory");
        cr_assert_not(has(p.dir, "data"));
        cr_assert_eq(mkdir(p.path, 0700), 0);
        assert_refused(p.path, false, 0, STET_ENOTFOUND, "is empty, not a data directory");
        cr_assert_not(has(p.path, "lock"));
        temp_dir_free(p.dir);
}

Test(data_dir, a_missing_parent_is_named)
{
        struct place p = place_new();
        char path[160];
        snprintf(path, sizeof path, "%s/deeper", p.path);
        assert_refused(path, true, 1, STET_ENOTFOUND, p.path);
        cr_assert_not(has(p.dir, "data"));
        temp_dir_free(p.dir);
}

Test(data_dir, a_directory_with_other_files_is_refused_and_stays_as_it_is)
{
        struct place p = place_new();
        cr_assert_eq(mkdir(p.path, 0700), 0);
        write_file(p.path, "thesis.txt", "years of work");
        assert_refused(p.path, true, 1, STET_EFORMAT, "thesis.txt");
        cr_assert_not(has(p.path, "lock"));
        cr_assert_not(has(p.path, "stet.meta"));
        assert_refused(p.path, false, 0, STET_EFORMAT, "not a stet data directory");
        temp_dir_free(p.dir);
}

Test(data_dir, a_file_is_refused)
{
        struct place p = place_new();
        write_file(p.dir, "data", "");
        assert_refused(p.path, true, 1, STET_EFORMAT, "is not a directory");
        temp_dir_free(p.dir);
}

Test(data_dir, a_newer_format_is_refused_and_left_untouched)
{
        struct place p = place_new();
        const char *newer = "{\"format\": 5, \"shards\": {\"by\": \"name\"}}";
        char text[1000];
        make_at(p.path, 1);
        write_file(p.path, "stet.meta", newer);
        assert_refused(p.path, true, 1, STET_ENEWER, "format 5");
        read_file(p.path, "stet.meta", text, sizeof text);
        cr_assert_str_eq(text, newer);
        temp_dir_free(p.dir);
}

Test(data_dir, a_stet_meta_that_is_not_ours_is_refused)
{
        struct place p = place_new();
        make_at(p.path, 1);
        write_file(p.path, "stet.meta", "{\"name\": \"another program's\"}");
        assert_refused(p.path, true, 1, STET_EFORMAT, "names no format");
        write_file(p.path, "stet.meta", "[1]");
        assert_refused(p.path, true, 1, STET_EFORMAT, "names no format");
        temp_dir_free(p.dir);
}

Test(data_dir, every_changed_character_of_stet_metas_values_is_found)
{
        struct place p = place_new();
        char text[1000], changed[1000];
        make_at(p.path, 8);
        read_file(p.path, "stet.meta", text, sizeof text);
        unsigned found = 0;
        for (size_t i = 0; i < strlen(text); i++) {
                if (text[i] < '0' || text[i] > '9')
                        continue;
                struct data_dir d;
                memcpy(changed, text, sizeof text);
                changed[i] ^= 1;
                write_file(p.path, "stet.meta", changed);
                cr_assert_neq(data_dir_peek(p.path, &d, NULL), 0, "%s", changed);
                found++;
        }
        cr_assert_gt(found, 15);
        write_file(p.path, "stet.meta", "{\"format\": 1");
        assert_refused(p.path, true, 1, STET_ECORRUPT, "not JSON");
        write_file(p.path, "stet.meta", "");
        assert_refused(p.path, true, 1, STET_ECORRUPT, "not JSON");
        temp_dir_free(p.dir);
}

Test(data_dir, another_number_of_shards_is_refused)
{
        struct place p = place_new();
        make_at(p.path, 4);
        assert_refused(p.path, true, 5, STET_EINVAL, "made with 4 shards, not 5");
        assert_refused(p.path, true, DATA_DIR_SHARDS_MAX + 1, STET_EINVAL, "at most 64");
        make_at(p.path, 4);
        temp_dir_free(p.dir);
}

Test(data_dir, network_file_systems_are_refused_before_anything_is_made)
{
        static const uint32_t magics[] = { 0x6969, 0xFF534D42, 0xFE534D42, 0x01021997 };
        static const char *const names[] = { "NFS", "CIFS", "SMB", "9p" };
        struct place p = place_new(), q = place_new();
        make_at(q.path, 1);
        for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
                fake_file_system = magics[i];
                assert_refused(p.path, true, 1, STET_EFORMAT, names[i]);
                cr_assert_not(has(p.dir, "data"));
                assert_refused(q.path, true, 1, STET_EFORMAT, names[i]);
        }
        fake_file_system = 0;
        make_at(p.path, 1);
        temp_dir_free(p.dir);
        temp_dir_free(q.dir);
}

/* --- directories of format 1 --- */

/* As the version that knew no stores wrote it. */
static const char meta_of_format_1[] = "{\n"
                                       "  \"format\": 1,\n"
                                       "  \"shards\": 4,\n"
                                       "  \"incarnation\": \"0123456789abcdef\",\n"
                                       "  \"created\": \"2024-02-29T12:34:56Z\",\n"
                                       "  \"checksum\": \"010f5cf7\"\n"
                                       "}";

static struct place place_of_format_1(void)
{
        struct place p = place_new();
        cr_assert_eq(mkdir(p.path, 0700), 0);
        write_file(p.path, "stet.meta", meta_of_format_1);
        return p;
}

static struct data_dir assert_is_the_same(const char *path, uint32_t format)
{
        struct data_dir d = open_at(path, false, 4);
        cr_assert_eq(d.format, format);
        cr_assert_eq(d.shards, 4);
        cr_assert_eq(d.incarnation, 0x0123456789abcdef);
        return d;
}

Test(data_dir, a_new_directory_has_format_4)
{
        struct place p = place_new();
        struct data_dir d = open_at(p.path, true, 1);
        cr_assert_eq(d.format, 4);
        cr_assert_eq(data_dir_upgrade(&d, NULL), 0);
        cr_assert_eq(d.format, 4);
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, a_directory_of_format_1_stays_one_until_it_is_upgraded)
{
        struct place p = place_of_format_1();
        char text[1000];
        for (int i = 0; i < 2; i++) {
                struct data_dir d = assert_is_the_same(p.path, 1);
                data_dir_close(&d);
                cr_assert_eq(data_dir_peek(p.path, &d, NULL), 0);
                cr_assert_eq(d.format, 1);
                data_dir_close(&d);
        }
        read_file(p.path, "stet.meta", text, sizeof text);
        cr_assert_str_eq(text, meta_of_format_1);
        temp_dir_free(p.dir);
}

Test(data_dir, an_upgraded_directory_differs_in_nothing_but_its_format)
{
        struct place p = place_of_format_1();
        char text[1000];
        stet_why why = { "" };
        struct data_dir d = assert_is_the_same(p.path, 1);
        cr_assert_eq(data_dir_upgrade(&d, &why), 0, "%s", why.text);
        cr_assert_eq(d.format, 4);
        data_dir_close(&d);
        d = assert_is_the_same(p.path, 4);
        data_dir_close(&d);
        read_file(p.path, "stet.meta", text, sizeof text);
        cr_assert_not_null(strstr(text, "\"created\": \"2024-02-29T12:34:56Z\""), "%s", text);
        cr_assert_not(has(p.path, "stet.meta.new"));
        temp_dir_free(p.dir);
}

Test(data_dir, an_upgrade_that_cannot_be_written_leaves_the_directory_as_it_is)
{
        struct place p = place_of_format_1();
        char text[1000], obstacle[160];
        stet_why why = { "" };
        struct data_dir d = assert_is_the_same(p.path, 1);
        snprintf(obstacle, sizeof obstacle, "%s/stet.meta.new", p.path);
        cr_assert_eq(mkdir(obstacle, 0700), 0);
        cr_assert_eq(data_dir_upgrade(&d, &why), STET_EIO);
        cr_assert_not_null(strstr(why.text, "stet.meta: Is a directory"), "%s", why.text);
        cr_assert_eq(d.format, 1);
        read_file(p.path, "stet.meta", text, sizeof text);
        cr_assert_str_eq(text, meta_of_format_1);
        cr_assert_eq(rmdir(obstacle), 0);
        cr_assert_eq(data_dir_upgrade(&d, &why), 0, "%s", why.text);
        data_dir_close(&d);
        temp_dir_free(p.dir);
}

Test(data_dir, a_format_changed_by_hand_is_damage)
{
        struct place p = place_of_format_1();
        char text[1000];
        read_file(p.path, "stet.meta", text, sizeof text);
        *strchr(text, '1') = '2';
        write_file(p.path, "stet.meta", text);
        assert_refused(p.path, false, 0, STET_ECORRUPT, "its checksum does not match");
        temp_dir_free(p.dir);
}

/* --- the lock --- */

Test(data_dir, a_second_opener_is_refused_with_the_holders_name)
{
        struct place p = place_new();
        char words[64], host[128] = "";
        pid_t pid = hold(p.path, NULL);
        snprintf(words, sizeof words, "held by process %ld on ", (long)pid);
        assert_refused(p.path, true, 0, STET_ELOCKED, words);
        cr_assert_eq(gethostname(host, sizeof host - 1), 0);
        assert_refused(p.path, true, 0, STET_ELOCKED, host);
        assert_refused(p.path, false, 0, STET_ELOCKED, " since 2");
        kill_and_wait(pid);
        temp_dir_free(p.dir);
}

Test(data_dir, a_second_opener_within_the_process_is_refused_too)
{
        struct place p = place_new();
        char words[64];
        struct data_dir d = open_at(p.path, true, 1);
        snprintf(words, sizeof words, "process %ld ", (long)getpid());
        assert_refused(p.path, true, 1, STET_ELOCKED, words);
        data_dir_close(&d);
        make_at(p.path, 1);
        temp_dir_free(p.dir);
}

Test(data_dir, a_refused_opener_hears_where_the_holder_serves)
{
        struct place p = place_new();
        pid_t pid = hold(p.path, "tcp://127.0.0.1:7233");
        assert_refused(p.path, true, 0, STET_ELOCKED, "serves tcp://127.0.0.1:7233; connect to that");
        kill_and_wait(pid);
        temp_dir_free(p.dir);
}

Test(data_dir, the_death_of_the_holder_frees_the_directory)
{
        struct place p = place_new();
        for (int i = 0; i < 10; i++) {
                kill_and_wait(hold(p.path, "ipc:///gone"));
                cr_assert_not(data_dir_is_held(p.path));
                make_at(p.path, 0);
        }
        temp_dir_free(p.dir);
}

Test(data_dir, whether_it_is_held_can_be_asked)
{
        struct place p = place_new();
        cr_assert_not(data_dir_is_held(p.path));
        make_at(p.path, 1);
        cr_assert_not(data_dir_is_held(p.path));
        pid_t pid = hold(p.path, NULL);
        cr_assert(data_dir_is_held(p.path));
        kill_and_wait(pid);
        cr_assert_not(data_dir_is_held(p.path));
        temp_dir_free(p.dir);
}

Test(data_dir, an_announcement_can_be_changed_and_ends_with_the_closing)
{
        struct place p = place_new();
        char long_one[400];
        struct data_dir d = open_at(p.path, true, 1);
        stet_why why = { "" };
        cr_assert_eq(data_dir_announce(&d, "ipc:///a/rather/long/path/to/node.sock", NULL), 0);
        cr_assert_eq(data_dir_announce(&d, "ipc:///b", NULL), 0);
        assert_refused(p.path, true, 1, STET_ELOCKED, "serves ipc:///b;");
        memset(long_one, 'x', sizeof long_one);
        long_one[sizeof long_one - 1] = 0;
        cr_assert_eq(data_dir_announce(&d, long_one, &why), STET_EINVAL);
        cr_assert_not_null(strstr(why.text, "399 bytes"), "%s", why.text);
        cr_assert_eq(data_dir_announce(&d, "\xff\xfe", &why), STET_EINVAL);
        data_dir_close(&d);
        read_file(p.path, "lock", long_one, sizeof long_one);
        cr_assert_str_empty(long_one);
        temp_dir_free(p.dir);
}

/* A verification asks while a server starts: the question must never make the opening fail. */
Test(data_dir, asking_whether_it_is_held_never_disturbs_an_opener)
{
        struct place p = place_new();
        make_at(p.path, 1);
        pid_t pid = fork();
        if (pid == 0)
                for (;;)
                        data_dir_is_held(p.path);
        for (int i = 0; i < 2000; i++)
                make_at(p.path, 1);
        kill_and_wait(pid);
        temp_dir_free(p.dir);
}

/* --- peeking and closing --- */

Test(data_dir, peeking_needs_no_lock_and_leaves_no_trace)
{
        struct place p = place_new();
        struct data_dir peeked, d = open_at(p.path, true, 6);
        cr_assert_eq(data_dir_peek(p.path, &peeked, NULL), 0);
        cr_assert_eq(peeked.shards, 6);
        cr_assert_eq(peeked.incarnation, d.incarnation);
        cr_assert_eq(peeked.lock_fd, -1);
        data_dir_close(&peeked);
        assert_refused(p.path, true, 0, STET_ELOCKED, "held by"); /* still */
        data_dir_close(&d);
        stet_why why;
        cr_assert_eq(data_dir_peek(p.dir, &peeked, &why), STET_EFORMAT);
        cr_assert_not(has(p.dir, "lock"));
        temp_dir_free(p.dir);
}

Test(data_dir, closing_twice_is_harmless)
{
        struct place p = place_new();
        struct data_dir d = open_at(p.path, true, 1);
        data_dir_close(&d);
        data_dir_close(&d);
        cr_assert_null(d.path);
        temp_dir_free(p.dir);
}
