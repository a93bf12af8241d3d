/* SPDX-License-Identifier: MIT
 *
 * How long a run's history may get. Nothing of a history is ever cut: a run that reaches the limit stands
 * still, blocked, until it is cancelled or terminated, or the node is opened with a higher limit. What it has
 * asked for goes on and is written; signals are refused, because nothing else bounds them.
 *
 * The transition that reaches the limit is written without the code having run. So the run has something
 * pending, is brought back by every restart, and is blocked again, or goes on.
 *
 * A run that is cancelled may go on to a tenth beyond the limit, to clean up.
 */
#include "runtime/shard_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PART = 10 }; /* the warning comes at a tenth of the limit, and cancelled runs have a tenth more */

static const uint64_t mib = 1 << 20;

/* Whether the next transition is one too many for code to run in it. */
static bool reaches(const struct run *run, uint64_t transitions_max, uint64_t bytes_max)
{
        return run->transitions &&
               (run->transitions + UINT64_C(1) >= transitions_max || run->history_bytes >= bytes_max);
}

/* 0, as tests and tools have it: no limit. */
static uint64_t limit_of(uint64_t option)
{
        return option ? option : UINT64_MAX;
}

static uint64_t with_more(uint64_t limit)
{
        return limit / PART > UINT64_MAX - limit ? UINT64_MAX : limit + limit / PART;
}

void shard_history_sentence(const struct shard *s, const struct run *run, char *buf, size_t size)
{
        snprintf(buf, size,
                 "its history has %u transitions and %" PRIu64 " KiB, and %" PRIu64 " transitions or %" PRIu64
                 " MiB are the limit; cancel or terminate it, or raise the limit and restart, and let its "
                 "workflow continue as new before it gets so far",
                 run->transitions, run->history_bytes >> 10, limit_of(s->options.history_max_transitions),
                 limit_of(s->options.history_max_bytes) / mib);
}

/* Whether the run's code may run. If not, it is blocked; if it may again, it is no longer. */
bool shard_history_allows(struct shard *s, struct run *run)
{
        uint64_t transitions_max = limit_of(s->options.history_max_transitions);
        uint64_t bytes_max = limit_of(s->options.history_max_bytes);
        bool full = run->cancel_requested ? reaches(run, with_more(transitions_max), with_more(bytes_max))
                                          : reaches(run, transitions_max, bytes_max);
        if (full && !run->blocked) {
                char sentence[400];
                shard_history_sentence(s, run, sentence, sizeof sentence);
                shard_park(s, run);
                shard_block(s, run, sentence);
                run->full = true;
        } else if (!full && run->full) {
                shard_unblock(s, run);
        }
        return !full;
}

/* After a transition: once in a run's life, when it passes a tenth of the limit. */
void shard_history_grew(struct shard *s, const struct run *run, uint64_t bytes)
{
        uint64_t transitions_most = limit_of(s->options.history_max_transitions) / PART;
        uint64_t bytes_most = limit_of(s->options.history_max_bytes) / PART;
        struct run before = { .transitions = run->transitions - 1,
                              .history_bytes = run->history_bytes - bytes };
        if (run->transitions < 2 || !reaches(run, transitions_most, bytes_most) ||
            reaches(&before, transitions_most, bytes_most))
                return;
        shard_log(
            s, STET_LOG_WARNING,
            "run %016" PRIx64 " (%s) has a history of %u transitions and %" PRIu64
            " KiB, a tenth of what it may have; let its workflow \"%s\" continue as new before it is blocked",
            run->id, run->workflow_id, run->transitions, run->history_bytes >> 10, run->workflow);
}
