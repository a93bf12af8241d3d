/* SPDX-License-Identifier: MIT
 *
 * A look at the file system that holds a path.
 */
#ifndef RUNTIME_DISK_ROOM_OS_H
#define RUNTIME_DISK_ROOM_OS_H

#include "runtime/disk_reserve.h"

/* false: the system does not say (*ret is as it was). */
bool disk_room_look(const char *path, struct disk_room *ret);

#endif
