/* SPDX-License-Identifier: MIT
 *
 * Every error stet returns, in one list. A function that can fail returns int: 0 (STET_OK) or one of these.
 * The numbers are stable: they travel on the wire and stand in scripts that read `-o json`.
 */
#ifndef STET_ERROR_H
#define STET_ERROR_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define STET_PUBLIC                      __attribute__((visibility("default")))
#define STET_PRINTF(format_at, first_at) __attribute__((__format__(__printf__, format_at, first_at)))
#else
#define STET_PUBLIC
#define STET_PRINTF(format_at, first_at)
#endif

/* X(name, number, sentence) */
#define STET_ERRORS(X)                                                                                       \
        X(EINVAL, 1, "an argument is not valid")                                                             \
        X(ENOMEM, 2, "out of memory")                                                                        \
        X(ENOTFOUND, 3, "no such run, workflow, activity or query")                                          \
        X(EEXISTS, 4, "the id is taken by an open run, or was used and may not be used again")               \
        X(ETIMEDOUT, 5, "the time ran out")                                                                  \
        X(ECANCELED, 6, "cancelled")                                                                         \
        X(EFAILED, 7, "it ran and failed; the failure's kind and message say how")                           \
        X(ETERMINATED, 8, "the run was terminated by an operator")                                           \
        X(ESTALE, 9, "the attempt is no longer the current one; its outcome was not applied")                \
        X(EUNKNOWN, 10, "the outcome is unknown; repeat the command with the same request id")               \
        X(EBUSY, 11, "too much is queued; try again later")                                                  \
        X(ETOOBIG, 12, "a size limit is exceeded")                                                           \
        X(EPROTOCOL, 13, "the peer sent bytes that are not the protocol")                                    \
        X(ECORRUPT, 14, "stored bytes are damaged")                                                          \
        X(EFORMAT, 15, "not a stet data directory")                                                          \
        X(ENEWER, 16, "written by a newer stet; this one leaves it untouched")                               \
        X(ELOCKED, 17, "another process holds the data directory")                                           \
        X(EFENCED, 18, "the data directory was opened by a newer process; this one may write nothing more")  \
        X(EFULL, 19, "the disk is full")                                                                     \
        X(EIO, 20, "the disk failed")                                                                        \
        X(EENDPOINT, 21, "the endpoint cannot be used")                                                      \
        X(EUNREACHABLE, 22, "no answer from the node")                                                       \
        X(ECLOSED, 23, "the run has ended")                                                                  \
        X(ENONDETERMINISM, 24, "the workflow's code does not fit the run's history")                         \
        X(EMODULE, 25, "the module cannot be used")                                                          \
        X(EJSON, 26, "not valid JSON")                                                                       \
        X(ETYPE, 27, "the value has another type")                                                           \
        X(EAGAIN, 28, "not now; try again")                                                                  \
        X(ECRASHED, 29, "the code crashed its process")                                                      \
        X(EINTERNAL, 30, "a bug in stet")

enum stet_error {
        STET_OK = 0,
#define STET_ERROR_ENUM(name, number, sentence) STET_##name = number,
        STET_ERRORS(STET_ERROR_ENUM)
#undef STET_ERROR_ENUM
};

/* The constant's name without its prefix ("ETIMEDOUT"), "OK" for 0, "?" for a number that is none. Static. */
STET_PUBLIC const char *stet_error_name(int err);

/* The sentence of the list above. Static; never NULL. */
STET_PUBLIC const char *stet_error_text(int err);

/* A sentence that says what went wrong, with the names and numbers of the case. Filled by functions that take
 * one as their last argument, only when they fail; that argument may be NULL. Always NUL-terminated. */
typedef struct stet_why {
        char text[512];
} stet_why;

/* Writes the sentence into *why (which may be NULL) and returns err, so that callers write
 * `return stet_why_set(why, STET_EINVAL, "…")`. A longer text is cut. */
STET_PUBLIC int stet_why_set(stet_why *why, int err, const char *format, ...) STET_PRINTF(3, 4);

#ifdef __cplusplus
}
#endif

#endif
