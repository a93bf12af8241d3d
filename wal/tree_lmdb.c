/* SPDX-License-Identifier: MIT
 *
 * The layout is that of mdb.c, LMDB 0.9. A page: its number, two bytes, flags (u16), two bounds (u16), then
 * the u16 offsets of its nodes in key order. A node: two u16 and flags (u16), the key's size (u16), the key,
 * the data. In a branch the first three are the child's page number; in a leaf the first two are the data's
 * size, and a flag says that the data is the number of the page where it begins. Every offset is checked:
 * nothing here is trusted.
 */
#include "wal/tree_lmdb.h"

#include "wal/block.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
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
};

struct walk {
        int fd;
        uint64_t page_size;
        uint64_t pages;
        uint8_t *page;
};

/* An entry and where it is copied to. */
struct edge {
        struct tree_entry entry;
        uint8_t key[UINT16_MAX];
        uint8_t value[BLOCK_SIZE_MAX];
};

static uint16_t u16_at(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return value;
}

static bool read_at(const struct walk *w, uint64_t page, size_t offset, void *to, size_t size)
{
        return page > 1 && page < w->pages &&
               pread(w->fd, to, size, (off_t)(page * w->page_size + offset)) == (ssize_t)size;
}

/* The first or last node of the page in memory, with its header and key within the page; NULL when there is
 * none. */
static const uint8_t *edge_node(const struct walk *w, bool last, size_t *ret_offset)
{
        size_t lower = u16_at(w->page + PAGE_AT_LOWER);
        if (lower < PAGE_HEADER_SIZE + 2 || lower > w->page_size || lower % 2)
                return NULL;
        size_t offset = u16_at(w->page + (last ? lower - 2 : PAGE_HEADER_SIZE));
        if (offset < lower || offset + NODE_HEADER_SIZE > w->page_size ||
            offset + NODE_HEADER_SIZE + u16_at(w->page + offset + 6) > w->page_size)
                return NULL;
        *ret_offset = offset;
        return w->page + offset;
}

static uint64_t child_of(const uint8_t *node)
{
        return u16_at(node) | (uint64_t)u16_at(node + 2) << 16 | (uint64_t)u16_at(node + 4) << 32;
}

static bool read_entry(const struct walk *w, const uint8_t *node, size_t offset, struct edge *ret)
{
        size_t key_size = u16_at(node + 6), size = u16_at(node) | (size_t)u16_at(node + 2) << 16;
        size_t at = offset + NODE_HEADER_SIZE + key_size;
        bool large = u16_at(node + 4) & NODE_IS_LARGE;
        size_t number;
        if (size > sizeof ret->value || at + (large ? sizeof number : size) > w->page_size)
                return false;
        memcpy(ret->key, node + NODE_HEADER_SIZE, key_size);
        ret->entry = (struct tree_entry){ bytes_of(ret->key, key_size), bytes_of(ret->value, size) };
        if (!large) {
                memcpy(ret->value, w->page + at, size);
                return true;
        }
        memcpy(&number, w->page + at, sizeof number);
        return read_at(w, number, PAGE_HEADER_SIZE, ret->value, size);
}

/* The tree's first or last entry. */
static bool find_edge(const struct walk *w, uint64_t page, bool last, struct edge *ret)
{
        for (int depth = 0; depth < DEPTH_MAX; depth++) {
                size_t offset;
                if (!read_at(w, page, 0, w->page, w->page_size))
                        return false;
                const uint8_t *node = edge_node(w, last, &offset);
                uint16_t flags = u16_at(w->page + PAGE_AT_FLAGS);
                if (!node)
                        return false;
                if (flags & PAGE_IS_LEAF)
                        return read_entry(w, node, offset, ret);
                if (!(flags & PAGE_IS_BRANCH))
                        return false;
                page = child_of(node);
        }
        return false;
}

static bool find_commit(const struct walk *w, uint64_t root, tree_lmdb_commit_fn *commit_of, uint64_t *ret)
{
        struct edge *edges = xmalloc(2 * sizeof *edges);
        bool found = find_edge(w, root, false, &edges[0]) && find_edge(w, root, true, &edges[1]) &&
                     commit_of(&edges[0].entry, &edges[1].entry, ret);
        free(edges);
        return found;
}

int tree_lmdb_commit(const char *path, const struct meta_lmdb *meta, const struct meta_tree *tree,
                     tree_lmdb_commit_fn *commit_of, uint64_t *ret_commit, stet_why *why)
{
        if (tree->records.root == UINT64_MAX) {
                *ret_commit = 0;
                return 0;
        }
        struct walk w = { .fd = open(path, O_RDONLY | O_CLOEXEC), .page_size = meta->page_size };
        if (w.fd < 0)
                return stet_why_set(why, STET_EIO, "cannot open %s: %s", path, strerror(errno));
        w.pages = meta->file_size / meta->page_size;
        w.page = xmalloc(meta->page_size);
        bool found = find_commit(&w, tree->records.root, commit_of, ret_commit);
        free(w.page);
        close(w.fd);
        if (found)
                return 0;
        return stet_why_set(why, STET_ECORRUPT, "%s: the tree of transaction %" PRIu64 " is damaged", path,
                            tree->commit);
}
