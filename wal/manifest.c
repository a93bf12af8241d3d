/* SPDX-License-Identifier: MIT
 *
 * The names of files in it are made from numbers and compared, never used as they were read: a manifest leads
 * to no file outside of its backup.
 */
#include "wal/manifest.h"

#include "wal/file_os.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MANIFEST_SIZE_MAX = 256 << 10 };

static const char manifest_name[] = "backup.json";

static void file_name(char name[MANIFEST_NAME_SIZE], uint32_t shard, bool store)
{
        snprintf(name, MANIFEST_NAME_SIZE, "shard-%" PRIu32 ".%s", shard, store ? "store" : "log");
}

struct manifest_file *manifest_add_file(struct manifest *m, uint32_t shard, bool store)
{
        struct manifest_file *file = &m->files[m->files_count++];
        *file = (struct manifest_file){ .bytes = 0 };
        file_name(file->name, shard, store);
        return file;
}

/* --- as JSON --- */

static json_t *json_of_shard(const struct manifest_shard *s)
{
        return json_pack("{s:I, s:I, s:I, s:I}", "checkpoint_lsn", (json_int_t)s->checkpoint_lsn, "last_lsn",
                         (json_int_t)s->last_lsn, "records", (json_int_t)s->records, "epoch",
                         (json_int_t)s->epoch);
}

static json_t *json_of_file(const struct manifest_file *f)
{
        return json_pack("{s:s, s:I, s:s}", "name", f->name, "bytes", (json_int_t)f->bytes, "blake2b",
                         f->digest);
}

static json_t *json_of(const struct manifest *m)
{
        char incarnation[17];
        json_t *shards = json_array(), *files = json_array();
        snprintf(incarnation, sizeof incarnation, "%016" PRIx64, m->incarnation);
        for (uint32_t i = 0; i < m->shards_count; i++)
                json_array_append_new(shards, json_of_shard(&m->shards[i]));
        for (size_t i = 0; i < m->files_count; i++)
                json_array_append_new(files, json_of_file(&m->files[i]));
        return json_pack("{s:i, s:I, s:{s:I, s:s}, s:o, s:o}", "format", MANIFEST_FORMAT, "made_ms",
                         (json_int_t)m->made_ms, "data_dir", "format", (json_int_t)m->format, "incarnation",
                         incarnation, "shards", shards, "files", files);
}

/* Of the object without its checksum, in the one way of writing it that has no choices. */
static void checksum_of(const json_t *object, char ret_text[DIGEST_TEXT_SIZE])
{
        json_t *copy = json_copy((json_t *)(uintptr_t)object);
        json_object_del(copy, "checksum");
        char *text = json_dumps(copy, JSON_COMPACT | JSON_SORT_KEYS);
        struct digest digest;
        digest_begin(&digest);
        digest_add(&digest, bytes_str(text));
        digest_end(&digest, ret_text);
        free(text);
        json_decref(copy);
}

int manifest_write(const char *dir, const struct manifest *m, stet_why *why)
{
        char checksum[DIGEST_TEXT_SIZE];
        json_t *object = json_of(m);
        checksum_of(object, checksum);
        json_object_set_new(object, "checksum", json_string(checksum));
        char *text = json_dumps(object, JSON_INDENT(2));
        int err = file_write_whole(dir, manifest_name, bytes_str(text), why);
        free(text);
        json_decref(object);
        return err ? err : file_sync_parent(dir, why);
}

/* --- from JSON --- */

static uint64_t number_of(const json_t *object, const char *key)
{
        json_int_t number = json_integer_value(json_object_get(object, key));
        return number < 0 ? 0 : (uint64_t)number;
}

static const char *string_of(const json_t *object, const char *key)
{
        const char *text = json_string_value(json_object_get(object, key));
        return text ? text : "";
}

static bool take_shards(const json_t *list, struct manifest *m)
{
        size_t i;
        json_t *item;
        if (!json_is_array(list) || json_array_size(list) < 1 || json_array_size(list) > DATA_DIR_SHARDS_MAX)
                return false;
        m->shards_count = (uint32_t)json_array_size(list);
        json_array_foreach(list, i, item) m->shards[i] =
            (struct manifest_shard){ .checkpoint_lsn = number_of(item, "checkpoint_lsn"),
                                     .last_lsn = number_of(item, "last_lsn"),
                                     .records = number_of(item, "records"),
                                     .epoch = number_of(item, "epoch") };
        return true;
}

/* Every shard's log, and from format 2 on its store, in this order. */
static bool take_files(const json_t *list, struct manifest *m)
{
        bool stores = m->format > 1;
        if (!json_is_array(list) || json_array_size(list) != m->shards_count * (stores ? 2u : 1u))
                return false;
        for (size_t i = 0; i < json_array_size(list); i++) {
                const json_t *item = json_array_get(list, i);
                struct manifest_file *file =
                    manifest_add_file(m, (uint32_t)(stores ? i / 2 : i), stores && i % 2);
                file->bytes = number_of(item, "bytes");
                snprintf(file->digest, sizeof file->digest, "%s", string_of(item, "blake2b"));
                if (strcmp(file->name, string_of(item, "name")) != 0)
                        return false;
        }
        return true;
}

static int damaged(const char *dir, const char *what, stet_why *why)
{
        return stet_why_set(why, STET_ECORRUPT, "%s/backup.json is damaged: %s; use another backup", dir,
                            what);
}

static int take(const json_t *object, const char *dir, struct manifest *ret, stet_why *why)
{
        char checksum[DIGEST_TEXT_SIZE];
        const json_t *about = json_object_get(object, "data_dir");
        uint64_t format = number_of(object, "format"), dir_format = number_of(about, "format");
        if (format > MANIFEST_FORMAT || dir_format > DATA_DIR_FORMAT)
                return stet_why_set(why, STET_ENEWER,
                                    "the backup %s has format %" PRIu64 " of directory format %" PRIu64
                                    ", and this stet knows formats up to %d and %d; use a newer stet",
                                    dir, format, dir_format, MANIFEST_FORMAT, DATA_DIR_FORMAT);
        checksum_of(object, checksum);
        if (!format || !dir_format || strcmp(checksum, string_of(object, "checksum")) != 0)
                return damaged(dir, "its checksum does not match", why);
        *ret = (struct manifest){ .made_ms = (int64_t)number_of(object, "made_ms"),
                                  .format = (uint32_t)dir_format,
                                  .incarnation = strtoull(string_of(about, "incarnation"), NULL, 16) };
        if (!take_shards(json_object_get(object, "shards"), ret) ||
            !take_files(json_object_get(object, "files"), ret))
                return damaged(dir, "its shards or files can't be", why);
        return 0;
}

int manifest_read(const char *dir, struct manifest *ret, stet_why *why)
{
        struct buffer text = { 0 };
        json_error_t error;
        int err = file_read_whole(dir, manifest_name, MANIFEST_SIZE_MAX, &text, why);
        if (!err) {
                json_t *object =
                    json_loadb((const char *)text.data, text.size, JSON_REJECT_DUPLICATES, &error);
                err = json_is_object(object) ? take(object, dir, ret, why)
                                             : damaged(dir, "it is no JSON object", why);
                json_decref(object);
        }
        buffer_fini(&text);
        return err;
}
