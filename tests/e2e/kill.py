#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""kill -9 of servers and executors in the middle of a run: the result is that of a run that nobody disturbed.

The moments are places in the run's history, not times. Environment, besides cli.py's: STET_LOANS, the loan_matching
example; STET_LOAN_DATA, its data.
"""

import json
import os
import random
import signal
import socket
import subprocess

import cli
from cli import BOUND_S, DATA, OK, STET, CliTest

LOANS = os.path.abspath(os.environ["STET_LOANS"])
LOAN_DATA = os.path.abspath(os.environ["STET_LOAN_DATA"])
SLOW = os.path.join(cli.MODULES, "module_slow.so")
LENDERS = 96  # with four at a time about a second; one of them fails at first

# Kills by the number of transitions that the run has at least; each list is for one run.
MOMENTS = ([1, 30, 60, 90], [2, 40, 70, 97], [3, 50, 80], [10, 20, 95])


def free_port():
    """Below those that the system gives to connections: it must still be free when the server comes back to it."""
    for port in random.sample(range(10000, 32000), 100):
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
    raise OSError("a hundred ports are all in use")


class KillTest(CliTest):
    def setUp(self):
        super().setUp()
        self.endpoint = f"tcp://127.0.0.1:{free_port()}"

    def begin(self, program, *arguments):
        process = cli.Process(self, [*arguments, "-o", "json"], program=program)
        process.ready()
        return process

    def kill(self, process):
        process.stop(signal.SIGKILL)

    def ask(self, verb, *arguments):
        return self.stet(verb, *arguments, "--connect", self.endpoint, "-o", "json")

    def wait_in_background(self, *arguments):
        """start --wait as a user's shell runs it; the text it prints is for expect_result()."""
        client = subprocess.Popen(
            [STET, "start", *arguments, "--wait", "--connect", self.endpoint],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.addCleanup(client.stdout.close)
        self.addCleanup(client.stderr.close)
        self.addCleanup(client.kill)
        return client

    def result_of(self, client):
        out, err = client.communicate(timeout=BOUND_S)
        self.assertEqual((client.returncode, err.decode()), (OK, ""))
        return out


class Loans(KillTest):
    """One run of loan-matching a test, disturbed at the given moments."""

    expected = None

    def setUp(self):
        super().setUp()
        self.kills = 0
        for name, count in (("applications.json", None), ("lenders.json", LENDERS)):
            with open(os.path.join(LOAN_DATA, name), encoding="utf-8") as source:
                rows = json.load(source)[:count]
            with open(self.path(name), "w", encoding="utf-8") as target:
                json.dump(rows, target)
        self.input = json.dumps({"application": "A35", "data": self.directory})

    def undisturbed(self):
        """The bytes that everything is compared with."""
        if Loans.expected is None:
            plain = subprocess.run(
                [LOANS, "start", "loan-matching", "--input", self.input, "--wait", "--data", self.path("plain")],
                env=self.environment,
                capture_output=True,
                timeout=BOUND_S,
                check=True,
            )
            Loans.expected = plain.stdout
            self.assertEqual(json.loads(plain.stdout)["lenders_asked"], LENDERS)
        return Loans.expected

    def dev(self):
        return self.begin(LOANS, "dev", "--data", self.data, "--listen", self.endpoint, "--executors", "1")

    def serve(self):
        options = ["--data", self.data, "--listen", self.endpoint, "--executors", "0", "--lease", "300ms"]
        return self.begin(LOANS, "serve", *options)

    def work(self):
        return self.begin(LOANS, "work", "--connect", self.endpoint, "--slots", "3")

    def reached(self, moment):
        """Whether the run has got so far: its state and number of transitions."""
        answer = self.ask("show", "loan")
        return answer.code == OK and answer.json["transitions"] >= moment and answer.json

    def disturb(self, moments, hit, server):
        client = self.wait_in_background("loan-matching", "--id", "loan", "--input", self.input)
        for moment in moments:
            shown = self.until(lambda moment=moment: self.reached(moment), f"transition {moment}")
            if shown["state"] == "open":
                server = hit(server)
                self.kills += 1
        self.assertEqual(self.result_of(client), self.undisturbed())
        self.assertGreaterEqual(self.kills, len(moments) - 1)
        self.check_history()
        server.stop()
        self.assertTrue(self.expect(self.stet("verify", self.data, "-o", "json"), OK).json["whole"])

    def check_history(self):
        """Each lender was asked once by the run, and each answer applied once."""
        history = self.expect(self.ask("history", "loan"), OK).json
        outcomes = [e["event"] for e in history if e["event"]["type"] == "activity_ended"]
        ended = [outcome["op"] for outcome in outcomes if not outcome.get("code")]
        calls = [effect["op"] for e in history for effect in e["effects"] if effect["type"] == "call"]
        self.assertEqual(sorted(ended), sorted(calls))
        self.assertEqual(len(calls), len(set(calls)))
        self.assertEqual(len(calls), LENDERS + 2)


def cases(name, begin, hit):
    """A test for each list of moments."""

    def make(moments):
        def test(self):
            server, state = begin(self)
            self.disturb(moments, lambda old: hit(self, old, state), server)

        return test

    for moments in MOMENTS:
        places = "_".join(str(moment) for moment in moments)
        setattr(Loans, f"test_{name}_at_transitions_{places}_changes_nothing", make(moments))


def begin_dev(test):
    server = test.dev()
    return server, {"work": test.work()}


def begin_serve(test):
    server = test.serve()
    return server, {"work": test.work()}


def hit_server(test, server, _):
    test.kill(server)
    return test.dev()


def hit_executor(test, server, state):
    test.kill(state["work"])
    state["work"] = test.work()
    return server


def hit_both(test, server, state):
    test.kill(server)
    test.kill(state["work"])
    server = test.dev()
    state["work"] = test.work()
    return server


cases("killing_the_server", begin_dev, hit_server)
cases("killing_the_executor", begin_serve, hit_executor)
cases("killing_both", begin_dev, hit_both)


class Slow(KillTest):
    """A long activity in another process, while the server dies."""

    def lines(self, end):
        try:
            with open(self.path(f"trace.{end}"), encoding="utf-8") as file:
                return file.read().splitlines()
        except FileNotFoundError:
            return []

    def serve(self, executors):
        options = ["--data", self.data, "--listen", self.endpoint, "--module", SLOW, "--executors", executors]
        return self.begin(STET, "serve", *options)

    def setUp(self):
        super().setUp()
        self.server = self.serve("0")
        self.worker = self.begin(STET, "work", "--connect", self.endpoint, "--module", SLOW, "--slots", "2")
        trace = json.dumps(self.path("trace"))
        self.client = self.wait_in_background("append", "--id", "a", "--input", trace)
        self.until(lambda: self.lines("begun"), "the activity begins")

    def let_go(self):
        with open(self.path("trace.go"), "w", encoding="utf-8"):
            pass

    def noted(self, before):
        return self.ask("stats").json["log"]["records"] > before

    def expect_once(self):
        self.let_go()
        self.assertEqual(self.result_of(self.client), b'"appended"\n')
        self.assertEqual(self.lines("done"), [f"attempt 1 in process {self.worker.popen.pid}"])
        self.assertEqual(self.lines("begun"), self.lines("done"))

    def test_an_executor_outlives_a_restart_and_finishes_what_it_runs(self):
        self.kill(self.server)
        self.serve("0")
        self.expect_once()

    def test_an_executor_outlives_many_restarts(self):
        for _ in range(5):
            self.kill(self.server)
            self.server = self.serve("0")
        self.expect_once()

    def test_an_outcome_that_nobody_hears_is_kept_until_the_server_is_back(self):
        self.kill(self.server)
        self.let_go()
        self.until(lambda: self.lines("done"), "the activity ends without a server")
        self.serve("0")
        self.expect_once()

    def test_a_long_attempt_is_left_to_its_executor_although_others_are_free(self):
        self.until(lambda: self.noted(1), "the attempt is noted")
        self.kill(self.server)
        self.serve("4")
        self.expect_once()

    def test_an_executor_that_dies_with_the_server_is_replaced(self):
        self.kill(self.worker)
        self.kill(self.server)
        self.serve("1")
        self.let_go()
        self.assertEqual(self.result_of(self.client), b'"appended"\n')
        self.assertEqual(len(self.lines("begun")), 2)
        self.assertEqual(len(self.lines("done")), 1)


class Held(KillTest):
    """A directory has one server."""

    def dev(self):
        return self.begin(STET, "dev", "--data", self.data, "--listen", self.endpoint, "--module", cli.MODULE)

    def refuse_second(self, first):
        for listen in (self.endpoint, "tcp://127.0.0.1:0"):
            answer = self.stet("dev", "--data", self.data, "--listen", listen, "--module", cli.MODULE)
            self.expect_refusal(answer, DATA, f"process {first.popen.pid}", self.endpoint)

    def test_a_second_server_is_refused_with_the_pid_of_the_first(self):
        first = self.dev()
        self.refuse_second(first)
        self.expect(self.ask("start", "echo", "--wait"), OK)
        first.stop()
        self.dev()

    def test_a_server_that_is_stopped_still_holds_its_directory(self):
        first = self.dev()
        self.expect(self.ask("start", "wait", "--id", "w"), OK)
        first.popen.send_signal(signal.SIGSTOP)
        self.refuse_second(first)
        first.popen.send_signal(signal.SIGCONT)
        self.expect(self.ask("signal", "w", "go"), OK)
        first.popen.send_signal(signal.SIGSTOP)
        self.kill(first)
        self.dev()
        self.assertEqual(self.ask("show", "w").json["state"], "completed")


if __name__ == "__main__":
    cli.main()
