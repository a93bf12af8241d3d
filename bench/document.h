/* SPDX-License-Identifier: MIT
 *
 * The JSON documents of `bench` as values.
 */
#ifndef BENCH_DOCUMENT_H
#define BENCH_DOCUMENT_H

#include <stdio.h>

#include "stet/value.h"

/* One document of several of the same workload: every number is the median of theirs, in tables as well,
 * row by row. Where one has null, it is the median of the others. A bool is true only where all are. Words
 * are the first's. */
int document_median(const stet_value *documents, size_t count, stet_value *ret);

/* Reads a file that has one JSON map in it. 0, or STET_EINVAL with a sentence that begins with its name. */
int document_read(const char *path, stet_value *ret, stet_why *why);

/* NAN: there is no such key, or no number. */
double document_number(const stet_value *document, const char *key);

/* Copies a word out; "" when there is none. */
void document_word(const stet_value *document, const char *key, char *buf, size_t size);

/* Each sets a key of a map. They fail only for lack of memory or beyond a value's size. */
int document_set_number(stet_value *map, const char *key, double value); /* NAN is null */
int document_set_word(stet_value *map, const char *key, const char *text);

/* As JSON, one item a line. */
int document_print(const stet_value *document, FILE *out);

#endif
