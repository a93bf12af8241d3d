/* SPDX-License-Identifier: MIT
 *
 * EachKind(suite, name, enum kind, A, B) { … *kind … }: a test that runs once for each kind of what it is
 * about.
 */
#ifndef TESTS_LIB_EACH_KIND_H
#define TESTS_LIB_EACH_KIND_H

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#define EachKind(suite, name, type, ...)                                                                     \
        ParameterizedTestParameters(suite, name)                                                             \
        {                                                                                                    \
                static type kinds[] = { __VA_ARGS__ };                                                       \
                return cr_make_param_array(type, kinds, sizeof kinds / sizeof kinds[0]);                     \
        }                                                                                                    \
        ParameterizedTest(type *kind, suite, name)

#endif
