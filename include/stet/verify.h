/* SPDX-License-Identifier: MIT
 *
 * Checking a data directory without opening it for writing.
 */
#ifndef STET_VERIFY_H
#define STET_VERIFY_H

#include <stdint.h>

#include "stet/error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct stet_damage {
        uint32_t shard;
        uint64_t lsn;    /* 0: unknown */
        char run_id[17]; /* "" : unknown, or the node's own record */
        const char *sentence;
} stet_damage;

typedef struct stet_verify_report {
        uint32_t shards;
        uint64_t records; /* in the logs */
        uint64_t runs;    /* in the stores */
        uint64_t damaged;
} stet_verify_report;

/* Checks a data directory or a backup and changes nothing: every page, every record, every entry of the
 * stores; that each run's history adds up to what the store has of it, that every index and counter is right
 * and has no other, and that the logs go on where the stores end. The directory may be in use by another
 * process; then pages that are in no use are not looked at. `damage` is called for each damage; `progress`
 * (may be NULL) now and then with the records read so far. 0: all is whole. STET_ECORRUPT: damage was found.
 * STET_EFORMAT, STET_ENEWER, STET_ENOTFOUND: it is no directory of ours.
 * LMDB may crash on damaged pages: run it in a process of its own, as `stet verify` does. */
STET_PUBLIC int stet_verify(const char *data_dir, void (*damage)(void *context, const stet_damage *damage),
                            void (*progress)(void *context, uint64_t records), void *context,
                            stet_verify_report *ret, stet_why *why);

#ifdef __cplusplus
}
#endif

#endif
