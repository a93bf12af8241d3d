/* SPDX-License-Identifier: MIT
 *
 * LMDB's two meta pages, read with pread before LMDB maps the file: LMDB 0.9 trusts what it finds, and a file
 * that is shorter than its meta says ends the process with SIGBUS.
 */
#ifndef WAL_META_LMDB_H
#define WAL_META_LMDB_H

#include "stet/error.h"

#include <stdint.h>

/* A tree of pages. */
struct meta_shape {
        uint64_t depth; /* 0: empty */
        uint64_t branch_pages;
        uint64_t leaf_pages;
        uint64_t overflow_pages; /* of values that have pages of their own */
        uint64_t entries;
        uint64_t root; /* UINT64_MAX: empty */
};

/* The file as one meta page describes it. LMDB keeps the trees of the transaction before the newest, too. */
struct meta_tree {
        uint64_t commit; /* number of the transaction that wrote it */
        uint64_t pages;  /* the file has at least as many */
        struct meta_shape records;
        struct meta_shape free_list;
};

struct meta_lmdb {
        uint64_t page_size;
        uint64_t file_size;
        struct meta_tree newest;
        struct meta_tree older;
};

/* Reads and checks the file at path, changing nothing. STET_ENOTFOUND: there is none; STET_EFORMAT: not
 * LMDB's, or not what stet writes; STET_ECORRUPT: cut or damaged; STET_EIO. */
int meta_lmdb_read(const char *path, struct meta_lmdb *ret, stet_why *why);

/* The same while another process may commit: then the two pages can be read as of different moments, so that
 * what seems to be damage is looked at again. */
int meta_lmdb_read_in_use(const char *path, struct meta_lmdb *ret, stet_why *why);

#endif
