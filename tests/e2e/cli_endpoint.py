#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Endpoints: taken, wrong, silent, or not stet's at all."""

import os
import signal
import socket

import cli
from cli import NO_ANSWER, OK, USAGE, CliTest


def listening():
    """A socket that accepts connections and says nothing, and its endpoint."""
    server = socket.create_server(("127.0.0.1", 0))
    return server, f"tcp://127.0.0.1:{server.getsockname()[1]}"


class Endpoint(CliTest):
    def test_a_port_in_use_is_refused_and_the_directory_let_go(self):
        server, endpoint = listening()
        with server:
            for verb in ("dev", "serve"):
                answer = self.stet(verb, "--data", self.data, "--listen", endpoint)
                self.expect_refusal(answer, NO_ANSWER, endpoint, "--listen tcp://127.0.0.1:0")
        self.expect(self.here("start", "echo", "--wait"), OK)

    def test_what_is_no_endpoint_is_refused(self):
        for wrong, word in (
            ("nonsense", "nonsense"),
            ("http://127.0.0.1:80", "http://127.0.0.1:80"),
            ("tcp://127.0.0.1", "no port"),
            ("tcp://127.0.0.1:70000", "70000"),
            ("tcp://", "tcp://"),
            ("ipc://", "no path"),
        ):
            self.expect_refusal(self.stet("list", "--connect", wrong), NO_ANSWER, word)
            self.expect_json_refusal(self.stet("list", "--connect", wrong, "-o", "json"), NO_ANSWER, "EENDPOINT")
        self.expect_refusal(self.stet("list", "--connect", ""), USAGE, "--connect")
        self.assertEqual(os.listdir(self.directory), [])

    def test_nobody_there_is_told_within_the_timeout(self):
        server, endpoint = listening()
        server.close()
        for verb, *arguments in (("list",), ("show", "x"), ("signal", "x", "y"), ("stats",)):
            answer = self.stet(verb, *arguments, "--connect", endpoint, "--timeout", "300ms")
            self.expect_refusal(answer, NO_ANSWER)
        answer = self.stet("list", "--connect", endpoint, "--timeout", "300ms", "-o", "json")
        self.expect_json_refusal(answer, NO_ANSWER, "EUNREACHABLE")

    def test_something_else_that_listens_is_told_within_the_timeout(self):
        server, endpoint = listening()
        with server:
            self.expect_refusal(self.stet("list", "--connect", endpoint, "--timeout", "300ms"), NO_ANSWER)

    def test_dev_listens_on_this_machine_only(self):
        answer = self.stet("dev", "--data", self.data, "--listen", "tcp://0.0.0.0:0")
        self.expect_refusal(answer, USAGE, "0.0.0.0", "serve")
        self.assertFalse(os.path.exists(self.data))

    def test_a_path_too_long_for_a_socket_is_worked_around(self):
        self.data = self.path("d" * 120)
        server = self.serve()
        self.assertTrue(all(endpoint.startswith("tcp:") for endpoint in server.ready_document["endpoints"]))
        self.expect(self.stet("list", "--connect", server.endpoint), OK)

    def test_a_server_says_what_it_listens_on_and_ends_in_order(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            document = server.ready_document
            self.assertEqual(document["pid"], server.popen.pid)
            self.assertEqual(document["data_dir"], self.data)
            self.assertIn("echo", document["workflows"])
            self.assertIn("boom", document["activities"])
            self.assertTrue(document["endpoints"][0].startswith("tcp://127.0.0.1:"))
            for endpoint in document["endpoints"]:
                self.expect(self.stet("list", "--connect", endpoint), OK)
            self.assertEqual(server.stop(number), OK, server.err())

    def test_a_second_signal_ends_it_at_once(self):
        server = self.serve()
        self.expect(self.stet("start", "call", "-i", '"hang"', "--data", self.data), OK)
        self.until(lambda: self.stet("executors", "-o", "json", "--data", self.data).out.count("hang"), "hang runs")

        def ended():
            server.popen.send_signal(signal.SIGTERM)
            try:
                return server.popen.wait(0.05) is not None
            except cli.subprocess.TimeoutExpired:
                return False

        self.until(ended, "the second signal")
        self.assertEqual(server.popen.returncode, 128 + signal.SIGTERM)

    def test_an_executor_says_that_nobody_answers_and_goes_on_trying(self):
        server, endpoint = listening()
        server.close()
        process = cli.Process(self, ["work", "--connect", endpoint, "--module", cli.MODULE])
        self.until(lambda: "no answer" in process.err(), "the note")
        self.assertIsNone(process.popen.poll())
        self.assertEqual(process.stop(), OK)


if __name__ == "__main__":
    cli.main()
