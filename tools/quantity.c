/* SPDX-License-Identifier: MIT */
#include "tools/quantity.h"

#include "tools/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum { DAY_MS = 86400000 };
static const int64_t duration_ms_max = INT64_C(36525) * DAY_MS;

/* The digits in front; false when there are none or too many. */
static bool take_number(const char **text, uint64_t *ret)
{
        uint64_t number = 0;
        const char *p = *text;
        for (; isdigit((unsigned char)*p); p++)
                if (__builtin_mul_overflow(number, 10u, &number) ||
                    __builtin_add_overflow(number, (uint64_t)(*p - '0'), &number))
                        return false;
        if (p == *text)
                return false;
        *text = p;
        *ret = number;
        return true;
}

static int64_t take_unit_ms(const char **text)
{
        static const struct {
                const char *name;
                int64_t ms;
        } units[] = { { "ms", 1 }, { "s", 1000 }, { "m", 60000 }, { "h", 3600000 }, { "d", DAY_MS } };
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                size_t size = strlen(units[i].name);
                if (strncmp(*text, units[i].name, size) == 0 && !isalpha((unsigned char)(*text)[size])) {
                        *text += size;
                        return units[i].ms;
                }
        }
        return 0;
}

static int refuse_duration(const char *text, stet_why *why)
{
        return stet_why_set(why, STET_EINVAL, "'%s' is no duration; write 500ms, 90s, 5m, 2h, 7d or 1h30m",
                            text);
}

int quantity_duration(const char *text, int64_t *ret_ms, stet_why *why)
{
        int64_t sum = 0;
        if (strcmp(text, "0") == 0) {
                *ret_ms = 0;
                return 0;
        }
        if (*text == 0)
                return refuse_duration(text, why);
        for (const char *p = text; *p;) {
                uint64_t number;
                int64_t part;
                if (!take_number(&p, &number))
                        return refuse_duration(text, why);
                int64_t unit_ms = take_unit_ms(&p);
                if (unit_ms == 0)
                        return refuse_duration(text, why);
                if (__builtin_mul_overflow(number, unit_ms, &part) ||
                    __builtin_add_overflow(sum, part, &sum) || sum > duration_ms_max)
                        return stet_why_set(why, STET_EINVAL, "'%s' is longer than 100 years", text);
        }
        *ret_ms = sum;
        return 0;
}

int quantity_size(const char *text, uint64_t *ret_bytes, stet_why *why)
{
        static const char *const units[] = { "", "b", "k", "kb", "kib", "m", "mb", "mib", "g", "gb", "gib" };
        static const unsigned shifts[] = { 0, 0, 10, 10, 10, 20, 20, 20, 30, 30, 30 };
        const char *p = text;
        uint64_t number;
        if (take_number(&p, &number)) {
                for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                        if (strcasecmp(p, units[i]) != 0 || number > UINT64_MAX >> shifts[i])
                                continue;
                        *ret_bytes = number << shifts[i];
                        return 0;
                }
        }
        return stet_why_set(why, STET_EINVAL, "'%s' is no size; write 65536, 64k or 1m", text);
}

int quantity_count(const char *text, uint64_t min, uint64_t max, uint64_t *ret, stet_why *why)
{
        const char *p = text;
        uint64_t number;
        if (!take_number(&p, &number) || *p || number < min || number > max)
                return stet_why_set(why, STET_EINVAL, "'%s' is no whole number from %" PRIu64 " to %" PRIu64,
                                    text, min, max);
        *ret = number;
        return 0;
}

char *quantity_span_text(int64_t ms)
{
        if (ms < 0)
                return text_format("0 ms");
        if (ms < 1000)
                return text_format("%" PRId64 " ms", ms);
        if (ms < 60000)
                return text_format("%" PRId64 ".%03" PRId64 " s", ms / 1000, ms % 1000);
        if (ms < 3600000)
                return text_format("%" PRId64 " min %" PRId64 " s", ms / 60000, ms / 1000 % 60);
        if (ms < DAY_MS)
                return text_format("%" PRId64 " h %" PRId64 " min", ms / 3600000, ms / 60000 % 60);
        return text_format("%" PRId64 " d %" PRId64 " h", ms / DAY_MS, ms / 3600000 % 24);
}

char *quantity_moment_text(int64_t ms)
{
        time_t seconds = (time_t)(ms / 1000);
        struct tm parts;
        char text[64];
        if (!localtime_r(&seconds, &parts) || strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts) == 0)
                return text_format("%" PRId64 " ms", ms);
        return text_format("%s", text);
}

char *quantity_size_text(int64_t bytes)
{
        static const char *const units[] = { "KiB", "MiB", "GiB", "TiB", "PiB", "EiB" };
        if (bytes < 1024)
                return text_format("%" PRId64 " B", bytes);
        double size = (double)bytes / 1024;
        size_t unit = 0;
        for (; size >= 1024 && unit + 1 < sizeof units / sizeof units[0]; unit++)
                size /= 1024;
        return text_format("%.1f %s", size, units[unit]);
}
