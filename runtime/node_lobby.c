/* SPDX-License-Identifier: MIT
 *
 * The node while it recovers. Its endpoints are bound before its shards are opened, and peers come to the
 * lobby: recovery says every few milliseconds how far it is, and on that occasion the thread that opens the
 * node looks after them. When shards with threads of their own are at work, the node's turns do
 * (node_recover()), until the last shard is back.
 */
#include "runtime/node_state.h"

#include <stdio.h>

enum {
        LOOK_NS = 3000000,   /* after peers, at most so often: a look costs microseconds */
        SAY_NS = 1000000000, /* to the log */
        HELD_MAX = 16 << 20, /* bytes */
};

void node_lobby_open(stet_node *n, uint64_t secret)
{
        struct lobby_options o = { .incarnation = n->dir.incarnation,
                                   .secret = secret,
                                   .held_bytes_max = HELD_MAX };
        n->lobby = lobby_new(&o, router_transport(n->router));
        n->recovering = true;
        n->say_due_ns = clock_elapsed_ns() + SAY_NS;
        lobby_set_recovering(n->lobby, &(struct recovering){ .shards = n->dir.shards });
}

bool node_let_in(stet_node *n)
{
        uint64_t peer;
        bool local;
        struct bytes frame;
        int count = 0;
        while (count < NODE_TURN_FRAMES_MAX && !lobby_full(n->lobby) &&
               router_receive(n->router, &peer, &local, &frame) > 0) {
                lobby_receive(n->lobby, peer, local, frame);
                count++;
        }
        return count > 0;
}

/* Coming back may take a while: who asks or reads the log hears of it. */
static void tell(stet_node *n, const struct recovering *r, int64_t now_ns)
{
        char sentence[RECOVERING_SENTENCE_SIZE], line[RECOVERING_SENTENCE_SIZE + 20];
        lobby_set_recovering(n->lobby, r);
        if (now_ns < n->say_due_ns)
                return;
        n->say_due_ns = now_ns + SAY_NS;
        recovering_sentence(r, sentence);
        snprintf(line, sizeof line, "recovering: %s", sentence);
        node_log(n, STET_LOG_INFO, line);
}

void node_progress(void *ctx, const struct shard_progress *p)
{
        stet_node *n = ctx;
        int64_t now_ns = clock_elapsed_ns();
        if (now_ns < n->look_due_ns)
                return;
        n->look_due_ns = now_ns + LOOK_NS;
        tell(n, &(struct recovering){ n->shard_opening, n->dir.shards, *p }, now_ns);
        node_let_in(n);
}

void node_watch_recovery(stet_node *n)
{
        uint32_t i = 0;
        while (i < n->dir.shards && shard_thread_recovered(n->threads[i]))
                i++;
        n->recovering = i < n->dir.shards;
        if (n->recovering)
                tell(n, &(struct recovering){ i, n->dir.shards, shard_thread_progress(n->threads[i]) },
                     clock_elapsed_ns());
}

bool node_next_frame(stet_node *n, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame)
{
        if (n->lobby && lobby_take(n->lobby, ret_peer, ret_local, ret_frame))
                return true;
        lobby_free(n->lobby);
        n->lobby = NULL;
        return router_receive(n->router, ret_peer, ret_local, ret_frame) > 0;
}
