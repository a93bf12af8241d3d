/* SPDX-License-Identifier: MIT
 *
 * Any bytes as a frame from a peer. What frame_check() passes is read to its end; each message that comes out
 * of it, encoded again, gives a frame that passes, too, and in it the same message. A lobby holds it as it is
 * when it does not pass; else a frame that does, with at most as many messages.
 */
#include "runtime/lobby.h"
#include "runtime/wire.h"
#include "tests/fuzz/fuzz.h"

static void encode(struct buffer *frame, const struct message *m)
{
        buffer_clear(frame);
        frame_begin(frame);
        frame_put(frame, m);
}

/* Equal messages have equal bytes: the encoding is always the shortest. */
static void check_same_again(const struct message *m, struct buffer *once, struct buffer *twice)
{
        struct message again;

        encode(once, m);
        if (once->size > WIRE_FRAME_MAX)
                return; /* the shortest encoding still has all fields, which a shorter message may have left
                           out */
        FUZZ_CHECK(frame_check(buffer_bytes(once), NULL) == 0);
        struct cursor c = frame_cursor(buffer_bytes(once));
        FUZZ_CHECK(frame_next(&c, &again) == 1 && again.type == m->type);
        encode(twice, &again);
        FUZZ_CHECK(bytes_equal(buffer_bytes(once), buffer_bytes(twice)));
        FUZZ_CHECK(frame_next(&c, &again) == 0);
}

static int send_nowhere(struct transport *t, uint64_t peer, struct bytes frame)
{
        (void)t;
        (void)peer;
        FUZZ_CHECK(frame_check(frame, NULL) == 0);
        return 0;
}

static unsigned messages_in(struct bytes frame)
{
        struct message m;
        unsigned count = 0;
        struct cursor c = frame_cursor(frame);
        while (frame_next(&c, &m) != 0)
                count++;
        return count;
}

static void check_held(struct bytes frame)
{
        static const struct transport_ops ops = { .send = send_nowhere };
        struct transport nowhere = { &ops };
        struct lobby_options o = { .held_bytes_max = 1 };
        struct lobby *l = lobby_new(&o, &nowhere);
        uint64_t peer;
        bool local, passes = frame_check(frame, NULL) == 0;
        struct bytes held;
        lobby_receive(l, 7, false, frame);
        FUZZ_CHECK(passes || lobby_full(l));
        if (lobby_take(l, &peer, &local, &held)) {
                FUZZ_CHECK(peer == 7 && !local);
                FUZZ_CHECK(passes ? frame_check(held, NULL) == 0 && messages_in(held) <= messages_in(frame)
                                  : bytes_equal(held, frame));
        }
        FUZZ_CHECK(!lobby_take(l, &peer, &local, &held));
        lobby_free(l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct bytes frame = bytes_of(data, size);
        struct buffer once = { 0 }, twice = { 0 };
        struct message m;
        stet_why why;

        check_held(frame);
        if (frame_check(frame, &why) != 0)
                return 0;
        struct cursor c = frame_cursor(frame);
        const uint8_t *before = c.at;
        for (int rc; (rc = frame_next(&c, &m)) != 0; before = c.at) {
                FUZZ_CHECK(c.at > before && c.at <= c.end);
                if (rc > 0)
                        check_same_again(&m, &once, &twice);
        }
        FUZZ_CHECK(cursor_end(&c));
        buffer_fini(&once);
        buffer_fini(&twice);
        return 0;
}
