/* SPDX-License-Identifier: MIT
 *
 * Answers that left no record: refusals, a start that met an open run. A client repeats a command whose
 * answer is slow, and the repeat must not be judged anew: it could be carried out although its client is told
 * that it was refused. So for a while the repeat gets what the first one got. In memory only: a crash takes
 * the first answer along, or the client has it.
 */
#ifndef RUNTIME_ANSWERS_H
#define RUNTIME_ANSWERS_H

#include "base/list.h"
#include "base/map.h"
#include "runtime/wire.h"

enum { ANSWERS_MAX = 4096 }; /* the newest ones */

struct answers {
        struct map by_command;
        struct list all; /* the oldest first */
        bool any;        /* the list is in use */
};

/* Keeps the answer (its code, run, count and text) to this command, if the command has a request id. */
void answers_keep(struct answers *a, const struct message *to, const struct message *reply, int64_t now_ns);

/* The answer that this command got before, into *ret: false if none is kept. Its text is valid until the next
 * one is kept. */
bool answers_find(const struct answers *a, const struct message *to, int64_t now_ns, struct message *ret);

void answers_fini(struct answers *a);

#endif
