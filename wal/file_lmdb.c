/* SPDX-License-Identifier: MIT
 *
 * LMDB makes a file in several steps and maps it before it has looked at it; both are kept away from a file
 * that others rely on.
 */
#include "wal/file_lmdb.h"

#include "base/buffer.h"
#include "wal/file_os.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int file_lmdb_sync(const char *path, stet_why *why)
{
        int fd = open(path, O_RDWR | O_CLOEXEC);
        int err = 0;
        if (fd < 0 || fsync(fd))
                err = stet_why_set(why, STET_EIO, "cannot sync %s: %s", path, strerror(errno));
        if (fd >= 0)
                close(fd);
        return err;
}

static int create_as(const char *temporary, const char *path, env_lmdb_work *work, void *arg, stet_why *why)
{
        struct env_lmdb env;
        unlink(temporary);
        int err = env_lmdb_open(&env, temporary, MDB_NOLOCK, 1 << 20, why);
        if (err)
                return err;
        err = env_lmdb_write(&env, work, arg, why);
        env_lmdb_close(&env);
        if (!err)
                err = file_lmdb_sync(temporary, why);
        if (!err && rename(temporary, path))
                err = stet_why_set(why, STET_EIO, "cannot rename %s: %s", temporary, strerror(errno));
        return err ? err : file_sync_parent(path, why);
}

int file_lmdb_create(const char *path, env_lmdb_work *work, void *arg, stet_why *why)
{
        size_t size = strlen(path) + sizeof ".new";
        char *temporary = xmalloc(size);
        snprintf(temporary, size, "%s.new", path);
        int err = create_as(temporary, path, work, arg, why);
        free(temporary);
        return err;
}

int file_lmdb_look(const char *path, const struct meta_lmdb *meta, env_lmdb_work *work, void *arg,
                   stet_why *why)
{
        struct env_lmdb env;
        MDB_txn *txn = NULL;
        int err = env_lmdb_open(&env, path, MDB_RDONLY | MDB_NOLOCK, meta->file_size, why);
        if (err)
                return err;
        err = env_lmdb_read_begin(&env, &txn, why);
        if (!err) {
                err = work(&env, txn, arg, why);
                env_lmdb_read_end(&env, txn);
                mdb_txn_abort(txn);
        }
        env_lmdb_close(&env);
        return err;
}
