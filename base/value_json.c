/* SPDX-License-Identifier: MIT
 *
 * JSON (RFC 8259) to values and back. jansson parses; the text is scanned first, so that a small text with a
 * great many brackets allocates nothing. Printing walks the msgpack bytes with the bounded cursor and makes
 * no tree.
 *
 * Reading what was printed gives the same bytes again, except for what JSON has no form for: bytes (printed
 * as base64 text), NaN and infinities (null), keys that are no text (printed as text), integers above
 * INT64_MAX (refused).
 */
#include "base/value.h"

#include "base/pack.h"
#include "base/unpack.h"

#include <jansson.h>

#include <stdio.h>
#include <stdlib.h>

/* --- reading --- */

enum {
        /* Every character of a text may be written in six ("\u0041"); the rest is for white space. */
        JSON_SIZE_MAX = 8 * STET_VALUE_SIZE_MAX,
};

/* The brackets and separators outside of texts bound what a parser makes of them: a value takes one, and each
 * empty list or map one more. */
static int check_limits(const char *text, size_t size, stet_why *why)
{
        size_t depth = 0, marks = 0;
        bool quoted = false;
        if (size > JSON_SIZE_MAX)
                return stet_why_set(why, STET_ETOOBIG, "the JSON text has %zu bytes, the limit is %d", size,
                                    JSON_SIZE_MAX);
        for (size_t i = 0; i < size; i++) {
                if (text[i] == '"')
                        quoted = !quoted;
                else if (quoted)
                        i += text[i] == '\\';
                else if (text[i] == '[' || text[i] == '{')
                        depth++, marks++;
                else if (text[i] == ']' || text[i] == '}')
                        depth -= depth > 0;
                else
                        marks += text[i] == ',' || text[i] == ':';
                if (depth > STET_VALUE_DEPTH_MAX)
                        return stet_why_set(
                            why, STET_ETOOBIG,
                            "the JSON text nests lists and maps more than %d deep (at byte %zu)",
                            STET_VALUE_DEPTH_MAX, i);
        }
        if (marks > 2 * (size_t)STET_VALUE_NODES_MAX)
                return stet_why_set(why, STET_ETOOBIG, "the JSON text has more than %d values",
                                    STET_VALUE_NODES_MAX);
        return 0;
}

/* jansson passes over a NUL after a number or a word. */
static int check_nul(const char *text, size_t size, stet_why *why)
{
        const char *nul = memchr(text, 0, size);
        size_t line = 1, column = 1;
        if (!nul)
                return 0;
        for (const char *at = text; at < nul; at++) {
                column = *at == '\n' ? 1 : column + 1;
                line += *at == '\n';
        }
        return stet_why_set(why, STET_EJSON, "the JSON text is wrong at line %zu, column %zu: a NUL byte",
                            line, column);
}

/* jansson's words quote the text near the mistake, with whatever control characters it has. */
static int say_where(stet_why *why, const json_error_t *error)
{
        char text[sizeof error->text];
        size_t size = 0;
        for (; error->text[size]; size++)
                text[size] = (unsigned char)error->text[size] < 0x20 || error->text[size] == 0x7f
                                 ? '?'
                                 : error->text[size];
        text[size] = 0;
        return stet_why_set(why, STET_EJSON, "the JSON text is wrong at line %d, column %d: %s", error->line,
                            error->column, text);
}

static void pack_json(struct buffer *b, json_t *json, uint32_t *nodes)
{
        const char *key;
        json_t *item;
        size_t i, key_size;
        ++*nodes;
        switch (json_typeof(json)) {
        case JSON_OBJECT:
                pack_map(b, (uint32_t)json_object_size(json));
                json_object_keylen_foreach(json, key, key_size, item)
                {
                        pack_str(b, bytes_of(key, key_size));
                        ++*nodes;
                        pack_json(b, item, nodes);
                }
                break;
        case JSON_ARRAY:
                pack_array(b, (uint32_t)json_array_size(json));
                json_array_foreach(json, i, item) pack_json(b, item, nodes);
                break;
        case JSON_STRING:
                pack_str(b, bytes_of(json_string_value(json), json_string_length(json)));
                break;
        case JSON_INTEGER:
                pack_int(b, json_integer_value(json));
                break;
        case JSON_REAL:
                pack_double(b, json_real_value(json));
                break;
        case JSON_TRUE:
        case JSON_FALSE:
                pack_bool(b, json_is_true(json));
                break;
        case JSON_NULL:
                pack_nil(b);
                break;
        }
}

int stet_value_from_json(stet_value *v, const char *text, size_t size, stet_why *why)
{
        if (!text)
                return stet_why_set(why, STET_EINVAL, "there is no JSON text");
        int err = check_limits(text, size, why);
        if (!err)
                err = check_nul(text, size, why);
        if (err)
                return err;
        json_error_t error;
        json_t *json =
            json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        if (!json)
                return say_where(why, &error);
        struct buffer b = { 0 };
        uint32_t nodes = 0;
        pack_json(&b, json, &nodes);
        json_decref(json);
        if (nodes > STET_VALUE_NODES_MAX)
                err = stet_why_set(why, STET_ETOOBIG, "the JSON text has %u values, the limit is %d", nodes,
                                   STET_VALUE_NODES_MAX);
        else if (value_replace(v, buffer_bytes(&b)) != 0)
                err = stet_why_set(why, STET_ETOOBIG, "the value takes %zu bytes, the limit is %d", b.size,
                                   STET_VALUE_SIZE_MAX);
        buffer_fini(&b);
        return err;
}

/* --- printing --- */

struct printer {
        struct buffer out;
        bool indent;
        unsigned depth;
};

static void print(struct printer *p, const char *text)
{
        buffer_append(&p->out, text, strlen(text));
}

