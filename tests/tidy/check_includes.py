# SPDX-License-Identifier: MIT
"""Who may include whom, and which files may touch the world."""

import os
import re

from tree import LIBRARY_FOLDERS

# The folders and single headers that each folder stands on. wal/ and actors/ do not know each other.
STANDS_ON = {
    "include": {"include"},
    "base": {"base", "include"},
    "wal": {"wal", "base", "include"},
    "actors": {"actors", "base", "include"},
    "runtime": {"runtime", "wal", "actors", "base", "include"},
    "tools": {"tools", "include", "bench/bench.h"},
    "bench": {"bench", "base", "include", "tools/quantity.h"},
    "examples": {"examples", "include"},
}

# The header of a library that only files with this word in their name may include.
LIBRARY_HEADERS = {"zmq.h": "_zmq", "lmdb.h": "_lmdb"}

# A file is an edge when its name has one of these words at its end or before another word (log_lmdb.c,
# log_lmdb_read.c), or when it stands in the list below with what it touches.
EDGE_NAME = re.compile(r"_(zmq|lmdb|os|thread|threads)(_|$)")
EDGES = {
    "base/app.c": "dlopen of modules",
    "actors/coroutine.c": "mmap of stacks",
    "wal/data_dir.c": "files and locks of the data directory",
    "runtime/client.c": "waits for answers",
    "runtime/endpoint.c": "socket files and addresses",
    "runtime/node.c": "ties the edges to the core",
    "runtime/node_open.c": "ties the edges to the core",
    "runtime/node_state.h": "ties the edges to the core",
}

WORLD_HEADERS = {
    "dirent.h", "dlfcn.h", "fcntl.h", "locale.h", "netdb.h", "poll.h", "pthread.h", "pwd.h", "semaphore.h",
    "signal.h", "sys/epoll.h", "sys/eventfd.h", "sys/file.h", "sys/mman.h", "sys/random.h", "sys/resource.h",
    "sys/socket.h", "sys/stat.h", "sys/statvfs.h", "sys/time.h", "sys/timerfd.h", "sys/wait.h", "syslog.h",
    "threads.h", "time.h", "unistd.h",
}  # fmt: skip
WORLD_CALLS = (
    "time", "clock", "clock_gettime", "gettimeofday", "rand", "random", "srand", "srandom", "drand48", "getrandom",
    "getenv", "secure_getenv", "getpid", "gethostname", "setlocale", "fopen", "fdopen", "open", "system", "popen",
)  # fmt: skip


def is_core(path):
    is_edge = path in EDGES or EDGE_NAME.search(os.path.splitext(path)[0])
    return path.split("/")[0] in LIBRARY_FOLDERS and not is_edge


def folders_include_only_what_they_stand_on(tree):
    for path in tree.c_files():
        allowed = STANDS_ON.get(path.split("/")[0])
        for line, name, found in tree.includes(path):
            if allowed and found and found not in allowed and found.split("/")[0] not in allowed:
                yield path, line, f'includes "{name}", but its folder stands only on {", ".join(sorted(allowed))}'


def libraries_are_included_only_by_their_files(tree):
    """Directly or through a header of ours."""
    paths = tree.under(LIBRARY_FOLDERS + ("tools", "examples", "include"), ".c", ".h")
    for library, word in LIBRARY_HEADERS.items():
        carriers = {path for path in paths if any(name == library for _, name, _ in tree.includes(path))}
        for path in paths:
            for line, name, found in tree.includes(path):
                if (name == library or found in carriers) and word not in os.path.basename(path):
                    yield path, line, f"includes {name} and so <{library}>, which only files named *{word}* may"


def core_files_do_not_touch_the_world(tree):
    for path in tree.under(LIBRARY_FOLDERS, ".c", ".h"):
        if not is_core(path):
            continue
        for line, name, _ in tree.includes(path):
            if name in WORLD_HEADERS:
                yield path, line, f"is core and includes <{name}>: take it as an argument, or move it to an edge"
        for line, name in tree.calls(path, WORLD_CALLS):
            yield path, line, f"is core and calls {name}(): take it as an argument, or move it to an edge"


def every_edge_in_the_list_exists(tree):
    for path in EDGES:
        if not tree.exists(path):
            yield "tests/tidy/check_includes.py", 1, f"EDGES names {path}, which does not exist"


def includes_have_no_cycle(tree):
    graph = {path: [found for _, _, found in tree.includes(path) if found] for path in tree.c_files()}
    done = set()

    def walk(path, trail):
        if path in trail:
            yield path, 1, "include cycle: " + " > ".join(trail[trail.index(path):] + [path])
        elif path not in done:
            for found in graph.get(path, []):
                yield from walk(found, trail + [path])
            done.add(path)

    for path in graph:
        yield from walk(path, [])


CHECKS = [
    folders_include_only_what_they_stand_on,
    libraries_are_included_only_by_their_files,
    core_files_do_not_touch_the_world,
    every_edge_in_the_list_exists,
    includes_have_no_cycle,
]
