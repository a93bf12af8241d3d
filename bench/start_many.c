/* SPDX-License-Identifier: MIT */
#include "bench/start_many.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/machine.h"
#include "bench/progress.h"

enum { IN_FLIGHT_MAX = 10000, ANSWERS_MAX = 4096, WAIT_MS = 100 };

struct starter {
        stet_client *client;
        const struct start_many *many;
        char (*run_ids)[STET_RUN_ID_SIZE];
        uint64_t submitted;
        uint64_t answered;
        stet_answer *answers;
        struct progress progress;
};

static int submit(struct starter *s, uint64_t number, stet_why *why)
{
        stet_value input = { 0 };
        int err = s->many->input(s->many->context, number, &input);
        if (err)
                return stet_why_set(why, err, "an input: %s", stet_error_text(err));
        stet_start start = { .workflow = s->many->workflow, .input = &input };
        err = stet_client_submit(s->client, &start, number, false, why);
        stet_value_free(&input);
        return err;
}

static int take_answers(struct starter *s, stet_why *why)
{
        size_t count;
        int err = stet_client_collect(s->client, s->answers, ANSWERS_MAX, WAIT_MS, &count, why);
        for (size_t i = 0; i < count && !err; i++) {
                const stet_answer *answer = &s->answers[i];
                if (answer->err == STET_EBUSY) {
                        err = submit(s, answer->tag, why);
                } else if (answer->err) {
                        err = stet_why_set(why, answer->err, "a start was refused: %s",
                                           stet_error_text(answer->err));
                } else {
                        s->answered++;
                        if (s->run_ids)
                                memcpy(s->run_ids[answer->tag], answer->run_id, STET_RUN_ID_SIZE);
                }
        }
        progress_show(&s->progress, s->answered, machine_now_ns());
        if (!err && progress_interrupted())
                err = stet_why_set(why, STET_ECANCELED, "interrupted");
        return err;
}

int start_many(stet_client *client, const struct start_many *many, char (*ret_run_ids)[STET_RUN_ID_SIZE],
               stet_why *why)
{
        struct starter s = {
                .client = client,
                .many = many,
                .run_ids = ret_run_ids,
                .answers = xcalloc(ANSWERS_MAX, sizeof(stet_answer)),
        };
        int err = 0;
        progress_begin(&s.progress, many->what, many->runs);
        while (s.answered < many->runs && !err) {
                while (s.submitted < many->runs && s.submitted - s.answered < IN_FLIGHT_MAX && !err)
                        err = submit(&s, s.submitted++, why);
                if (!err)
                        err = take_answers(&s, why);
        }
        progress_end(&s.progress);
        free(s.answers);
        return err;
}
