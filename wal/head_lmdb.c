/* SPDX-License-Identifier: MIT */
#include "wal/head_lmdb.h"

int head_lmdb_get(struct env_lmdb *env, MDB_txn *txn, struct bytes key, const struct head_kind *kind,
                  head_decode_fn *decode, void *ret, stet_why *why)
{
        MDB_val lmdb_key = val_of_bytes(key), value;
        int rc = mdb_get(txn, env->dbi, &lmdb_key, &value);
        if (rc == MDB_NOTFOUND)
                return stet_why_set(why, STET_EFORMAT, "%s is an LMDB file, but not a stet %s", env->path,
                                    kind->name);
        if (rc)
                return env_lmdb_error(env, rc, "read its head", why);
        stet_why reason;
        int err = decode(bytes_of_val(&value), ret, &reason);
        return err ? stet_why_set(why, err, "%s cannot be opened: %s", env->path, reason.text) : 0;
}

int head_lmdb_put(struct env_lmdb *env, MDB_txn *txn, struct bytes key, struct bytes value, stet_why *why)
{
        MDB_val lmdb_key = val_of_bytes(key), lmdb_value = val_of_bytes(value);
        int rc = mdb_put(txn, env->dbi, &lmdb_key, &lmdb_value, 0);
        return rc ? env_lmdb_error(env, rc, "write its head", why) : 0;
}
