/* SPDX-License-Identifier: MIT
 *
 * A directory of a test's own. Criterion runs tests in parallel, so that none may share a path with another.
 */
#ifndef TESTS_LIB_TEMP_DIR_H
#define TESTS_LIB_TEMP_DIR_H

/* Makes an empty directory under /tmp and returns its path, which temp_dir_free() takes. Aborts when it
 * can't. */
char *temp_dir_new(void);

/* Removes the directory with all that is in it and frees the path. Follows no symbolic link. Harmless on
 * NULL. */
void temp_dir_free(char *path);

#endif
