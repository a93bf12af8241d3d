/* SPDX-License-Identifier: MIT */
#include "tests/power/runner.h"

#include "tests/power/recorder.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum {
        DEPTH_EVERY = 211, /* one image in so many has its recovery cut … */
        TO_END_EVERY = 5,  /* … or goes on to the end */
};

static const struct {
        enum canary canary;
        enum recorder_lie lie;
} lies[] = {
        { CANARY_NOMETASYNC, LIE_META_NOT_SYNCED },
        { CANARY_NOSTORESYNC, LIE_STORE_NOT_SYNCED },
        { CANARY_NODIRSYNC, LIE_NAMES_NOT_SYNCED },
};

/* --- open and close --- */

void runner_open(struct runner *r, const struct workload *workload, enum canary canary)
{
        char parent[] = "/dev/shm/stet-power-XXXXXX";
        if (!mkdtemp(parent)) {
                perror(parent);
                abort();
        }
        *r = (struct runner){ .workload = workload, .images_max = UINT64_MAX };
        r->options.canary = canary;
        stage_open(&r->live, parent, "live");
        stage_open(&r->image, parent, "image");
        recorder_lie(LIE_NONE);
        for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++)
                if (lies[i].canary == canary)
                        recorder_lie(lies[i].lie);
}

void runner_close(struct runner *r)
{
        stage_close(&r->live);
        stage_close(&r->image);
        *strrchr(r->live.path, '/') = 0;
        rmdir(r->live.path);
        trace_fini(&r->trace);
        trace_fini(&r->recovery);
        session_fini(&r->session);
        session_fini(&r->after);
        session_fini(&r->after_second);
}

uint64_t runner_images(const struct runner *r)
{
        return r->tally.first.distinct + r->tally.second.distinct;
}

/* --- one image --- */

static bool recover(struct runner *r, const struct image *image, const struct session *before, size_t acks,
                    bool to_end, struct trace *trace, struct session *after)
{
        stage_show(&r->image, image);
        r->options.root = r->image.path;
        recorder_seed(r->options.seed + 1);
        recorder_begin(r->image.path, &r->image.mirror, trace);
        if (trace)
                trace->acks = acks;
        r->workload->recover(&r->options, before, acks, to_end, after);
        recorder_end();
        if (after->wrong[0])
                snprintf(r->wrong, sizeof r->wrong, "%s", after->wrong);
        return !after->wrong[0];
}

static bool try_second(void *ctx, const struct cut *cut, const struct image *image, uint64_t hash,
                       size_t acks)
{
        struct runner *r = ctx;
        r->cut_second = *cut;
        if (r->progress)
                r->progress(r);
        bool to_end = hash % TO_END_EVERY == 0;
        return recover(r, image, &r->after, acks, to_end, NULL, &r->after_second) &&
               runner_images(r) < r->images_max;
}

static bool try_first(void *ctx, const struct cut *cut, const struct image *image, uint64_t hash, size_t acks)
{
        struct runner *r = ctx;
        r->cut = *cut;
        r->cut_second = (struct cut){ 0 };
        if (r->progress)
                r->progress(r);
        bool deep = hash % DEPTH_EVERY == 0, to_end = hash % TO_END_EVERY == 0;
        r->tally.recorded += deep;
        r->tally.to_end += to_end;
        if (!recover(r, image, &r->session, acks, to_end, deep ? &r->recovery : NULL, &r->after))
                return false;
        if (deep && !cutter_run(&r->recovery, r->options.seed, &r->tally.second, try_second, r))
                return false;
        return runner_images(r) < r->images_max;
}

/* --- a seed --- */

static bool record(struct runner *r, uint64_t seed)
{
        stet_why why = { "" };
        stage_clear(&r->live);
        session_fini(&r->session);
        r->options.seed = seed;
        r->options.root = r->live.path;
        r->wrong[0] = 0;
        r->cut = r->cut_second = (struct cut){ 0 };
        recorder_seed(seed);
        recorder_begin(r->live.path, &r->live.mirror, &r->trace);
        int err = r->workload->run(&r->options, &r->session, &why);
        recorder_end();
        if (err)
                session_wrong(&r->session, "it failed without a fault: %s", why.text);
        if (!stage_mirrored(&r->live))
                session_wrong(&r->session, "something was written that the recorder did not see");
        if (r->session.wrong[0])
                snprintf(r->wrong, sizeof r->wrong, "%s", r->session.wrong);
        return !r->session.wrong[0];
}

bool runner_seed(struct runner *r, uint64_t seed)
{
        r->tally.workloads++;
        if (record(r, seed))
                cutter_run(&r->trace, seed, &r->tally.first, try_first, r);
        r->tally.violations += r->wrong[0] != 0;
        return !r->wrong[0];
}

/* --- the same again --- */

static void print_line(const char *line)
{
        puts(line);
}

static bool missing(struct runner *r)
{
        snprintf(r->wrong, sizeof r->wrong, "there is no such cut in this workload");
        return false;
}

static bool repeat_second(struct runner *r, const struct cut *cut)
{
        struct image image = { 0 };
        size_t acks;
        puts("and in the recovery:");
        cutter_describe(&r->recovery, r->options.seed, cut, print_line);
        r->cut_second = *cut;
        bool there = cutter_one(&r->recovery, r->options.seed, cut, &image, &acks);
        bool to_end = there && image_hash(&image) % TO_END_EVERY == 0;
        bool well = there ? recover(r, &image, &r->after, acks, to_end, NULL, &r->after_second) : missing(r);
        image_fini(&image);
        return well;
}

bool runner_repeat(struct runner *r, uint64_t seed, const struct cut *first, const struct cut *second)
{
        struct image image = { 0 };
        size_t acks;
        if (!record(r, seed))
                return false;
        if (!first->piece_size)
                return true;
        cutter_describe(&r->trace, seed, first, print_line);
        r->cut = *first;
        bool there = cutter_one(&r->trace, seed, first, &image, &acks);
        bool to_end = there && image_hash(&image) % TO_END_EVERY == 0;
        bool well =
            there ? recover(r, &image, &r->session, acks, to_end, &r->recovery, &r->after) : missing(r);
        image_fini(&image);
        return well && second->piece_size ? repeat_second(r, second) : well;
}

static int name_cut(const struct cut *cut, char *buf, size_t size)
{
        return snprintf(buf, size, ":%zu/%zu/%" PRIu64, cut->events, cut->piece_size, cut->choice);
}

void runner_name(const struct runner *r, char *buf, size_t size)
{
        int n = snprintf(buf, size, "%s:%" PRIu64, r->workload->name, r->options.seed);
        if (r->cut.piece_size)
                n += name_cut(&r->cut, buf + n, size - (size_t)n);
        if (r->cut_second.piece_size)
                name_cut(&r->cut_second, buf + n, size - (size_t)n);
}

bool runner_name_parse(const char *name, char workload[20], uint64_t *ret_seed, struct cut *ret_first,
                       struct cut *ret_second)
{
        *ret_first = *ret_second = (struct cut){ 0 };
        int n = sscanf(name, "%19[a-z]:%" SCNu64 ":%zu/%zu/%" SCNu64 ":%zu/%zu/%" SCNu64, workload, ret_seed,
                       &ret_first->events, &ret_first->piece_size, &ret_first->choice, &ret_second->events,
                       &ret_second->piece_size, &ret_second->choice);
        return n == 2 || n == 5 || n == 8;
}
