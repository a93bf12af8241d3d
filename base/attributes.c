/* SPDX-License-Identifier: MIT */
#include "base/attributes.h"

#include "base/name.h"
#include "base/unpack.h"

static const char *type_name(enum unpack_type type)
{
        switch (type) {
        case UNPACK_NIL:
                return "null";
        case UNPACK_DOUBLE:
                return "a number with a fraction";
        case UNPACK_UINT:
                return "an integer above 9223372036854775807";
        case UNPACK_BIN:
                return "bytes";
        case UNPACK_ARRAY:
                return "a list";
        case UNPACK_MAP:
                return "a map";
        case UNPACK_BOOL:
                return "a boolean";
        case UNPACK_INT:
                return "an integer";
        case UNPACK_STR:
                return "a string";
        case UNPACK_NONE:
                break;
        }
        return "nothing";
}

static int check_name(struct cursor *c, const struct bytes *before, uint32_t count, struct bytes *ret,
                      stet_why *why)
{
        if (cursor_type(c) != UNPACK_STR)
                return stet_why_set(why, STET_EINVAL, "an attribute's name is %s, not a string",
                                    type_name(cursor_type(c)));
        *ret = cursor_str(c);
        if (!name_valid(*ret, STET_ATTRIBUTE_NAME_MAX))
                return stet_why_set(why, STET_EINVAL,
                                    "an attribute's name must have 1 to %d bytes of UTF-8 without control "
                                    "characters",
                                    STET_ATTRIBUTE_NAME_MAX);
        for (uint32_t i = 0; i < count; i++)
                if (bytes_equal(before[i], *ret))
                        return stet_why_set(why, STET_EINVAL, "the attribute \"%.*s\" is given twice",
                                            (int)ret->size, (const char *)ret->data);
        return 0;
}

static int check_value(struct cursor *c, struct bytes name, stet_why *why)
{
        enum unpack_type type = cursor_type(c);
        if (type == UNPACK_STR) {
                size_t size = cursor_str(c).size;
                if (size <= STET_ATTRIBUTE_STRING_MAX)
                        return 0;
                return stet_why_set(why, STET_ETOOBIG, "the attribute \"%.*s\" has %zu bytes; the most is %d",
                                    (int)name.size, (const char *)name.data, size, STET_ATTRIBUTE_STRING_MAX);
        }
        if (type == UNPACK_INT || type == UNPACK_BOOL) {
                cursor_skip(c);
                return 0;
        }
        return stet_why_set(why, STET_EINVAL,
                            "the attribute \"%.*s\" is %s; it can be a string, an integer or a boolean",
                            (int)name.size, (const char *)name.data, type_name(type));
}

int attributes_check(struct bytes map, stet_why *why)
{
        static const struct unpack_limits limits = { .depth_max = UNPACK_DEPTH_MAX,
                                                     .nodes_max = STET_VALUE_NODES_MAX };
        if (!map.size)
                return 0;
        if (map.size > STET_VALUE_SIZE_MAX || unpack_validate(map, &limits, 1, NULL) != 0)
                return stet_why_set(why, STET_EPROTOCOL,
                                    "the attributes are not one msgpack value within the limits");
        struct cursor c = cursor_of(map);
        if (cursor_type(&c) == UNPACK_NIL)
                return 0;
        if (cursor_type(&c) != UNPACK_MAP)
                return stet_why_set(why, STET_EINVAL,
                                    "attributes are a map of names to strings, integers and booleans; this "
                                    "is %s",
                                    type_name(cursor_type(&c)));
        struct bytes names[STET_ATTRIBUTES_MAX];
        uint32_t count = cursor_map(&c);
        if (count > STET_ATTRIBUTES_MAX)
                return stet_why_set(why, STET_ETOOBIG, "a run has at most %d attributes; these are %u",
                                    STET_ATTRIBUTES_MAX, count);
        int err = 0;
        for (uint32_t i = 0; i < count && !err; i++) {
                err = check_name(&c, names, i, &names[i], why);
                if (!err)
                        err = check_value(&c, names[i], why);
        }
        return err;
}

struct bytes attributes_kept(struct bytes map)
{
        struct cursor c = cursor_of(map);
        return cursor_map(&c) ? map : bytes_of(NULL, 0);
}

struct bytes attribute_next(struct cursor *c)
{
        struct bytes name = cursor_skip(c), value = cursor_skip(c);
        return bytes_of(name.data, (size_t)(bytes_end(value) - name.data));
}
