/* SPDX-License-Identifier: MIT
 *
 * The lobby: where peers wait while a node recovers. Nothing can be said about runs yet, but that the node is
 * there, and how far it is: a probe is answered with WHO, a client's HELLO with WELCOME, the reading "stats"
 * with how far recovery has come. Whatever else peers say is held, in the order in which it came, until the
 * front takes it.
 *
 * Core: frames come in by a call, answers go out through a transport. An answer that the transport does not
 * take is left to the front, like all that is held.
 */
#ifndef RUNTIME_LOBBY_H
#define RUNTIME_LOBBY_H

#include "runtime/shard.h"
#include "runtime/transport.h"

struct lobby;

struct lobby_options {
        uint64_t incarnation;
        uint64_t secret; /* random: peers must not know which of their frames look alike in a table */
        size_t held_bytes_max;
};

/* How far a node's recovery is. */
struct recovering {
        uint32_t shard; /* the one at work, from 0 */
        uint32_t shards;
        struct shard_progress progress; /* of that one */
};

enum { RECOVERING_SENTENCE_SIZE = 200 };

/* "shard 1 of 2, 1,234,000 of 3,000,000 records", and open runs when it has come to them. */
void recovering_sentence(const struct recovering *r, char buf[RECOVERING_SENTENCE_SIZE]);

struct lobby *lobby_new(const struct lobby_options *options, struct transport *transport);
void lobby_free(struct lobby *l);

/* What is answered from now on. Copied. */
void lobby_set_recovering(struct lobby *l, const struct recovering *r);

/* A frame from a peer; local: over inproc. What can be answered is, the rest of it is held. A client repeats
 * a request that is not answered: the same frame again, if it means nothing new, is held once. */
void lobby_receive(struct lobby *l, uint64_t peer, bool local, struct bytes frame);

/* As much is held as may be: no more may be received, so that the peers are held up by the transport. */
bool lobby_full(const struct lobby *l);

/* Takes out the frame that is held longest, for front_receive(); it is valid until the next call. False:
 * there is none. */
bool lobby_take(struct lobby *l, uint64_t *ret_peer, bool *ret_local, struct bytes *ret_frame);

#endif
