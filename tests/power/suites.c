/* SPDX-License-Identifier: MIT */
#include "tests/power/suites.h"

#include "tests/power/recorder.h"

#include <stdio.h>

bool suite_recover(struct suite *s, const struct session *session)
{
        struct session after = { 0 };
        recorder_seed(s->options.seed + 1);
        recorder_begin(s->options.root, &s->stage->mirror, NULL);
        s->workload->recover(&s->options, session, session->acks_count, true, &after);
        recorder_end();
        snprintf(s->wrong, sizeof s->wrong, "%s", after.wrong);
        session_fini(&after);
        return !s->wrong[0];
}
