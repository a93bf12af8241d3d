/* SPDX-License-Identifier: MIT
 *
 * Of a page, page_lmdb.h tells what there is on it. Three things more: a value that has pages of its own
 * begins behind the first one's header, which says how many there are; the free list is a tree from
 * transaction numbers to lists of page numbers, each list its length and then the numbers, the highest first;
 * the nodes of a page lie without gaps at its end.
 */
#include "wal/pages_lmdb.h"

#include "base/buffer.h"
#include "wal/page_lmdb.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_SIZE_MAX = 511 };

/* A key on the walk; the records' compare as bytes, the free list's as numbers. */
struct key {
        size_t size;
        uint8_t data[KEY_SIZE_MAX];
};

struct check {
        int fd;
        uint64_t page_size;
        uint64_t pages;
        uint64_t commit;
        uint8_t *pages_read[TREE_DEPTH_MAX]; /* one a level */
        uint8_t *used;                       /* by a tree: a bit a page */
        uint8_t *freed;                      /* named by the free list */
        struct buffer value;
        void (*damage)(void *ctx, const char *sentence);
        void *ctx;

        /* of the tree under way */
        const char *name;
        const struct meta_shape *shape;
        bool is_free_list;
        struct meta_shape found;
        struct key last;    /* that was met: no later one may be lower … */
        bool last_is_entry; /* … or, behind an entry's, the same */
        bool whole;
};

STET_PRINTF(2, 3)
static void report(struct check *c, const char *format, ...)
{
        char text[300];
        va_list args;
        va_start(args, format);
        vsnprintf(text, sizeof text, format, args);
        va_end(args);
        c->whole = false;
        c->damage(c->ctx, text);
}

/* --- pages --- */

static bool bit_set(uint8_t *bits, uint64_t place)
{
        bool was = bits[place / 8] >> place % 8 & 1;
        bits[place / 8] |= (uint8_t)(1 << place % 8);
        return !was;
}

static bool bit_at(const uint8_t *bits, uint64_t place)
{
        return bits[place / 8] >> place % 8 & 1;
}

/* Takes the page for the tree. */
static bool take_page(struct check *c, uint64_t page)
{
        if (page < 2 || page >= c->pages)
                report(c, "%s leads to page %" PRIu64 ", and the last one is %" PRIu64, c->name, page,
                       c->pages - 1);
        else if (!bit_set(c->used, page))
                report(c, "page %" PRIu64 " is used twice, the second time by %s", page, c->name);
        else
                return true;
        return false;
}

static bool check_header(struct check *c, uint64_t page, const uint8_t *at, unsigned flags)
{
        if (page_number(at) == page && page_u16(at + PAGE_AT_FLAGS) == flags)
                return true;
        report(c, "page %" PRIu64 " of %s has a damaged header", page, c->name);
        return false;
}

/* --- keys --- */

static bool key_lower(const struct check *c, const struct key *a, const struct key *b)
{
        if (c->is_free_list && a->size == sizeof(size_t) && b->size == sizeof(size_t))
                return page_number(a->data) < page_number(b->data);
        return bytes_compare(bytes_of(a->data, a->size), bytes_of(b->data, b->size)) < 0;
}

static bool key_fits(const struct check *c, const struct key *key)
{
        if (key->size == 0 || (c->is_free_list && key->size != sizeof(size_t)))
                return false;
        return c->last_is_entry ? key_lower(c, &c->last, key) : !key_lower(c, key, &c->last);
}

/* Keys are met in their order: a branch's is that of the first entry below it, or lower. */
static bool take_key(struct check *c, uint64_t page, const uint8_t *node, bool is_entry)
{
        struct key key = { .size = page_u16(node + NODE_AT_KEY_SIZE) };
        bool fits = key.size <= KEY_SIZE_MAX;
        if (fits) {
                memcpy(key.data, node + NODE_HEADER_SIZE, key.size);
                fits = key_fits(c, &key);
        }
        if (!fits)
                key.size = 0;
        c->last = key;
        c->last_is_entry = fits && is_entry;
        if (fits)
                return true;
        report(c, "page %" PRIu64 " of %s has a key that is out of order", page, c->name);
        return false;
}

