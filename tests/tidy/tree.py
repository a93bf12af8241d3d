# SPDX-License-Identifier: MIT
"""The source tree as the checks see it: its files, by kind, and C text with comments or strings blanked out."""

import os
import re

LIBRARY_FOLDERS = ("base", "wal", "actors", "runtime")
SKIPPED_FOLDERS = re.compile(r"^(build.*|stet-data|corpus|node_modules|__pycache__|\.(?!ci$).*)$")

TOKEN = re.compile(
    r"""(?P<comment>/\*.*?\*/|//[^\n]*)|(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')""", re.DOTALL
)
INCLUDE = re.compile(r'^[ ]*#[ ]*include[ ]*([<"])([^>"]+)[>"]', re.MULTILINE)


def blanked(text):
    """The same text with everything but its line breaks turned into spaces, so that line numbers stay."""
    return re.sub(r"[^\n]", " ", text)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


class Tree:
    def __init__(self, root):
        self.root = os.path.abspath(root)
        self.texts = {}
        self.paths = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(name for name in folders if not SKIPPED_FOLDERS.match(name))
            self.paths += [os.path.relpath(os.path.join(folder, name), self.root) for name in sorted(names)]

    def full(self, path):
        return os.path.join(self.root, path)

    def exists(self, path):
        return os.path.exists(self.full(path))

    def text(self, path):
        if path not in self.texts:
            with open(self.full(path), encoding="utf-8", errors="replace") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def under(self, folders, *suffixes):
        """The files with one of these suffixes in one of these top folders."""
        return [path for path in self.paths if path.split("/")[0] in folders and path.endswith(suffixes)]

    def c_files(self):
        return [path for path in self.paths if path.endswith((".c", ".h", ".cc"))]

    def scripts(self):
        """Python, shell and whatever else begins with #!."""
        return [
            path
            for path in self.paths
            if path.endswith((".py", ".sh")) or ("." not in os.path.basename(path) and self.starts_as_script(path))
        ]

    def starts_as_script(self, path):
        with open(self.full(path), "rb") as file:
            return file.read(2) == b"#!"

    def build_files(self):
        return [path for path in self.paths if os.path.basename(path) in ("meson.build", "meson_options.txt")]

    def sources(self):
        """Everything that is written by hand and is no document."""
        assembly = [path for path in self.paths if path.endswith(".S")]
        return sorted(self.c_files() + assembly + self.scripts() + self.build_files())

    def documents(self):
        return [path for path in self.paths if path.endswith(".md")]

    def without_comments(self, path):
        return TOKEN.sub(lambda m: blanked(m.group()) if m.group("comment") else m.group(), self.text(path))

    def code(self, path):
        """C without comments and without what stands in quotes."""
        return TOKEN.sub(lambda m: blanked(m.group()), self.text(path))

    def includes(self, path):
        """(line, name, path in the tree or None) of each #include."""
        text = self.without_comments(path)
        for match in INCLUDE.finditer(text):
            yield line_of(text, match.start(2)), match.group(2), self.resolve(path, match.group(1), match.group(2))

    def resolve(self, path, mark, name):
        places = [os.path.join("include", name), name]
        if mark == '"':
            places.insert(0, os.path.join(os.path.dirname(path), name))
        for place in map(os.path.normpath, places):
            if os.path.isfile(self.full(place)):
                return place
        return None

    def calls(self, path, names):
        """(line, name) of each call of one of these functions; members (`ops->open(…)`) are not calls of them."""
        pattern = re.compile(r"(?<![\w.])(?<!->)(" + "|".join(names) + r")\s*\(")
        code = self.code(path)
        for match in pattern.finditer(code):
            yield line_of(code, match.start()), match.group(1)
