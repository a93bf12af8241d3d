/* SPDX-License-Identifier: MIT
 *
 * The values of the options of `bench`: each reads the whole text or refuses it with STET_EINVAL and a
 * sentence that names the option.
 */
#ifndef BENCH_OPTIONS_READ_H
#define BENCH_OPTIONS_READ_H

#include "bench/options.h"

/* A whole number from 1 to max. */
int options_read_count(const char *option, const char *text, uint64_t max, uint64_t *ret, stet_why *why);
int options_read_count32(const char *option, const char *text, uint32_t max, uint32_t *ret, stet_why *why);

/* Numbers with commas between them; an option given again goes on with its list. */
int options_read_runs(const char *text, uint64_t max, struct bench_options *o, stet_why *why);
int options_read_payload(const char *text, uint64_t max, struct bench_options *o, stet_why *why);

/* Above 0. */
int options_read_real(const char *option, const char *text, double max, double *ret, stet_why *why);

/* "500ms", "90s", "5m" … */
int options_read_duration(const char *option, const char *text, int64_t *ret_ms, stet_why *why);

/* One of the words, by its place in a list that ends with NULL. */
int options_read_word(const char *option, const char *text, const char *const *words, size_t *ret_place,
                      stet_why *why);

#endif