/* --- values --- */

static bool free_page(struct check *c, uint64_t page, size_t number, size_t before)
{
        if (number < before && number > 1 && number < c->pages && bit_set(c->freed, number))
                return true;
        report(c, "page %" PRIu64 " of %s says that page %zu is free, which can't be", page, c->name, number);
        return false;
}

static void check_free_pages(struct check *c, uint64_t page, struct bytes list)
{
        size_t count = list.size >= sizeof count ? page_number(list.data) : 0, before = SIZE_MAX;
        if (list.size < sizeof count || list.size % sizeof count || count > list.size / sizeof count - 1) {
                report(c, "page %" PRIu64 " of %s has a list of another length than it says", page, c->name);
                return;
        }
        for (size_t i = 1; i <= count; i++) {
                size_t number = page_number(list.data + i * sizeof number);
                if (!free_page(c, page, number, before))
                        return;
                before = number;
        }
}

/* A value with pages of its own: they are taken, and for the free list it is read. */
static bool take_large(struct check *c, uint64_t page, size_t first, size_t size)
{
        uint8_t header[PAGE_HEADER_SIZE];
        uint32_t count;
        uint64_t needed = (PAGE_HEADER_SIZE + size + c->page_size - 1) / c->page_size;
        if (!take_page(c, first) || !page_read(c->fd, c->page_size, first, 0, header, sizeof header) ||
            !check_header(c, first, header, PAGE_IS_VALUE))
                return false;
        memcpy(&count, header + PAGE_AT_COUNT, sizeof count);
        if (count != needed || needed > c->pages - first) {
                report(c,
                       "page %" PRIu64 " of %s begins a value of %" PRIu32 " pages, and page %" PRIu64
                       " says %" PRIu64,
                       first, c->name, count, page, needed);
                return false;
        }
        for (uint64_t i = 1; i < needed; i++)
                if (!take_page(c, first + i))
                        return false;
        c->found.overflow_pages += needed;
        buffer_clear(&c->value);
        if (!c->is_free_list)
                return true;
        buffer_reserve(&c->value, size);
        c->value.size = size;
        return page_read(c->fd, c->page_size, first, PAGE_HEADER_SIZE, c->value.data, size);
}

/* --- nodes --- */

/* The bytes that a leaf's node takes; 0 when it does not fit its page. */
static size_t leaf_node_size(const uint8_t *node, size_t room)
{
        unsigned flags = page_u16(node + NODE_AT_FLAGS);
        size_t in_page = node_is_large(node) ? sizeof(size_t) : node_data_size(node);
        size_t total = NODE_HEADER_SIZE + page_u16(node + NODE_AT_KEY_SIZE) + in_page;
        return flags & ~(unsigned)NODE_IS_LARGE || in_page > room || total > room ? 0 : total;
}

static void take_leaf_node(struct check *c, uint64_t page, const uint8_t *node)
{
        struct bytes value = bytes_of(node_data(node), node_data_size(node));
        if (!take_key(c, page, node, true))
                return;
        c->found.entries++;
        if (node_is_large(node)) {
                if (!take_large(c, page, page_number(value.data), value.size))
                        return;
                value = buffer_bytes(&c->value);
        }
        if (!c->is_free_list)
                return;
        if (page_number(node_key(node).data) > c->commit)
                report(c, "page %" PRIu64 " of %s is of a transaction that is still to come", page, c->name);
        check_free_pages(c, page, value);
}

/* Its nodes' places and sizes. Afterwards each can be looked at without a further check. */
static bool check_nodes(struct check *c, uint64_t page, const uint8_t *at, bool is_leaf, size_t *ret_count)
{
        size_t lower = page_u16(at + PAGE_AT_LOWER), upper = page_u16(at + PAGE_AT_UPPER), taken = 0;
        bool sane = lower > PAGE_HEADER_SIZE && lower % 2 == 0 && lower <= upper && upper <= c->page_size;
        size_t count = sane ? (lower - PAGE_HEADER_SIZE) / 2 : 0;
        for (size_t i = 0; i < count && sane; i++) {
                size_t offset = page_node_offset(at, i);
                sane = offset >= upper && offset % 2 == 0 && offset + NODE_HEADER_SIZE <= c->page_size;
                if (!sane)
                        break;
                size_t room = c->page_size - offset;
                size_t size = is_leaf ? leaf_node_size(at + offset, room)
                                      : (size_t)NODE_HEADER_SIZE + page_u16(at + offset + NODE_AT_KEY_SIZE);
                sane = size && size <= room;
                taken += (size + 1) & ~(size_t)1;
        }
        if (!sane || taken != c->page_size - upper) {
                report(c, "page %" PRIu64 " of %s has damaged bounds or nodes", page, c->name);
                return false;
        }
        *ret_count = count;
        return true;
}

