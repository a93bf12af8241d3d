/* SPDX-License-Identifier: MIT
 *
 * The crash guard, in processes of its own: what it says, what it notes, and how the process ends.
 */
#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "runtime/crash_os.h"
#include "runtime/executor.h"
#include "stet/crash.h"

/* What a process left behind. */
struct remains {
        int status;
        char said[2000];
        char noted[200];
};

static void read_all(int fd, char *buf, size_t size)
{
        size_t had = 0;
        for (ssize_t n; had + 1 < size && (n = read(fd, buf + had, size - 1 - had)) > 0;)
                had += (size_t)n;
        buf[had] = 0;
        close(fd);
}

static int note_fd = -1;

static struct remains crash_in_child(void (*body)(void))
{
        struct remains r;
        int said[2], noted[2];
        cr_assert_eq(pipe(said), 0);
        cr_assert_eq(pipe(noted), 0);
        pid_t child = fork();
        cr_assert_geq(child, 0);
        if (child == 0) {
                dup2(said[1], STDERR_FILENO);
                stet_crash_guard_install();
                note_fd = noted[1];
                body();
                _exit(0);
        }
        close(said[1]);
        close(noted[1]);
        read_all(said[0], r.said, sizeof r.said);
        read_all(noted[0], r.noted, sizeof r.noted);
        cr_assert_eq(waitpid(child, &r.status, 0), child);
        return r;
}

static void in_workflow(void)
{
        running_code =
            (struct running_code){ .what = "workflow", .name = "order", .workflow_id = "o-1", .run = 0xabc };
        running_code.note_fd = &note_fd;
}

static void abort_in_workflow(void)
{
        in_workflow();
        abort();
}

Test(crash_guard, crashed_workflow_is_named_and_noted)
{
        struct remains r = crash_in_child(abort_in_workflow);
        cr_assert(WIFEXITED(r.status));
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_str_eq(r.said,
                         "stet: workflow \"order\" of run 0000000000000abc (\"o-1\") crashed with SIGABRT\n");
        cr_assert_str_eq(r.noted, "0000000000000abc\n");
}

static void fault_in_activity(void)
{
        running_code = (struct running_code){ .what = "activity", .name = "charge", .run = 1 };
        raise(SIGFPE);
}

Test(crash_guard, crashed_activity_is_named_but_not_noted)
{
        struct remains r = crash_in_child(fault_in_activity);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_str_eq(r.said, "stet: activity \"charge\" of run 0000000000000001 crashed with SIGFPE\n");
        cr_assert_str_eq(r.noted, "");
}

static void abort_elsewhere(void)
{
        abort();
}

Test(crash_guard, crash_outside_of_user_code_says_so)
{
        struct remains r = crash_in_child(abort_elsewhere);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_str_eq(r.said, "stet: code outside of any workflow and activity crashed with SIGABRT\n");
        cr_assert_str_eq(r.noted, "");
}

static void touch_guard(size_t at)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        volatile char *guard = mmap(NULL, 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        in_workflow();
        running_code.stack_guard = (const void *)(uintptr_t)guard;
        running_code.stack_guard_size = page;
        guard[at] = 1;
}

static void touch_inside(void)
{
        touch_guard((size_t)sysconf(_SC_PAGESIZE) - 1);
}

static void touch_outside(void)
{
        touch_guard((size_t)sysconf(_SC_PAGESIZE));
}

Test(crash_guard, fault_in_the_guard_page_is_a_stack_overflow)
{
        struct remains r = crash_in_child(touch_inside);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_str_eq(r.said, "stet: workflow \"order\" of run 0000000000000abc (\"o-1\") crashed with "
                                 "SIGSEGV: its stack overflowed: "
                                 "raise the stack size\n");
        r = crash_in_child(touch_outside);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_null(strstr(r.said, "overflowed"));
        cr_assert_str_eq(r.noted, "0000000000000abc\n");
}

__attribute__((noinline)) static size_t descend(size_t depth)
{
        volatile char here[4096];
        here[depth % sizeof here] = 1;
        return depth == SIZE_MAX ? 0 : descend(depth + 1) + (size_t)here[depth % sizeof here];
}

static void *overflow(void *arg)
{
        crash_guard_thread();
        crash_guard_thread(); /* a second one changes nothing */
        running_code = (struct running_code){ .what = "activity", .name = "deep", .run = 2 };
        return (void *)(descend(0) + (uintptr_t)arg);
}

static void overflow_in_thread(void)
{
        pthread_t thread;
        pthread_create(&thread, NULL, overflow, NULL);
        pthread_join(thread, NULL);
}

Test(crash_guard, thread_whose_stack_is_used_up_can_still_tell)
{
        struct remains r = crash_in_child(overflow_in_thread);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_str_eq(r.said, "stet: activity \"deep\" of run 0000000000000002 crashed with SIGSEGV\n");
}

static void *abort_thread(void *name)
{
        crash_guard_thread();
        running_code = (struct running_code){ .what = "activity", .name = name, .run = 3 };
        abort();
}

static void abort_twice(void)
{
        pthread_t threads[2];
        static char names[2][8] = { "first", "second" };
        for (int i = 0; i < 2; i++)
                pthread_create(&threads[i], NULL, abort_thread, names[i]);
        for (int i = 0; i < 2; i++)
                pthread_join(threads[i], NULL);
}

Test(crash_guard, threads_that_crash_together_do_not_talk_over_each_other)
{
        struct remains r = crash_in_child(abort_twice);
        cr_assert_eq(WEXITSTATUS(r.status), 70);
        cr_assert_eq(strchr(r.said, '\n'), r.said + strlen(r.said) - 1, "one sentence: %s", r.said);
}

static void *come_and_go(void *arg)
{
        crash_guard_thread();
        return arg;
}

static void end_thread(void)
{
        pthread_t thread;
        pthread_create(&thread, NULL, come_and_go, NULL);
        pthread_join(thread, NULL);
}

Test(crash_guard, process_that_does_not_crash_ends_as_it_likes)
{
        struct remains r = crash_in_child(end_thread);
        cr_assert(WIFEXITED(r.status));
        cr_assert_eq(WEXITSTATUS(r.status), 0);
        cr_assert_str_eq(r.said, "");
}
