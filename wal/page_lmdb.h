/* SPDX-License-Identifier: MIT
 *
 * A page of LMDB's trees and the nodes on it, laid out as in mdb.c of LMDB 0.9, for whoever reads them
 * without LMDB. Nothing on a page is to be trusted: what is not checked here is for the reader to check.
 *
 * A page: its number, two bytes, flags (u16), two bounds (u16), then the u16 offsets of its nodes in key
 * order. A node: two u16 and flags (u16), the key's size (u16), the key, the data. In a branch the first
 * three are the child's page number; in a leaf the first two are the data's size, and a flag says that the
 * data is the number of the page where it begins, behind a header. Numbers are the machine's.
 */
#ifndef WAL_PAGE_LMDB_H
#define WAL_PAGE_LMDB_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum {
        PAGE_AT_FLAGS = sizeof(size_t) + 2,
        PAGE_AT_LOWER = sizeof(size_t) + 4,
        PAGE_AT_UPPER = sizeof(size_t) + 6,
        PAGE_AT_COUNT = sizeof(size_t) + 4, /* of a value's pages: u32, instead of the bounds */
        PAGE_HEADER_SIZE = sizeof(size_t) + 8,
        PAGE_IS_BRANCH = 0x01,
        PAGE_IS_LEAF = 0x02,
        PAGE_IS_VALUE = 0x04,
        NODE_AT_FLAGS = 4,
        NODE_AT_KEY_SIZE = 6,
        NODE_HEADER_SIZE = 8,
        NODE_IS_LARGE = 0x01,
        TREE_DEPTH_MAX = 32,
};

static inline uint16_t page_u16(const uint8_t *from)
{
        uint16_t value;
        memcpy(&value, from, sizeof value);
        return value;
}

/* Of a page. */
static inline size_t page_number(const uint8_t *from)
{
        size_t value;
        memcpy(&value, from, sizeof value);
        return value;
}

static inline bool page_read(int fd, uint64_t page_size, uint64_t page, size_t offset, void *to, size_t size)
{
        return pread(fd, to, size, (off_t)(page * page_size + offset)) == (ssize_t)size;
}

/* How many nodes it has; 0 also when its lower bound can't be. */
static inline size_t page_nodes_count(const uint8_t *page, size_t page_size)
{
        size_t lower = page_u16(page + PAGE_AT_LOWER);
        bool sane = lower >= PAGE_HEADER_SIZE && lower <= page_size && lower % 2 == 0;
        return sane ? (lower - PAGE_HEADER_SIZE) / 2 : 0;
}

static inline size_t page_node_offset(const uint8_t *page, size_t place)
{
        return page_u16(page + PAGE_HEADER_SIZE + 2 * place);
}

/* Its header and key are within the page; else NULL. */
static inline const uint8_t *page_node(const uint8_t *page, size_t page_size, size_t place)
{
        size_t offset = page_node_offset(page, place);
        if (offset < PAGE_HEADER_SIZE || offset + NODE_HEADER_SIZE > page_size ||
            offset + NODE_HEADER_SIZE + page_u16(page + offset + NODE_AT_KEY_SIZE) > page_size)
                return NULL;
        return page + offset;
}

static inline struct bytes node_key(const uint8_t *node)
{
        return bytes_of(node + NODE_HEADER_SIZE, page_u16(node + NODE_AT_KEY_SIZE));
}

/* A branch's. */
static inline uint64_t node_child(const uint8_t *node)
{
        return page_u16(node) | (uint64_t)page_u16(node + 2) << 16 |
               (uint64_t)page_u16(node + NODE_AT_FLAGS) << 32;
}

/* A leaf's: the data begins there, or the number of its first page does. */
static inline const uint8_t *node_data(const uint8_t *node)
{
        return bytes_end(node_key(node));
}

static inline size_t node_data_size(const uint8_t *node)
{
        return page_u16(node) | (size_t)page_u16(node + 2) << 16;
}

static inline bool node_is_large(const uint8_t *node)
{
        return page_u16(node + NODE_AT_FLAGS) & NODE_IS_LARGE;
}

#endif
