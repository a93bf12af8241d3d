# SPDX-License-Identifier: MIT
"""The stet command as tests of it see it: each test has a directory of its own and ends what it started.

Environment: STET_BIN, the stet command; STET_TEST_MODULES, the directory of module_crash.so and module_empty.so.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

STET = os.path.abspath(os.environ["STET_BIN"])
MODULES = os.path.abspath(os.environ["STET_TEST_MODULES"])
MODULE = os.path.join(MODULES, "module_crash.so")
EMPTY = os.path.join(MODULES, "module_empty.so")
BOUND_S = 60

OK, FAILED, USAGE, NOT_FOUND, REFUSED, NO_ANSWER, DATA, BAD_MODULE, INTERNAL = 0, 1, 2, 3, 4, 5, 6, 7, 70


class Answer:
    """What a finished command said."""

    def __init__(self, arguments, code, out, err):
        self.arguments, self.code, self.out, self.err = arguments, code, out, err

    @property
    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"stet {self.arguments}\nexit code {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Process:
    """A command that goes on: a server or an executor."""

    def __init__(self, test, arguments, program=STET):
        self.test = test
        self.log = open(os.path.join(test.directory, f"process-{len(test.processes)}.err"), "w+b")
        self.popen = subprocess.Popen(
            [program, *arguments],
            cwd=test.directory,
            env=test.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )
        test.processes.append(self)

    def ready(self):
        """Its first line of JSON, which a server prints when it is ready."""
        line = self.popen.stdout.readline()
        if not line:
            self.test.fail(f"it ended with {self.popen.wait(BOUND_S)} before it was ready: {self.err()}")
        return json.loads(line)

    def err(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()

    def wait(self):
        return self.popen.wait(BOUND_S)

    def stop(self, number=signal.SIGTERM):
        self.popen.send_signal(number)
        return self.wait()

    def close(self):
        if self.popen.poll() is None:
            self.popen.kill()
            self.popen.wait(BOUND_S)
        self.popen.stdout.close()
        self.log.close()


class CliTest(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="stet-", dir="/tmp")
        self.data = os.path.join(self.directory, "data")
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("STET_")}
        self.environment["LC_ALL"] = "C.UTF-8"
        self.processes = []

    def tearDown(self):
        for process in self.processes:
            process.close()
        shutil.rmtree(self.directory)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def stet(self, *arguments, given=None):
        """Runs a command to its end."""
        run = subprocess.run(
            [STET, *arguments],
            cwd=self.directory,
            env=self.environment,
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            timeout=BOUND_S,
            check=False,
        )
        return Answer(arguments, run.returncode, run.stdout.decode(), run.stderr.decode(errors="replace"))

    def here(self, verb, *arguments, **more):
        """A command that opens the test's directory itself, with the module's code."""
        return self.stet(verb, *arguments, "--data", self.data, "--module", MODULE, **more)

    def serve(self, *arguments, module=MODULE, verb="dev"):
        """A server on the test's directory, ready; any free port."""
        modules = ["--module", module] if module else []
        options = ["--data", self.data, "--listen", "tcp://127.0.0.1:0", "-o", "json"]
        server = Process(self, [verb, *options, *modules, *arguments])
        server.ready_document = server.ready()
        server.endpoint = server.ready_document["endpoints"][0]
        return server

    def until(self, condition, what):
        """Waits for a condition that each try looks at anew; gives what it gave."""
        end = time.monotonic() + BOUND_S
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
        self.fail(f"{what}: not within {BOUND_S} s")

    def expect(self, answer, code, *words):
        """The exit code, and words of the sentence on standard error."""
        self.assertEqual(answer.code, code, answer)
        for word in words:
            self.assertIn(word, answer.err, answer)
        return answer

    def expect_refusal(self, answer, code, *words):
        """A refusal: nothing on standard output, one sentence and at most one line of advice on standard error."""
        self.expect(answer, code, *words)
        self.assertEqual(answer.out, "", answer)
        lines = answer.err.rstrip("\n").split("\n")
        self.assertTrue(lines[0].startswith("stet: "), answer)
        self.assertLessEqual(len(lines), 2, answer)
        return answer

    def expect_json_refusal(self, answer, code, error):
        self.assertEqual(answer.code, code, answer)
        self.assertEqual(answer.out, "", answer)
        document = json.loads(answer.err)
        self.assertEqual(document["error"], error, answer)
        self.assertTrue(document["message"], answer)
        return document


class TapResult(unittest.TestResult):
    """One TAP line a test. Its name with spaces for underscores is the claim."""

    def __init__(self):
        super().__init__()
        self.number = 0

    def say(self, word, test, note=""):
        self.number += 1
        name = test.id().split(".")[-1].removeprefix("test_").replace("_", " ")
        print(f"{word} {self.number} - {name}{note}", flush=True)

    def explain(self, test, error):
        self.say("not ok", test)
        for line in self._exc_info_to_string(error, test).split("\n"):
            print(f"# {line}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.say("ok", test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.explain(test, err)

    def addError(self, test, err):
        super().addError(test, err)
        self.explain(test, err)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.say("ok", test, f" # SKIP {reason}")


def main():
    """Runs the tests of the calling file, all or those whose names contain the argument."""
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    chosen = unittest.TestSuite(
        test for suite in tests for test in suite if len(sys.argv) < 2 or sys.argv[1] in test.id()
    )
    print(f"1..{chosen.countTestCases()}", flush=True)
    result = TapResult()
    chosen.run(result)
    sys.exit(0 if result.wasSuccessful() else 1)
