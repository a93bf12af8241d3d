/* SPDX-License-Identifier: MIT
 *
 * Reads a lender's sheet, "Credit score from: 650" and so on, one line a fact, into a map like those of
 * lenders.json.
 */
#ifndef EXAMPLES_LENDER_SHEET_H
#define EXAMPLES_LENDER_SHEET_H

#include "stet/value.h"

/* Makes *ret the lender's map. STET_EINVAL names the line that can't be read, or the fact that is missing, in
 * *why. */
int lender_sheet_read(const char *text, size_t size, stet_value *ret, stet_why *why);

#endif