static void walk(struct check *c, uint64_t page, uint64_t depth)
{
        uint8_t *at = c->pages_read[depth - 1];
        bool is_leaf = depth == c->shape->depth;
        size_t count;
        if (!take_page(c, page))
                return;
        if (!page_read(c->fd, c->page_size, page, 0, at, c->page_size)) {
                report(c, "page %" PRIu64 " of %s can't be read", page, c->name);
                return;
        }
        if (!check_header(c, page, at, is_leaf ? PAGE_IS_LEAF : PAGE_IS_BRANCH) ||
            !check_nodes(c, page, at, is_leaf, &count))
                return;
        *(is_leaf ? &c->found.leaf_pages : &c->found.branch_pages) += 1;
        for (size_t i = 0; i < count; i++) {
                const uint8_t *node = at + page_node_offset(at, i);
                if (is_leaf)
                        take_leaf_node(c, page, node);
                else if (i == 0 || take_key(c, page, node, false)) /* the first key of a branch is not used */
                        walk(c, node_child(node), depth + 1);
        }
}

/* --- trees --- */

static void check_tree(struct check *c, const char *name, const struct meta_shape *shape, bool is_free_list)
{
        c->name = name;
        c->shape = shape;
        c->is_free_list = is_free_list;
        c->found = (struct meta_shape){ .depth = shape->depth, .root = shape->root };
        c->last.size = 0;
        c->last_is_entry = false;
        c->whole = true;
        if (shape->depth > TREE_DEPTH_MAX)
                report(c, "%s has %" PRIu64 " levels, which is too many", name, shape->depth);
        else if (shape->depth)
                walk(c, shape->root, 1);
        if (!is_free_list)
                c->found.entries = shape->entries; /* whoever reads the records counts them */
        if (c->whole && memcmp(&c->found, shape, sizeof c->found) != 0)
                report(c, "%s has other numbers of pages or entries than the file counts", name);
}

static void check_overlap(struct check *c)
{
        for (uint64_t page = 2; page < c->pages; page++)
                if (bit_at(c->used, page) && bit_at(c->freed, page))
                        report(c, "page %" PRIu64 " is in use, but the free list says that it is free", page);
}

static void check_all(struct check *c, const struct meta_tree *tree)
{
        size_t bits_size = c->pages / 8 + 1;
        c->used = xcalloc(bits_size, 1);
        c->freed = xcalloc(bits_size, 1);
        for (int i = 0; i < TREE_DEPTH_MAX; i++)
                c->pages_read[i] = xmalloc(c->page_size);
        check_tree(c, "the tree", &tree->records, false);
        check_tree(c, "the free list", &tree->free_list, true);
        check_overlap(c);
        for (int i = 0; i < TREE_DEPTH_MAX; i++)
                free(c->pages_read[i]);
        free(c->used);
        free(c->freed);
        buffer_fini(&c->value);
}

int pages_lmdb_check(const char *path, const struct meta_lmdb *meta,
                     void (*damage)(void *ctx, const char *sentence), void *ctx, stet_why *why)
{
        struct check c = { .fd = open(path, O_RDONLY | O_CLOEXEC),
                           .page_size = meta->page_size,
                           .pages = meta->newest.pages,
                           .commit = meta->newest.commit,
                           .damage = damage,
                           .ctx = ctx };
        if (c.fd < 0)
                return stet_why_set(why, STET_EIO, "cannot open %s: %s", path, strerror(errno));
        check_all(&c, &meta->newest);
        close(c.fd);
        return 0;
}
