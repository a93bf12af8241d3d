/* SPDX-License-Identifier: MIT
 *
 * CRC-32C (Castagnoli; RFC 3720 appendix B.4): crc32c(0, "123456789", 9) is 0xe3069283. Uses the processor's
 * instruction where there is one, a table elsewhere; both give the same value.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Continues a checksum: crc32c(crc32c(0, a), b) is that of a and b one after the other. */
uint32_t crc32c(uint32_t crc, const void *data, size_t size);

/* The table alone, whatever the processor can do: the tests compare the two. */
uint32_t crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
