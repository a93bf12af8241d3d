# SPDX-License-Identifier: MIT
"""No dead files, and no public function without a word about it."""

import os
import re

from tree import line_of

QUOTED = re.compile(r"'([^'\n]+)'")
PUBLIC = re.compile(r"^STET_PUBLIC\b[^;{]*?\b(stet_\w+)\s*\(", re.MULTILINE)


def every_source_is_in_the_build(tree):
    named = set()
    for path in tree.build_files():
        folder = os.path.dirname(path)
        lines = [line.split("#")[0] for line in tree.text(path).split("\n")]
        named.update(os.path.normpath(os.path.join(folder, name)) for name in QUOTED.findall("\n".join(lines)))
    sources = [path for path in tree.paths if path.endswith((".c", ".cc", ".S"))]
    for path in sources + tree.under(("tests",), ".py"):
        if path not in named and not imported(tree, path):
            yield path, 1, "is in no meson.build: add it to its folder's list, or remove it"


def imported(tree, path):
    """Whether a Python file imports this one from its own folder."""
    folder, name = os.path.split(path)
    word = re.compile(r"^\s*(?:from|import)\s+" + re.escape(name[:-3]) + r"\b", re.MULTILINE)
    peers = [peer for peer in tree.paths if peer.endswith(".py") and os.path.dirname(peer) == folder]
    return path.endswith(".py") and any(word.search(tree.text(peer)) for peer in peers if peer != path)


def every_header_is_included(tree):
    found = {header for path in tree.c_files() for _, _, header in tree.includes(path)}
    for path in tree.c_files():
        if path.endswith(".h") and path not in found and path != "include/stet/stet.h":
            yield path, 1, "is included by nobody"


def every_public_function_is_described(tree):
    """A comment stands before it or before the group it is in (no blank line between), or at its end."""
    for path in tree.under(("include",), ".h"):
        text = tree.text(path)
        for match in PUBLIC.finditer(text):
            if not described(text, match.start()):
                yield path, line_of(text, match.start()), f"{match.group(1)} has no comment before it"


def described(text, start):
    rest = text[text.index(";", start):].split("\n", 1)[0]
    before = text[:start].split("\n\n")[-1]
    return "/*" in rest or "*/" in before


CHECKS = [
    every_source_is_in_the_build,
    every_header_is_included,
    every_public_function_is_described,
]
