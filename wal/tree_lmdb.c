/* SPDX-License-Identifier: MIT */
#include "wal/tree_lmdb.h"

#include "wal/block.h"
#include "wal/page_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

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

static bool read_at(const struct walk *w, uint64_t page, size_t offset, void *to, size_t size)
{
        return page > 1 && page < w->pages && page_read(w->fd, w->page_size, page, offset, to, size);
}

/* The first or last node of the page in memory; NULL when there is none behind the offsets. */
static const uint8_t *edge_node(const struct walk *w, bool last)
{
        size_t count = page_nodes_count(w->page, w->page_size), place = last ? count - 1 : 0;
        if (!count || page_node_offset(w->page, place) < page_u16(w->page + PAGE_AT_LOWER))
                return NULL;
        return page_node(w->page, w->page_size, place);
}

static bool read_entry(const struct walk *w, const uint8_t *node, struct edge *ret)
{
        struct bytes key = node_key(node);
        const uint8_t *data = node_data(node);
        size_t size = node_data_size(node), left = w->page_size - (size_t)(data - w->page);
        bool large = node_is_large(node);
        if (size > sizeof ret->value || (large ? sizeof(size_t) : size) > left)
                return false;
        memcpy(ret->key, key.data, key.size);
        ret->entry = (struct tree_entry){ bytes_of(ret->key, key.size), bytes_of(ret->value, size) };
        if (large)
                return read_at(w, page_number(data), PAGE_HEADER_SIZE, ret->value, size);
        memcpy(ret->value, data, size);
        return true;
}

/* The tree's first or last entry. */
static bool find_edge(const struct walk *w, uint64_t page, bool last, struct edge *ret)
{
        for (int depth = 0; depth < TREE_DEPTH_MAX; depth++) {
                if (!read_at(w, page, 0, w->page, w->page_size))
                        return false;
                const uint8_t *node = edge_node(w, last);
                uint16_t flags = page_u16(w->page + PAGE_AT_FLAGS);
                if (!node)
                        return false;
                if (flags & PAGE_IS_LEAF)
                        return read_entry(w, node, ret);
                if (!(flags & PAGE_IS_BRANCH))
                        return false;
                page = node_child(node);
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
