/* SPDX-License-Identifier: MIT
 *
 * Two images are kept: what is durable, and a candidate that is the same but for the pieces that were chosen
 * to survive. After each choice the candidate takes back what those pieces changed, so that an image costs
 * what its pieces cost.
 */
#include "tests/power/cutter.h"

#include "base/map.h"
#include "tests/lib/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { ALL_SUBSETS_MAX = 5, RANDOM_SUBSETS = 32, CHANCES = 3 };

static const size_t piece_sizes[] = { 512, 4096 };

struct piece {
        const struct trace_event *event;
        size_t from; /* of a write: which of its bytes */
        size_t size;
};

struct cutter {
        const struct trace *trace;
        uint64_t seed;
        struct image durable;
        struct image candidate;
        bool renamed;    /* the candidate's names are not the durable ones any more */
        size_t *pending; /* events that are not durable, in order */
        size_t pending_count;
        struct piece *pieces; /* they, cut up */
        size_t pieces_count;
        size_t pieces_capacity;
        uint64_t *seen; /* hashes of images and acknowledgements; 0: free */
        size_t seen_size;
        size_t seen_count;
        size_t acks;
        struct cutter_tally *tally;
};

/* --- images met before --- */

static bool seen_put(struct cutter *c, uint64_t key)
{
        for (size_t at = (size_t)hash_u64(key) & (c->seen_size - 1);; at = (at + 1) & (c->seen_size - 1)) {
                if (c->seen[at] == key)
                        return false;
                if (c->seen[at])
                        continue;
                c->seen[at] = key;
                return true;
        }
}

static void seen_grow(struct cutter *c)
{
        uint64_t *old = c->seen;
        size_t size = c->seen_size;
        c->seen_size = size ? size * 2 : 4096;
        c->seen = xcalloc(c->seen_size, sizeof *c->seen);
        for (size_t i = 0; i < size; i++)
                if (old[i])
                        seen_put(c, old[i]);
        free(old);
}

static bool is_new(struct cutter *c, uint64_t hash)
{
        if (c->seen_count * 2 >= c->seen_size)
                seen_grow(c);
        uint64_t key = hash_u64(hash + c->acks * UINT64_C(0x9e3779b97f4a7c15)) | 1;
        bool new = seen_put(c, key);
        c->seen_count += new;
        return new;
}

/* --- pieces --- */

static void add_piece(struct cutter *c, const struct trace_event *event, size_t from, size_t size)
{
        if (c->pieces_count == c->pieces_capacity) {
                c->pieces_capacity = c->pieces_capacity ? c->pieces_capacity * 2 : 64;
                c->pieces = xrealloc(c->pieces, c->pieces_capacity * sizeof *c->pieces);
        }
        c->pieces[c->pieces_count++] = (struct piece){ event, from, size };
}

static void cut_up(struct cutter *c, size_t piece_size)
{
        c->pieces_count = 0;
        for (size_t i = 0; i < c->pending_count; i++) {
                const struct trace_event *e = &c->trace->events[c->pending[i]];
                if (e->kind != TRACE_WRITE) {
                        add_piece(c, e, 0, 0);
                        continue;
                }
                for (size_t from = 0; from < e->size;) {
                        size_t room = piece_size - (size_t)(e->offset + from) % piece_size;
                        size_t size = e->size - from < room ? e->size - from : room;
                        add_piece(c, e, from, size);
                        from += size;
                }
        }
}

static void apply_piece(struct cutter *c, const struct piece *p)
{
        if (p->event->kind == TRACE_WRITE) {
                struct bytes data = bytes_of(c->trace->bytes.data + p->event->at + p->from, p->size);
                image_write(&c->candidate, p->event->file, p->event->offset + p->from, data);
                return;
        }
        trace_apply(c->trace, p->event, &c->candidate);
        c->renamed |= p->event->kind != TRACE_RESIZE;
}

/* The candidate's content in that range is the durable one again. */
static void restore_range(struct cutter *c, int file, uint64_t from, uint64_t to)
{
        const struct buffer *durable = &c->durable.files[file].content;
        if (from >= durable->size)
                return;
        if (to > durable->size)
                to = durable->size;
        image_write(&c->candidate, file, from, bytes_of(durable->data + from, (size_t)(to - from)));
}

