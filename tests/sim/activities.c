/* SPDX-License-Identifier: MIT
 *
 * The simulated activities. How long one takes is in its arguments, and the simulated executor lets that time
 * pass; the function itself runs at the end of it.
 */
#include "tests/sim/flows.h"

#include "base/pack.h"
#include "base/unpack.h"
#include "stet/activity.h"

#include <math.h>

bool activity_input_read(struct bytes value, struct activity_input *ret)
{
        struct cursor c = cursor_of(value);
        bool three = cursor_array(&c) == 3;
        *ret = (struct activity_input){ .key = (uint64_t)cursor_int(&c) };
        ret->ms = cursor_int(&c);
        ret->fails = (uint32_t)cursor_int(&c);
        return three && !c.failed;
}

/* Values that have broken other engines: NUL bytes, NaN, the ends of the integers, nothing at all, much. */
static void pack_odd(struct buffer *b, uint64_t key)
{
        static const char text[] = "a\0b\xc3\xa9";
        static const uint8_t much[20000];
        switch (key % 8) {
        case 0:
                pack_str(b, bytes_of(text, sizeof text - 1));
                break;
        case 1:
                pack_double(b, NAN);
                break;
        case 2:
                pack_int(b, INT64_MIN);
                break;
        case 3:
                pack_uint(b, UINT64_MAX);
                break;
        case 4:
                pack_map(b, 0);
                break;
        case 5:
                pack_bin(b, bytes_of("\xff\xfe\x00", 3));
                break;
        case 6: /* several of these don't fit one frame */
                pack_array(b, 2);
                pack_nil(b);
                pack_bin(b, bytes_of(much, sizeof much));
                break;
        default:
                pack_str(b, bytes_of(NULL, 0));
                break;
        }
}

bool activity_right_answer(struct bytes activity, struct bytes input, struct buffer *ret)
{
        struct activity_input in;
        if (!activity_input_read(input, &in) || bytes_equal(activity, bytes_str("broken")) ||
            bytes_equal(activity, bytes_str("nobody")))
                return false;
        if (bytes_equal(activity, bytes_str("odd")))
                pack_odd(ret, in.key);
        else
                pack_int(ret, activity_answer(in.key));
        return true;
}

static int answer(stet_activity *a, const stet_value *in, stet_value *ret)
{
        struct buffer right = { 0 };
        stet_value view = { 0 };
        activity_right_answer(bytes_str(stet_activity_name(a)), bytes_of(in->data, in->size), &right);
        int err = stet_value_from_msgpack(&view, right.data, right.size);
        if (!err)
                err = stet_value_copy(ret, &view);
        buffer_fini(&right);
        return err;
}

/* The attempts that fail are the first ones; an attempt whose executor was lost may be among them. */
static int flaky(stet_activity *a, const stet_value *in, stet_value *ret)
{
        struct activity_input input;
        if (!activity_input_read(bytes_of(in->data, in->size), &input))
                return stet_fail_permanently(a, "Wrong", "the arguments are not what was called with");
        if (stet_activity_attempt(a) <= input.fails)
                return stet_fail(a, "Down", "attempt %u fails", stet_activity_attempt(a));
        return answer(a, in, ret);
}

static int broken(stet_activity *a, const stet_value *in, stet_value *ret)
{
        (void)in;
        (void)ret;
        return stet_fail_permanently(a, "Broken", "it always fails");
}

static int beat(stet_activity *a, const stet_value *in, stet_value *ret)
{
        if (stet_activity_heartbeat(a) != 0)
                return stet_fail(a, "Stopped", "nobody wants the result");
        return answer(a, in, ret);
}

int flows_register_activities(stet_app *app)
{
        stet_app_activity(app, "work", answer);
        stet_app_activity(app, "late", answer);
        stet_app_activity(app, "odd", answer);
        stet_app_activity(app, "flaky", flaky);
        stet_app_activity(app, "broken", broken);
        stet_app_activity(app, "beat", beat);
        return app->err;
}
