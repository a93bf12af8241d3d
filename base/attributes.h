/* SPDX-License-Identifier: MIT
 *
 * A run's attributes: what its starter says about it so that it can be found again. One msgpack map of names
 * to strings, integers and booleans, checked here wherever one comes in: at the client, at the node and from
 * the disk.
 */
#ifndef BASE_ATTRIBUTES_H
#define BASE_ATTRIBUTES_H

#include "base/unpack.h"
#include "stet/client.h"

/* 0 if the bytes are such a map, or nil or empty, which is none. STET_EPROTOCOL: no msgpack value;
 * STET_EINVAL: no such map; STET_ETOOBIG: too many, or a string that is too long. */
int attributes_check(struct bytes map, stet_why *why);

/* At a pair of such a map: the name and its value as they stand, one after the other. */
struct bytes attribute_next(struct cursor *c);

/* Checked attributes as they are kept: without any, empty. */
struct bytes attributes_kept(struct bytes map);

#endif
