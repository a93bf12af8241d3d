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

/* --- moments --- */

/* Exactly so many digits. */
static bool take_digits(const char **text, int count, int *ret)
{
        *ret = 0;
        for (int i = 0; i < count; i++, (*text)++) {
                if (!isdigit((unsigned char)**text))
                        return false;
                *ret = 10 * *ret + (**text - '0');
        }
        return true;
}

static bool take_char(const char **text, char wanted)
{
        bool is_there = **text == wanted;
        *text += is_there;
        return is_there;
}

static bool is_leap(int year)
{
        return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* "2026-11-22" to days since 1970. */
static bool take_date(const char **text, int64_t *ret_days)
{
        static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
        int year, month, day;
        if (!take_digits(text, 4, &year) || !take_char(text, '-') || !take_digits(text, 2, &month) ||
            !take_char(text, '-') || !take_digits(text, 2, &day))
                return false;
        if (year < 1970 || month < 1 || month > 12 || day < 1 ||
            day > lengths[month - 1] + (month == 2 && is_leap(year)))
                return false;
        *ret_days = day - 1;
        for (int y = 1970; y < year; y++)
                *ret_days += 365 + is_leap(y);
        for (int m = 1; m < month; m++)
                *ret_days += lengths[m - 1] + (m == 2 && is_leap(year));
        return true;
}

/* "T10:00:00Z" to seconds of the day. */
static bool take_time(const char **text, int64_t *ret_s)
{
        int hour, minute, second;
        if (!take_char(text, 'T') || !take_digits(text, 2, &hour) || !take_char(text, ':') ||
            !take_digits(text, 2, &minute) || !take_char(text, ':') || !take_digits(text, 2, &second) ||
            !take_char(text, 'Z'))
                return false;
        *ret_s = hour * 3600 + minute * 60 + second;
        return hour < 24 && minute < 60 && second < 60;
}

static bool read_time(const char *text, int64_t *ret_ms)
{
        int64_t days, seconds = 0;
        if (!take_date(&text, &days) || (*text && !take_time(&text, &seconds)) || *text)
                return false;
        *ret_ms = days * DAY_MS + seconds * 1000;
        return true;
}

int quantity_moment(const char *text, int64_t now_ms, int64_t *ret_ms, stet_why *why)
{
        int64_t ms, age_ms;
        if (!read_time(text, &ms)) {
                if (quantity_duration(text, &age_ms, NULL) != 0)
                        return stet_why_set(why, STET_EINVAL,
                                            "'%s' is no time; write how long ago it is (90s, 5m, 2h, 7d, "
                                            "1h30m) or when it was in UTC (2026-11-22 or "
                                            "2026-11-22T10:00:00Z)",
                                            text);
                ms = now_ms - age_ms;
        }
        *ret_ms = ms > 0 ? ms : 1;
        return 0;
}

/* --- sizes and counts --- */

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

/* --- out --- */

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

int64_t quantity_now_ms(void)
{
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
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
