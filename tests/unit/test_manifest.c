/* SPDX-License-Identifier: MIT */
#include "tests/lib/temp_dir.h"
#include "wal/file_os.h"
#include "wal/manifest.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct manifest some_manifest(void)
{
        struct manifest m = {
                .made_ms = 1234567890123, .format = 2, .shards_count = 2, .incarnation = UINT64_MAX - 5
        };
        for (uint32_t shard = 0; shard < m.shards_count; shard++) {
                m.shards[shard] = (struct manifest_shard){ 10 + shard, 20 + shard, 10, 3 };
                for (int store = 0; store < 2; store++) {
                        struct manifest_file *file = manifest_add_file(&m, shard, store);
                        file->bytes = 4096 * (shard + 1);
                        memset(file->digest, 'a' + (int)shard, DIGEST_TEXT_SIZE - 1);
                }
        }
        return m;
}

static void put(const char *dir, struct bytes content)
{
        cr_assert_eq(file_write_whole(dir, "backup.json", content, NULL), 0);
}

Test(manifest, comes_back_as_it_was_written)
{
        char *dir = temp_dir_new();
        struct manifest m = some_manifest(), read;
        cr_assert_eq(manifest_write(dir, &m, NULL), 0);
        cr_assert_eq(manifest_read(dir, &read, NULL), 0);
        cr_assert_eq(read.made_ms, m.made_ms);
        cr_assert_eq(read.incarnation, m.incarnation);
        cr_assert_eq(read.shards_count, 2);
        cr_assert_eq(read.shards[1].last_lsn, 21);
        cr_assert_eq(read.files_count, 4);
        cr_assert_str_eq(read.files[3].name, "shard-1.store");
        cr_assert_str_eq(read.files[3].digest, m.files[3].digest);
        temp_dir_free(dir);
}

Test(manifest, a_missing_one_is_told_from_a_damaged_one)
{
        char *dir = temp_dir_new();
        struct manifest m;
        cr_assert_eq(manifest_read(dir, &m, NULL), STET_ENOTFOUND);
        put(dir, bytes_str("{"));
        cr_assert_eq(manifest_read(dir, &m, NULL), STET_ECORRUPT);
        put(dir, bytes_str("[]"));
        cr_assert_eq(manifest_read(dir, &m, NULL), STET_ECORRUPT);
        temp_dir_free(dir);
}

/* What is not read for its meaning is white space only. */
Test(manifest, a_changed_character_is_found)
{
        char *dir = temp_dir_new();
        struct manifest m = some_manifest(), read;
        struct buffer text = { 0 };
        cr_assert_eq(manifest_write(dir, &m, NULL), 0);
        cr_assert_eq(file_read_whole(dir, "backup.json", 1 << 20, &text, NULL), 0);
        for (size_t i = 0; i < text.size; i++) {
                uint8_t was = text.data[i];
                if (was == ' ' || was == '\n')
                        continue;
                text.data[i] = was == '7' ? '8' : '7';
                put(dir, buffer_bytes(&text));
                cr_assert_neq(manifest_read(dir, &read, NULL), 0, "byte %zu", i);
                text.data[i] = was;
        }
        buffer_fini(&text);
        temp_dir_free(dir);
}

Test(manifest, a_newer_format_is_refused)
{
        char *dir = temp_dir_new();
        struct manifest m;
        stet_why why;
        put(dir, bytes_str("{\"format\": 2, \"data_dir\": {\"format\": 1}}"));
        cr_assert_eq(manifest_read(dir, &m, &why), STET_ENEWER);
        put(dir, bytes_str("{\"format\": 1, \"data_dir\": {\"format\": 99}}"));
        cr_assert_eq(manifest_read(dir, &m, &why), STET_ENEWER);
        cr_assert_not_null(strstr(why.text, "99"));
        temp_dir_free(dir);
}
