/* SPDX-License-Identifier: MIT
 *
 * LMDB's two meta pages, read with pread before LMDB maps the file: LMDB 0.9 trusts what it finds, and a file
 * that is shorter than its meta says ends the process with SIGBUS.
 */
#ifndef WAL_META_LMDB_H
#define WAL_META_LMDB_H

#include "stet/error.h"

#include <stdint.h>

struct meta_lmdb {
        uint64_t page_size;
        uint64_t pages;   /* the file has at least as many */
        uint64_t commit;  /* number of the newest transaction */
        uint64_t entries; /* in the main database */
        uint64_t file_size;
};

/* Reads and checks the file at path, changing nothing. STET_ENOTFOUND: there is none; STET_EFORMAT: not
 * LMDB's, or not what stet writes; STET_ECORRUPT: cut or damaged; STET_EIO. */
int meta_lmdb_read(const char *path, struct meta_lmdb *ret, stet_why *why);

#endif
