#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The command line itself: verbs, options, help, exit codes, and what a terminal is shown."""

import json
import os
import pty
import re

import cli
from cli import NO_ANSWER, OK, STET, USAGE, CliTest

VERBS = (
    "dev serve work start list show history signal cancel terminate query stats executors verify bench help version"
).split()


class Usage(CliTest):
    def test_without_a_verb_the_overview_and_exit_code_2(self):
        answer = self.stet()
        self.assertEqual((answer.code, answer.out), (USAGE, ""))
        self.assertIn("Verbs", answer.err)

    def test_help_names_every_verb(self):
        answer = self.expect(self.stet("help"), OK)
        self.assertEqual([verb for verb in VERBS if not re.search(rf"^  {verb} ", answer.out, re.MULTILINE)], [])
        self.assertEqual(self.stet("--help").out, answer.out)

    def test_every_verb_explains_itself(self):
        for verb in VERBS:
            if verb == "bench":
                continue
            answer = self.expect(self.stet(verb, "--help"), OK)
            for part in (f"stet {verb}: ", "Usage", "Options", "Example", "--output", "--help"):
                self.assertIn(part, answer.out, answer)
            self.assertEqual(self.stet("help", verb).out, answer.out)

    def test_an_unknown_verb_is_refused_with_the_nearest(self):
        self.expect_refusal(self.stet("strat"), USAGE, "'strat'", "did you mean start")
        self.expect_refusal(self.stet("frobnicate"), USAGE, "'frobnicate' is no verb")

    def test_an_unknown_option_is_refused_with_the_nearest(self):
        self.expect_refusal(self.stet("list", "--sate", "open"), USAGE, "--sate", "did you mean state")
        self.expect_refusal(self.stet("list", "-z"), USAGE, "-z")

    def test_a_word_that_an_option_does_not_take_is_refused_with_the_nearest(self):
        self.expect_refusal(self.stet("list", "--state", "opne"), USAGE, "--state", "did you mean open?")
        self.expect_refusal(self.stet("start", "x", "--on-conflict", "maybe"), USAGE, "use-existing")
        self.expect_refusal(self.stet("list", "-o", "xml"), USAGE, "--output", "json")

    def test_missing_and_superfluous_arguments_are_refused(self):
        self.expect_refusal(self.stet("start"), USAGE, "needs NAME")
        self.expect_refusal(self.stet("signal", "run"), USAGE, "needs NAME")
        self.expect_refusal(self.stet("show", "one", "two"), USAGE, "'two'")
        self.expect_refusal(self.stet("start", "x", "--id"), USAGE, "--id needs ID")
        self.expect_refusal(self.stet("start", "x", "--wait=yes"), USAGE, "--wait takes no value")

    def test_an_option_given_twice_is_refused(self):
        self.expect_refusal(self.stet("start", "x", "--id", "a", "--id", "b"), USAGE, "--id is given twice")

    def test_numbers_that_are_none_are_refused(self):
        for arguments in (
            ("list", "--timeout", "5"),
            ("list", "--timeout", "5 parsecs"),
            ("list", "--timeout", "-1s"),
            ("list", "--timeout", ""),
            ("list", "--timeout", "99999999999999999999s"),
            ("start", "x", "--wait", "--timeout", "soon"),
            ("start", "x", "--timeout", "5s"),
            ("dev", "--executors", "many"),
            ("dev", "--executors", "1000000"),
            ("serve", "--shards", "0"),
            ("serve", "--stack-size", "1k"),
            ("serve", "--stack-size", "64q"),
            ("serve", "--lease", "1ms"),
        ):
            self.expect_refusal(self.stet(*arguments), USAGE, arguments[-2])
        for limit in ("0", "-1", "1001", "ten"):
            self.expect_refusal(self.stet("list", "--limit", limit), USAGE, "--limit")
        self.assertEqual(os.listdir(self.directory), [])

    def test_data_and_connect_exclude_each_other(self):
        self.expect_refusal(
            self.stet("list", "--data", "d", "--connect", "tcp://127.0.0.1:1"), USAGE, "--data", "--connect"
        )

    def test_modules_are_refused_where_another_process_runs_the_code(self):
        self.expect_refusal(
            self.stet("start", "x", "--connect", "tcp://127.0.0.1:1", "--module", cli.MODULE), USAGE, "--module"
        )

    def test_the_environment_says_where(self):
        self.environment["STET_CONNECT"] = "nonsense"
        self.expect_refusal(self.stet("list"), NO_ANSWER, "nonsense")
        self.environment["STET_CONNECT"] = ""
        self.environment["STET_DATA"] = "elsewhere"
        self.expect_refusal(self.stet("list"), cli.DATA, "elsewhere")

    def test_with_json_mistakes_are_json_too(self):
        self.expect_json_refusal(self.stet("strat", "-o", "json"), USAGE, "EINVAL")
        self.expect_json_refusal(self.stet("list", "--sate", "x", "--output=json"), USAGE, "EINVAL")
        self.expect_json_refusal(self.stet("start", "x", "-i", "{", "-ojson"), USAGE, "EJSON")

    def test_the_version_is_told(self):
        self.assertRegex(self.expect(self.stet("version"), OK).out, r"^stet \d+\.\d+\.\d+\n$")
        self.assertRegex(self.stet("version", "-o", "json").json["version"], r"^\d+\.\d+\.\d+$")
        self.assertEqual(self.stet("--version").out, self.stet("version").out)

    def test_the_exit_codes_are_listed_with_every_error_once(self):
        answer = self.expect(self.stet("help", "exit-codes"), OK)
        codes = [int(code) for code in re.findall(r"^ +(\d+)  ", answer.out, re.MULTILINE)]
        self.assertEqual(codes, [0, 1, 2, 3, 4, 5, 6, 7, 70])
        errors = re.findall(r"\bE[A-Z]+\b", answer.out)
        self.assertEqual(len(errors), len(set(errors)))
        self.assertGreaterEqual(len(errors), 30)

    def test_an_answer_that_cannot_be_written_is_a_failure(self):
        with open("/dev/full", "wb") as full:
            process = cli.subprocess.run(
                [STET, "version"], stdout=full, stderr=cli.subprocess.PIPE, cwd=self.directory, check=False
            )
        self.assertEqual(process.returncode, cli.FAILED)
        self.assertIn(b"standard output", process.stderr)


class Terminal(CliTest):
    def show_on_terminal(self, **environment):
        """What `stet help` writes to a terminal."""
        try:
            pid, descriptor = pty.fork()
        except OSError as error:
            self.skipTest(f"this machine has no terminals: {error}")
        if pid == 0:
            os.execve(STET, [STET, "help"], {"TERM": "xterm", **environment})
        text = b""
        while True:
            try:
                part = os.read(descriptor, 4096)
            except OSError:  # how a terminal says that nobody writes any more
                part = b""
            if not part:
                break
            text += part
        os.close(descriptor)
        self.assertEqual(os.waitpid(pid, 0)[1], 0)
        return text.decode()

    def test_a_terminal_gets_colours_and_a_pipe_none(self):
        self.assertIn("\x1b[", self.show_on_terminal())
        self.assertNotIn("\x1b[", self.stet("help").out)

    def test_no_color_and_dumb_terminals_are_respected(self):
        self.assertNotIn("\x1b[", self.show_on_terminal(NO_COLOR="1"))
        self.assertNotIn("\x1b[", self.show_on_terminal(TERM="dumb"))

    def test_json_is_one_document(self):
        json.loads(self.stet("version", "-o", "json").out)


if __name__ == "__main__":
    cli.main()
