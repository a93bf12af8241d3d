# SPDX-License-Identifier: MIT
"""Functions that may not be called: anywhere, in the library, or in tests."""

import re

from tree import LIBRARY_FOLDERS, line_of

BANNED = {
    "strcpy": "memcpy with a size, or snprintf",
    "strcat": "snprintf",
    "sprintf": "snprintf",
    "vsprintf": "vsnprintf",
    "gets": "fgets",
    "strtok": "strcspn, or strtok_r",
    "gmtime": "gmtime_r",
    "localtime": "localtime_r",
    "ctime": "strftime",
    "asctime": "strftime",
    "mktemp": "mkdtemp or mkstemp",
    "tmpnam": "mkdtemp or mkstemp",
}

PRINTING = ("printf", "fprintf", "vprintf", "vfprintf", "dprintf", "puts", "fputs", "putchar", "fputc", "perror")
ENDING = ("exit", "_exit", "_Exit", "quick_exit", "abort")

# (file, function): why it may.
MAY_END = {
    ("base/buffer.c", "abort"): "memory is out",
    ("base/app.c", "abort"): "memory is out",
    ("base/arena.c", "abort"): "a size that no memory has",
    ("runtime/crash_os.c", "_exit"): "the process has crashed, and the guard was asked for",
    ("actors/coroutine.c", "abort"): "a finished coroutine was resumed",
}

C_SLEEPS = ("sleep", "usleep", "nanosleep", "clock_nanosleep", "thrd_sleep")
SCRIPT_SLEEP = re.compile(r"\btime\.sleep\b|\basyncio\.sleep\b|(?<![\w.'\"/-])sleep[ ]+[\d$]")


def library_code_never_prints_or_ends_the_process(tree):
    for path in tree.under(LIBRARY_FOLDERS, ".c", ".h"):
        for line, name in tree.calls(path, PRINTING):
            yield path, line, f"calls {name}(): library code never prints; report through stet_why or the log callback"
        for line, name in tree.calls(path, ENDING):
            if (path, name) not in MAY_END:
                yield path, line, f"calls {name}(): library code never ends its process; return an error"


def banned_functions_are_not_called(tree):
    for path in tree.c_files():
        for line, name in tree.calls(path, BANNED):
            yield path, line, f"calls {name}(); use {BANNED[name]}"


def tests_do_not_sleep(tree):
    for path in tree.c_files():
        if path.startswith("tests/"):
            for line, name in tree.calls(path, C_SLEEPS):
                yield path, line, f"calls {name}(): wait for a condition with a bound"
    for path in tree.scripts():
        if path.startswith("tests/") and not path.startswith("tests/tidy/"):
            text = tree.text(path)
            for match in SCRIPT_SLEEP.finditer(text):
                yield path, line_of(text, match.start()), "sleeps: wait for a condition with a bound"


CHECKS = [
    library_code_never_prints_or_ends_the_process,
    banned_functions_are_not_called,
    tests_do_not_sleep,
]
