/* SPDX-License-Identifier: MIT */
#include "actors/coroutine.h"
#include "base/buffer.h"
#include "tests/lib/child.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_SIZE = 64 << 10 };

/* --- turns --- */

struct story {
        struct coroutine *co;
        int turns;
        int seen;
};

static void tell(void *arg)
{
        struct story *s = arg;
        for (int i = 0; i < s->turns; i++) {
                s->seen++;
                coroutine_yield(s->co);
        }
        s->seen += 100;
}

static void begin(struct story *s, struct stack_pool *pool, int turns)
{
        *s = (struct story){ .turns = turns };
        s->co = coroutine_new(pool, tell, s);
        cr_assert(s->co);
}

Test(coroutine, runs_from_resume_to_yield_and_says_when_it_has_returned)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        struct story s;
        begin(&s, pool, 2);
        cr_assert_eq(s.seen, 0, "it ran before the first resume");
        cr_assert(coroutine_resume(s.co));
        cr_assert_eq(s.seen, 1);
        cr_assert(coroutine_resume(s.co));
        cr_assert_eq(s.seen, 2);
        cr_assert(!coroutine_resume(s.co));
        cr_assert_eq(s.seen, 102);
        coroutine_free(s.co);
        stack_pool_free(pool);
}

Test(coroutine, ten_thousand_take_turns_each_on_a_stack_of_its_own)
{
        enum { COUNT = 10000, TURNS = 3 };
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        struct story *stories = xcalloc(COUNT, sizeof *stories);
        for (int i = 0; i < COUNT; i++)
                begin(&stories[i], pool, TURNS);
        for (int turn = 1; turn <= TURNS; turn++)
                for (int i = 0; i < COUNT; i++) {
                        cr_assert(coroutine_resume(stories[i].co));
                        cr_assert_eq(stories[i].seen, turn);
                }
        for (int i = COUNT; i-- > 0;) {
                cr_assert(!coroutine_resume(stories[i].co));
                cr_assert_eq(stories[i].seen, TURNS + 100);
                coroutine_free(stories[i].co);
        }
        free(stories);
        stack_pool_free(pool);
}

/* --- home --- */

static void change_home(void *arg)
{
        unsigned char *home = arg;
        for (int i = 0; i < 300; i++)
                home[i]++;
}

Test(coroutine, has_bytes_of_its_owner_at_the_top_of_its_stack)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 300);
        struct coroutine *co = coroutine_new(pool, change_home, NULL);
        unsigned char *home = coroutine_home(co);
        cr_assert_eq((uintptr_t)home % alignof(max_align_t), 0);
        memset(home, 7, 300);
        cr_assert(!coroutine_resume(co));
        for (int i = 0; i < 300; i++)
                cr_assert_eq(home[i], 8);
        coroutine_free(co);
        stack_pool_free(pool);
}

/* --- what a switch keeps --- */

struct sums {
        struct coroutine *co;
        double whole;
        long double fine;
        int64_t number;
};

/* Many values at once, so that they are in registers while others use them. */
static void add_up(void *arg)
{
        struct sums *s = arg;
        double a = s->whole, b = a * 2, c = a * 3, d = a * 4, e = a * 5, f = a * 6, g = a * 7, h = a * 8;
        long double fine = s->fine;
        int64_t i = s->number, j = i * 3, k = i * 5, l = i * 7, m = i * 11, n = i * 13;
        for (int turn = 0; turn < 100; turn++) {
                coroutine_yield(s->co);
                a += 0.5, b += a, c += b, d += c, e += d, f += e, g += f, h += g;
                fine = fine * 1.000001L + 0.25L;
                i += 1, j += i, k += j, l += k, m += l, n += m;
        }
        s->whole = a + b + c + d + e + f + g + h;
        s->fine = fine;
        s->number = i + j + k + l + m + n;
}

/* The same, from beginning to end without another in between. */
static struct sums alone(double whole)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        struct sums s = { .whole = whole, .fine = whole / 3, .number = (int64_t)whole };
        s.co = coroutine_new(pool, add_up, &s);
        while (coroutine_resume(s.co))
                continue;
        coroutine_free(s.co);
        stack_pool_free(pool);
        return s;
}

Test(coroutine, floating_point_and_whole_numbers_survive_switches_between_others_that_compute)
{
        enum { COUNT = 10 };
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        struct sums sums[COUNT];
        for (int i = 0; i < COUNT; i++) {
                sums[i] = (struct sums){ .whole = i + 1, .fine = (i + 1) / 3.0, .number = i + 1 };
                sums[i].co = coroutine_new(pool, add_up, &sums[i]);
        }
        double between = 1.0;
        for (int turn = 0; turn <= 100; turn++)
                for (int i = 0; i < COUNT; i++) {
                        cr_assert_eq(coroutine_resume(sums[i].co), turn < 100);
                        between *= 1.0001;
                }
        double expected = 1.0;
        for (int i = 0; i < 101 * COUNT; i++)
                expected *= 1.0001;
        cr_assert(memcmp(&between, &expected, sizeof between) == 0, "the resumer's own numbers changed");
        for (int i = 0; i < COUNT; i++) {
                struct sums right = alone(i + 1);
                cr_expect(memcmp(&sums[i].whole, &right.whole, sizeof right.whole) == 0, "doubles of %d", i);
                cr_expect(!(sums[i].fine < right.fine) && !(sums[i].fine > right.fine), "long double of %d",
                          i);
                cr_expect_eq(sums[i].number, right.number, "integers of %d", i);
                coroutine_free(sums[i].co);
        }
        stack_pool_free(pool);
}