static void print_line(struct printer *p)
{
        if (!p->indent)
                return;
        print(p, "\n");
        for (unsigned i = 0; i < p->depth; i++)
                print(p, "  ");
}

static void print_escape(struct printer *p, uint8_t c)
{
        static const char short_escapes[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
        const char *found = c ? strchr(short_escapes, c) : NULL;
        char escape[8];
        if (found)
                snprintf(escape, sizeof escape, "\\%c", letters[found - short_escapes]);
        else
                snprintf(escape, sizeof escape, "\\u%04x", c);
        print(p, escape);
}

static void print_text(struct printer *p, struct bytes text)
{
        size_t printed = 0;
        print(p, "\"");
        for (size_t i = 0; i < text.size; i++) {
                uint8_t c = text.data[i];
                if (c >= 0x20 && c != '"' && c != '\\')
                        continue;
                buffer_append(&p->out, text.data + printed, i - printed);
                print_escape(p, c);
                printed = i + 1;
        }
        buffer_append(&p->out, text.data + printed, text.size - printed);
        print(p, "\"");
}

/* Base64 (RFC 4648, with padding) between quotes. */
static void print_bytes(struct printer *p, struct bytes data)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        print(p, "\"");
        for (size_t i = 0; i < data.size; i += 3) {
                size_t left = data.size - i;
                uint32_t group = (uint32_t)data.data[i] << 16;
                if (left > 1)
                        group |= (uint32_t)data.data[i + 1] << 8;
                if (left > 2)
                        group |= data.data[i + 2];
                char text[5] = { digits[group >> 18], digits[group >> 12 & 63],
                                 left > 1 ? digits[group >> 6 & 63] : '=',
                                 left > 2 ? digits[group & 63] : '=', 0 };
                print(p, text);
        }
        print(p, "\"");
}

/* The fewest digits that read back as the same number, and a mark that says it is a double. The locale's
 * decimal point may be another character: whatever is neither digit, sign nor exponent is it. */
static void print_double(struct printer *p, double value)
{
        if (value != value || value - value != 0) {
                print(p, "null");
                return;
        }
        char digits[64], text[64];
        for (int precision = 15; precision <= 17; precision++) {
                snprintf(digits, sizeof digits, "%.*g", precision, value);
                if (strtod(digits, NULL) == value)
                        break;
        }
        size_t size = 0;
        bool marked = false;
        for (const char *at = digits; *at; at++) {
                bool point = !strchr("0123456789+-e", *at);
                if (!point || !marked)
                        text[size++] = point ? '.' : *at;
                marked |= point || *at == 'e';
        }
        text[size] = 0;
        print(p, text);
        if (!marked)
                print(p, ".0");
}

static void print_int(struct printer *p, struct cursor *c)
{
        char text[32];
        if (cursor_type(c) == UNPACK_UINT)
                snprintf(text, sizeof text, "%llu", (unsigned long long)cursor_uint(c));
        else
                snprintf(text, sizeof text, "%lld", (long long)cursor_int(c));
        print(p, text);
}

static void print_next(struct printer *p, struct cursor *c);

/* A key must be text. Numbers, bools and null get quotes around them; what else there is can only be told
 * apart by its bytes. */
static void print_key(struct printer *p, struct cursor *c)
{
        switch (cursor_type(c)) {
        case UNPACK_NIL:
        case UNPACK_BOOL:
        case UNPACK_INT:
        case UNPACK_UINT:
        case UNPACK_DOUBLE:
                print(p, "\"");
                print_next(p, c);
                print(p, "\"");
                break;
        case UNPACK_ARRAY:
        case UNPACK_MAP:
                print_bytes(p, cursor_skip(c));
                break;
        default:
                print_next(p, c);
        }
        print(p, p->indent ? ": " : ":");
}

static void print_container(struct printer *p, struct cursor *c, bool map)
{
        uint32_t count = map ? cursor_map(c) : cursor_array(c);
        print(p, map ? "{" : "[");
        p->depth++;
        for (uint32_t i = 0; i < count; i++) {
                if (i)
                        print(p, ",");
                print_line(p);
                if (map)
                        print_key(p, c);
                print_next(p, c);
        }
        p->depth--;
        if (count)
                print_line(p);
        print(p, map ? "}" : "]");
}

static void print_next(struct printer *p, struct cursor *c)
{
        switch (cursor_type(c)) {
        case UNPACK_BOOL:
                print(p, cursor_bool(c) ? "true" : "false");
                break;
        case UNPACK_INT:
        case UNPACK_UINT:
                print_int(p, c);
                break;
        case UNPACK_DOUBLE:
                print_double(p, cursor_double(c));
                break;
        case UNPACK_STR:
                print_text(p, cursor_str(c));
                break;
        case UNPACK_BIN:
                print_bytes(p, cursor_bin(c));
                break;
        case UNPACK_ARRAY:
                print_container(p, c, false);
                break;
        case UNPACK_MAP:
                print_container(p, c, true);
                break;
        case UNPACK_NIL:
        case UNPACK_NONE:
                cursor_skip(c);
                print(p, "null");
                break;
        }
}

int stet_value_to_json(const stet_value *v, unsigned flags, char **ret_text)
{
        const struct unpack_limits limits = { UNPACK_DEPTH_MAX, UINT32_MAX };
        struct bytes data = value_bytes(v);
        if (unpack_validate(data, &limits, 1, NULL) != 0)
                return STET_EPROTOCOL;
        struct printer p = { .indent = flags & STET_JSON_INDENT };
        struct cursor c = cursor_of(data);
        print_next(&p, &c);
        buffer_append(&p.out, "", 1);
        *ret_text = (char *)p.out.data;
        return 0;
}
