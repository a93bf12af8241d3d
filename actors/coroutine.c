/* SPDX-License-Identifier: MIT
 *
 * The switch itself is coroutine_switch(): it pushes the callee-saved registers on the current stack, stores
 * the stack pointer through its first argument and takes the second one's. The sanitizers must be told of
 * each switch.
 */
#include "actors/coroutine.h"

#include "base/buffer.h"
#include "base/prefetch.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define WITH_TSAN 1
#include <sanitizer/tsan_interface.h>
#endif

#if !defined(__x86_64__) && !defined(__aarch64__)
#define WITH_UCONTEXT 1
#include <ucontext.h>
#endif

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* since Linux 6.13 */
#endif

/* Of the stack around its pointer a resume touches about so much. */
enum { LINE_SIZE = 64, EXPECT_BELOW = 768, EXPECT_ABOVE = 512 };

struct stack_pool {
        size_t stack_size; /* without the guard page, with the coroutine and its home at the top */
        size_t home_size;
        size_t guard_size;
        struct coroutine *unused; /* each with its stack */
        size_t unused_count;
};

/* It stands at the top of its own stack, below its home. */
struct coroutine {
        struct stack_pool *pool;
        struct coroutine *next; /* in the pool's unused */
        uint8_t *base;          /* the guard page; the stack proper follows */
        coroutine_fn *fn;
        void *arg;
        bool finished;
#ifdef WITH_UCONTEXT
        ucontext_t inside, outside;
#else
        void *inside_sp, *outside_sp;
#endif
#ifdef WITH_ASAN
        const void *outside_bottom;
        size_t outside_size;
        void *inside_fake, *outside_fake;
#endif
#ifdef WITH_TSAN
        void *inside_fiber, *outside_fiber;
#endif
};

static size_t round_up(size_t size, size_t unit)
{
        return (size + unit - 1) / unit * unit;
}

struct stack_pool *stack_pool_new(size_t stack_size, size_t home_size)
{
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        struct stack_pool *pool = xcalloc(1, sizeof *pool);
        pool->guard_size = page;
        pool->home_size = round_up(home_size, LINE_SIZE);
        pool->stack_size =
            round_up(stack_size + round_up(sizeof(struct coroutine), LINE_SIZE) + pool->home_size, page);
        return pool;
}

void stack_pool_free(struct stack_pool *pool)
{
        if (!pool)
                return;
        stack_pool_shrink(pool, pool->unused_count);
        free(pool);
}

size_t stack_pool_unused(const struct stack_pool *pool)
{
        return pool->unused_count;
}

void stack_pool_shrink(struct stack_pool *pool, size_t count)
{
        for (; count && pool->unused; count--) {
                struct coroutine *co = pool->unused;
                pool->unused = co->next; /* it stands on the stack that goes */
                pool->unused_count--;
                munmap(co->base, pool->guard_size + pool->stack_size);
        }
}

static bool guard(void *page, size_t size)
{
        return madvise(page, size, MADV_GUARD_INSTALL) == 0 || mprotect(page, size, PROT_NONE) == 0;
}

bool coroutine_guards_are_light(void)
{
        size_t size = (size_t)sysconf(_SC_PAGESIZE);
        void *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        bool light = page != MAP_FAILED && madvise(page, size, MADV_GUARD_INSTALL) == 0;
        if (page != MAP_FAILED)
                munmap(page, size);
        return light;
}

static uint8_t *map_stack(const struct stack_pool *pool)
{
        size_t size = pool->guard_size + pool->stack_size;
        void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
        if (base == MAP_FAILED)
                return NULL;
        if (!guard(base, pool->guard_size)) {
                munmap(base, size);
                return NULL;
        }
        return base;
}

static struct coroutine *place(struct stack_pool *pool, uint8_t *base)
{
        uint8_t *home = base + pool->guard_size + pool->stack_size - pool->home_size;
        struct coroutine *co =
            (struct coroutine *)(void *)(home - round_up(sizeof(struct coroutine), LINE_SIZE));
        *co = (struct coroutine){ .pool = pool, .base = base };
        return co;
}

void *coroutine_home(struct coroutine *co)
{
        return (uint8_t *)co + round_up(sizeof *co, LINE_SIZE);
}

#if defined(WITH_ASAN) || defined(WITH_UCONTEXT)

/* What lies between the guard page and the coroutine. */
static uint8_t *stack_bottom(const struct coroutine *co)
{
        return co->base + co->pool->guard_size;
}

static size_t stack_room(const struct coroutine *co)
{
        return (size_t)((const uint8_t *)co - stack_bottom(co));
}

#endif

static struct coroutine *take(struct stack_pool *pool)
{
        struct coroutine *co = pool->unused;
        if (co) {
                pool->unused = co->next;
                pool->unused_count--;
                return co;
        }
        uint8_t *base = map_stack(pool);
        if (!base)
                return NULL;
        return place(pool, base);
}

#ifdef WITH_UCONTEXT

static void switch_in(struct coroutine *co)
{
        swapcontext(&co->outside, &co->inside);
}

static void switch_out(struct coroutine *co)
{
        swapcontext(&co->inside, &co->outside);
}

#else

