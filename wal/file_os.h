/* SPDX-License-Identifier: MIT
 *
 * Whole files within a directory: written so that a crash leaves all of one or nothing, read within a bound,
 * copied with a digest of what went by. Names are those of files in the directory, and no link is followed.
 */
#ifndef WAL_FILE_OS_H
#define WAL_FILE_OS_H

#include "base/buffer.h"
#include "base/digest.h"
#include "stet/error.h"

/* As NAME.new, synced, renamed; then the directory is synced. */
int file_write_whole(const char *dir, const char *name, struct bytes content, stet_why *why);

/* Appends the file's content. STET_ENOTFOUND: there is none; STET_ETOOBIG: it has more than size_max bytes.
 */
int file_read_whole(const char *dir, const char *name, size_t size_max, struct buffer *ret, stet_why *why);

/* Reads the file to its end; to_dir (NULL: nowhere) gets a copy of that name, which must be new, synced.
 * progress (may be NULL) is given the bytes of each step. */
int file_copy(const char *dir, const char *name, const char *to_dir, uint64_t *ret_bytes,
              char ret_digest[DIGEST_TEXT_SIZE], void (*progress)(void *ctx, uint64_t bytes), void *ctx,
              stet_why *why);

/* Makes the directory (mode 0700), or takes one that is empty but for lost+found and `allowed` (may be NULL).
 * STET_EEXISTS: there is something in it. */
int file_make_dir(const char *dir, const char *allowed, stet_why *why);

int file_sync_dir(const char *dir, stet_why *why);
int file_sync_parent(const char *dir, stet_why *why);

#endif
