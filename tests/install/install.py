#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Installs the build into a directory of its own and uses it as a stranger would: headers, pkg-config, a compiler.

    tests/install/install.py SOURCE_ROOT BUILD_ROOT EMBED_C EMBED_CC
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile

C_FLAGS = ["-std=c17", "-Wall", "-Wextra", "-Wconversion", "-pedantic", "-Werror"]
# A designated initialiser leaves the other fields zero, which is what STET_NODE_OPTIONS wants.
CXX_FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-missing-field-initializers"]
C_BLOCK = re.compile(r"^```c\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)


class Wrong(Exception):
    """What the case found, as a sentence."""


def run(*command, env=None, cwd=None):
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=cwd, check=False)
    if done.returncode != 0:
        raise Wrong(f"`{' '.join(command)}` ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def expect_same(found, expected, what):
    if found != expected:
        raise Wrong(f"{what}: too many {sorted(found - expected)}, missing {sorted(expected - found)}")


class Installed:
    def __init__(self, source, build, place, embed_c, embed_cc):
        self.source, self.place, self.embed_c, self.embed_cc = source, place, embed_c, embed_cc
        run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", place)
        self.include = self.one("**/include/stet/stet.h").removesuffix("/stet/stet.h")
        self.archive = self.one("**/libstet.a")
        self.libdir = os.path.dirname(self.archive)
        self.command = self.one("**/bin/stet")
        self.env = {
            **os.environ,
            "PKG_CONFIG_PATH": os.path.dirname(self.one("**/stet.pc")),
            "LD_LIBRARY_PATH": self.libdir,
        }

    def one(self, pattern):
        found = glob.glob(os.path.join(self.place, pattern), recursive=True)
        if len(found) != 1:
            raise Wrong(f"{len(found)} files are installed as {pattern}")
        return found[0]

    def headers(self):
        return sorted(glob.glob(os.path.join(self.include, "stet", "*.h")))

    def public_functions(self):
        text = "".join(open(header, encoding="utf-8").read() for header in self.headers())
        return set(re.findall(r"^STET_PUBLIC\b[^;{]*?\b(stet_\w+)\s*\(", text, re.MULTILINE))

    def flags(self, *arguments):
        return run("pkg-config", *arguments, env=self.env).split()

    def build(self, compiler, flags, source, package):
        program = os.path.join(tempfile.mkdtemp(dir=self.place, prefix="program-"), "program")
        run(compiler, *flags, source, "-o", program, *self.flags("--cflags", "--libs", package))
        return program

    def runs(self, program, env):
        """It prints 42, and the same again on the data directory it left behind."""
        data = tempfile.mkdtemp(dir=self.place, prefix="data-")
        for _ in range(2):
            printed = run(program, data, env=env)
            if printed != "42\n":
                raise Wrong(f"it printed {printed!r}")


def symbols(*nm):
    lines = run("nm", *nm, "--defined-only", "--format=posix").splitlines()
    return {line.split()[0] for line in lines if len(line.split()) > 1}


def shared_library_shows_the_public_functions_and_nothing_else(at):
    expect_same(symbols("-D", os.path.join(at.libdir, "libstet.so")), at.public_functions(), "exported symbols")


def archive_shows_the_public_functions_and_nothing_else(at):
    expect_same(symbols("-g", at.archive), at.public_functions(), "global symbols")


def every_header_stands_alone_in_c_and_cxx(at):
    source = os.path.join(at.place, "alone.c")
    with open(source, "w", encoding="utf-8") as file:
        file.write("int alone;\n")
    for header in at.headers():
        run("cc", *C_FLAGS, "-fsyntax-only", "-I", at.include, "-include", header, source)
        run("c++", *CXX_FLAGS, "-fsyntax-only", "-I", at.include, "-include", header, "-x", "c++", source)


def header_and_package_name_the_same_version(at):
    header = re.search(r'#define STET_VERSION "(.*)"', open(os.path.join(at.include, "stet/version.h")).read())
    for package in ("stet", "stet-static"):
        version = run("pkg-config", "--modversion", package, env=at.env).strip()
        if version != header.group(1):
            raise Wrong(f"stet/version.h says {header.group(1)}, {package}.pc says {version}")


def c_program_runs_a_workflow_on_the_shared_library(at):
    at.runs(at.build("cc", C_FLAGS, at.embed_c, "stet"), at.env)


def c_program_runs_a_workflow_on_the_archive(at):
    program = at.build("cc", C_FLAGS, at.embed_c, "stet-static")
    if "libstet" in run("ldd", program):
        raise Wrong("it needs libstet.so although it embeds the archive")
    at.runs(program, os.environ)


def cxx_program_runs_a_workflow(at):
    at.runs(at.build("c++", CXX_FLAGS, at.embed_cc, "stet"), at.env)


def programs_in_the_documents_build(at):
    programs = 0
    for path in [*glob.glob(os.path.join(at.source, "*.md")), *glob.glob(os.path.join(at.source, "docs", "*.md"))]:
        for block in C_BLOCK.findall(open(path, encoding="utf-8").read()):
            if re.search(r"^int main\(", block, re.MULTILINE):
                programs += 1
                source = os.path.join(at.place, f"document-{programs}.c")
                with open(source, "w", encoding="utf-8") as file:
                    file.write(block)
                at.build("cc", C_FLAGS, source, "stet")
    if not programs:
        raise Wrong("README.md and docs/ have no C program with a main()")


def command_says_its_version(at):
    printed = run(at.command, "version", env=at.env)
    version = run("pkg-config", "--modversion", "stet", env=at.env).strip()
    if version not in printed:
        raise Wrong(f"`stet version` printed {printed!r}")


CASES = [
    shared_library_shows_the_public_functions_and_nothing_else,
    archive_shows_the_public_functions_and_nothing_else,
    every_header_stands_alone_in_c_and_cxx,
    header_and_package_name_the_same_version,
    c_program_runs_a_workflow_on_the_shared_library,
    c_program_runs_a_workflow_on_the_archive,
    cxx_program_runs_a_workflow,
    programs_in_the_documents_build,
    command_says_its_version,
]


def main():
    source, build, embed_c, embed_cc = sys.argv[1:]
    place = tempfile.mkdtemp(prefix="stet-install-")
    print(f"1..{len(CASES)}")
    failed = False
    try:
        at = Installed(source, build, place, embed_c, embed_cc)
        for number, case in enumerate(CASES, 1):
            try:
                case(at)
                print(f"ok {number} - {case.__name__}")
            except Wrong as wrong:
                failed = True
                print(f"not ok {number} - {case.__name__}")
                print("# " + str(wrong).replace("\n", "\n# "))
    except Wrong as wrong:
        print(f"Bail out! {wrong}")
        return 1
    finally:
        shutil.rmtree(place)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
