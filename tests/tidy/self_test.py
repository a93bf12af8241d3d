# SPDX-License-Identifier: MIT
"""The checks checked: a small clean tree in which nothing is found, and for each check violations that must be."""

import os
import shutil
import tempfile

from check_includes import EDGES
from check_text import Skipped
from tree import Tree

C = "/* SPDX-License-Identifier: MIT */\n"
PY = "# SPDX-License-Identifier: MIT\n"

CLEAN = {
    ".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 8\n",
    "README.md": "# Title\n\n[the format](wal/FORMAT.md#the-header)\n\n```c\nint twice(int n) { return 2 * n; }\n```\n",
    "meson.build": PY + "".join(f"'{path}'\n" for path in ["base/map.c", "wal/log.c", "tests/test_map.c", *EDGES]),
    "include/stet/stet.h": C + "#define STET_PUBLIC\n/* Opens. */\nSTET_PUBLIC int stet_open(void);\n",
    "base/map.h": C + "int map_get(void);\n",
    "base/map.c": C + '#include "base/map.h"\n',
    "wal/log.h": C + "int log_open(void);\n",
    "wal/log.c": C + '#include "wal/log.h"\n\n#include "base/map.h"\n',
    "wal/FORMAT.md": "# Format\n\n## The header\n",
    "tests/test_map.c": C + "/* No sleep(1) here: it is only said. */\n",
    **{path: C for path in EDGES},
    "runtime/node.c": C + '#include "runtime/node_state.h"\n',
}

BUILD = CLEAN["meson.build"]


def c(text):
    return C + text


# check, what is planted, where it must be found, a word of the message
PLANTS = [
    ("folders_include_only_what_they_stand_on", {"wal/log.c": c('#include "actors/run.h"\n'), "actors/run.h": C},
     "wal/log.c", "actors/run.h"),
    ("folders_include_only_what_they_stand_on", {"actors/coroutine.c": c('#include "../wal/log.h"\n')},
     "actors/coroutine.c", "wal/log.h"),
    ("folders_include_only_what_they_stand_on", {"base/map.c": c('#include "runtime/node.h"\n'), "runtime/node.h": C},
     "base/map.c", "runtime/node.h"),
    ("folders_include_only_what_they_stand_on", {"tools/show.c": c('#include "base/map.h"\n')},
     "tools/show.c", "base/map.h"),
    ("libraries_are_included_only_by_their_files", {"runtime/node.c": c("#include <zmq.h>\n")},
     "runtime/node.c", "zmq.h"),
    ("libraries_are_included_only_by_their_files", {"wal/log.c": c("#include <lmdb.h>\n")}, "wal/log.c", "lmdb.h"),
    ("libraries_are_included_only_by_their_files", {"wal/env_lmdb.h": c("#include <lmdb.h>\n"),
                                                    "wal/log.c": c('#include "wal/env_lmdb.h"\n')},
     "wal/log.c", "wal/env_lmdb.h"),
    ("core_files_do_not_touch_the_world", {"base/map.c": c("#include <time.h>\n")}, "base/map.c", "time.h"),
    ("core_files_do_not_touch_the_world", {"wal/log.c": c("int n(void)\n{\n        return rand();\n}\n")},
     "wal/log.c", "rand()"),
    ("includes_have_no_cycle", {"base/map.h": c('#include "base/list.h"\n'),
                                "base/list.h": c('#include "base/map.h"\n')}, "base/list.h", "cycle"),
    ("library_code_never_prints_or_ends_the_process", {"base/map.c": c('void f(void) { printf("x"); }\n')},
     "base/map.c", "printf()"),
    ("library_code_never_prints_or_ends_the_process", {"base/map.c": c("void f(void) { abort(); }\n")},
     "base/map.c", "abort()"),
    ("banned_functions_are_not_called", {"tests/test_map.c": c("void f(char *a) { strcpy(a, a); }\n")},
     "tests/test_map.c", "strcpy()"),
    ("tests_do_not_sleep", {"tests/test_map.c": c("void f(void) { usleep(1); }\n")}, "tests/test_map.c", "usleep()"),
    ("tests_do_not_sleep", {"tests/e2e/run.py": PY + "time." + "sleep(1)\n"}, "tests/e2e/run.py", "sleeps"),
    ("every_source_names_its_license_first", {"base/map.c": "/* A map. */\n"}, "base/map.c", "SPDX"),
    ("no_marker_is_left_over", {"base/map.c": c("/* TO" "DO: grow. */\n")}, "base/map.c", "leftover"),
    ("lines_are_clean", {"base/map.c": c("int a; \n")}, "base/map.c", "spaces"),
    ("lines_are_clean", {"base/map.c": c("\tint a;\n")}, "base/map.c", "tab"),
    ("lines_are_clean", {"base/map.c": c("/* " + "long " * 30 + "*/\n")}, "base/map.c", "columns"),
    ("lines_are_clean", {"base/map.c": c("int a;")}, "base/map.c", "line break"),
    ("clang_format_agrees", {"base/map.c": c("int   a ;\n")}, "base/map.c", "clang-format"),
    ("every_source_is_in_the_build", {"base/dead.c": C}, "base/dead.c", "meson.build"),
    ("every_source_is_in_the_build", {"meson.build": BUILD.replace("'base/map.c'", "'base/map.h' # 'base/map.c'\n")},
     "base/map.c", "meson.build"),
    ("every_source_is_in_the_build", {"tests/e2e/dead.py": PY}, "tests/e2e/dead.py", "meson.build"),
    ("every_header_is_included", {"base/dead.h": C}, "base/dead.h", "nobody"),
    ("every_public_function_is_described", {"include/stet/stet.h": c("\nSTET_PUBLIC int stet_open(void);\n")},
     "include/stet/stet.h", "stet_open"),
    ("links_in_documents_lead_somewhere", {"README.md": "[gone](docs/GONE.md)\n"}, "README.md", "docs/GONE.md"),
    ("links_in_documents_lead_somewhere", {"README.md": "[gone](wal/FORMAT.md#gone)\n"}, "README.md", "heading"),
    ("c_in_documents_compiles", {"README.md": "```c\nint f(void) { return missing; }\n```\n"}, "README.md", "missing"),
]


