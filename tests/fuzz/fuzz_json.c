/* SPDX-License-Identifier: MIT
 *
 * Any text: what is read as JSON is a value within the limits, prints as JSON, and reads back as the same
 * bytes. The input as msgpack bytes: what is accepted prints as JSON that jansson reads.
 */
#include "tests/fuzz/fuzz.h"

#include "base/value.h"

#include <jansson.h>
#include <string.h>

static void check_round_trip(const stet_value *v, unsigned flags)
{
        stet_value again = { 0 };
        stet_why why = { "" };
        char *text;
        FUZZ_CHECK(stet_value_to_json(v, flags, &text) == 0);
        FUZZ_CHECK(stet_value_from_json(&again, text, strlen(text), &why) == 0);
        FUZZ_CHECK(stet_value_equal(v, &again));
        stet_value_free(&again);
        free(text);
}

static void check_json(const uint8_t *data, size_t size)
{
        stet_value v = { 0 }, view = { 0 };
        stet_why why = { "" };
        int err = stet_value_from_json(&v, (const char *)data, size, &why);
        if (err) {
                FUZZ_CHECK(err == STET_EJSON || err == STET_ETOOBIG);
                FUZZ_CHECK(why.text[0] && !v.data);
                return;
        }
        FUZZ_CHECK(stet_value_from_msgpack(&view, v.data, v.size) == 0);
        check_round_trip(&v, 0);
        check_round_trip(&v, STET_JSON_INDENT);
        stet_value_free(&v);
}

static void check_msgpack(const uint8_t *data, size_t size)
{
        stet_value v = { 0 };
        char *text;
        if (stet_value_from_msgpack(&v, data, size) != 0)
                return;
        FUZZ_CHECK(stet_value_to_json(&v, 0, &text) == 0);
        json_error_t error;
        json_t *json = json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, &error);
        /* What jansson can't hold: integers above INT64_MAX, and keys with a NUL. */
        bool known = json_error_code(&error) == json_error_numeric_overflow ||
                     json_error_code(&error) == json_error_null_byte_in_key;
        FUZZ_CHECK(json || known);
        json_decref(json);
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        check_json(data, size);
        check_msgpack(data, size);
        return 0;
}
