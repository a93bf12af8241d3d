/* SPDX-License-Identifier: MIT */
#include "lender_sheet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { TEXT, NUMBER, LIST };

/* How lenders write it and how we keep it. */
static const struct fact {
        const char *label;
        const char *key;
        enum kind kind;
        bool optional;
} facts[] = {
        { "Lender", "id", TEXT, false },
        { "Name", "name", TEXT, false },
        { "Kind", "kind", TEXT, false },
        { "Smallest loan", "loan_min", NUMBER, false },
        { "Largest loan", "loan_max", NUMBER, false },
        { "Property types", "property_types", LIST, false },
        { "Regions", "regions", LIST, false },
        { "Loan to value up to", "ltv_max_percent", NUMBER, false },
        { "Credit score from", "credit_score_min", NUMBER, false },
        { "Income multiple up to", "income_multiple_max", NUMBER, false },
        { "Debt service up to", "debt_service_max_percent", NUMBER, false },
        { "Not for", "excluded_purposes", LIST, true },
        { "Margin", "margin_percent", NUMBER, false },
};

enum { FACTS_COUNT = sizeof(facts) / sizeof(facts[0]), LINE_SIZE = 1024 };

static const struct fact *find_fact(const char *label)
{
        for (size_t i = 0; i < FACTS_COUNT; i++)
                if (strcmp(facts[i].label, label) == 0)
                        return &facts[i];
        return NULL;
}

/* "650", "4.75", "85 %" */
static int read_number(const char *text, stet_value *ret)
{
        char *end;
        double number = strtod(text, &end);
        if (end == text || (*end && strcmp(end, " %") != 0))
                return STET_EINVAL;
        return number == (double)(int64_t)number ? stet_value_set_int(ret, (int64_t)number)
                                                 : stet_value_set_double(ret, number);
}

/* "house, flat" */
static int read_list(const char *text, stet_value *ret)
{
        int err = stet_value_pack(ret, "[]");
        while (*text && !err) {
                size_t size = strcspn(text, ",");
                stet_value item = { 0 };
                err = stet_value_set_string_n(&item, text, size);
                if (!err)
                        err = stet_value_append(ret, &item);
                stet_value_free(&item);
                text += size;
                text += strspn(text, ", ");
        }
        return err;
}

static int read_fact(const struct fact *fact, const char *text, stet_value *ret)
{
        stet_value item = { 0 };
        int err = fact->kind == NUMBER ? read_number(text, &item)
                  : fact->kind == LIST ? read_list(text, &item)
                                       : stet_value_set_string(&item, text);
        if (!err)
                err = stet_value_set(ret, fact->key, &item);
        stet_value_free(&item);
        return err;
}

static int read_line(char *line, unsigned number, stet_value *ret, stet_why *why)
{
        char *colon = strstr(line, ": ");
        if (!colon)
                return stet_why_set(why, STET_EINVAL, "line %u has no \": \": %s", number, line);
        *colon = '\0';
        const struct fact *fact = find_fact(line);
        if (!fact)
                return stet_why_set(why, STET_EINVAL, "line %u: nobody knows what \"%s\" means", number,
                                    line);
        if (read_fact(fact, colon + 2, ret) != 0)
                return stet_why_set(why, STET_EINVAL, "line %u: \"%s\" is no %s", number, colon + 2,
                                    fact->label);
        return 0;
}

static int check_complete(const stet_value *lender, stet_why *why)
{
        for (size_t i = 0; i < FACTS_COUNT; i++) {
                stet_value item = stet_value_get(lender, facts[i].key);
                if (!facts[i].optional && stet_value_type(&item) == STET_NULL)
                        return stet_why_set(why, STET_EINVAL, "the sheet does not say \"%s\"",
                                            facts[i].label);
        }
        return 0;
}

int lender_sheet_read(const char *text, size_t size, stet_value *ret, stet_why *why)
{
        char line[LINE_SIZE];
        const char *end = text + size;
        unsigned number = 0;
        int err = stet_value_set_null(ret);
        while (text < end && !err) {
                const char *stop = memchr(text, '\n', (size_t)(end - text));
                size_t length = (size_t)((stop ? stop : end) - text);
                number++;
                if (length >= sizeof(line))
                        return stet_why_set(why, STET_EINVAL, "line %u is longer than %d bytes", number,
                                            LINE_SIZE - 1);
                memcpy(line, text, length);
                line[length] = '\0';
                if (length)
                        err = read_line(line, number, ret, why);
                text += length + (stop ? 1 : 0);
        }
        return err ? err : check_complete(ret, why);
}