static void restore(struct cutter *c)
{
        for (size_t i = 0; i < c->pending_count; i++) {
                const struct trace_event *e = &c->trace->events[c->pending[i]];
                if (e->kind != TRACE_WRITE && e->kind != TRACE_RESIZE)
                        continue;
                uint64_t size = c->durable.files[e->file].content.size;
                if (c->candidate.files[e->file].content.size != size) {
                        uint64_t before = c->candidate.files[e->file].content.size;
                        image_resize(&c->candidate, e->file, size);
                        restore_range(c, e->file, before, size);
                }
                if (e->kind == TRACE_WRITE)
                        restore_range(c, e->file, e->offset, e->offset + e->size);
        }
        if (!c->renamed)
                return;
        c->candidate.entries = xrealloc(c->candidate.entries, ((size_t)c->durable.entries_count + 1) *
                                                                  sizeof *c->candidate.entries);
        c->candidate.entries_count = c->durable.entries_count;
        for (int i = 0; i < c->durable.entries_count; i++)
                c->candidate.entries[i] = c->durable.entries[i];
        c->renamed = false;
}

/* --- choices --- */

static uint64_t choices_count(size_t pieces)
{
        return pieces <= ALL_SUBSETS_MAX ? UINT64_C(1) << pieces : 2 * (uint64_t)pieces + 1 + RANDOM_SUBSETS;
}

struct choice {
        uint64_t number;
        size_t pieces;
        uint64_t random_state;
        unsigned chance; /* of 8, to survive */
};

static struct choice choice_of(const struct cutter *c, const struct cut *cut)
{
        static const unsigned chances[CHANCES] = { 1, 4, 7 };
        struct choice choice = { .number = cut->choice, .pieces = c->pieces_count };
        choice.random_state = hash_u64(c->seed) + hash_u64(cut->events * 64 + cut->piece_size) + cut->choice;
        choice.chance = chances[random_below(&choice.random_state, CHANCES)];
        return choice;
}

/* Whether the next piece, number i, survives. Asked once for each, in order. */
static bool survives(struct choice *c, size_t i)
{
        if (c->pieces <= ALL_SUBSETS_MAX)
                return c->number >> i & 1;
        if (c->number <= c->pieces)
                return i < c->number;
        if (c->number <= 2 * c->pieces)
                return i != c->number - c->pieces - 1;
        return random_below(&c->random_state, 8) < c->chance;
}

static void make_candidate(struct cutter *c, const struct cut *cut)
{
        struct choice choice = choice_of(c, cut);
        for (size_t i = 0; i < c->pieces_count; i++)
                if (survives(&choice, i))
                        apply_piece(c, &c->pieces[i]);
}

/* --- events --- */

static bool covers(const struct trace_event *sync, const struct trace_event *e, size_t number)
{
        bool names = e->kind == TRACE_LINK || e->kind == TRACE_RENAME || e->kind == TRACE_UNLINK;
        switch (sync->kind) {
        case TRACE_SYNC:
                return !names && e->file == sync->file;
        case TRACE_SYNC_WRITE:
                return number == sync->of;
        case TRACE_SYNC_NAMES: {
                size_t size = image_directory_size(e->path);
                return names && strlen(sync->path) == size && memcmp(e->path, sync->path, size) == 0;
        }
        default:
                return false;
        }
}

static void sync_pending(struct cutter *c, const struct trace_event *sync)
{
        size_t kept = 0;
        for (size_t i = 0; i < c->pending_count; i++) {
                const struct trace_event *e = &c->trace->events[c->pending[i]];
                if (covers(sync, e, c->pending[i])) {
                        trace_apply(c->trace, e, &c->durable);
                        trace_apply(c->trace, e, &c->candidate);
                } else {
                        c->pending[kept++] = c->pending[i];
                }
        }
        c->pending_count = kept;
}

