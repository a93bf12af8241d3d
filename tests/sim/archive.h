/* SPDX-License-Identifier: MIT
 *
 * Every record that was ever durable in a shard's log, kept by the model when the log forgets it. What the
 * engine remembers, in memory or in the store, must be what these add up to.
 */
#ifndef TESTS_SIM_ARCHIVE_H
#define TESTS_SIM_ARCHIVE_H

#include "wal/log.h"

struct archive;
struct archive *archive_new(void);
void archive_free(struct archive *a);

/* The next record; it is copied. */
void archive_add(struct archive *a, const struct record *r);

/* Whether the archive has that very record. */
bool archive_has(const struct archive *a, const struct record *r);

uint64_t archive_lsn(const struct archive *a); /* of the last one; 0: it is empty */

/* A log of all records up to that one: it is read, and refuses to write. Valid until the next call. */
struct log *archive_log(struct archive *a, uint64_t up_to_lsn);

#endif
