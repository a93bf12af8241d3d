/* SPDX-License-Identifier: MIT */
#include "bench/figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

enum { ROWS_MAX = 256, KEY_SIZE = 64 };

/* Numbers that say what a row is about, in the order in which they are taken until no two rows are alike. */
static const char *const identities[] = { "payload_bytes", "n", "writers", "group", "runs" };

enum { IDENTITIES_COUNT = sizeof(identities) / sizeof(identities[0]) };

void figures_fini(struct figures *f)
{
        free(f->list);
        *f = (struct figures){ 0 };
}

const struct figure *figures_find(const struct figures *f, const char *row, const char *key)
{
        for (size_t i = 0; i < f->count; i++)
                if (strcmp(f->list[i].row, row) == 0 && strcmp(f->list[i].kind->key, key) == 0)
                        return &f->list[i];
        return NULL;
}

static void add_sample(struct figures *f, const char *row, const char *key, double value)
{
        const struct figure_kind *kind = figure_kind_of(key);
        if (!kind || !isfinite(value))
                return;
        struct figure *figure = (struct figure *)(uintptr_t)figures_find(f, row, key);
        if (!figure) {
                f->list = xrealloc(f->list, (f->count + 1) * sizeof(*f->list));
                figure = &f->list[f->count++];
                *figure = (struct figure){ .kind = kind };
                snprintf(figure->row, sizeof(figure->row), "%s", row);
        }
        samples_add(&figure->samples, value);
}

/* The numbers of a map. */
static void add_map(struct figures *f, const char *row, const stet_value *map)
{
        stet_value key, item;
        for (size_t cursor = 0; stet_value_next(map, &cursor, &key, &item);) {
                char name[KEY_SIZE];
                if (stet_value_get_string(&key, name, sizeof(name)) == 0)
                        add_sample(f, row, name, stet_value_double(&item, (double)NAN));
        }
}

/* --- tables --- */

static void extend(char *row, const char *words)
{
        size_t used = strlen(row);
        snprintf(row + used, FIGURES_ROW_SIZE - used, "%s%s", used ? ", " : "", words);
}

/* A row's words, and so many of the numbers above as far as it has them. */
static void name_row(const stet_value *row, size_t numbers, char *ret)
{
        stet_value item;
        ret[0] = 0;
        for (size_t cursor = 0; stet_value_next(row, &cursor, NULL, &item);) {
                char word[KEY_SIZE];
                if (stet_value_get_string(&item, word, sizeof(word)) == 0)
                        extend(ret, word);
        }
        for (size_t i = 0; i < numbers; i++) {
                stet_value number = stet_value_get(row, identities[i]);
                double value = stet_value_double(&number, (double)NAN);
                char words[KEY_SIZE];
                snprintf(words, sizeof(words), "%s %.0f", identities[i], value);
                if (isfinite(value))
                        extend(ret, words);
        }
}

static bool all_differ(char (*names)[FIGURES_ROW_SIZE], size_t count)
{
        for (size_t i = 0; i < count; i++)
                for (size_t k = 0; k < i; k++)
                        if (strcmp(names[i], names[k]) == 0)
                                return false;
        return count == 0 || names[0][0];
}

static void add_table(struct figures *f, const stet_value *table)
{
        char(*names)[FIGURES_ROW_SIZE] = xcalloc(ROWS_MAX, FIGURES_ROW_SIZE);
        size_t count = stet_value_count(table), numbers = 0;
        bool differ = false;
        for (; count <= ROWS_MAX && numbers <= IDENTITIES_COUNT && !differ; numbers++) {
                size_t place = 0;
                stet_value row;
                for (size_t cursor = 0; stet_value_next(table, &cursor, NULL, &row);)
                        name_row(&row, numbers, names[place++]);
                differ = all_differ(names, count);
        }
        for (size_t place = 0; place < count && differ; place++) {
                stet_value row = stet_value_at(table, place);
                add_map(f, names[place], &row);
        }
        free(names);
}

static void add_document(struct figures *f, const stet_value *document)
{
        stet_value key, item;
        add_map(f, "", document);
        for (size_t cursor = 0; stet_value_next(document, &cursor, &key, &item);)
                if (stet_value_type(&item) == STET_LIST && !stet_value_equals_string(&key, "repeats"))
                        add_table(f, &item);
}

void figures_read(const stet_value *document, struct figures *ret)
{
        stet_value repeats = stet_value_get(document, "repeats"), repeat;
        *ret = (struct figures){ 0 };
        for (size_t cursor = 0; stet_value_next(&repeats, &cursor, NULL, &repeat);)
                add_document(ret, &repeat);
        if (!stet_value_count(&repeats))
                add_document(ret, document);
}
