/* SPDX-License-Identifier: MIT */
#include "runtime/answers.h"

#include <stdlib.h>

/* Longer than a repeat can be under way; soon enough for whoever tries the same again later. */
static const int64_t keep_ns = INT64_C(30) * 1000000000;

struct kept_answer {
        struct map_node by_command; /* a hash of all that makes a command the same */
        struct list all;
        int64_t until_ns;
        uint64_t run;
        uint32_t code;
        uint32_t count;
        size_t text_size;
        char text[];
};

static uint64_t key_of(const struct message *to)
{
        return hash_bytes(hash_bytes(to->type, 0, to->ns), hash_bytes(to->type, 1, to->id), to->request_id);
}

static struct kept_answer *oldest(const struct answers *a)
{
        return a->any && !list_empty(&a->all) ? container_of(a->all.next, struct kept_answer, all) : NULL;
}

static void forget(struct answers *a, struct kept_answer *k)
{
        map_remove(&a->by_command, &k->by_command);
        list_remove(&k->all);
        free(k);
}

/* What is too old, and what is too many. */
static void make_room(struct answers *a, int64_t now_ns)
{
        for (struct kept_answer *k;
             (k = oldest(a)) && (now_ns >= k->until_ns || a->by_command.count >= ANSWERS_MAX);)
                forget(a, k);
}

void answers_keep(struct answers *a, const struct message *to, const struct message *reply, int64_t now_ns)
{
        if (!to->request_id.size)
                return;
        if (!a->any)
                list_init(&a->all);
        a->any = true;
        make_room(a, now_ns);
        struct kept_answer *k = xmalloc(sizeof *k + reply->text.size);
        *k = (struct kept_answer){ .until_ns = now_ns + keep_ns,
                                   .run = reply->token.run,
                                   .code = reply->code,
                                   .count = reply->count,
                                   .text_size = reply->text.size };
        if (k->text_size)
                memcpy(k->text, reply->text.data, k->text_size);
        list_init(&k->all);
        list_push(&a->all, &k->all);
        map_put(&a->by_command, &k->by_command, key_of(to));
}

bool answers_find(const struct answers *a, const struct message *to, int64_t now_ns, struct message *ret)
{
        struct map_node *n =
            a->by_command.count && to->request_id.size ? map_find(&a->by_command, key_of(to)) : NULL;
        const struct kept_answer *k = n ? container_of(n, const struct kept_answer, by_command) : NULL;
        if (!k || now_ns >= k->until_ns)
                return false;
        *ret = (struct message){ .token.run = k->run, .code = k->code, .count = k->count };
        ret->text = bytes_of(k->text, k->text_size);
        return true;
}

void answers_fini(struct answers *a)
{
        for (struct kept_answer *k; (k = oldest(a));)
                forget(a, k);
        map_fini(&a->by_command);
        a->any = false;
}
