/* SPDX-License-Identifier: MIT
 *
 * The layout is that of mdb.c, LMDB 0.9 (struct MDB_page, MDB_meta, MDB_db), in the machine's own byte order
 * and size_t. A transaction writes the meta page numbered (its number & 1), so the two numbers of a sound
 * file are neighbours, each in its slot.
 */
#include "wal/meta_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PAGE_SIZE_MIN = 512, PAGE_SIZE_MAX = 65536, PAGE_IS_META = 0x08, DATA_VERSION = 1 };
#define MAGIC 0xBEEFC0DEu

struct db {
        uint32_t page_size; /* in the free list's: the file's page size */
        uint16_t flags;
        uint16_t depth;
        size_t branch_pages;
        size_t leaf_pages;
        size_t overflow_pages;
        size_t entries;
        size_t root; /* all ones: empty */
};

struct meta_page {
        size_t number;
        uint16_t pad;
        uint16_t flags;
        uint32_t bounds;
        uint32_t magic;
        uint32_t version;
        void *address;
        size_t map_size;
        struct db free_list;
        struct db main;
        size_t page_last;
        size_t commit;
};

static int read_page(int fd, uint64_t offset, const char *path, struct meta_page *ret, stet_why *why)
{
        ssize_t n = pread(fd, ret, sizeof *ret, (off_t)offset);
        if (n < 0)
                return stet_why_set(why, STET_EIO, "cannot read %s: %s", path, strerror(errno));
        if ((size_t)n < sizeof *ret)
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s is cut: it ends within its meta pages, at %" PRIu64
                                    " bytes; restore a backup",
                                    path, offset + (uint64_t)n);
        return 0;
}

static int check_page_size(const struct meta_page *m, const char *path, stet_why *why)
{
        uint32_t size = m->free_list.page_size;
        if (size >= PAGE_SIZE_MIN && size <= PAGE_SIZE_MAX && (size & (size - 1)) == 0)
                return 0;
        return stet_why_set(why, STET_ECORRUPT, "%s has a damaged meta page: a page size of %" PRIu32, path,
                            size);
}

static bool root_is_sane(const struct meta_page *m, const struct db *db)
{
        return db->root == (size_t)-1 ? db->depth == 0 : db->root > 1 && db->root <= m->page_last;
}

static int check_meta(const struct meta_page *m, unsigned slot, uint32_t page_size, const char *path,
                      stet_why *why)
{
        if (m->magic != MAGIC || !(m->flags & PAGE_IS_META) || m->number != slot)
                return stet_why_set(why, STET_ECORRUPT, "%s has a damaged meta page %u", path, slot);
        if (m->version != DATA_VERSION)
                return stet_why_set(why, STET_EFORMAT, "%s is an LMDB file of version %" PRIu32 ", not %d",
                                    path, m->version, DATA_VERSION);
        if (m->free_list.page_size != page_size)
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s: its meta pages name page sizes %" PRIu32 " and %" PRIu32, path,
                                    page_size, m->free_list.page_size);
        if (m->main.flags)
                return stet_why_set(why, STET_EFORMAT,
                                    "%s is an LMDB file, but not one that stet wrote (flags %#x)", path,
                                    (unsigned)m->main.flags);
        return 0;
}

/* Of the newer one only. When LMDB fails to write a meta page, it writes it again with the number and the
 * last page that were there before, but the new roots: then the older one's may be outside of the file, and
 * nobody follows them any more. */
static int check_roots(const struct meta_page *m, unsigned slot, const char *path, stet_why *why)
{
        if (m->page_last < 1 || !root_is_sane(m, &m->main) || !root_is_sane(m, &m->free_list))
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s has a damaged meta page %u: a root outside of the file", path, slot);
        return 0;
}

static int check_commits(const struct meta_page m[2], const char *path, stet_why *why)
{
        bool new_file = !m[0].commit && !m[1].commit;
        bool in_slots = m[0].commit % 2 == 0 && m[1].commit % 2 == 1;
        bool neighbours = m[0].commit + 1 == m[1].commit || m[1].commit + 1 == m[0].commit;
        if (new_file || (in_slots && neighbours))
                return 0;
        return stet_why_set(
            why, STET_ECORRUPT,
            "%s has a damaged meta page: its transactions are numbered %zu and %zu; restore a backup", path,
            m[0].commit, m[1].commit);
}

