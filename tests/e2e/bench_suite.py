#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`stet bench` more than once: `--repeat`, the suite of `--all`, and `--compare` of what they wrote."""

import json
import os
import re
import statistics

import cli
from cli import OK, USAGE, CliTest

# The whole suite, also under a sanitizer.
SUITE_BOUND_S = 500


class BenchSuite(CliTest):
    def measure(self, name, *options):
        """Writes a document of a few runs."""
        answer = self.expect(self.stet("bench", *options, "--data", self.directory, "-o", "json"), OK)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(answer.out)
        return answer.json

    def write(self, name, document):
        with open(self.path(name), "w", encoding="utf-8") as file:
            json.dump(document, file)

    def left(self):
        return [name for name in os.listdir(self.directory) if name.startswith("stet-bench-")]

    def test_repeats_are_there_beside_their_medians(self):
        document = self.measure("a.json", "chain3", "--runs", "100", "--repeat", "3")
        repeats = document["repeats"]
        self.assertEqual(len(repeats), 3)
        for key in ("runs_per_s", "p50_us", "cpu_s_per_m", "rss_bytes", "ceiling_ratio"):
            middle = statistics.median(repeat[key] for repeat in repeats)
            self.assertAlmostEqual(document[key], middle, places=6)
        self.assertEqual((document["workload"], document["runs"], document["rate"]), ("chain3", 100, None))
        self.assertEqual(sorted(document), sorted([*repeats[0], "repeats"]))
        self.assertEqual(self.left(), [])

    def test_repeats_are_shown_with_their_range(self):
        options = ("--signals", "50", "--runs", "5", "--repeat", "2", "--data", self.directory)
        answer = self.expect(self.stet("bench", "signals", *options), OK)
        self.assertEqual(answer.err, "")
        self.assertRegex(answer.out, r"median +least +most")
        self.assertRegex(answer.out, r"spread: signals/s +[\d,.]+ +[\d,.]+ +[\d,.]+\n")
        self.assertIn("measured 2 times", answer.out)
        self.assertIn("level sync", answer.out)

    def test_each_repeat_has_a_process_of_its_own(self):
        """A second process of servers and executors can be forked only where there are no threads left."""
        for options in (("chain3", "--transport", "tcp"), ("timers", "--sleep", "10ms", "--transport", "tcp")):
            document = self.measure("a.json", *options, "--runs", "20", "--repeat", "2")
            self.assertEqual([repeat["runs"] for repeat in document["repeats"]], [20, 20])

    def test_a_repeat_that_fails_is_a_failure(self):
        options = ("--runs", "100", "--after", "0", "--repeat", "2", "--data", self.directory)
        answer = self.stet("bench", "timers", *options)
        self.expect(answer, cli.FAILED, "bench timers: ", "longer --after")
        self.assertEqual((answer.out, self.left()), ("", []))

    def test_a_document_compared_with_itself_has_not_changed(self):
        self.measure("a.json", "empty", "--runs", "50", "--no-ceiling", "--repeat", "4")
        answer = self.expect(self.stet("bench", "--compare", "a.json", "a.json"), OK)
        self.assertRegex(answer.out, r"\n0 better, 0 worse, \d+ within noise\n$")
        self.assertEqual(answer.err, "")

    def test_what_changed_is_better_or_worse_and_other_settings_are_told(self):
        document = self.measure("a.json", "empty", "--runs", "50", "--no-ceiling", "--repeat", "4")
        for repeat in document["repeats"]:
            repeat["runs_per_s"] *= 1000
            repeat["p50_us"] *= 1000
        self.write("b.json", document | {"level": "memory", "file_system": "other"})
        answer = self.expect(self.stet("bench", "--compare", "a.json", "b.json"), OK, "level", "file system")
        self.assertRegex(answer.out, r"empty: runs/s .* better\n")
        self.assertRegex(answer.out, r"empty: µs, p50 .* worse\n")
        self.assertIn("\n1 better, 1 worse, ", answer.out)
        self.assertEqual(self.compared("a.json", "b.json"), ({"runs_per_s": "better", "p50_us": "worse"}, 2))

    def compared(self, a, b):
        """By key what is not noise, and how many warnings there are."""
        answer = self.expect(self.stet("bench", "--compare", a, b, "-o", "json"), OK)
        self.assertEqual(answer.err, "")
        changed = {row["key"]: row["verdict"] for row in answer.json["figures"] if row["verdict"] != "noise"}
        self.assertEqual(len(changed), sum(answer.json[key] for key in ("better", "worse", "unsure")))
        return changed, len(answer.json["warnings"])

    def test_what_was_measured_once_is_unsure(self):
        document = self.measure("a.json", "empty", "--runs", "50", "--no-ceiling")
        self.write("b.json", document | {"runs_per_s": document["runs_per_s"] * 2})
        self.assertEqual(self.compared("a.json", "b.json"), ({"runs_per_s": "better, unsure"}, 0))

    def test_files_that_can_not_be_compared_are_refused_by_name(self):
        self.write("raw.json", {"workload": "raw"})
        self.write("fan.json", {"workload": "fan"})
        self.write("suite.json", {"results": []})
        self.write("other.json", {"results": 5})
        self.write("list.json", [])
        with open(self.path("text.json"), "w", encoding="utf-8") as file:
            file.write("{")
        for pair, words in (
            (("raw.json", "none.json"), ("none.json", "No such file")),
            (("text.json", "raw.json"), ("text.json", "no JSON")),
            (("raw.json", "list.json"), ("list.json", "no JSON map")),
            (("raw.json", "other.json"), ("other.json", "neither results nor a workload")),
            (("raw.json", "fan.json"), ("raw.json measures raw", "fan.json measures fan")),
            (("raw.json", "suite.json"), ("suite.json is of --all",)),
        ):
            answer = self.expect(self.stet("bench", "--compare", *pair), USAGE, *words)
            self.assertEqual((answer.out, answer.err.count("\n")), ("", 1), answer)

    def test_options_that_do_not_go_together_are_refused(self):
        os.mkdir(self.path("taken.json"))
        for options, words in (
            (("chain3", "--repeat", "0"), ("--repeat", "0")),
            (("chain3", "--repeat", "51"), ("--repeat", "50")),
            (("--all", "chain3"), ("--all", "chain3")),
            (("--all", "--repeat", "2"), ("--all", "--repeat")),
            (("--all", "--level", "memory"), ("--all", "--level")),
            (("--all", "-o", "json"), ("--all", "--output")),
            (("--all", "--out", ""), ("--out",)),
            (("--all", "--out", "no/such/name"), ("--out", "No such file")),
            (("--all", "--out", "taken"), ("taken.json", "no file")),
            (("--all", "--compare", "a", "b"), ("--all or --compare",)),
            (("chain3", "--quick"), ("chain3", "--quick")),
            (("chain3", "--out", "x"), ("chain3", "--out")),
            (("--compare", "a.json"), ("two documents", "not 1")),
            (("--compare",), ("two documents", "not 0")),
            (("--compare", "a", "b", "c"), ("two documents", "not 3")),
            (("--compare", "a", "b", "--runs", "5"), ("--compare", "--runs")),
        ):
            answer = self.expect(self.stet("bench", *options), USAGE, *words)
            self.assertEqual((answer.out, answer.err.count("\n")), ("", 1), answer)
        self.assertEqual(self.left(), [])

    def test_an_interrupted_suite_leaves_the_last_one_as_it_was(self):
        self.write("stet-bench.json", {"of": "yesterday"})
        process = cli.Process(self, ["bench", "--all", "--quick", "--data", self.directory])
        first = self.until(process.popen.stdout.readline, "its first line")
        self.assertIn(b"raw", first)
        self.assertEqual(process.stop(cli.signal.SIGTERM), 130)
        self.assertIn("interrupted", process.err())
        self.assertEqual(
            sorted(name for name in os.listdir(self.directory) if "bench" in name), ["stet-bench.json"]
        )
        with open(self.path("stet-bench.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file), {"of": "yesterday"})

    def test_the_suite_writes_a_document_and_a_page(self):
        self.write("suite.json", {"of": "yesterday"})
        process = cli.Process(self, ["bench", "--all", "--quick", "--out", "suite", "--data", self.directory])
        out, _ = process.popen.communicate(timeout=SUITE_BOUND_S)
        self.assertEqual((process.popen.returncode, process.err()), (0, ""))
        self.assertIn(b"suite.md and suite.json are written", out)
        with open(self.path("suite.json"), encoding="utf-8") as file:
            document = json.load(file)
        self.check_document(document)
        with open(self.path("suite.md"), encoding="utf-8") as file:
            self.check_page(file.read(), document)
        self.assertEqual(self.left(), [])
        answer = self.expect(self.stet("bench", "--compare", "suite.json", "suite.json"), OK)
        self.assertRegex(answer.out, r"^0 better, 0 worse, \d\d\d within noise\n$")

    def check_document(self, document):
        self.assertEqual(
            sorted(document),
            sorted("version date quick seconds machine fdatasync_p50_us commit_p50_us derived results".split()),
        )
        self.assertEqual(
            sorted(document["machine"]), sorted("cores cpu_model kernel file_system memory_bytes".split())
        )
        self.assertRegex(document["date"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
        self.assertIs(document["quick"], True)
        names = [result["name"] for result in document["results"]]
        self.assertEqual(len(set(names)), len(names))
        for result in document["results"]:
            self.assertEqual(len(result["document"]["repeats"]), result["repeats"], result["name"])
            self.assertTrue(result["options"].startswith(result["document"]["workload"]), result["name"])
        derived = {row["name"]: row["median"] for row in document["derived"]}
        for name in (
            "ceiling_ratio_inproc tcp_by_inproc empty_by_chain3 one_at_a_time_bound_us fan_ms signals_per_s "
            "batched_signals_per_s batched_signals_to_one_run_per_s"
        ).split():
            self.assertGreater(derived[name], 0, name)

    def check_page(self, page, document):
        self.assertIn(f"measured {document['date']} (quick)", page)
        self.assertIn(document["machine"]["file_system"], page)
        self.assertNotIn("could not be measured", page)
        self.assertNotIn("nan", page)
        rows = [line for line in page.split("\n") if line.startswith("| ") and not line.startswith("| figure")]
        self.assertGreater(len(rows), 80)
        for row in rows:
            self.assertIn(row.split(" | ")[1], ("sync", "relaxed", "memory"), row)
        for command in set(re.findall(r"`stet (bench [a-z][^`]*)`", page)):
            self.assertIn(command.removeprefix("bench ").split(" --")[0], "raw ceiling chain3 empty fan signals "
                          "timers recover history".split(), command)


if __name__ == "__main__":
    cli.main()