/* Event number `number` happens: it is pending, or makes others durable. */
static void take_event(struct cutter *c, size_t number)
{
        const struct trace_event *e = &c->trace->events[number];
        switch (e->kind) {
        case TRACE_ACK:
                c->acks = e->of;
                break;
        case TRACE_SYNC:
        case TRACE_SYNC_WRITE:
        case TRACE_SYNC_NAMES:
                sync_pending(c, e);
                break;
        default:
                c->pending[c->pending_count++] = number;
                break;
        }
}

static void start(struct cutter *c, const struct trace *trace, uint64_t seed, struct cutter_tally *tally)
{
        *c = (struct cutter){ .trace = trace, .seed = seed, .acks = trace->acks, .tally = tally };
        c->pending = xcalloc(trace->count + 1, sizeof *c->pending);
        image_copy(&c->durable, &trace->base);
        while (c->durable.files_count < trace->files_count)
                image_add_file(&c->durable, false);
        image_copy(&c->candidate, &c->durable);
}

static void stop(struct cutter *c)
{
        image_fini(&c->durable);
        image_fini(&c->candidate);
        free(c->pending);
        free(c->pieces);
        free(c->seen);
}

static bool try_choices(struct cutter *c, struct cut *cut, cutter_visit_fn *visit, void *ctx)
{
        cut_up(c, cut->piece_size);
        for (cut->choice = 0; cut->choice < choices_count(c->pieces_count); cut->choice++) {
                make_candidate(c, cut);
                uint64_t hash = image_hash(&c->candidate);
                bool new = is_new(c, hash);
                c->tally->images++;
                c->tally->distinct += new;
                if (new && !visit(ctx, cut, &c->candidate, hash, c->acks))
                        return false;
                restore(c);
        }
        return true;
}

bool cutter_run(const struct trace *trace, uint64_t seed, struct cutter_tally *tally, cutter_visit_fn *visit,
                void *ctx)
{
        struct cutter c;
        bool well = true;
        start(&c, trace, seed, tally);
        for (size_t events = 0; events <= trace->count && well; events++) {
                if (events)
                        take_event(&c, events - 1);
                tally->cuts++;
                for (size_t i = 0; i < sizeof piece_sizes / sizeof piece_sizes[0] && well; i++) {
                        struct cut cut = { .events = events, .piece_size = piece_sizes[i] };
                        well = try_choices(&c, &cut, visit, ctx);
                }
        }
        stop(&c);
        return well;
}

/* Comes to a cut; false when the trace has none such. */
static bool come_to(struct cutter *c, const struct trace *trace, uint64_t seed, const struct cut *cut)
{
        start(c, trace, seed, NULL);
        for (size_t i = 0; i < cut->events && i < trace->count; i++)
                take_event(c, i);
        if (!cut->piece_size || cut->events > trace->count)
                return false;
        cut_up(c, cut->piece_size);
        return cut->choice < choices_count(c->pieces_count);
}

bool cutter_one(const struct trace *trace, uint64_t seed, const struct cut *cut, struct image *ret,
                size_t *ret_acks)
{
        struct cutter c;
        bool there = come_to(&c, trace, seed, cut);
        if (there) {
                make_candidate(&c, cut);
                image_copy(ret, &c.candidate);
                *ret_acks = c.acks;
        }
        stop(&c);
        return there;
}

void cutter_describe(const struct trace *trace, uint64_t seed, const struct cut *cut,
                     void (*line)(const char *line))
{
        struct cutter c;
        char what[300], text[400];
        if (come_to(&c, trace, seed, cut)) {
                struct choice choice = choice_of(&c, cut);
                if (cut->events) {
                        trace_describe(&trace->events[cut->events - 1], what, sizeof what);
                        snprintf(text, sizeof text, "the power is cut after event %zu: %s", cut->events - 1,
                                 what);
                        line(text);
                }
                for (size_t i = 0; i < c.pieces_count; i++) {
                        const struct piece *p = &c.pieces[i];
                        trace_describe(p->event, what, sizeof what);
                        snprintf(text, sizeof text, "  %s: event %zu, %s, %zu bytes from byte %zu on",
                                 survives(&choice, i) ? "survives" : "lost    ",
                                 (size_t)(p->event - trace->events), what, p->size, p->from);
                        line(text);
                }
        }
        stop(&c);
}
