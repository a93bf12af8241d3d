/* SPDX-License-Identifier: MIT
 *
 * Whether a server is ready, as its users would find out: a start of a run that ends at once is answered, so
 * it is durable.
 */
#ifndef BENCH_PROBE_H
#define BENCH_PROBE_H

#include "bench/server_process.h"

/* Registers the workflow that the probes start. */
void probe_register(stet_app *app);

int probe_command(stet_client *client, stet_why *why);

/* Starts the server, connects, and waits until a command is answered: *ret_ready_ms from beginning to end. */
int probe_restart(struct server_process *server, const struct server_start *start, stet_client **ret_client,
                  double *ret_ready_ms, stet_why *why);

#endif
