/* SPDX-License-Identifier: MIT
 *
 * The layout is that of mdb.c, LMDB 0.9, as in tree_lmdb.c. Every number that is read is checked before it is
 * followed: pages are in the file, nodes are in their page, and no page is walked into twice.
 */
#include "wal/salvage_lmdb.h"

#include "wal/block.h"
#include "wal/meta_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
        PAGE_AT_FLAGS = sizeof(size_t) + 2,
        PAGE_AT_LOWER = sizeof(size_t) + 4,
        PAGE_HEADER_SIZE = sizeof(size_t) + 8,
        PAGE_IS_BRANCH = 0x01,
        PAGE_IS_LEAF = 0x02,
        NODE_HEADER_SIZE = 8,
        NODE_IS_LARGE = 0x01,
        DEPTH_MAX = 32,
        PAGE_SIZE_USUAL = 4096,
};

struct salvage {
        int fd;
        size_t page_size;
        uint64_t pages;
        uint8_t *leaves; /* those the tree leads to */
        uint8_t *walked;
        bool whole;
        salvage_visit_fn *visit;
        void *ctx;
        uint8_t value[BLOCK_SIZE_MAX];
};

static uint16_t u16_at(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return value;
}

static bool read_at(const struct salvage *s, uint64_t page, size_t offset, void *to, size_t size)
{
        return page > 1 && page < s->pages &&
               pread(s->fd, to, size, (off_t)(page * s->page_size + offset)) == (ssize_t)size;
}

/* How many nodes the page has; 0 also when its bounds can't be. */
static size_t nodes_of(const struct salvage *s, const uint8_t *page)
{
        size_t lower = u16_at(page + PAGE_AT_LOWER);
        bool sane = lower >= PAGE_HEADER_SIZE && lower <= s->page_size && lower % 2 == 0;
        return sane ? (lower - PAGE_HEADER_SIZE) / 2 : 0;
}

/* The node's header and key are within the page; else NULL. */
static const uint8_t *node_at(const struct salvage *s, const uint8_t *page, size_t place)
{
        size_t offset = u16_at(page + PAGE_HEADER_SIZE + 2 * place);
        if (offset < PAGE_HEADER_SIZE || offset + NODE_HEADER_SIZE > s->page_size ||
            offset + NODE_HEADER_SIZE + u16_at(page + offset + 6) > s->page_size)
                return NULL;
        return page + offset;
}

/* --- the tree --- */

static uint64_t child_of(const uint8_t *node)
{
        return u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
}

static void walk(struct salvage *s, uint64_t number, int depth)
{
        uint8_t *page = malloc(s->page_size);
        bool fits =
            page && depth < DEPTH_MAX && read_at(s, number, 0, page, s->page_size) && !s->walked[number];
        uint16_t flags = fits ? u16_at(page + PAGE_AT_FLAGS) : 0;
        size_t nodes = fits ? nodes_of(s, page) : 0;
        s->whole &= nodes > 0 && (flags == PAGE_IS_LEAF || flags == PAGE_IS_BRANCH);
        if (nodes)
                s->walked[number] = 1;
        if (nodes && flags & PAGE_IS_LEAF)
                s->leaves[number] = 1;
        for (size_t i = 0; i < nodes && flags & PAGE_IS_BRANCH; i++) {
                const uint8_t *node = node_at(s, page, i);
                s->whole &= node != NULL;
                if (node)
                        walk(s, child_of(node), depth + 1);
        }
        free(page);
}

/* --- the leaves --- */

static bool value_of(struct salvage *s, const uint8_t *page, const uint8_t *node, struct bytes *ret)
{
        size_t size = u16_at(node) | (size_t)u16_at(node + 2) << 16;
        const uint8_t *at = node + NODE_HEADER_SIZE + u16_at(node + 6);
        size_t left = s->page_size - (size_t)(at - page), number;
        if (!(u16_at(node + 4) & NODE_IS_LARGE)) {
                *ret = bytes_of(at, size);
                return size <= left;
        }
        if (size > sizeof s->value || left < sizeof number)
                return false;
        memcpy(&number, at, sizeof number);
        *ret = bytes_of(s->value, size);
        return read_at(s, number, PAGE_HEADER_SIZE, s->value, size);
}

static void visit_leaf(struct salvage *s, const uint8_t *page)
{
        size_t nodes = nodes_of(s, page);
        for (size_t i = 0; i < nodes; i++) {
                const uint8_t *node = node_at(s, page, i);
                struct bytes value;
                if (node && value_of(s, page, node, &value))
                        s->visit(s->ctx, bytes_of(node + NODE_HEADER_SIZE, u16_at(node + 6)), value);
        }
}

static void visit_leaves(struct salvage *s)
{
        uint8_t *page = malloc(s->page_size);
        for (uint64_t number = 2; page && number < s->pages; number++) {
                if (s->whole && !s->leaves[number])
                        continue;
                if (read_at(s, number, 0, page, s->page_size) && u16_at(page + PAGE_AT_FLAGS) & PAGE_IS_LEAF)
                        visit_leaf(s, page);
        }
        free(page);
}

/* --- a file --- */

static int open_file(struct salvage *s, const char *path, stet_why *why)
{
        struct stat status;
        s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (s->fd < 0 || fstat(s->fd, &status) != 0) {
                int err = errno == ENOENT ? STET_ENOTFOUND : STET_EIO;
                return stet_why_set(why, err, "cannot read %s: %s", path, strerror(errno));
        }
        s->pages = (uint64_t)status.st_size / s->page_size;
        s->leaves = calloc(s->pages + 1, 1);
        s->walked = calloc(s->pages + 1, 1);
        return s->leaves && s->walked ? 0 : stet_why_set(why, STET_ENOMEM, "no memory to read %s", path);
}

int salvage_lmdb(const char *path, salvage_visit_fn *visit, void *ctx, bool *ret_whole, stet_why *why)
{
        struct meta_lmdb meta;
        struct salvage s = { .fd = -1, .visit = visit, .ctx = ctx };
        bool has_meta = meta_lmdb_read(path, &meta, NULL) == 0;
        s.page_size = has_meta ? (size_t)meta.page_size : PAGE_SIZE_USUAL;
        s.whole = has_meta;
        int err = open_file(&s, path, why);
        if (!err && has_meta && meta.newest.records.root != UINT64_MAX)
                walk(&s, meta.newest.records.root, 0);
        if (!err)
                visit_leaves(&s);
        *ret_whole = s.whole;
        free(s.leaves);
        free(s.walked);
        if (s.fd >= 0)
                close(s.fd);
        return err;
}
