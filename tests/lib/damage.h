/* SPDX-License-Identifier: MIT
 *
 * A file in which any bit is flipped, or which is cut anywhere, and a judge that says what became of it. The
 * judge runs in a child for every damage, as its users run it: LMDB may crash on one, which counts as found.
 */
#ifndef TESTS_LIB_DAMAGE_H
#define TESTS_LIB_DAMAGE_H

#include "tests/lib/child.h"
#include "tests/lib/lmdb_file.h"
#include "tests/lib/random.h"
#include "wal/meta_lmdb.h"

/* What a judge returns: 0 when nothing is reported and nothing is damaged. */
enum outcome { REPORTED = 1, SILENT, CRASHED };

typedef int damage_judge(const void *ctx);

struct damage {
        const char *path;          /* the copy that is damaged; sound between two damages */
        const struct buffer *file; /* the sound one */
        damage_judge *judge;
        const void *ctx;
};

static inline int damage_outcome_by(const struct damage *d, damage_judge *judge)
{
        pid_t pid = fork();
        if (pid == 0) {
                static const int fatal[] = { SIGSEGV, SIGBUS, SIGABRT, SIGFPE };
                for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
                        signal(fatal[i], SIG_DFL); /* a crash is expected: nobody's report of it is wanted */
                close(STDERR_FILENO);
                _exit(judge(d->ctx));
        }
        int code = child_exit_code(pid);
        return code < 0 ? CRASHED : code;
}

static inline int damage_outcome(const struct damage *d)
{
        return damage_outcome_by(d, d->judge);
}

static inline void damage_bit(const struct damage *d, size_t bit)
{
        uint8_t byte = d->file->data[bit / 8] ^ (uint8_t)(1u << bit % 8);
        file_patch(d->path, bit / 8, &byte, 1);
}

/* The outcome with that bit flipped, which must not be silent. */
static inline int damage_flip(const struct damage *d, size_t bit)
{
        damage_bit(d, bit);
        int outcome = damage_outcome(d);
        file_patch(d->path, bit / 8, d->file->data + bit / 8, 1);
        cr_assert_neq(outcome, SILENT, "bit %zu of byte %zu", bit % 8, bit / 8);
        return outcome;
}

/* Flips `count` random bits, one after the other. Returns how many of them were found. */
static inline unsigned damage_flip_anywhere(const struct damage *d, uint64_t seed, int count)
{
        unsigned found = 0;
        file_write(d->path, buffer_bytes(d->file));
        for (int i = 0; i < count; i++)
                found += damage_flip(d, random_below(&seed, d->file->size * 8)) != 0;
        cr_assert_eq(damage_outcome(d), 0);
        return found;
}

/* In the meta pages, and in the last pages of the file: where the last commits wrote their tree to. */
static inline void damage_flip_meta_and_tree(const struct damage *d, uint64_t seed, int count)
{
        file_write(d->path, buffer_bytes(d->file));
        for (int i = 0; i < count; i++) {
                bool in_meta = i % 3 != 2;
                size_t page =
                    in_meta ? PAGE * (size_t)(i % 3) : d->file->size - PAGE * (1 + random_below(&seed, 4));
                damage_flip(d, page * 8 + random_below(&seed, 8 * (in_meta ? META_SIZE : PAGE)));
        }
        cr_assert_eq(damage_outcome(d), 0);
}

/* Flips bits in what LMDB reads only to write, pages' headers and the free list's root; where that is not
 * found, judge_by_writing must find that the file can be written to. Returns how many were found. */
static inline unsigned damage_flip_headers(const struct damage *d, uint64_t seed, int count,
                                           damage_judge *judge_by_writing)
{
        unsigned found = 0;
        struct meta_lmdb meta;
        file_write(d->path, buffer_bytes(d->file));
        cr_assert_eq(meta_lmdb_read(d->path, &meta, NULL), 0);
        cr_assert_neq(meta.newest.free_list.depth, 0);
        for (int i = 0; i < count; i++) {
                size_t page = i % 3 ? 2 + random_below(&seed, d->file->size / PAGE - 2)
                                    : (size_t)meta.newest.free_list.root;
                size_t bit = page * PAGE * 8 + random_below(&seed, 8 * (i % 3 ? 16 : PAGE));
                if (damage_flip(d, bit) != 0) {
                        found++;
                        continue;
                }
                damage_bit(d, bit);
                cr_assert_eq(damage_outcome_by(d, judge_by_writing), 0, "bit %zu of byte %zu", bit % 8,
                             bit / 8);
                file_write(d->path, buffer_bytes(d->file));
        }
        return found;
}

/* Cuts the file at `count` lengths, which must all be reported without a crash. */
static inline void damage_cut(const struct damage *d, uint64_t seed, int count)
{
        file_write(d->path, buffer_bytes(d->file));
        for (int i = 0; i < count; i++) {
                size_t size =
                    i < 20 ? d->file->size - 1 - (size_t)i * 512 : random_below(&seed, d->file->size);
                cr_assert_eq(truncate(d->path, (off_t)size), 0);
                cr_assert_eq(damage_outcome(d), REPORTED, "%zu bytes", size);
                file_patch(d->path, size, d->file->data + size, d->file->size - size);
        }
        cr_assert_eq(damage_outcome(d), 0);
}

#endif
