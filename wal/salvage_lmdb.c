/* SPDX-License-Identifier: MIT
 *
 * Every number that is read is checked before it is followed: pages are in the file, nodes are in their page,
 * and no page is walked into twice.
 */
#include "wal/salvage_lmdb.h"

#include "wal/block.h"
#include "wal/meta_lmdb.h"
#include "wal/page_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PAGE_SIZE_USUAL = 4096 };

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

static bool read_at(const struct salvage *s, uint64_t page, size_t offset, void *to, size_t size)
{
        return page > 1 && page < s->pages && page_read(s->fd, s->page_size, page, offset, to, size);
}

/* --- the tree --- */

static void walk(struct salvage *s, uint64_t number, int depth)
{
        uint8_t *page = malloc(s->page_size);
        bool fits =
            page && depth < TREE_DEPTH_MAX && read_at(s, number, 0, page, s->page_size) && !s->walked[number];
        uint16_t flags = fits ? page_u16(page + PAGE_AT_FLAGS) : 0;
        size_t nodes = fits ? page_nodes_count(page, s->page_size) : 0;
        s->whole &= nodes > 0 && (flags == PAGE_IS_LEAF || flags == PAGE_IS_BRANCH);
        if (nodes)
                s->walked[number] = 1;
        if (nodes && flags & PAGE_IS_LEAF)
                s->leaves[number] = 1;
        for (size_t i = 0; i < nodes && flags & PAGE_IS_BRANCH; i++) {
                const uint8_t *node = page_node(page, s->page_size, i);
                s->whole &= node != NULL;
                if (node)
                        walk(s, node_child(node), depth + 1);
        }
        free(page);
}

/* --- the leaves --- */

static bool value_of(struct salvage *s, const uint8_t *page, const uint8_t *node, struct bytes *ret)
{
        size_t size = node_data_size(node);
        const uint8_t *at = node_data(node);
        size_t left = s->page_size - (size_t)(at - page);
        if (!node_is_large(node)) {
                *ret = bytes_of(at, size);
                return size <= left;
        }
        if (size > sizeof s->value || left < sizeof(size_t))
                return false;
        *ret = bytes_of(s->value, size);
        return read_at(s, page_number(at), PAGE_HEADER_SIZE, s->value, size);
}

static void visit_leaf(struct salvage *s, const uint8_t *page)
{
        size_t nodes = page_nodes_count(page, s->page_size);
        for (size_t i = 0; i < nodes; i++) {
                const uint8_t *node = page_node(page, s->page_size, i);
                struct bytes value;
                if (node && value_of(s, page, node, &value))
                        s->visit(s->ctx, node_key(node), value);
        }
}

static void visit_leaves(struct salvage *s)
{
        uint8_t *page = malloc(s->page_size);
        for (uint64_t number = 2; page && number < s->pages; number++) {
                if (s->whole && !s->leaves[number])
                        continue;
                if (read_at(s, number, 0, page, s->page_size) &&
                    page_u16(page + PAGE_AT_FLAGS) & PAGE_IS_LEAF)
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
