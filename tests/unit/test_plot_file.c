/* SPDX-License-Identifier: MIT
 *
 * The file of a plot: where it cannot be written is known before, and it is there as a whole or not at all.
 */
#include "bench/plot_file.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <sys/stat.h>

#include "tests/lib/temp_dir.h"

static char *dir;
static char path[256];

static void init(void)
{
        dir = temp_dir_new();
        snprintf(path, sizeof(path), "%s/f.svg", dir);
}

static void fini(void)
{
        temp_dir_free(dir);
}

TestSuite(plot_file, .init = init, .fini = fini);

static size_t files_count(void)
{
        size_t count = 0;
        DIR *d = opendir(dir);
        cr_assert(d);
        for (struct dirent *entry; (entry = readdir(d));)
                count += entry->d_name[0] != '.';
        closedir(d);
        return count;
}

static void expect_content(const char *expected)
{
        char content[64] = "";
        FILE *file = fopen(path, "r");
        cr_assert(file);
        cr_assert_eq(fread(content, 1, sizeof(content) - 1, file), strlen(expected));
        fclose(file);
        cr_assert_str_eq(content, expected);
}

Test(plot_file, looking_leaves_nothing_behind_and_changes_nothing)
{
        stet_why why;
        cr_assert_eq(plot_file_check(path, &why), 0);
        cr_assert_eq(files_count(), 0);
        cr_assert_eq(plot_file_write(path, bytes_str("old"), &why), 0);
        cr_assert_eq(plot_file_check(path, &why), 0);
        expect_content("old");
        cr_assert_eq(files_count(), 1);
}

Test(plot_file, takes_the_place_of_what_was_there)
{
        stet_why why;
        struct stat info;
        umask(022);
        cr_assert_eq(plot_file_write(path, bytes_str("old and long"), &why), 0);
        cr_assert_eq(plot_file_write(path, bytes_str("new"), &why), 0);
        expect_content("new");
        cr_assert_eq(files_count(), 1);
        cr_assert_eq(stat(path, &info), 0);
        cr_assert_eq(info.st_mode & 0777, 0644, "others may read as the mask says");
}

Test(plot_file, paths_that_cannot_be_written_are_named_with_the_reason)
{
        stet_why why;
        char other[300];
        snprintf(other, sizeof(other), "%s/nowhere/f.svg", dir);
        cr_assert_eq(plot_file_check(other, &why), STET_EINVAL);
        cr_assert(strstr(why.text, other) && strstr(why.text, "No such file"), "%s", why.text);
        cr_assert_eq(plot_file_write(other, bytes_str("x"), &why), STET_EIO);
        cr_assert(strstr(why.text, other), "%s", why.text);
        cr_assert_eq(plot_file_check(dir, &why), STET_EINVAL);
        cr_assert_eq(plot_file_check("", &why), STET_EINVAL);
        cr_assert_eq(plot_file_check("/dev/null", &why), STET_EINVAL);
        snprintf(other, sizeof(other), "%s/", dir);
        cr_assert_eq(plot_file_check(other, &why), STET_EINVAL);
}

Test(plot_file, failed_one_leaves_nothing_behind)
{
        stet_why why;
        cr_assert_eq(mkdir(path, 0700), 0);
        cr_assert_eq(plot_file_write(path, bytes_str("x"), &why), STET_EIO);
        cr_assert_eq(files_count(), 1, "only the directory that was in the way");
}
