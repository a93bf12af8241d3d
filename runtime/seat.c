/* SPDX-License-Identifier: MIT */
#include "runtime/seat.h"

int seat_open(struct seat *s, void *zmq_context, const struct executor_config *config, stet_why *why)
{
        struct link *link;
        int err = link_open(zmq_context, config->endpoint, &link, why);
        if (err)
                return err;
        struct worker_options options = executor_config_worker(config);
        options.local = link_is_local(link);
        *s = (struct seat){ .link = link, .worker = worker_new(&options) };
        return 0;
}

static bool take(struct seat *s, int64_t now_ns)
{
        struct bytes frame;
        bool came = false;
        while (link_receive(s->link, &frame)) {
                worker_receive(s->worker, frame, now_ns);
                came = true;
        }
        return came;
}

/* A frame that the link refuses waits for its turn: what the worker says next comes after it. */
static bool say(struct seat *s, int64_t now_ns)
{
        bool said = false;
        while (s->frame.size || worker_flush(s->worker, now_ns, &s->frame)) {
                if (link_send(s->link, buffer_bytes(&s->frame)) != 0)
                        break;
                buffer_clear(&s->frame);
                said = true;
        }
        return said;
}

bool seat_exchange(struct seat *s, int64_t now_ns)
{
        bool came = false;
        do {
                came |= take(s, now_ns);
                if (worker_deadline(s->worker) <= now_ns)
                        worker_tick(s->worker, now_ns);
        } while (say(s, now_ns));
        return came;
}

void seat_leave(struct seat *s, int64_t now_ns)
{
        if (!s->link)
                return;
        worker_return(s->worker);
        say(s, now_ns);
        worker_bye(s->worker);
        say(s, now_ns);
        link_close(s->link);
        s->link = NULL;
}

void seat_close(struct seat *s)
{
        link_close(s->link);
        worker_free(s->worker);
        arena_fini(&s->arena);
        buffer_fini(&s->frame);
        *s = (struct seat){ 0 };
}
