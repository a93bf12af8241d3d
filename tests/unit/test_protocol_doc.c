/* SPDX-License-Identifier: MIT
 *
 * docs/PROTOCOL.md promises what runtime/wire.c does: the same messages, the same fields in the same order,
 * the same limits. Where the document is: $STET_SOURCE_ROOT, or the working directory if that is not set.
 */
#include "runtime/wire.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

enum { LINE_MAX_SIZE = 1024, CELLS_MAX = 4, CELL_SIZE = 512 };

/* --- the document --- */

static FILE *document_open(void)
{
        const char *root = getenv("STET_SOURCE_ROOT");
        char path[4096];
        snprintf(path, sizeof path, "%s/docs/PROTOCOL.md", root ? root : ".");
        FILE *f = fopen(path, "r");
        cr_assert_not_null(f, "cannot read %s: set STET_SOURCE_ROOT", path);
        return f;
}

static bool document_says(const char *sentence)
{
        char line[LINE_MAX_SIZE];
        bool found = false;
        FILE *f = document_open();
        while (!found && fgets(line, sizeof line, f))
                found = strstr(line, sentence) != NULL;
        fclose(f);
        return found;
}

struct row {
        char cells[CELLS_MAX][CELL_SIZE];
        int count;
};

/* Splits "| a | b | c |" into its cells without the spaces around them. */
static void split(const char *line, struct row *ret)
{
        ret->count = 0;
        for (const char *at = line + 1, *bar; (bar = strchr(at, '|')) && ret->count < CELLS_MAX;
             at = bar + 1) {
                const char *end = bar;
                while (at < end && *at == ' ')
                        at++;
                while (end > at && end[-1] == ' ')
                        end--;
                snprintf(ret->cells[ret->count++], CELL_SIZE, "%.*s", (int)(end - at), at);
        }
}

/* The next row of a table. False at the end of the document. */
static bool next_row(FILE *f, struct row *ret)
{
        char line[LINE_MAX_SIZE];
        while (fgets(line, sizeof line, f)) {
                cr_assert(strchr(line, '\n'), "a line is longer than the test reads");
                if (line[0] != '|')
                        continue;
                split(line, ret);
                return true;
        }
        return false;
}

/* A message's row begins with its number. */
static bool next_message(FILE *f, struct row *ret)
{
        while (next_row(f, ret))
                if (ret->count == 4 && ret->cells[0][0] &&
                    strspn(ret->cells[0], "0123456789") == strlen(ret->cells[0]))
                        return true;
        return false;
}

static const char *const kinds[] = {
        [FIELD_BOOL] = "bool",     [FIELD_U32] = "u32", [FIELD_U64] = "u64", [FIELD_I64] = "i64",
        [FIELD_DOUBLE] = "double", [FIELD_STR] = "str", [FIELD_BIN] = "bin", [FIELD_VALUE] = "value"
};

/* A field's row has a kind in its second cell. */
static bool next_field(FILE *f, struct row *ret)
{
        while (next_row(f, ret))
                for (size_t i = 0; ret->count == 3 && i < sizeof kinds / sizeof kinds[0]; i++)
                        if (!strcmp(ret->cells[1], kinds[i]))
                                return true;
        return false;
}

static void list_fields(const struct shape *shape, char *ret, size_t size)
{
        size_t used = 0;
        ret[0] = 0;
        for (unsigned i = 0; i < shape->fields_count; i++)
                used +=
                    (size_t)snprintf(ret + used, size - used, "%s%s", i ? ", " : "", shape->fields[i].name);
}

/* --- the claims --- */

