/* SPDX-License-Identifier: MIT */
#include "tools/print_value.h"

#include "stet/client.h"
#include "tools/print_table.h"
#include "tools/quantity.h"
#include "tools/text.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* A number of milliseconds above this is a moment (March 1973), below it a span (3 years). */
static const int64_t moment_ms_min = INT64_C(100000000000);

static bool ends_with(const char *text, const char *ending)
{
        size_t size = strlen(text), ending_size = strlen(ending);
        return size > ending_size && strcmp(text + size - ending_size, ending) == 0;
}

static bool is_list_of_texts(const stet_value *v)
{
        stet_value item;
        for (size_t cursor = 0; stet_value_next(v, &cursor, NULL, &item);)
                if (stet_value_type(&item) != STET_STRING)
                        return false;
        return stet_value_type(v) == STET_LIST && stet_value_count(v) > 0;
}

/* "a, b". */
static char *join_texts(const stet_value *list)
{
        char *text = NULL;
        size_t size, cursor = 0;
        FILE *out = text_need(open_memstream(&text, &size));
        stet_value item;
        for (const char *gap = ""; stet_value_next(list, &cursor, NULL, &item); gap = ", ") {
                char *word = text_of_value(&item);
                fprintf(out, "%s%s", gap, word);
                free(word);
        }
        fclose(out);
        return text_need(text);
}

static bool is_number(const stet_value *v)
{
        stet_type type = stet_value_type(v);
        return type == STET_INT || type == STET_DOUBLE;
}

/* What users gave or made: shown as JSON, so that the text "7" and the number 7 look different. */
static bool is_payload(const char *key)
{
        static const char *const keys[] = { "input", "result", "status", "value" };
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
                if (strcmp(key, keys[i]) == 0)
                        return true;
        return false;
}

static char *time_text(int64_t ms)
{
        return ms >= moment_ms_min ? quantity_moment_text(ms) : quantity_span_text(ms);
}

/* A number by what its key says it counts. */
static char *number_text(const char *key, const stet_value *item)
{
        int64_t number = stet_value_int(item, 0);
        if (ends_with(key, "_ms"))
                return time_text(number);
        if (ends_with(key, "_ns"))
                return time_text(number / 1000000);
        if (ends_with(key, "_bytes") || strcmp(key, "bytes") == 0)
                return quantity_size_text(number);
        if (strcmp(key, "ending") == 0)
                return text_format("%s", stet_ending_name((stet_ending)number));
        if (strcmp(key, "code") == 0)
                return text_format("%s", stet_error_name((int)number));
        return text_of_json(item);
}

char *print_item_text(const char *key, const stet_value *item)
{
        if (is_payload(key))
                return text_of_json(item);
        switch (stet_value_type(item)) {
        case STET_NULL:
                return text_format("–");
        case STET_BOOL:
                return text_format("%s", stet_value_bool(item, false) ? "yes" : "no");
        case STET_DOUBLE:
                return text_format("%.6g", stet_value_double(item, 0));
        case STET_INT:
                return number_text(key, item);
        case STET_STRING:
        case STET_BYTES:
        case STET_LIST:
        case STET_MAP:
                break;
        }
        return is_list_of_texts(item) ? join_texts(item) : text_of_value(item);
}

char *print_key_text(const char *key)
{
        static const char *const units[] = { "_ms", "_ns", "_bytes" };
        char *text = text_format("%s", key);
        for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
                if (ends_with(text, units[i]))
                        text[strlen(text) - strlen(units[i])] = 0;
        for (char *p = text; *p; p++)
                if (*p == '_')
                        *p = ' ';
        return text;
}

char *print_key_of(const stet_value *key)
{
        return text_of_value(key);
}

static bool is_list_of_maps(const stet_value *v)
{
        stet_value item;
        size_t cursor = 0;
        if (stet_value_type(v) != STET_LIST)
                return false;
        while (stet_value_next(v, &cursor, NULL, &item))
                if (stet_value_type(&item) != STET_MAP)
                        return false;
        return true;
}

static bool has_title(const stet_value *v)
{
        return stet_value_type(v) == STET_MAP || is_list_of_maps(v);
}

