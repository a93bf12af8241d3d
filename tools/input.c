/* SPDX-License-Identifier: MIT */
#include "tools/input.h"

#include "tools/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
        /* JSON takes more room than the value it stands for: a \u0001 for one byte. More than this can't fit.
         */
        JSON_SIZE_MAX = 6 * STET_VALUE_SIZE_MAX,
        CHUNK = 64 * 1024,
};

/* Reads the whole stream onto the heap, refusing one that is too long as soon as that shows. */
static int read_stream(FILE *in, const char *name, char **ret, size_t *ret_size, stet_why *why)
{
        char *data = NULL;
        size_t size = 0, got;
        do {
                data = text_need(realloc(data, size + CHUNK));
                got = fread(data + size, 1, CHUNK, in);
                size += got;
        } while (got > 0 && size <= JSON_SIZE_MAX);
        int err = 0;
        if (ferror(in))
                err = stet_why_set(why, STET_EINVAL, "%s can't be read: %s", name, strerror(errno));
        else if (size > JSON_SIZE_MAX)
                err = stet_why_set(why, STET_ETOOBIG,
                                   "%s is longer than any input may be (a value has at most %d bytes)", name,
                                   STET_VALUE_SIZE_MAX);
        if (err) {
                free(data);
                return err;
        }
        *ret = data;
        *ret_size = size;
        return 0;
}

static int parse(const char *name, const char *text, size_t size, stet_value *ret, stet_why *why)
{
        stet_why reason = { "" };
        int err = stet_value_from_json(ret, text, size, &reason);
        if (!err && ret->size > STET_VALUE_SIZE_MAX)
                return stet_why_set(why, STET_ETOOBIG, "%s has %zu bytes; a value has at most %d", name,
                                    ret->size, STET_VALUE_SIZE_MAX);
        if (err)
                stet_why_set(why, err, "%s: %s", name, *reason.text ? reason.text : stet_error_text(err));
        return err;
}

static int read_file(const char *path, stet_value *ret, stet_why *why)
{
        FILE *in = path ? fopen(path, "rbe") : stdin;
        const char *name = path ? path : "standard input";
        char *text;
        size_t size;
        if (!in)
                return stet_why_set(why, STET_EINVAL, "the input file %s can't be opened: %s", path,
                                    strerror(errno));
        int err = read_stream(in, name, &text, &size, why);
        if (path)
                fclose(in);
        if (err)
                return err;
        err = parse(name, text, size, ret, why);
        free(text);
        return err;
}

int input_read(const char *text, stet_value *ret, stet_why *why)
{
        if (!text)
                return stet_value_set_null(ret);
        if (strcmp(text, "-") == 0)
                return read_file(NULL, ret, why);
        if (*text == '@')
                return read_file(text + 1, ret, why);
        return parse("--input", text, strlen(text), ret, why);
}

void input_request_id(char ret_text[40])
{
        uint64_t words[2];
        if (getrandom(words, sizeof words, 0) != (ssize_t)sizeof words) {
                struct timespec now;
                clock_gettime(CLOCK_REALTIME, &now);
                words[0] = (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
                words[1] = (uint64_t)getpid();
        }
        snprintf(ret_text, 40, "cli-%016" PRIx64 "%016" PRIx64, words[0], words[1]);
}