def write_tree(root, files):
    for path, text in files.items():
        full = os.path.join(root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)


def findings_in(check, files):
    root = tempfile.mkdtemp(prefix="stet-tidy-")
    try:
        write_tree(root, files)
        return list(check(Tree(root)))
    finally:
        shutil.rmtree(root)


def planted_is_found(checks, name, planted, place, word):
    found = findings_in(checks[name], {**CLEAN, **planted})
    if any(path == place and word in message for path, _, message in found):
        return None
    return f"not found in {place}; found: {found}"


def missing_edge_is_found(checks):
    found = findings_in(checks["every_edge_in_the_list_exists"], {})
    return None if len(found) == len(EDGES) else f"{len(found)} of {len(EDGES)} found"


def self_test(all_checks):
    checks = {check.__name__: check for check in all_checks}
    cases = [(f"{name}: nothing in a clean tree", lambda check=check: findings_in(check, CLEAN) or None)
             for name, check in checks.items()]
    cases += [(f"{plant[0]}: {plant[3]} in {plant[2]} is found", lambda plant=plant: planted_is_found(checks, *plant))
              for plant in PLANTS]
    cases.append(("every_edge_in_the_list_exists: a missing one is found", lambda: missing_edge_is_found(checks)))
    unproven = set(checks) - {plant[0] for plant in PLANTS} - {"every_edge_in_the_list_exists"}
    cases.append(("every check has a violation planted for it", lambda: sorted(unproven) or None))
    print(f"1..{len(cases)}")
    failed = False
    for number, (title, case) in enumerate(cases, 1):
        try:
            wrong = case()
        except Skipped as why:
            print(f"ok {number} - {title} # SKIP {why}")
            continue
        failed = failed or wrong is not None
        print(f"not ok {number} - {title}\n# {wrong}" if wrong is not None else f"ok {number} - {title}")
    return 1 if failed else 0
