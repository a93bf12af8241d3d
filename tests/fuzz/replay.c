/* SPDX-License-Identifier: MIT
 *
 * Runs a fuzz target once on every file of the directories given as arguments, so that a corpus is an
 * ordinary test, built by any compiler. Fails when there is nothing to run.
 */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

static void fail(const char *path)
{
        perror(path);
        exit(1);
}

/* The target gets memory of exactly the file's size, so that a read past it is seen. */
static void replay_file(const char *path, size_t size)
{
        FILE *f = fopen(path, "rb");
        uint8_t *data = malloc(size ? size : 1);
        if (!f || !data || fread(data, 1, size, f) != size)
                fail(path);
        fclose(f);
        LLVMFuzzerTestOneInput(data, size);
        free(data);
}

static size_t replay_directory(const char *dir)
{
        struct dirent **names;
        size_t count = 0;
        int names_count = scandir(dir, &names, NULL, alphasort);
        if (names_count < 0)
                fail(dir);
        for (int i = 0; i < names_count; i++) {
                char path[4096];
                struct stat info;
                snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
                if (stat(path, &info) != 0)
                        fail(path);
                if (S_ISREG(info.st_mode)) {
                        replay_file(path, (size_t)info.st_size);
                        count++;
                }
                free(names[i]);
        }
        free(names);
        return count;
}

int main(int argc, char **argv)
{
        size_t count = 0;
        for (int i = 1; i < argc; i++) {
                size_t of_directory = replay_directory(argv[i]);
                printf("%s: %zu inputs\n", argv[i], of_directory);
                if (of_directory == 0)
                        return 1;
                count += of_directory;
        }
        return count ? 0 : 1;
}
