/* SPDX-License-Identifier: MIT */
#include "bench/report_curve.h"

#include <assert.h>
#include <stdlib.h>

#include "base/buffer.h"

void report_curve_add(struct report_curves *c, const char *name, const struct histogram *h)
{
        assert(c->count < REPORT_CURVES_MAX);
        if (!h->count)
                return;
        struct report_curve *curve = &c->items[c->count++];
        curve->name = name;
        curve->histogram = xmemdup(h, sizeof(*h));
}

void report_curves_fini(struct report_curves *c)
{
        for (size_t i = 0; i < c->count; i++)
                free(c->items[i].histogram);
        c->count = 0;
}
