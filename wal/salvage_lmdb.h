/* SPDX-License-Identifier: MIT
 *
 * The entries of a damaged LMDB file, read with pread and without LMDB, which may crash on one. When the tree
 * leads everywhere, they are what it leads to. When it does not, every leaf page in the file is looked at,
 * also those that are in no use any more: so there are entries from earlier pasts, and several under one key.
 * Whoever takes them must tell by their checksums and their content.
 */
#ifndef WAL_SALVAGE_LMDB_H
#define WAL_SALVAGE_LMDB_H

#include "base/bytes.h"
#include "stet/error.h"

#include <stdbool.h>

/* Valid during the call only. */
typedef void salvage_visit_fn(void *ctx, struct bytes key, struct bytes value);

/* *ret_whole: the tree led everywhere. STET_ENOTFOUND: there is no file; STET_EIO. */
int salvage_lmdb(const char *path, salvage_visit_fn *visit, void *ctx, bool *ret_whole, stet_why *why);

#endif