void coroutine_switch(void **ret_sp, void *sp);
void coroutine_entry(void);
void coroutine_main(struct coroutine *co);

static void switch_in(struct coroutine *co)
{
        coroutine_switch(&co->outside_sp, co->inside_sp);
}

static void switch_out(struct coroutine *co)
{
        coroutine_switch(&co->inside_sp, co->outside_sp);
}

#endif

/* The sanitizers' view of a switch: announced before, completed after. */
static void enter(struct coroutine *co)
{
#ifdef WITH_ASAN
        __sanitizer_start_switch_fiber(&co->outside_fake, stack_bottom(co), stack_room(co));
#endif
#ifdef WITH_TSAN
        co->outside_fiber = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(co->inside_fiber, 0);
#endif
        switch_in(co);
#ifdef WITH_ASAN
        __sanitizer_finish_switch_fiber(co->outside_fake, NULL, NULL);
#endif
}

static void leave(struct coroutine *co)
{
#ifdef WITH_ASAN
        __sanitizer_start_switch_fiber(co->finished ? NULL : &co->inside_fake, co->outside_bottom,
                                       co->outside_size);
#endif
#ifdef WITH_TSAN
        __tsan_switch_to_fiber(co->outside_fiber, 0);
#endif
        switch_out(co);
}

static void entered(struct coroutine *co)
{
#ifdef WITH_ASAN
        __sanitizer_finish_switch_fiber(co->inside_fake, &co->outside_bottom, &co->outside_size);
#else
        (void)co;
#endif
}

void coroutine_main(struct coroutine *co)
{
        entered(co);
        co->fn(co->arg);
        co->finished = true;
        leave(co);
        abort(); /* a finished coroutine is never resumed */
}

#ifdef WITH_UCONTEXT

static void ucontext_main(unsigned low, unsigned high)
{
        coroutine_main((struct coroutine *)((uintptr_t)low | (uintptr_t)high << 16 << 16));
}

static void prepare(struct coroutine *co, uint8_t *top)
{
        (void)top;
        getcontext(&co->inside);
        co->inside.uc_stack.ss_sp = stack_bottom(co);
        co->inside.uc_stack.ss_size = stack_room(co);
        co->inside.uc_link = NULL;
        makecontext(&co->inside, (void (*)(void))ucontext_main, 2, (unsigned)(uintptr_t)co,
                    (unsigned)((uintptr_t)co >> 16 >> 16));
}

#else

/* What coroutine_switch() pops on the first resume: see the .S file of each architecture. coroutine_entry
 * moves the coroutine from a callee-saved register to the argument register and calls coroutine_main(). */
static void prepare(struct coroutine *co, uint8_t *top)
{
#if defined(__x86_64__)
        /* mxcsr+x87cw, r15, r14, r13, r12, rbx, rbp, return address, and a word so that the stack is aligned
         * at entry */
        void **sp = (void **)(void *)top - 10;
        memset(sp, 0, 10 * sizeof *sp);
        uint32_t mxcsr;
        uint16_t control;
        __asm__ volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr), "=m"(control));
        memcpy(sp, &mxcsr, sizeof mxcsr);
        memcpy((uint8_t *)sp + 4, &control, sizeof control);
        sp[5] = co; /* rbx */
        sp[7] = (void *)coroutine_entry;
#else
        /* d8…d15, x19…x30: 20 words; x19 the coroutine, x30 where to return */
        void **sp = (void **)(void *)top - 20;
        memset(sp, 0, 20 * sizeof *sp);
        sp[8] = co;
        sp[19] = (void *)coroutine_entry;
#endif
        co->inside_sp = sp;
}

#endif

struct coroutine *coroutine_new(struct stack_pool *pool, coroutine_fn *fn, void *arg)
{
        struct coroutine *co = take(pool);
        if (!co)
                return NULL;
        *co = (struct coroutine){ .pool = pool, .base = co->base, .fn = fn };
        co->arg = arg ? arg : coroutine_home(co);
        prepare(co, (uint8_t *)co);
#ifdef WITH_TSAN
        co->inside_fiber = __tsan_create_fiber(0);
#endif
        return co;
}

void coroutine_free(struct coroutine *co)
{
        if (!co)
                return;
#ifdef WITH_TSAN
        __tsan_destroy_fiber(co->inside_fiber);
#endif
#ifdef WITH_ASAN
        ASAN_UNPOISON_MEMORY_REGION(stack_bottom(co), stack_room(co));
#endif
        co->next = co->pool->unused;
        co->pool->unused = co;
        co->pool->unused_count++;
}

bool coroutine_resume(struct coroutine *co)
{
        enter(co);
        return !co->finished;
}

void coroutine_expect(const struct coroutine *co)
{
#ifdef WITH_UCONTEXT
        (void)co;
#else
        prefetch_to_write((const char *)co->inside_sp - EXPECT_BELOW, EXPECT_BELOW + EXPECT_ABOVE);
#endif
}

void coroutine_yield(struct coroutine *co)
{
        leave(co);
        entered(co);
}

const void *coroutine_guard(const struct coroutine *co, size_t *ret_size)
{
        *ret_size = co->pool->guard_size;
        return co->base;
}
