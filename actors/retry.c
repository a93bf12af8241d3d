/* SPDX-License-Identifier: MIT */
#include "actors/retry.h"

static const stet_retry presets[] = {
        { 3, 1000, 300000, 2.0, 0.2, NULL }, /* default */
        { 5, 5000, 600000, 2.0, 0.2, NULL }, /* llm */
        { 2, 2000, 30000, 2.0, 0.2, NULL },  /* db */
        { 3, 1000, 60000, 2.0, 0.2, NULL },  /* api */
        { 1, 1000, 1000, 1.0, 0.0, NULL },   /* none */
};
const stet_retry *const retry_default = &presets[0];
static const char *const preset_names[] = { "default", "llm", "db", "api", "none" };

const stet_retry *stet_retry_preset(const char *name)
{
        for (size_t i = 0; name && i < sizeof presets / sizeof presets[0]; i++)
                if (strcmp(name, preset_names[i]) == 0)
                        return &presets[i];
        return NULL;
}

const char *retry_invalid(const stet_retry *retry)
{
        if (retry->initial_interval_ms <= 0)
                return "a retry policy's initial interval must be above 0 ms";
        if (retry->max_interval_ms < retry->initial_interval_ms)
                return "a retry policy's maximum interval must be at least its initial interval";
        if (!(retry->backoff_factor >= 1 && retry->backoff_factor <= 1000))
                return "a retry policy's backoff factor must be from 1 to 1000";
        if (!(retry->jitter >= 0 && retry->jitter <= 1))
                return "a retry policy's jitter must be from 0 to 1";
        return NULL;
}

static bool listed(struct bytes list, struct bytes kind)
{
        if (!list.size)
                return false;
        struct cursor c = cursor_of(list);
        for (uint32_t left = cursor_array(&c); left && !c.failed; left--)
                if (bytes_equal(cursor_str(&c), kind))
                        return true;
        return false;
}

static int64_t interval_ms(const struct retry_policy *p, uint32_t tries, uint64_t random)
{
        double interval = (double)p->initial_interval_ms;
        bool grows = p->backoff_factor > 1;
        for (uint32_t i = 1; grows && i < tries && interval < (double)p->max_interval_ms; i++)
                interval *= p->backoff_factor;
        if (interval > (double)p->max_interval_ms)
                interval = (double)p->max_interval_ms;
        double unit = (double)(random >> 11) / 9007199254740992.0; /* [0, 1): 53 bits */
        return (int64_t)(interval * (1.0 + p->jitter * (2.0 * unit - 1.0)));
}

bool retry_next(const struct retry_policy *p, uint32_t tries, uint32_t lost, bool permanent,
                struct bytes kind, uint64_t random, int64_t *ret_delay_ms)
{
        if (permanent || listed(p->non_retryable, kind) || p->max_attempts == 1)
                return false;
        if (lost) {
                *ret_delay_ms = 0;
                return lost < RETRY_LOST_MAX;
        }
        if (p->max_attempts && tries >= p->max_attempts)
                return false;
        *ret_delay_ms = interval_ms(p, tries, random);
        return true;
}
