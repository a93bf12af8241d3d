/* SPDX-License-Identifier: MIT */
#include "bench/document.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "bench/samples.h"

enum { KEY_SIZE_MAX = 64, READ_BYTES = 64 * 1024 };

static const double EXACT_MAX = 9007199254740992.0; /* 2^53: below it every whole double is exact */

/* --- medians --- */

static int merge(const stet_value *values, size_t count, stet_value *ret);

static bool all_bools(const stet_value *values, size_t count)
{
        bool all = true;
        for (size_t i = 0; i < count; i++)
                all = all && stet_value_bool(&values[i], false);
        return all;
}

static int merge_numbers(const stet_value *values, size_t count, stet_value *ret)
{
        struct samples s = { .count = 0 };
        bool whole = true;
        for (size_t i = 0; i < count; i++) {
                samples_add(&s, stet_value_double(&values[i], (double)NAN));
                whole = whole && stet_value_type(&values[i]) != STET_DOUBLE;
        }
        double median = samples_median(&s);
        if (!s.count)
                return stet_value_set_null(ret);
        if (whole && median == floor(median) && fabs(median) < EXACT_MAX)
                return stet_value_set_int(ret, (int64_t)median);
        return stet_value_set_double(ret, median);
}

/* Of each value the item of that key, or at that place if key is NULL. */
static int merge_items(const stet_value *values, size_t count, const char *key, size_t place, stet_value *ret)
{
        stet_value *items = xcalloc(count, sizeof(*items));
        for (size_t i = 0; i < count; i++)
                items[i] = key ? stet_value_get(&values[i], key) : stet_value_at(&values[i], place);
        int err = merge(items, count, ret);
        free(items);
        return err;
}

static int merge_maps(const stet_value *values, size_t count, stet_value *ret)
{
        stet_value key, item;
        int err = stet_value_pack(ret, "{}");
        for (size_t cursor = 0; !err && stet_value_next(&values[0], &cursor, &key, &item);) {
                char name[KEY_SIZE_MAX];
                stet_value merged = { 0 };
                err = stet_value_get_string(&key, name, sizeof(name));
                if (!err)
                        err = merge_items(values, count, name, 0, &merged);
                if (!err)
                        err = stet_value_set(ret, name, &merged);
                stet_value_free(&merged);
        }
        return err;
}

/* As many items as all have: one that goes by the clock may have one more than another. */
static int merge_lists(const stet_value *values, size_t count, stet_value *ret)
{
        size_t length = stet_value_count(&values[0]);
        for (size_t i = 1; i < count; i++)
                if (stet_value_count(&values[i]) < length)
                        length = stet_value_count(&values[i]);
        int err = stet_value_pack(ret, "[]");
        for (size_t place = 0; place < length && !err; place++) {
                stet_value merged = { 0 };
                err = merge_items(values, count, NULL, place, &merged);
                if (!err)
                        err = stet_value_append(ret, &merged);
                stet_value_free(&merged);
        }
        return err;
}

static int merge(const stet_value *values, size_t count, stet_value *ret)
{
        switch (stet_value_type(&values[0])) {
        case STET_NULL:
        case STET_INT:
        case STET_DOUBLE:
                return merge_numbers(values, count, ret);
        case STET_BOOL:
                return stet_value_set_bool(ret, all_bools(values, count));
        case STET_MAP:
                return merge_maps(values, count, ret);
        case STET_LIST:
                return merge_lists(values, count, ret);
        default:
                return stet_value_copy(ret, &values[0]);
        }
}

int document_median(const stet_value *documents, size_t count, stet_value *ret)
{
        return merge(documents, count, ret);
}

/* --- reading --- */

static int read_file(const char *path, struct buffer *ret, stet_why *why)
{
        FILE *file = fopen(path, "re");
        size_t got;
        if (!file)
                return stet_why_set(why, STET_EINVAL, "%s: %s", path, strerror(errno));
        while ((got = fread(buffer_reserve(ret, READ_BYTES), 1, READ_BYTES, file)) > 0)
                ret->size += got;
        int err =
            ferror(file) ? stet_why_set(why, STET_EINVAL, "%s can't be read: %s", path, strerror(errno)) : 0;
        fclose(file);
        return err;
}

int document_read(const char *path, stet_value *ret, stet_why *why)
{
        struct buffer text = { 0 };
        stet_why reason;
        int err = read_file(path, &text, why);
        if (!err && stet_value_from_json(ret, (const char *)text.data, text.size, &reason) != 0)
                err = stet_why_set(why, STET_EINVAL, "%s is no JSON document: %s", path, reason.text);
        if (!err && stet_value_type(ret) != STET_MAP)
                err = stet_why_set(why, STET_EINVAL, "%s has no JSON map in it", path);
        buffer_fini(&text);
        return err;
}

double document_number(const stet_value *document, const char *key)
{
        stet_value item = stet_value_get(document, key);
        return stet_value_double(&item, (double)NAN);
}

void document_word(const stet_value *document, const char *key, char *buf, size_t size)
{
        stet_value item = stet_value_get(document, key);
        if (stet_value_get_string(&item, buf, size) != 0)
                buf[0] = 0;
}

/* --- writing --- */

int document_set_number(stet_value *map, const char *key, double value)
{
        stet_value item = { 0 };
        int err = 0;
        if (isfinite(value) && value == floor(value) && fabs(value) < EXACT_MAX)
                err = stet_value_set_int(&item, (int64_t)value);
        else if (isfinite(value))
                err = stet_value_set_double(&item, value);
        if (!err)
                err = stet_value_set(map, key, &item);
        stet_value_free(&item);
        return err;
}

int document_set_word(stet_value *map, const char *key, const char *text)
{
        stet_value item = { 0 };
        int err = stet_value_set_string(&item, text);
        if (!err)
                err = stet_value_set(map, key, &item);
        stet_value_free(&item);
        return err;
}

int document_print(const stet_value *document, FILE *out)
{
        char *text;
        int err = stet_value_to_json(document, STET_JSON_INDENT, &text);
        if (err)
                return err;
        fprintf(out, "%s\n", text);
        free(text);
        return 0;
}
