/* SPDX-License-Identifier: MIT
 *
 * The requests that runs have applied, so that a repeat gets the same answer.
 */
#include "actors/run_parts.h"

#include <stdlib.h>

struct bytes run_given_id(const struct run *run)
{
        static const char digits[] = "0123456789abcdef";
        struct bytes id = bytes_str(run->workflow_id);
        unsigned same = 0;
        while (id.size == 16 && same < 16 &&
               id.data[same] == (uint8_t)digits[run->id >> (60 - 4 * same) & 15])
                same++;
        return same == 16 ? bytes_of(NULL, 0) : id;
}

struct bytes run_request_scope(const struct run *run, uint8_t event)
{
        return event == EVENT_START ? run_given_id(run) : bytes_str(run->workflow_id);
}

static unsigned digit_of(uint8_t c) /* of any other character something as small */
{
        return (c + 9u * (c >> 6)) % 16;
}

/* A client numbers its requests. Those that differ in their last digit only, decimal or hexadecimal, are
 * neighbours in the table (base/map.h). */
static uint64_t request_hash(uint8_t event, struct bytes ns, struct bytes id, struct bytes request_id)
{
        size_t before = request_id.size - 1;
        uint64_t hash =
            hash_bytes(hash_bytes(event, 0, ns), hash_bytes(event, 1, id), bytes_of(request_id.data, before));
        return hash - hash % MAP_NEIGHBOURS + digit_of(request_id.data[before]) % MAP_NEIGHBOURS;
}

struct run_request *run_request_find(const struct run_tables *tables, uint8_t event, struct bytes ns,
                                     struct bytes id, struct bytes request_id)
{
        if (!request_id.size)
                return NULL;
        struct map_node *n = map_find(&tables->requests, request_hash(event, ns, id, request_id));
        for (; n; n = map_find_next(&tables->requests, n)) {
                struct run_request *r = container_of(n, struct run_request, by_hash);
                if (r->event == event && bytes_equal(bytes_of(r->id, r->id_size), request_id) &&
                    bytes_equal(run_request_scope(r->run, event), id) &&
                    bytes_equal(bytes_str(r->run->ns), ns))
                        return r;
        }
        return NULL;
}

static struct run_request *request_take(struct run *run, size_t id_size)
{
        struct run_request *r = &run->first_request;
        if (r->run || id_size > RUN_REQUEST_ID_FEW) {
                r = xmalloc(sizeof *r + id_size);
                r->id = (char *)(r + 1);
        } else {
                r->id = run->few_request_id;
        }
        return r;
}

static void request_give(struct run *run, struct run_request *r)
{
        if (r == &run->first_request)
                r->run = NULL;
        else
                free(r);
}

void run_request_keep(struct run *run, struct run_tables *tables, const struct event *e, uint64_t lsn)
{
        if (!e->request_id.size)
                return;
        struct run_request *r = request_take(run, e->request_id.size);
        r->run = run;
        r->lsn = lsn;
        r->event = e->type;
        r->id_size = e->request_id.size;
        memcpy(r->id, e->request_id.data, e->request_id.size);
        list_push(&run->requests, &r->in_run);
        if (!tables->only_fold)
                map_put(&tables->requests, &r->by_hash,
                        request_hash(e->type, bytes_str(run->ns), run_request_scope(run, e->type),
                                     e->request_id));
}

void run_requests_forget(struct run *run, struct run_tables *tables, uint64_t up_to_lsn)
{
        list_each_safe(at, after, &run->requests)
        {
                struct run_request *r = container_of(at, struct run_request, in_run);
                if (r->lsn > up_to_lsn)
                        return;
                if (!tables->only_fold)
                        map_remove(&tables->requests, &r->by_hash);
                list_remove(at);
                request_give(run, r);
        }
}
