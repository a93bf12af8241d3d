/* SPDX-License-Identifier: MIT
 *
 * One run as one file (wal/EXPORT.md): a header that says which run of which directory it is, the run's
 * records as the log has them, and a footer with their number and a checksum over all. Pure over bytes:
 * files are written and read in export_os.c.
 *
 * What a file says of its run is the fold over its records, as in a node; the header adds only what no record
 * has. Whoever opened one knows that every record follows the one before it and fits.
 */
#ifndef RUNTIME_EXPORT_FILE_H
#define RUNTIME_EXPORT_FILE_H

#include "runtime/run_show.h"

enum {
        EXPORT_FORMAT = 1,
        EXPORT_HEADER_MAX = 1 << 20,
};

/* The strings and bytes are borrowed. */
struct export_header {
        uint64_t run;
        uint64_t incarnation; /* of the data directory it is from */
        int64_t exported_ms;
        struct bytes ns;
        struct bytes workflow;
        struct bytes workflow_id;
        struct bytes reason;     /* why the run was blocked; empty: it was not */
        struct bytes blocked_on; /* what it waited for, as `show` had it: a msgpack list; empty: nothing */
};

/* --- writing --- */

struct export_writer {
        uint64_t run;
        uint64_t records_wanted;
        uint64_t records;
        uint64_t last_lsn;
        uint32_t crc;
        struct buffer cut; /* the beginning of a record whose rest is yet to come */
};

/* Appends the header. The file is to have so many records. */
void export_begin(struct export_writer *w, const struct export_header *header, uint64_t records_wanted,
                  struct buffer *to);

/* Takes the next piece of the run's records (stet_client_records()), appends those that are whole now, and
 * passes over those that are more than wanted. STET_ECORRUPT: they are not this run's, or damaged. */
int export_add(struct export_writer *w, struct bytes piece, struct buffer *to, stet_why *why);

static inline bool export_complete(const struct export_writer *w)
{
        return w->records == w->records_wanted;
}

void export_end(struct export_writer *w, struct buffer *to); /* appends the footer */
void export_writer_fini(struct export_writer *w);

/* --- reading --- */

struct export_place {
        uint64_t lsn;
        size_t offset; /* of the record in the file */
};

struct export_file {
        struct bytes bytes; /* the whole file: borrowed */
        struct export_header header;
        struct export_place *places; /* of the records, in their order */
        size_t records_count;
        struct run *run;
        struct run_tables tables;
};

/* Checks the whole file. The bytes stay the caller's and must outlive it. STET_EFORMAT: it is no export;
 * STET_ENEWER: of a newer format; STET_ECORRUPT: cut or damaged. Nothing is to be freed then. */
int export_file_open(struct bytes bytes, struct export_file *ret, stet_why *why);
void export_file_close(struct export_file *f);

/* Appends the map of `show`. */
int export_file_show(const struct export_file *f, struct buffer *to, stet_why *why);

/* Appends a list of transitions from number `from` on, at most `limit`. */
int export_file_history(const struct export_file *f, uint64_t from, uint32_t limit, struct buffer *to,
                        stet_why *why);

#endif