static void look_at_alignment(void *arg)
{
        *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0) % 16;
}

Test(coroutine, stack_is_aligned_as_the_calling_convention_wants)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        uintptr_t off = 99;
        struct coroutine *co = coroutine_new(pool, look_at_alignment, &off);
        cr_assert(!coroutine_resume(co));
        cr_assert_eq(off, 0);
        coroutine_free(co);
        stack_pool_free(pool);
}

/* --- thrown away --- */

static void fill_stack(void *arg)
{
        volatile char much[STACK_SIZE / 2];
        memset((void *)(uintptr_t)much, 0x5a, sizeof much);
        struct story *s = arg;
        coroutine_yield(s->co);
        s->seen = much[0];
}

Test(coroutine, one_that_stands_still_may_be_thrown_away_and_its_stack_serves_the_next)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        const void *guard = NULL;
        size_t size;
        for (int i = 0; i < 1000; i++) {
                struct story s = { 0 };
                s.co = coroutine_new(pool, fill_stack, &s);
                cr_assert(!guard || coroutine_guard(s.co, &size) == guard, "a stack was not used again");
                guard = coroutine_guard(s.co, &size);
                cr_assert(coroutine_resume(s.co));
                coroutine_free(s.co);
                cr_assert_eq(s.seen, 0);
        }
        struct story fresh;
        begin(&fresh, pool, 1);
        cr_assert(coroutine_resume(fresh.co));
        cr_assert(!coroutine_resume(fresh.co));
        cr_assert_eq(fresh.seen, 101);
        coroutine_free(fresh.co);
        stack_pool_free(pool);
}

Test(coroutine, one_that_never_ran_may_be_thrown_away_and_nothing_too)
{
        struct stack_pool *pool = stack_pool_new(1, 0);
        struct story s;
        begin(&s, pool, 1);
        coroutine_free(s.co);
        coroutine_free(NULL);
        stack_pool_free(pool);
        stack_pool_free(NULL);
}

/* --- overflow --- */

enum { HIT_GUARD = 10, HIT_SOMETHING_ELSE, SURVIVED };

static const char *guard_at;
static size_t guard_size;

static void on_fault(int number, siginfo_t *info, void *context)
{
        (void)number;
        (void)context;
        const char *at = info->si_addr;
        _exit(at >= guard_at && at < guard_at + guard_size ? HIT_GUARD : HIT_SOMETHING_ELSE);
}

/* The sanitizers would look at each frame's shadow; here only the page below the stack is to be met. */
__attribute__((noinline, no_sanitize("address", "undefined"))) static int go_down(volatile int *depth)
{
        volatile char frame[512];
        frame[0] = (char)++*depth;
        if (*depth > STACK_SIZE)
                return 0;
        return go_down(depth) + frame[0];
}

static void overflow(void *arg)
{
        (void)arg;
        volatile int depth = 0;
        go_down(&depth);
}

static void overflow_in_child(struct stack_pool *pool)
{
        stack_t alternate = { .ss_sp = xmalloc(STACK_SIZE), .ss_size = STACK_SIZE };
        struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
        struct coroutine *co = coroutine_new(pool, overflow, NULL);
        guard_at = coroutine_guard(co, &guard_size);
        sigaltstack(&alternate, NULL);
        sigaction(SIGSEGV, &action, NULL);
        coroutine_resume(co);
        _exit(SURVIVED);
}

Test(coroutine, overflow_is_a_fault_in_the_guard_page)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        pid_t child = fork();
        if (child == 0)
                overflow_in_child(pool);
        cr_assert_gt(child, 0);
        cr_assert_eq(child_exit_code(child), HIT_GUARD);
        stack_pool_free(pool);
}

static void say_where(void *arg)
{
        *(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
}

Test(coroutine, guard_page_lies_right_below_the_stack)
{
        struct stack_pool *pool = stack_pool_new(STACK_SIZE, 0);
        uintptr_t where = 0;
        size_t size = 0;
        struct coroutine *co = coroutine_new(pool, say_where, &where);
        uintptr_t guard = (uintptr_t)coroutine_guard(co, &size);
        cr_assert(!coroutine_resume(co));
        cr_assert_eq(size, (size_t)sysconf(_SC_PAGESIZE));
        cr_assert_eq(guard % size, 0);
        cr_assert(where >= guard + size && where < guard + size + STACK_SIZE + 2 * 4096);
        coroutine_free(co);
        stack_pool_free(pool);
}

static void nothing(void *arg)
{
        (void)arg;
}

/* With a mapping of its own for each guard they would take 80,000 of the 65,530 that a process may have. */
Test(coroutine, forty_thousand_stacks_fit_a_process_where_guards_are_light)
{
        enum { COUNT = 40000 };
        if (!coroutine_guards_are_light())
                cr_skip_test("this system has none");
        struct stack_pool *pool = stack_pool_new(1, 0);
        struct coroutine **all = xcalloc(COUNT, sizeof(struct coroutine *));
        for (size_t i = 0; i < COUNT; i++) {
                all[i] = coroutine_new(pool, nothing, NULL);
                cr_assert_not_null(all[i], "stack %zu", i);
        }
        for (size_t i = 0; i < COUNT; i++)
                coroutine_free(all[i]);
        stack_pool_free(pool);
        free(all);
}
