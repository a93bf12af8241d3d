/* SPDX-License-Identifier: MIT */
#include "runtime/roster.h"

#include <stdlib.h>

void roster_init(struct roster *r, uint64_t hash_key, int64_t lease_ns)
{
        *r = (struct roster){ .hash_key = hash_key, .lease_ns = lease_ns };
        list_init(&r->executors_all);
}

void roster_fini(struct roster *r)
{
        map_fini(&r->executors);
        map_fini(&r->connections);
        heap_fini(&r->leases);
}

struct connection *roster_find(const struct roster *r, uint64_t peer)
{
        struct map_node *node = map_find(&r->connections, peer);
        return node ? container_of(node, struct connection, node) : NULL;
}

/* --- executors --- */

static int64_t lease_end_ns(const struct roster *r, const struct executor *e)
{
        int64_t end_ns;
        return __builtin_add_overflow(e->heard_ns, r->lease_ns, &end_ns) ? INT64_MAX : end_ns;
}

/* A connection from outside can't pass for a part of this process by saying the same name. */
static uint64_t executor_key(const struct roster *r, bool local, struct bytes name)
{
        return hash_bytes(r->hash_key, local, name);
}

static struct executor *executor_get(struct roster *r, bool local, struct bytes name, int64_t now_ns)
{
        uint64_t key = executor_key(r, local, name);
        struct map_node *node = map_find(&r->executors, key);
        for (; node; node = map_find_next(&r->executors, node)) {
                struct executor *e = container_of(node, struct executor, node);
                if (e->local == local && bytes_equal(e->name, name))
                        return e;
        }
        struct executor *e = xcalloc(1, sizeof *e + name.size);
        memcpy(e + 1, name.data, name.size);
        e->name = bytes_of(e + 1, name.size);
        e->local = local;
        e->heard_ns = now_ns;
        list_init(&e->connections);
        list_push(&r->executors_all, &e->all);
        map_put(&r->executors, &e->node, key);
        if (!local)
                heap_put(&r->leases, &e->lease, lease_end_ns(r, e));
        return e;
}

static void executor_free(struct roster *r, struct executor *e)
{
        heap_remove(&r->leases, &e->lease);
        map_remove(&r->executors, &e->node);
        list_remove(&e->all);
        free(e);
}

struct executor *roster_silent(struct roster *r, int64_t now_ns)
{
        for (struct heap_node *first; (first = heap_min(&r->leases)) && first->due_ns <= now_ns;) {
                struct executor *e = container_of(first, struct executor, lease);
                int64_t end_ns = lease_end_ns(r, e);
                if (end_ns <= now_ns)
                        return e;
                heap_put(&r->leases, &e->lease, end_ns);
        }
        return NULL;
}

/* --- connections --- */

struct connection *roster_add(struct roster *r, uint64_t peer, bool local, struct bytes executor,
                              int64_t now_ns)
{
        struct connection *c = xcalloc(1, sizeof *c);
        c->peer = peer;
        c->executor = executor_get(r, local, executor, now_ns);
        list_init(&c->running);
        list_init(&c->servings);
        list_init(&c->aside);
        list_init(&c->in_gone);
        list_push(&c->executor->connections, &c->of_executor);
        map_put(&r->connections, &c->node, peer);
        return c;
}

void connection_serve_nothing(struct lanes *lanes, struct connection *c)
{
        list_each_safe(at, after, &c->servings)
        {
                serving_remove(lanes, container_of(at, struct serving, of_connection));
        }
}

void roster_part(struct roster *r, struct lanes *lanes, struct connection *c)
{
        if (c->gone)
                return;
        c->gone = true;
        map_remove(&r->connections, &c->node);
        connection_serve_nothing(lanes, c);
}

void roster_remove(struct roster *r, struct connection *c)
{
        struct executor *e = c->executor;
        list_remove(&c->of_executor);
        list_remove(&c->in_gone);
        heap_fini(&c->backlog);
        free(c);
        if (list_empty(&e->connections))
                executor_free(r, e);
}
