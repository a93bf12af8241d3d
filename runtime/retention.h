/* SPDX-License-Identifier: MIT
 *
 * How long ended runs are kept, by namespace and by how they ended. Rules are text, separated by commas:
 *
 *      24h                    every run
 *      failed=7d              failed runs
 *      prod:30d               every run of the namespace "prod"
 *      dev:completed=1h       the completed runs of the namespace "dev"
 *
 * The most specific rule that fits a run counts: one for its namespace and state before one for its
 * namespace, that before one for its state, that before one for all; of two alike the later one. A duration
 * is 90s, 5m, 2h, 7d, 1h30m, or "forever". Core.
 */
#ifndef RUNTIME_RETENTION_H
#define RUNTIME_RETENTION_H

#include "actors/vocabulary.h"
#include "stet/error.h"

#define RETENTION_FOREVER     INT64_MAX
#define RETENTION_STANDARD_NS (INT64_C(30) * 86400 * 1000000000) /* where no rule says anything */
#define RETENTION_LEAST_NS    INT64_C(1000000000)

struct retention;

/* text NULL or empty: no rules. STET_EINVAL with a sentence that quotes the rule that is none. */
int retention_parse(const char *text, struct retention **ret, stet_why *why);
void retention_free(struct retention *r); /* harmless on NULL */

/* How long a run of that namespace is kept after it ended so; RETENTION_FOREVER: always. */
int64_t retention_ns(const struct retention *r, struct bytes ns, enum run_ending ending);

/* The shortest time for which any run is kept. */
int64_t retention_shortest_ns(const struct retention *r);

#endif
