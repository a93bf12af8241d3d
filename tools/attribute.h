/* SPDX-License-Identifier: MIT
 *
 * What --attribute gives: NAME=VALUE, as often as there are attributes.
 */
#ifndef TOOLS_ATTRIBUTE_H
#define TOOLS_ATTRIBUTE_H

#include "stet/value.h"

/* Makes the map *ret (null for NULL) of a list that ends with NULL. true and false are booleans, integers as
 * JSON writes them are integers, all else is a string. STET_EINVAL when one is not NAME=VALUE or a name comes
 * twice; what a node allows is checked by the client. */
int attributes_read(const char *const *given, stet_value *ret, stet_why *why);

#endif
