/* SPDX-License-Identifier: MIT
 *
 * The crash guard: says which user code crashed, notes it for the next node on the data directory, and ends
 * the process.
 *
 * A handler runs in the middle of anything, with any lock held, so it only builds text on its stack and calls
 * write(), pause() and _exit(). A thread that crashes while another one is telling waits for the end. A
 * handler that crashes itself ends the process by the signal, since its signal is blocked while it runs.
 */
#include "runtime/crash_os.h"

#include "base/buffer.h"
#include "runtime/executor.h"
#include "stet/crash.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { SIGNAL_STACK_SIZE = 64 << 10, EXIT_CRASHED = 70 };

static const struct {
        int number;
        const char *name;
} signals[] = {
        { SIGSEGV, "SIGSEGV" }, { SIGBUS, "SIGBUS" },   { SIGFPE, "SIGFPE" },
        { SIGILL, "SIGILL" },   { SIGABRT, "SIGABRT" },
};

static atomic_bool installed;
static atomic_flag telling = ATOMIC_FLAG_INIT;

static pthread_key_t stack_key;

/* --- a sentence without stdio --- */

struct line {
        char text[1024];
        size_t size;
};

static void line_add(struct line *l, const char *text)
{
        while (*text && l->size < sizeof l->text)
                l->text[l->size++] = *text++;
}

static void line_add_hex(struct line *l, uint64_t number)
{
        char digits[17] = { 0 };
        for (size_t i = 16; i-- > 0; number >>= 4)
                digits[i] = "0123456789abcdef"[number & 15];
        line_add(l, digits);
}

/* Whoever reads it may be gone; there is nobody left to tell that. */
static void line_write(const struct line *l, int fd)
{
        size_t at = 0;
        while (at < l->size) {
                ssize_t written = write(fd, l->text + at, l->size - at);
                if (written <= 0)
                        return;
                at += (size_t)written;
        }
}

/* --- what happened --- */

static const char *signal_name(int number)
{
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
                if (signals[i].number == number)
                        return signals[i].name;
        return "a signal";
}

static bool stack_overflowed(const struct running_code *code, const siginfo_t *info)
{
        uintptr_t at = (uintptr_t)info->si_addr, guard = (uintptr_t)code->stack_guard;
        bool fault = info->si_signo == SIGSEGV || info->si_signo == SIGBUS;
        return fault && code->stack_guard && at >= guard && at - guard < code->stack_guard_size;
}

static void say_what_crashed(const struct running_code *code, const siginfo_t *info)
{
        struct line l = { .size = 0 };
        line_add(&l, "stet: ");
        if (code->what) {
                line_add(&l, code->what);
                line_add(&l, " \"");
                line_add(&l, code->name ? code->name : "");
                line_add(&l, "\" of run ");
                line_add_hex(&l, code->run);
                if (code->workflow_id && *code->workflow_id) {
                        line_add(&l, " (\"");
                        line_add(&l, code->workflow_id);
                        line_add(&l, "\")");
                }
        } else {
                line_add(&l, "code outside of any workflow and activity");
        }
        line_add(&l, " crashed with ");
        line_add(&l, signal_name(info->si_signo));
        line_add(&l, stack_overflowed(code, info) ? ": its stack overflowed: raise the stack size\n" : "\n");
        line_write(&l, STDERR_FILENO);
}

static void note_run(const struct running_code *code)
{
        if (!code->note_fd || *code->note_fd < 0)
                return;
        struct line l = { .size = 0 };
        line_add_hex(&l, code->run);
        line_add(&l, "\n");
        line_write(&l, *code->note_fd);
}

static void crashed(int number, siginfo_t *info, void *context)
{
        (void)number;
        (void)context;
        while (atomic_flag_test_and_set(&telling))
                pause();
        say_what_crashed(&running_code, info);
        note_run(&running_code);
        _exit(EXIT_CRASHED);
}

/* --- stacks for it --- */

static void drop_stack(void *stack)
{
        stack_t none = { .ss_flags = SS_DISABLE };
        sigaltstack(&none, NULL);
        free(stack);
}

void crash_guard_thread(void)
{
        if (!atomic_load(&installed) || pthread_getspecific(stack_key))
                return;
        running_code.what =
            NULL; /* also makes sure that the thread has its copy: a handler must not be the first to ask */
        stack_t stack = { .ss_sp = xmalloc(SIGNAL_STACK_SIZE), .ss_size = SIGNAL_STACK_SIZE };
        pthread_setspecific(stack_key, stack.ss_sp);
        sigaltstack(&stack, NULL);
}

void stet_crash_guard_install(void)
{
        if (atomic_load(&installed) || pthread_key_create(&stack_key, drop_stack) != 0)
                return;
        struct sigaction action = { .sa_sigaction = crashed, .sa_flags = SA_SIGINFO | SA_ONSTACK };
        sigemptyset(&action.sa_mask);
        for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
                sigaction(signals[i].number, &action, NULL);
        atomic_store(&installed, true);
        crash_guard_thread();
}
