/* SPDX-License-Identifier: MIT
 *
 * One run as one file, with all that is needed to read it elsewhere: no node and no data directory. The
 * format is described in wal/EXPORT.md.
 */
#ifndef STET_EXPORT_H
#define STET_EXPORT_H

#include "stet/client.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a file's header says. */
typedef struct stet_export_about {
        char run_id[STET_RUN_ID_SIZE];
        char incarnation[STET_RUN_ID_SIZE]; /* of the data directory that it was exported from */
        int64_t exported_ms;                /* since 1970-01-01 UTC */
        uint64_t records;
        uint64_t bytes; /* the file's size */
} stet_export_about;

/* Writes the run (a workflow id or a run id) as it is now to the file at path: whole and synced under another
 * name, then renamed, so that there is never half a file. STET_EEXISTS when there is a file already, unless
 * `replace`. `progress` (may be NULL) is called now and then. Also the errors of stet_client_show();
 * STET_EFULL and STET_EIO of the disk. */
STET_PUBLIC int stet_export_write(stet_client *client, const char *run, const char *path, bool replace,
                                  void (*progress)(void *context, uint64_t records), void *context,
                                  stet_export_about *ret, stet_why *why);

typedef struct stet_export stet_export;

/* Reads and checks the whole file. STET_ENOTFOUND: there is none; STET_EFORMAT: it is no exported run;
 * STET_ENEWER: written by a newer stet; STET_ECORRUPT: cut short or damaged; STET_EIO. */
STET_PUBLIC int stet_export_open(const char *path, stet_export **ret, stet_why *why);
STET_PUBLIC void stet_export_close(stet_export *file); /* harmless on NULL */

/* What its header says. */
STET_PUBLIC void stet_export_about_read(const stet_export *file, stet_export_about *ret);

/* As stet_client_show() and stet_client_history() had told it when it was exported. */
STET_PUBLIC int stet_export_show(const stet_export *file, stet_value *ret, stet_why *why);
STET_PUBLIC int stet_export_history(const stet_export *file, uint64_t from, uint32_t limit, stet_value *ret,
                                    stet_why *why);

#ifdef __cplusplus
}
#endif

#endif