/* A file never needs fewer pages than it did: where it seems to, the newer page passes for the older one. */
static int check_size(const struct meta_lmdb *m, const char *path, stet_why *why)
{
        if (m->older.pages > m->newest.pages)
                return stet_why_set(why, STET_ECORRUPT,
                                    "%s has a damaged meta page: transaction %" PRIu64 " had %" PRIu64
                                    " pages, and %" PRIu64 " has %" PRIu64 "; restore a backup",
                                    path, m->older.commit, m->older.pages, m->newest.commit, m->newest.pages);
        if (m->newest.pages <= m->file_size / m->page_size)
                return 0;
        return stet_why_set(why, STET_ECORRUPT,
                            "%s is cut: it has %" PRIu64 " bytes, but needs %" PRIu64 " pages of %" PRIu64
                            "; restore a backup",
                            path, m->file_size, m->newest.pages, m->page_size);
}

static struct meta_shape shape_of(const struct db *db)
{
        return (struct meta_shape){
                .depth = db->depth,
                .branch_pages = db->branch_pages,
                .leaf_pages = db->leaf_pages,
                .overflow_pages = db->overflow_pages,
                .entries = db->entries,
                .root = db->root == (size_t)-1 ? UINT64_MAX : db->root,
        };
}

static struct meta_tree tree_of(const struct meta_page *m)
{
        return (struct meta_tree){
                .commit = m->commit,
                .pages = (uint64_t)m->page_last + 1,
                .records = shape_of(&m->main),
                .free_list = shape_of(&m->free_list),
        };
}

static int read_metas(int fd, const char *path, struct meta_lmdb *ret, stet_why *why)
{
        struct stat st;
        struct meta_page m[2];
        if (fstat(fd, &st))
                return stet_why_set(why, STET_EIO, "cannot look at %s: %s", path, strerror(errno));
        if (!S_ISREG(st.st_mode) || (size_t)st.st_size < sizeof m[0])
                return stet_why_set(why, STET_EFORMAT, "%s is not an LMDB file", path);
        int err = read_page(fd, 0, path, &m[0], why);
        if (err)
                return err;
        /* A foreign file, unless the other page is LMDB's: then only this one is damaged. */
        if (m[0].magic != MAGIC) {
                err = read_page(fd, 4096, path, &m[1], NULL);
                if (err || m[1].magic != MAGIC)
                        return stet_why_set(why, STET_EFORMAT, "%s is not an LMDB file", path);
        }
        err = check_page_size(&m[0], path, why);
        if (!err)
                err = read_page(fd, m[0].free_list.page_size, path, &m[1], why);
        for (unsigned slot = 0; slot < 2 && !err; slot++)
                err = check_meta(&m[slot], slot, m[0].free_list.page_size, path, why);
        if (!err)
                err = check_commits(m, path, why);
        if (err)
                return err;
        unsigned newest = m[0].commit < m[1].commit;
        err = check_roots(&m[newest], newest, path, why);
        if (err)
                return err;
        struct meta_lmdb meta = {
                .page_size = m[0].free_list.page_size,
                .file_size = (uint64_t)st.st_size,
                .newest = tree_of(&m[newest]),
                .older = tree_of(&m[!newest]),
        };
        err = check_size(&meta, path, why);
        if (!err)
                *ret = meta;
        return err;
}

int meta_lmdb_read(const char *path, struct meta_lmdb *ret, stet_why *why)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0)
                return stet_why_set(why, errno == ENOENT ? STET_ENOTFOUND : STET_EIO, "cannot open %s: %s",
                                    path, strerror(errno));
        int err = read_metas(fd, path, ret, why);
        close(fd);
        return err;
}

int meta_lmdb_read_in_use(const char *path, struct meta_lmdb *ret, stet_why *why)
{
        enum { TRIES = 20 };
        int err = STET_ECORRUPT;
        for (int i = 0; i < TRIES && err == STET_ECORRUPT; i++)
                err = meta_lmdb_read(path, ret, why);
        return err;
}