/* Returns how many there were. */
static size_t print_plain_items(FILE *out, const stet_value *map, size_t indent)
{
        struct table t;
        stet_value key, item;
        size_t cursor = 0;
        table_init(&t, 2);
        while (stet_value_next(map, &cursor, &key, &item)) {
                if (has_title(&item))
                        continue;
                char *name = print_key_of(&key);
                table_add(&t, STYLE_DIM, print_key_text(name));
                table_add(&t, STYLE_PLAIN, print_item_text(name, &item));
                free(name);
        }
        size_t count = t.count / t.columns;
        table_print(&t, out, indent);
        table_fini(&t);
        return count;
}

static void print_title(FILE *out, const char *name, size_t indent)
{
        char *title = print_key_text(name);
        fprintf(out, "%*s", (int)indent, "");
        terminal_print(out, STYLE_BOLD, title);
        fputc('\n', out);
        free(title);
}

/* The keys of all rows, in the order in which they come up. */
static size_t collect_keys(const stet_value *list, char *keys[TABLE_COLUMNS_MAX])
{
        size_t count = 0;
        stet_value row, key, item;
        for (size_t i = 0; stet_value_next(list, &i, NULL, &row);) {
                for (size_t j = 0; stet_value_next(&row, &j, &key, &item);) {
                        size_t place = 0;
                        while (place < count && !stet_value_equals_string(&key, keys[place]))
                                place++;
                        if (place == count && count < TABLE_COLUMNS_MAX)
                                keys[count++] = print_key_of(&key);
                }
        }
        return count;
}

static char *heading_text(const char *key)
{
        char *text = print_key_text(key);
        for (char *p = text; *p; p++)
                *p = (char)toupper((unsigned char)*p);
        return text;
}

/* A list of maps as a table, its columns in the order in which the keys come up. */
static void print_rows(FILE *out, const stet_value *list, size_t indent)
{
        char *keys[TABLE_COLUMNS_MAX];
        size_t count = collect_keys(list, keys);
        struct table t;
        stet_value row;
        if (count == 0)
                return;
        table_init(&t, count);
        for (size_t i = 0; i < count; i++)
                table_add(&t, STYLE_DIM, heading_text(keys[i]));
        for (size_t cursor = 0; stet_value_next(list, &cursor, NULL, &row);) {
                for (size_t i = 0; i < count; i++) {
                        stet_value item = stet_value_get(&row, keys[i]);
                        t.right[i] |= is_number(&item);
                        table_add(&t, STYLE_PLAIN, print_item_text(keys[i], &item));
                }
        }
        table_print(&t, out, indent);
        table_fini(&t);
        for (size_t i = 0; i < count; i++)
                free(keys[i]);
}

static void print_titled(FILE *out, const char *name, const stet_value *item, size_t indent)
{
        print_title(out, name, indent);
        if (stet_value_count(item) == 0)
                fprintf(out, "%*snone\n", (int)indent + 2, "");
        else if (stet_value_type(item) == STET_MAP)
                print_map(out, item, indent + 2);
        else
                print_rows(out, item, indent + 2);
}

void print_map(FILE *out, const stet_value *map, size_t indent)
{
        stet_value key, item;
        bool begun = print_plain_items(out, map, indent) > 0;
        for (size_t cursor = 0; stet_value_next(map, &cursor, &key, &item);) {
                if (!has_title(&item))
                        continue;
                if (begun && indent == 0)
                        fputc('\n', out);
                begun = true;
                char *name = print_key_of(&key);
                print_titled(out, name, &item, indent);
                free(name);
        }
}

static bool is_among(const stet_value *key, const char *const *keys)
{
        for (; *keys; keys++)
                if (stet_value_equals_string(key, *keys))
                        return true;
        return false;
}

char *print_details_text(const stet_value *map, const char *const *without)
{
        char *text = NULL;
        size_t size, cursor = 0;
        FILE *out = text_need(open_memstream(&text, &size));
        stet_value key, item;
        const char *gap = "";
        while (stet_value_next(map, &cursor, &key, &item)) {
                if (is_among(&key, without))
                        continue;
                char *name = print_key_of(&key), *shown = print_key_text(name),
                     *what = print_item_text(name, &item);
                fprintf(out, "%s%s %s", gap, shown, what);
                gap = "  ";
                free(name);
                free(shown);
                free(what);
        }
        fclose(out);
        return text_need(text);
}
