/* SPDX-License-Identifier: MIT */
#include "tests/power/fault.h"

#include <errno.h>

static struct fault_plan *armed;

static const char *const call_names[] = {
#define FAULT_CALL_NAME(name, words) [FAULT_##name] = words,
        FAULT_CALLS(FAULT_CALL_NAME)
#undef FAULT_CALL_NAME
};

const char *fault_call_name(enum fault_call call)
{
        return call_names[call];
}

const char *fault_number_name(int number)
{
        switch (number) {
        case EIO:
                return "EIO";
        case ENOSPC:
                return "ENOSPC";
        case EDQUOT:
                return "EDQUOT";
        case EINTR:
                return "EINTR";
        case ENOMEM:
                return "ENOMEM";
        case FAULT_SHORT:
                return "a short write";
        default:
                return "?";
        }
}

void fault_arm(struct fault_plan *plan)
{
        armed = plan;
}

int fault_next(enum fault_call call)
{
        if (!armed || armed->call != call)
                return 0;
        armed->calls++;
        bool fails =
            armed->nth && (armed->calls == armed->nth || (armed->sticky && armed->calls > armed->nth));
        armed->fired += fails;
        return fails ? armed->number : 0;
}
