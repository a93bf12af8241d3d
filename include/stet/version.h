/* SPDX-License-Identifier: MIT
 *
 * The version of these headers, as `stet version` prints it.
 */
#ifndef STET_VERSION_H
#define STET_VERSION_H

#define STET_VERSION "0.1.0"

#endif
