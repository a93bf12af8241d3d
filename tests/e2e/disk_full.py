#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""A server on a disk that fills up: what is refused, what goes on, what waits, and how it comes back.

Each test has a small file system of its own, in a mount namespace of this program's: skipped where the system gives
none.
"""

import contextlib
import ctypes
import errno
import json
import os
import signal

import cli
from cli import DATA, NO_ANSWER, OK, CliTest

CLONE_NEWNS, MS_REC, MS_PRIVATE = 0x00020000, 0x4000, 0x40000
DISK_SIZE = 24 << 20
RESERVE = DISK_SIZE // 10  # the standard one of so small a disk

libc = ctypes.CDLL(None, use_errno=True)


def own_namespace():
    """Why there is none, or ""."""
    if libc.unshare(CLONE_NEWNS) != 0:
        return os.strerror(ctypes.get_errno())
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0:
        return os.strerror(ctypes.get_errno())
    return ""


NO_NAMESPACE = own_namespace()


class DiskFull(CliTest):
    def setUp(self):
        if NO_NAMESPACE:
            self.skipTest(f"no mount namespace: {NO_NAMESPACE}")
        super().setUp()
        self.disk = self.path("disk")
        os.mkdir(self.disk)
        options = f"size={DISK_SIZE}".encode()
        if libc.mount(b"stet", self.disk.encode(), b"tmpfs", 0, options) != 0:
            self.skipTest(f"no tmpfs: {os.strerror(ctypes.get_errno())}")
        self.addCleanup(libc.umount2, self.disk.encode(), 2)
        self.data = os.path.join(self.disk, "data")
        self.filler = os.path.join(self.disk, "filler")

    def tearDown(self):
        for process in self.processes:
            process.close()
        libc.umount2(self.disk.encode(), 2)
        super().tearDown()

    def free(self):
        room = os.statvfs(self.disk)
        return room.f_bavail * room.f_frsize

    def leave(self, size):
        """Fills the disk until so much is left."""
        with open(self.filler, "ab") as file:
            more = self.free() - size
            if more > 0:
                os.posix_fallocate(file.fileno(), file.tell(), more)
            else:
                file.truncate(max(file.tell() + more, 0))

    def is_filled(self):
        try:
            self.leave(0)
        except OSError as error:
            if error.errno != errno.ENOSPC:  # else the server has taken some of it meanwhile
                raise
        return self.free() == 0

    def fill(self):
        """To the last byte, which a server may be after as well."""
        self.until(self.is_filled, "the disk is full")

    def make_room(self):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.filler)

    def begin(self, *arguments):
        self.server = self.serve(*arguments)

    def ask(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.server.endpoint, "-o", "json")

    def start(self, *arguments):
        return self.ask("start", "wait", *arguments)

    def stats(self):
        return self.expect(self.ask("stats"), OK).json

    def refused(self):
        answer = self.start()
        return answer.code != OK and answer

    def accepted(self):
        return self.start().code == OK

    def state_of(self, run):
        return self.expect(self.ask("show", run), OK).json["state"]

    def is_completed(self, run):
        return self.state_of(run) == "completed"


class Reserve(DiskFull):
    def test_starts_are_refused_below_the_reserve_and_everything_else_goes_on(self):
        self.begin()
        for name in ("a", "b", "c"):
            self.expect(self.start("--id", name, "--request-id", f"start-{name}"), OK)
        self.leave(RESERVE // 2)
        answer = self.until(self.refused, "a start is refused")
        self.expect(answer, DATA, "EFULL", "of the disk's 24.0 MiB are free", "2.4 MiB are kept", "try again in 10 s")
        stats = self.stats()
        self.assertEqual((stats["disk_reserve_bytes"], stats["starts_refused"]), (RESERVE, True))
        self.assertNotIn("disk_full", stats)
        self.assertLess(stats["disk_free_bytes"], RESERVE)
        self.expect(self.ask("signal", "a", "go"), OK)
        self.expect(self.ask("cancel", "b"), OK)
        self.expect(self.ask("terminate", "c"), OK)
        self.until(lambda: self.is_completed("a"), "the signal is taken")
        self.assertEqual([self.state_of("b"), self.state_of("c")], ["canceled", "terminated"])
        repeated = self.expect(self.start("--id", "a", "--request-id", "start-a"), OK)
        self.assertTrue(repeated.json["existing"], "the repeat of a start that was accepted is no start")
        self.make_room()
        self.until(self.accepted, "starts are accepted again")
        self.assertNotIn("starts_refused", self.stats())
        self.assertEqual(self.server.stop(), OK)
        self.assertIn("no run can start", self.server.err())
        self.assertIn("runs can start", self.server.err())

    def test_reserve_is_what_the_option_says_also_over_a_restart(self):
        for size, word in (("20m", 20 << 20), ("0", 1)):
            self.begin("--disk-reserve", size)
            self.assertEqual(self.stats()["disk_reserve_bytes"], word)
            self.assertEqual(self.server.stop(), OK)

    def test_reserve_that_the_disk_can_never_have_free_is_a_mistake(self):
        answer = self.stet("dev", "--data", self.data, "--listen", "tcp://127.0.0.1:0", "--disk-reserve", "1g")
        self.expect(answer, cli.USAGE, "1073741824", "more than the file system", str(DISK_SIZE))


class Full(DiskFull):
    """To the last byte: what was acknowledged is kept, what was not is repeated when there is room."""

    def signal(self, run):
        """Each is larger than the one before: small ones find room in the log for as long as checkpoints free pages."""
        value = json.dumps("x" * (64 << min(self.runs.index(run), 10)))
        return self.ask("signal", run, "go", "-i", value, "--request-id", f"go-{run}", "--timeout", "1s")

    def stuck(self):
        """Signals until one is not answered; its run and those whose signals were acknowledged before."""
        done = []
        for run in self.runs:
            if self.signal(run).code == NO_ANSWER:
                return run, done
            done.append(run)
        return self.fail("the full disk took every signal")

    def begin_with_runs(self, count):
        self.begin()
        self.runs = [f"run-{i}" for i in range(count)]
        for run in self.runs:
            self.expect(self.start("--id", run), OK)
        self.fill()

    def test_signal_waits_and_everything_resumes_by_itself_when_there_is_room(self):
        self.begin_with_runs(20)
        run, done = self.stuck()
        stats = self.stats()
        self.assertEqual((stats["disk_full"], stats["starts_refused"]), (True, True))
        self.expect(self.refused(), DATA, "the disk is full")
        self.make_room()
        self.until(lambda: self.signal(run).code == OK, "the same signal, again")
        for name in [*done, run]:
            self.until(lambda name=name: self.is_completed(name), f"{name} completes")
        self.until(self.accepted, "starts are accepted again")
        self.assertEqual(self.server.stop(), OK)
        self.assertTrue(self.expect(self.stet("verify", self.data, "-o", "json"), OK).json["whole"])

    def test_server_killed_while_the_disk_is_full_comes_back_with_all_that_was_acknowledged(self):
        self.begin_with_runs(20)
        run, done = self.stuck()
        self.server.stop(signal.SIGKILL)
        answer = self.stet("stats", "--data", self.data)
        self.assertIn(answer.code, (OK, DATA), answer)
        self.make_room()
        self.begin()
        for name in done:
            self.until(lambda name=name: self.is_completed(name), f"{name} completes")
        self.expect(self.signal(run), OK)
        for name in self.runs[self.runs.index(run) + 1 :]:
            self.assertEqual(self.state_of(name), "open")
        self.assertEqual(self.server.stop(), OK)
        self.assertTrue(self.expect(self.stet("verify", self.data, "-o", "json"), OK).json["whole"])

    def test_every_step_of_64_KiB_around_the_end_keeps_what_was_acknowledged(self):
        self.begin("--disk-reserve", "0")
        self.expect(self.start("--id", "run"), OK)
        accepted = []
        for step in range(12):
            self.fill()
            self.leave(step << 16)
            for number in range(3):
                name = f"at-{step}-{number}"
                value = f'"{"x" * 40000}"'
                if self.ask("signal", "run", name, "--input", value, "--timeout", "300ms").code == OK:
                    accepted.append(name)
            if step % 4 == 3:
                self.server.stop(signal.SIGKILL)
                self.make_room()
                self.begin("--disk-reserve", "0")
        self.assertGreater(len(accepted), 0)
        self.assertLess(len(accepted), 36)
        history = self.expect(self.ask("history", "run"), OK).json
        taken = [entry["event"]["name"] for entry in history if entry["event"]["type"] == "signal"]
        self.assertEqual(sorted(set(accepted) - set(taken)), [])
        self.assertEqual(len(taken), len(set(taken)))


if __name__ == "__main__":
    cli.main()
