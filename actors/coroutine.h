/* SPDX-License-Identifier: MIT
 *
 * A function on a stack of its own that can stand still in the middle and go on later. A switch costs a few
 * nanoseconds: a few lines of assembly on x86-64 and aarch64, ucontext elsewhere. Below each stack lies a
 * page that can't be touched: an overflow is a fault there, never a corrupted heap.
 *
 * A coroutine that stands still may be thrown away; what is on its stack is then just gone.
 */
#ifndef ACTORS_COROUTINE_H
#define ACTORS_COROUTINE_H

#include <stdbool.h>
#include <stddef.h>

struct coroutine;
struct stack_pool;

/* Stacks of one size, kept for the next. At the top of each are home_size bytes for whoever owns the
 * coroutine: what a resume touches lies together. Used by one thread. */
struct stack_pool *stack_pool_new(size_t stack_size, size_t home_size);
void stack_pool_free(struct stack_pool *pool); /* every coroutine of it is freed before */

/* How many stacks are kept that nobody uses; gives up to so many of them back to the system. */
size_t stack_pool_unused(const struct stack_pool *pool);
void stack_pool_shrink(struct stack_pool *pool, size_t count);

/* Whether a stack takes no more than one of the mappings that a process may have (65,530, unless the system
 * is told otherwise), and none beside another stack: so it is since Linux 6.13. Before, the page below it
 * takes one of its own. */
bool coroutine_guards_are_light(void);

typedef void coroutine_fn(void *arg);

/* NULL when the system gives no more memory for a stack. Nothing runs until the first resume. fn is given
 * arg; when that is NULL, the coroutine's home. */
struct coroutine *coroutine_new(struct stack_pool *pool, coroutine_fn *fn, void *arg);

/* The owner's bytes, aligned for any type, until coroutine_free(). What they hold at first is anything. */
void *coroutine_home(struct coroutine *co);

void coroutine_free(struct coroutine *co); /* harmless on NULL; not from within it */

/* Runs it until it yields or its function returns: false when it has returned. */
bool coroutine_resume(struct coroutine *co);

/* It is resumed soon: brings the top of its stack nearer. */
void coroutine_expect(const struct coroutine *co);

/* From within: back to who resumed it. */
void coroutine_yield(struct coroutine *co);

/* The page below its stack. */
const void *coroutine_guard(const struct coroutine *co, size_t *ret_size);

#endif
