/* SPDX-License-Identifier: MIT */
#include "tools/attribute.h"

#include "tools/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Only what is written as JSON writes it and fits: 007, +1 and a hundred digits stay the strings they are. */
static bool read_integer(const char *text, int64_t *ret)
{
        const char *digits = text + (*text == '-');
        size_t size = strlen(digits);
        if (size == 0 || strspn(digits, "0123456789") != size ||
            (*digits == '0' && (size > 1 || *text == '-')))
                return false;
        errno = 0;
        *ret = strtoll(text, NULL, 10);
        return errno == 0;
}

static int set_value(stet_value *v, const char *text)
{
        int64_t number;
        if (strcmp(text, "true") == 0 || strcmp(text, "false") == 0)
                return stet_value_set_bool(v, *text == 't');
        return read_integer(text, &number) ? stet_value_set_int(v, number) : stet_value_set_string(v, text);
}

static int add(stet_value *map, const char *name, const char *text, stet_why *why)
{
        stet_value item = stet_value_get(map, name);
        if (stet_value_type(&item) != STET_NULL)
                return stet_why_set(why, STET_EINVAL, "--attribute %s is given twice", name);
        item = (stet_value){ 0 };
        int err = set_value(&item, text);
        if (!err)
                err = stet_value_set(map, name, &item);
        stet_value_free(&item);
        return err ? stet_why_set(why, STET_EINVAL, "--attribute %s can't be used: %s", name,
                                  stet_error_text(err))
                   : 0;
}

int attributes_read(const char *const *given, stet_value *ret, stet_why *why)
{
        int err = 0;
        for (size_t i = 0; given && given[i] && !err; i++) {
                const char *sign = strchr(given[i], '=');
                if (!sign)
                        return stet_why_set(why, STET_EINVAL, "--attribute takes NAME=VALUE; '%s' has no '='",
                                            given[i]);
                char *name = text_format("%.*s", (int)(sign - given[i]), given[i]);
                err = add(ret, name, sign + 1, why);
                free(name);
        }
        return err;
}
