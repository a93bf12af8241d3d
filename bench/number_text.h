/* SPDX-License-Identifier: MIT
 *
 * Numbers as the tables of `bench` show them. Each returns one of a few static buffers in turn, so that a
 * line can hold several.
 */
#ifndef BENCH_NUMBER_TEXT_H
#define BENCH_NUMBER_TEXT_H

#include <stdio.h>

/* 1234567.8 as "1,234,568", with so many decimals; "-" for what is no number. */
const char *number_text(double value, int decimals);

/* Microseconds: a decimal only where it says something. */
const char *number_text_micros(double us);

/* Right-aligned (width > 0) or left-aligned (width < 0) by columns, not by bytes: a µ takes two bytes and one
 * column. */
void number_text_pad(FILE *out, const char *text, int width);

#endif
