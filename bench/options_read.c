/* SPDX-License-Identifier: MIT */
#include "bench/options_read.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/quantity.h"

int options_read_count(const char *option, const char *text, uint64_t max, uint64_t *ret, stet_why *why)
{
        char *end;
        errno = 0;
        uint64_t value = strtoull(text, &end, 10);
        if (text[0] < '0' || text[0] > '9' || *end || errno || value < 1 || value > max)
                return stet_why_set(why, STET_EINVAL,
                                    "--%s takes a whole number from 1 to %" PRIu64 ", not \"%s\"", option,
                                    max, text);
        *ret = value;
        return 0;
}

int options_read_count32(const char *option, const char *text, uint32_t max, uint32_t *ret, stet_why *why)
{
        uint64_t value;
        int err = options_read_count(option, text, max, &value, why);
        if (!err)
                *ret = (uint32_t)value;
        return err;
}

/* Cuts the next part off a list with commas; false at its end. A part that does not fit is cut, and refused
 * for what is left of it. */
static bool next_part(const char **text, char part[32])
{
        if (!*text)
                return false;
        size_t size = strcspn(*text, ",");
        snprintf(part, 32, "%.*s", (int)(size < 31 ? size : 31), *text);
        *text = (*text)[size] ? *text + size + 1 : NULL;
        return true;
}

static int list_is_full(const char *option, stet_why *why)
{
        return stet_why_set(why, STET_EINVAL, "--%s takes at most %d numbers", option, BENCH_LIST_MAX);
}

int options_read_runs(const char *text, uint64_t max, struct bench_options *o, stet_why *why)
{
        char part[32];
        int err = 0;
        while (!err && next_part(&text, part)) {
                if (o->runs_count == BENCH_LIST_MAX)
                        return list_is_full("runs", why);
                err = options_read_count("runs", part, max, &o->runs_list[o->runs_count++], why);
        }
        o->runs = o->runs_list[0];
        return err;
}

int options_read_payload(const char *text, uint64_t max, struct bench_options *o, stet_why *why)
{
        char part[32];
        while (next_part(&text, part)) {
                uint64_t bytes;
                if (o->payload_count == BENCH_LIST_MAX)
                        return list_is_full("payload", why);
                if (quantity_size(part, &bytes, NULL) != 0 || bytes < 1 || bytes > max)
                        return stet_why_set(why, STET_EINVAL,
                                            "--payload takes bytes from 1 to %" PRIu64
                                            ", as 100, 4k or 1m, not \"%s\"",
                                            max, part);
                o->payload_list[o->payload_count++] = (uint32_t)bytes;
        }
        o->payload_bytes = o->payload_list[0];
        return 0;
}

int options_read_real(const char *option, const char *text, double max, double *ret, stet_why *why)
{
        char *end;
        double value = strtod(text, &end);
        if (end == text || *end || !(value > 0) || value > max)
                return stet_why_set(why, STET_EINVAL,
                                    "--%s takes a number above 0 and up to %.0f, not \"%s\"", option, max,
                                    text);
        *ret = value;
        return 0;
}

int options_read_duration(const char *option, const char *text, int64_t *ret_ms, stet_why *why)
{
        stet_why reason;
        int err = quantity_duration(text, ret_ms, &reason);
        return err ? stet_why_set(why, err, "--%s: %s", option, reason.text) : 0;
}

int options_read_word(const char *option, const char *text, const char *const *words, size_t *ret_place,
                      stet_why *why)
{
        char list[128] = "";
        for (size_t i = 0; words[i]; i++) {
                if (strcmp(text, words[i]) == 0) {
                        *ret_place = i;
                        return 0;
                }
                size_t used = strlen(list);
                snprintf(list + used, sizeof(list) - used, "%s%s",
                         !i             ? ""
                         : words[i + 1] ? ", "
                                        : " or ",
                         words[i]);
        }
        return stet_why_set(why, STET_EINVAL, "%s is %s, not \"%s\"", option, list, text);
}
