#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""list by queue and by time: with a server, and the same lines without one."""

import time

import cli
from cli import NOT_FOUND, OK, USAGE, CliTest


def utc(seconds, pattern="%Y-%m-%dT%H:%M:%SZ"):
    return time.strftime(pattern, time.gmtime(seconds))


class Lists:
    """What holds in both ways; self.run_() is a command on the test's directory."""

    def listed(self, *arguments):
        return self.expect(self.run_("list", *arguments, "-o", "json"), OK).json

    def names(self, *arguments):
        return [run["workflow_id"] for run in self.listed(*arguments)]

    def start(self, workflow, name, *arguments):
        self.expect(self.run_("start", workflow, "--id", name, *arguments), OK)

    def one(self, name):
        return next(run for run in self.listed() if run["workflow_id"] == name)

    def test_runs_are_listed_by_the_queue_they_have_an_activity_on(self):
        for number in range(3):
            self.start("call_on", f"mail-{number}", "-i", '"mail"')
        self.start("call_on", "print", "-i", '"print"')
        self.start("wait", "w")
        self.assertEqual(self.names("--queue", "mail"), ["mail-2", "mail-1", "mail-0"])
        self.assertEqual(self.names("--queue", "print", "--state", "open"), ["print"])
        self.assertEqual(self.names("--queue", "print", "--workflow", "wait"), [])
        self.assertEqual(self.names("--queue", "nobody"), [])
        first = self.listed("--queue", "mail", "--limit", "1")
        self.assertEqual(self.names("--queue", "mail", "--before", first[0]["run_id"]), ["mail-1", "mail-0"])
        self.expect(self.run_("terminate", "mail-1"), OK)
        self.assertEqual(self.names("--queue", "mail"), ["mail-2", "mail-0"])
        self.assertIn("no runs", self.run_("list", "--queue", "nobody").out)

    def test_times_are_how_long_ago(self):
        self.start("echo", "e", "--wait")
        self.start("wait", "w")
        for option, ago, found in (
            ("--started-after", "1h", ["w", "e"]),
            ("--started-before", "1h", []),
            ("--ended-after", "1d", ["e"]),
            ("--ended-before", "1h30m", []),
        ):
            self.assertEqual(self.names(option, ago), found, option)

    def test_times_are_utc_to_the_second_or_to_the_day(self):
        self.start("echo", "e", "--wait")
        run = self.one("e")
        for key, option in (("started_ms", "--started"), ("ended_ms", "--ended")):
            second, day = run[key] // 1000, run[key] // 86400000 * 86400
            for at, fits in (
                (utc(second), True),
                (utc(second + 1), False),
                (utc(day, "%Y-%m-%d"), True),
                (utc(day + 86400, "%Y-%m-%d"), False),
                ("1970-01-01", True),
                ("2999-12-31T23:59:59Z", False),
            ):
                self.assertEqual(self.names(f"{option}-after", at), ["e"] if fits else [], at)
                self.assertEqual(self.names(f"{option}-before", at), [] if fits else ["e"], at)

    def test_times_narrow_what_else_is_asked_for(self):
        for number in range(3):
            self.start("echo", f"e{number}", "--wait", "--attribute", f"size={number % 2}")
            self.start("fails", f"f{number}", "--attribute", f"size={number % 2}")
        around = ("--started-after", "1h", "--ended-after", "1h", "--ended-before", utc(time.time() + 3600))
        self.assertEqual(self.names(*around), ["f2", "e2", "f1", "e1", "f0", "e0"])
        self.assertEqual(self.names(*around, "--state", "failed"), ["f2", "f1", "f0"])
        self.assertEqual(self.names(*around, "--workflow", "echo", "--attribute", "size=0"), ["e2", "e0"])
        pages, before = [], ()
        while page := self.listed(*around, "--limit", "4", *before):
            pages += [run["workflow_id"] for run in page]
            before = ("--before", page[-1]["run_id"])
        self.assertEqual(pages, ["f2", "e2", "f1", "e1", "f0", "e0"])

    def test_what_is_no_time_is_refused_before_anything_is_opened(self):
        for option in ("--started-after", "--started-before", "--ended-after", "--ended-before"):
            for bad in ("soon", "2026-13-01", "2026-11-22T10:00:00", "-5m"):
                answer = self.run_("list", f"{option}={bad}")
                self.expect_refusal(answer, USAGE, option, f"'{bad}' is no time", "2026-11-22T10:00:00Z")
        self.expect_refusal(self.run_("list", "--ended-after", "1h", "--ended-after", "2h"), USAGE, "twice")

    def test_what_no_run_can_fit_is_refused_with_the_reason(self):
        self.start("wait", "w")
        for arguments, word in (
            (("--started-after", "1h", "--started-before", "1h"), "started before"),
            (("--started-after", "1h", "--started-before", "2h"), "started before"),
            (("--ended-after", "2026-01-02", "--ended-before", "2026-01-01"), "ended before"),
            (("--started-after", "1h", "--ended-before", "2h"), "ended before"),
            (("--state", "open", "--ended-after", "1h"), "open"),
            (("--state", "blocked", "--ended-before", "1h"), "blocked"),
            (("--queue", "mail", "--state", "completed"), '"mail"'),
            (("--queue", "mail", "--ended-after", "1h"), '"mail"'),
        ):
            self.expect_refusal(self.run_("list", *arguments), USAGE, "no run fits", word)
            self.expect_json_refusal(self.run_("list", *arguments, "-o", "json"), USAGE, "EINVAL")
        self.expect_refusal(self.run_("list", "--queue", ""), USAGE, "queue")
        unknown = ("--started-after", "1h", "--before", "000000000000ffff")
        self.expect_refusal(self.run_("list", *unknown), NOT_FOUND, "000000000000ffff")

    def test_help_says_what_a_time_is(self):
        text = self.expect(self.stet("list", "--help"), OK).out
        for part in ("--queue QUEUE", "--started-after TIME", "--ended-before TIME", "2026-11-22T10:00:00Z", "UTC"):
            self.assertIn(part, text)
        self.assertIn("--ended-before TIME", self.stet("delete", "--help").out)


class WithServer(Lists, CliTest):
    def setUp(self):
        super().setUp()
        self.server = self.serve("--shards", "2")

    def run_(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.server.endpoint)

    def test_lists_are_the_same_after_a_kill(self):
        for number in range(4):
            self.start("call_on", f"mail-{number}", "-i", '"mail"')
            self.start("echo", f"e{number}", "--wait")
        asked = (("--queue", "mail"), ("--ended-after", "1h"), ("--started-after", "1h", "--limit", "3"))
        before = [self.listed(*arguments) for arguments in asked]
        self.assertEqual([len(runs) for runs in before], [4, 4, 3])
        self.server.popen.kill()
        self.server.wait()
        self.server = self.serve()
        self.assertEqual([self.listed(*arguments) for arguments in asked], before)

    def test_a_run_leaves_the_queue_when_its_activity_is_done(self):
        self.start("call_on", "m", "-i", '"mail"')
        work = ["work", "--connect", self.server.endpoint, "--module", cli.MODULE, "--queue", "mail"]
        executor = cli.Process(self, work)
        self.until(lambda: self.names("--state", "completed") == ["m"], "the activity is executed")
        self.assertEqual(self.names("--queue", "mail"), [])
        self.assertEqual(executor.stop(), OK)


class WithoutServer(Lists, CliTest):
    def run_(self, verb, *arguments):
        return self.here(verb, *arguments)


if __name__ == "__main__":
    cli.main()
