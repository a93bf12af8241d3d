# SPDX-License-Identifier: MIT
"""Documents: their links lead somewhere, and their C compiles."""

import os
import re
import subprocess

from tree import blanked, line_of

FENCE = re.compile(r"^```([^\n`]*)\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}[ ]+(.+?)[ ]*$", re.MULTILINE)
COMPILE = ["-std=c17", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-function", "-fsyntax-only"]


def c_blocks(tree, path):
    """(line, text) of each block marked ```c."""
    text = tree.text(path)
    for match in FENCE.finditer(text):
        if match.group(1).strip() == "c":
            yield line_of(text, match.start(2)), match.group(2)


def anchors(tree, path):
    """The anchors of a document's headings, made as GitHub and GitLab make them."""
    text = FENCE.sub("", tree.text(path))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in HEADING.findall(text)}


def links_in_documents_lead_somewhere(tree):
    for path in tree.documents():
        text = FENCE.sub(lambda match: blanked(match.group()), tree.text(path))
        for match in LINK.finditer(text):
            target = match.group(1) or match.group(2)
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            place = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
            if not tree.exists(place):
                yield path, line_of(text, match.start()), f"links to {target}, which does not exist"
            elif anchor and place.endswith(".md") and anchor not in anchors(tree, place):
                yield path, line_of(text, match.start()), f"links to {target}: no such heading"


def c_in_documents_compiles(tree):
    for path in tree.documents():
        for line, block in c_blocks(tree, path):
            # The prelude is what every reader has: the public API and the standard headers of a first program.
            command = ["cc", *COMPILE, "-I", tree.full("include"), "-include", "stdio.h", "-include", "string.h"]
            if tree.exists("include/stet/stet.h"):
                command += ["-include", "stet/stet.h"]
            run = subprocess.run(
                [*command, "-x", "c", "-"], input=block, capture_output=True, text=True, check=False
            )
            if run.returncode != 0:
                error = re.search(r"^<stdin>:(\d+):\d+: error: (.*)$", run.stderr, re.MULTILINE)
                at, words = (int(error.group(1)), error.group(2)) if error else (1, run.stderr.strip())
                yield path, line + at - 1, f"C that does not compile: {words}"


CHECKS = [
    links_in_documents_lead_somewhere,
    c_in_documents_compiles,
]
