# SPDX-License-Identifier: MIT
"""What files look like: license line, markers, line lengths, clang-format."""

import re
import shutil
import subprocess

COLUMNS_MAX = 120
LICENSE = "SPDX-License-Identifier: MIT"
# In pieces, so that this file does not find itself.
MARKERS = re.compile(r"\b(TO" "DO|FIX" "ME|X" "XX|HA" r"CK)\b")


class Skipped(Exception):
    """The check can't run here; the text says why."""


def every_source_names_its_license_first(tree):
    for path in tree.sources():
        lines = tree.text(path).split("\n")
        first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
        start = "/* " if path.endswith((".c", ".h", ".cc", ".S")) else "# "
        if not first.startswith(start + LICENSE):
            yield path, 1, f"does not begin with `{start}{LICENSE}`"


def no_marker_is_left_over(tree):
    for path in tree.sources() + tree.documents():
        for number, line in enumerate(tree.text(path).split("\n"), 1):
            for match in MARKERS.finditer(line):
                yield path, number, f"has a leftover {match.group(1)}"


def lines_are_clean(tree):
    for path in tree.sources():
        lines = tree.text(path).split("\n")
        if lines[-1]:
            yield path, len(lines), "does not end with a line break"
        for number, line in enumerate(lines, 1):
            if line != line.rstrip():
                yield path, number, "ends with spaces"
            if "\t" in line:
                yield path, number, "has a tab"
            if len(line) > COLUMNS_MAX:
                yield path, number, f"has {len(line)} columns; {COLUMNS_MAX} are allowed"


def clang_format_agrees(tree):
    """One version for all, because each formats a little differently."""
    tool = shutil.which("clang-format-14")
    if not tool:
        raise Skipped("clang-format-14 is not installed; tools/setup --dev installs it")
    paths = tree.c_files()
    if not paths:
        return
    run = subprocess.run([tool, "--dry-run", *paths], cwd=tree.root, capture_output=True, text=True, check=False)
    first = {}
    count = {}
    for match in re.finditer(r"^(.+?):(\d+):\d+: warning: code should be clang-formatted", run.stderr, re.MULTILINE):
        path = match.group(1)
        first.setdefault(path, int(match.group(2)))
        count[path] = count.get(path, 0) + 1
    for path, line in first.items():
        yield path, line, f"differs from .clang-format in {count[path]} places; run `clang-format-14 -i {path}`"
    if run.returncode != 0 and not first:
        yield ".clang-format", 1, run.stderr.strip() or f"clang-format-14 ended with {run.returncode}"


CHECKS = [
    every_source_names_its_license_first,
    no_marker_is_left_over,
    lines_are_clean,
    clang_format_agrees,
]
