/* SPDX-License-Identifier: MIT
 *
 * The data directory: who may open it and what is in it.
 *
 *      DIR/stet.meta       one JSON object: format, shards, incarnation, created
 *      DIR/lock            held with flock by the process that has it open; says who
 *      DIR/shard-N.log     one log a shard (LMDB without a subdirectory), and its -lock
 *      DIR/shard-N.store   one store a shard, likewise
 *      DIR/node.sock       the ipc endpoint of a server on it
 */
#ifndef WAL_DATA_DIR_H
#define WAL_DATA_DIR_H

#include "stet/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { DATA_DIR_FORMAT = 4, DATA_DIR_SHARDS_MAX = 64 };

struct data_dir {
        char *path; /* absolute */
        int lock_fd;
        uint32_t format; /* 1: an earlier version made it, and it has logs but no stores */
        uint32_t shards;
        uint64_t incarnation; /* random; changes when a directory is restored or copied */
};

/* Opens path and takes its lock; makes it with that many shards if it is missing or empty and create is set
 * (mode 0700, files 0600, directory and parent synced). Refuses, changing nothing: a directory with other
 * files (STET_EFORMAT), of a newer format (STET_ENEWER), held by another process (STET_ELOCKED; *why names
 * its pid, host and start time and, if it serves, its endpoint), on a network file system (STET_EFORMAT),
 * with another number of shards than asked for (STET_EINVAL; 0 asks for none, and makes one shard); and a
 * missing or empty directory without create (STET_ENOTFOUND). */
int data_dir_open(const char *path, bool create, uint32_t shards, struct data_dir *ret, stet_why *why);

/* Reads what is in the directory without locking or changing it (verify). */
int data_dir_peek(const char *path, struct data_dir *ret, stet_why *why);

/* Makes an opened directory one of the present format (durably), when its stores are there; one that is
 * already stays as it is. From then on an earlier version refuses it. */
int data_dir_upgrade(struct data_dir *dir, stet_why *why);

/* Makes a directory that has its logs and stores a data directory, with a new incarnation: the last step of a
 * restore. The caller holds dir_lock_take()'s lock. */
int data_dir_seal(const char *path, uint32_t format, uint32_t shards, uint64_t *ret_incarnation,
                  stet_why *why);

/* Writes the endpoints that a server on this directory listens on into the lock file, for the sentence that
 * refuses the next one. */
int data_dir_announce(struct data_dir *dir, const char *endpoint, stet_why *why);

/* Whether a process has it open. Never disturbs one that is about to open it. */
bool data_dir_is_held(const char *path);

/* The paths of a shard's log and store, on the heap. */
char *data_dir_log_path(const struct data_dir *dir, uint32_t shard);
char *data_dir_store_path(const struct data_dir *dir, uint32_t shard);

void data_dir_close(struct data_dir *dir);

#endif
