/* SPDX-License-Identifier: MIT
 *
 * The data directory's lock file: held by the process that has the directory open, and gone with it however
 * it ends. It says who holds it, for the sentence that refuses the next one.
 */
#ifndef WAL_DIR_LOCK_OS_H
#define WAL_DIR_LOCK_OS_H

#include "stet/error.h"

struct dir_holder {
        long pid; /* 0: the file does not say */
        char host[128];
        char started[32];
        char endpoint[256]; /* "" while it serves nobody */
};

/* Takes the lock of the directory and writes this process into it. STET_ELOCKED names the holder in *why. */
int dir_lock_take(int dir_fd, const char *path, int *ret_fd, stet_why *why);

/* Adds the endpoint that the holder serves on. */
int dir_lock_announce(int lock_fd, const char *endpoint, stet_why *why);

/* Who holds the lock. STET_ENOTFOUND: nobody. Never disturbs one who is about to take it. */
int dir_lock_holder(int dir_fd, struct dir_holder *ret);

void dir_lock_release(int lock_fd);

#endif