Test(protocol_doc, every_message_stands_there_with_its_fields_in_order)
{
        bool seen[MSG_TYPES] = { false };
        struct row row;
        FILE *f = document_open();
        while (next_message(f, &row)) {
                char fields[CELL_SIZE];
                int type = atoi(row.cells[0]);
                cr_assert(type < MSG_TYPES && message_shapes[type].name, "type %d is none", type);
                cr_assert_not(seen[type], "type %d stands there twice", type);
                seen[type] = true;
                list_fields(&message_shapes[type], fields, sizeof fields);
                cr_expect_str_eq(row.cells[1], message_shapes[type].name);
                cr_expect_str_eq(row.cells[2], fields, "%s: \"%s\", but wire.c has \"%s\"", row.cells[1],
                                 row.cells[2], fields);
                cr_expect_neq(row.cells[3][0], 0, "%s is for nothing", row.cells[1]);
        }
        fclose(f);
        for (int type = 0; type < MSG_TYPES; type++)
                cr_expect_eq(seen[type], message_shapes[type].name != NULL, "type %d", type);
}

/* Also that a name means one kind wherever it stands. */
static const struct field *field_named(const char *name)
{
        const struct field *found = NULL;
        for (unsigned type = 0; type < MSG_TYPES; type++)
                for (unsigned i = 0; i < message_shapes[type].fields_count; i++) {
                        const struct field *field = &message_shapes[type].fields[i];
                        if (strcmp(field->name, name) != 0)
                                continue;
                        cr_assert(!found || found->kind == field->kind, "%s has two kinds", name);
                        found = field;
                }
        return found;
}

static bool document_has_field(const char *name)
{
        struct row row;
        bool found = false;
        FILE *f = document_open();
        while (!found && next_field(f, &row))
                found = strcmp(row.cells[0], name) == 0;
        fclose(f);
        return found;
}

Test(protocol_doc, every_field_is_explained_with_its_kind)
{
        struct row row;
        int rows = 0;
        FILE *f = document_open();
        for (; next_field(f, &row); rows++) {
                const struct field *field = field_named(row.cells[0]);
                cr_assert_not_null(field, "no message has a field %s", row.cells[0]);
                cr_expect_str_eq(row.cells[1], kinds[field->kind], "%s", row.cells[0]);
                cr_expect_neq(row.cells[2][0], 0, "%s means nothing", row.cells[0]);
        }
        fclose(f);
        cr_assert_gt(rows, 20);
        for (unsigned type = 0; type < MSG_TYPES; type++)
                for (unsigned i = 0; i < message_shapes[type].fields_count; i++)
                        cr_expect(document_has_field(message_shapes[type].fields[i].name),
                                  "%s.%s is not explained", message_shapes[type].name,
                                  message_shapes[type].fields[i].name);
}

Test(protocol_doc, the_limits_are_those_of_the_code)
{
        static const struct {
                const char *format;
                int value;
        } limits[] = {
                { "| frame | %d bytes |", WIRE_FRAME_MAX },
                { "counting as one | %d |", WIRE_NODES_MAX },
                { "| arrays and maps within each other | %d |", WIRE_DEPTH_MAX },
                { "each name in `activities` and `queues` | %d bytes |", WIRE_ID_MAX },
                { "This is version **%d**.", WIRE_VERSION },
                { "| `ZMQ_MAXMSGSIZE` | %d |", WIRE_FRAME_MAX + (64 << 10) },
        };
        for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
                char sentence[200];
                snprintf(sentence, sizeof sentence, limits[i].format, limits[i].value);
                cr_expect(document_says(sentence), "the document does not say \"%s\"", sentence);
        }
}

Test(protocol_doc, the_example_is_what_the_code_writes)
{
        struct buffer frame = { 0 };
        char text[200] = "   ";
        frame_begin(&frame);
        frame_put(&frame, &(struct message){ .type = MSG_ACK, .token = { 7, 1, 1, 77 } });
        for (size_t i = 0, used = 3; i < frame.size; i++)
                used += (size_t)snprintf(text + used, sizeof text - used, " %02x", frame.data[i]);
        cr_assert(document_says(text), "the example should be%s", text);
        buffer_fini(&frame);
}
