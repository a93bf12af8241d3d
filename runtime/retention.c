/* SPDX-License-Identifier: MIT */
#include "runtime/retention.h"

#include "base/buffer.h"
#include "base/name.h"

#include <stdlib.h>

enum { ENDING_ANY = RUN_OPEN }; /* an open run has no retention */

struct rule {
        struct bytes ns; /* points into text; empty: any */
        uint32_t ending; /* ENDING_ANY: any */
        int64_t keep_ns;
};

struct retention {
        char *text; /* the rules', owned */
        struct rule *rules;
        size_t count;
};

/* --- slices of the text --- */

static struct bytes trimmed(struct bytes text)
{
        while (text.size && text.data[0] == ' ')
                text = bytes_of(text.data + 1, text.size - 1);
        while (text.size && text.data[text.size - 1] == ' ')
                text.size--;
        return text;
}

/* What is before the separator, and in *rest what is behind it; all of it and nothing when there is none. */
static struct bytes split(struct bytes text, char separator, struct bytes *rest)
{
        const uint8_t *at = text.size ? memchr(text.data, separator, text.size) : NULL;
        if (!at) {
                *rest = bytes_of(NULL, 0);
                return text;
        }
        *rest = bytes_of(at + 1, (size_t)(bytes_end(text) - at) - 1);
        return bytes_of(text.data, (size_t)(at - text.data));
}

/* --- durations --- */

/* Takes "2h" from the front of the text: false if it does not begin so, or is longer than time goes. */
static bool take_part(struct bytes *text, int64_t *ret_ns)
{
        static const struct {
                char letter;
                int64_t seconds;
        } units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
        size_t digits = 0;
        int64_t number = 0;
        for (; digits < text->size && text->data[digits] >= '0' && text->data[digits] <= '9'; digits++)
                if (__builtin_mul_overflow(number, 10, &number) ||
                    __builtin_add_overflow(number, text->data[digits] - '0', &number))
                        return false;
        if (!digits || digits == text->size)
                return false;
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
                if (units[i].letter != (char)text->data[digits])
                        continue;
                *text = bytes_of(text->data + digits + 1, text->size - digits - 1);
                return !__builtin_mul_overflow(number, units[i].seconds * 1000000000, ret_ns);
        }
        return false;
}

static bool duration_parse(struct bytes text, int64_t *ret_ns)
{
        int64_t sum = 0, part;
        if (bytes_equal(text, bytes_str("forever"))) {
                *ret_ns = RETENTION_FOREVER;
                return true;
        }
        if (!text.size)
                return false;
        while (text.size)
                if (!take_part(&text, &part) || __builtin_add_overflow(sum, part, &sum))
                        return false;
        *ret_ns = sum;
        return true;
}

/* --- rules --- */

static uint32_t ending_named(struct bytes name)
{
        for (uint32_t ending = RUN_COMPLETED; ending <= RUN_CONTINUED; ending++)
                if (bytes_equal(name, bytes_str(run_ending_name(ending))))
                        return ending;
        return ENDING_ANY;
}

static int refuse(struct bytes rule, const char *reason, stet_why *why)
{
        return stet_why_set(why, STET_EINVAL, "the retention rule \"%.*s\" %s",
                            (int)(rule.size < 300 ? rule.size : 300), (const char *)rule.data, reason);
}

/* The namespace, if the rule names one: what is before the last colon, as a namespace may have some itself.
 */
static struct bytes take_namespace(struct bytes *rule)
{
        const uint8_t *colon = rule->size ? memrchr(rule->data, ':', rule->size) : NULL;
        if (!colon)
                return bytes_of(NULL, 0);
        struct bytes ns = bytes_of(rule->data, (size_t)(colon - rule->data));
        *rule = bytes_of(colon + 1, rule->size - ns.size - 1);
        return ns;
}

static int rule_parse(struct bytes text, struct rule *ret, stet_why *why)
{
        struct bytes rest = text, duration;
        bool has_namespace = memchr(text.data, ':', text.size), has_state;
        ret->ns = trimmed(take_namespace(&rest));
        ret->ending = ENDING_ANY;
        has_state = rest.size && memchr(rest.data, '=', rest.size);
        if (has_namespace && !name_valid(ret->ns, NAME_SIZE_MAX))
                return refuse(text, "names no namespace before its colon", why);
        struct bytes state = trimmed(split(rest, '=', &duration));
        if (has_state) {
                ret->ending = ending_named(state);
                if (ret->ending == ENDING_ANY)
                        return refuse(text,
                                      "is for no state in which runs end: those are completed, failed, "
                                      "canceled, terminated and continued",
                                      why);
        }
        if (!duration_parse(has_state ? trimmed(duration) : state, &ret->keep_ns))
                return refuse(text, "has no duration; write 90s, 5m, 2h, 7d, 1h30m or forever", why);
        if (ret->keep_ns < RETENTION_LEAST_NS)
                return refuse(
                    text, "keeps nothing: whoever waits for an ending must get to see it; the least is 1s",
                    why);
        return 0;
}

int retention_parse(const char *text, struct retention **ret, stet_why *why)
{
        struct retention *r = xcalloc(1, sizeof *r);
        r->text = xmemdup(text ? text : "", text ? strlen(text) : 0);
        struct bytes rest = bytes_str(r->text);
        int err = 0;
        while (rest.size && !err) {
                struct bytes rule = trimmed(split(rest, ',', &rest));
                if (!rule.size) {
                        err = stet_why_set(why, STET_EINVAL, "a retention rule is empty in \"%.300s\"",
                                           r->text);
                        break;
                }
                r->rules = xrealloc(r->rules, (r->count + 1) * sizeof *r->rules);
                err = rule_parse(rule, &r->rules[r->count], why);
                r->count += !err;
        }
        if (err)
                retention_free(r);
        else
                *ret = r;
        return err;
}

void retention_free(struct retention *r)
{
        if (!r)
                return;
        free(r->rules);
        free(r->text);
        free(r);
}

/* --- asking --- */

int64_t retention_ns(const struct retention *r, struct bytes ns, enum run_ending ending)
{
        int64_t keep_ns = RETENTION_STANDARD_NS;
        int best = -1;
        for (size_t i = 0; i < r->count; i++) {
                const struct rule *rule = &r->rules[i];
                if ((rule->ns.size && !bytes_equal(rule->ns, ns)) ||
                    (rule->ending != ENDING_ANY && rule->ending != (uint32_t)ending))
                        continue;
                int specific = 2 * (rule->ns.size != 0) + (rule->ending != ENDING_ANY);
                if (specific < best)
                        continue;
                best = specific;
                keep_ns = rule->keep_ns;
        }
        return keep_ns;
}

int64_t retention_shortest_ns(const struct retention *r)
{
        int64_t shortest_ns = INT64_MAX;
        bool all = false;
        for (size_t i = 0; i < r->count; i++) {
                all |= !r->rules[i].ns.size && r->rules[i].ending == ENDING_ANY;
                if (r->rules[i].keep_ns < shortest_ns)
                        shortest_ns = r->rules[i].keep_ns;
        }
        return all || shortest_ns < RETENTION_STANDARD_NS ? shortest_ns : RETENTION_STANDARD_NS;
}
