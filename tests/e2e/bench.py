#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""`stet bench`: every workload in a tiny size, with all the keys that docs/BENCHMARKS.md promises."""

import json
import os
import xml.etree.ElementTree

import cli
from cli import OK, USAGE, CliTest

KEYS = (
    "workload mode level transport file_system executors runs seconds runs_per_s transitions_per_s p50_us p90_us "
    "p99_us p999_us max_us commits records_per_commit record_bytes disk_bytes_per_run cpu_s_per_m rss_bytes "
    "ceiling_runs_per_s ceiling_ratio ceiling_p50_us hop_us fdatasync_p50_us commit_p50_us cores payload_bytes "
    "in_flight rate"
).split()


class Bench(CliTest):
    def bench(self, workload, *options, keys="", tables=None):
        """Runs it and gives its document, which has the common keys, these of its own, and these tables."""
        answer = self.expect(
            self.stet("bench", workload, "--data", self.directory, "-o", "json", *options), OK
        )
        self.assertEqual(answer.err, "", answer)
        document = json.loads(answer.out)
        self.assertEqual(sorted(document), sorted([*KEYS, *keys.split(), *(tables or {})]))
        for name, columns in (tables or {}).items():
            for row in document[name]:
                self.assertEqual(list(row), columns.split())
        self.assertEqual(document["workload"], workload)
        self.assertGreater(document["cores"], 0)
        self.assertGreater(document["fdatasync_p50_us"], 0)
        self.assertGreater(document["rss_bytes"], 0)
        self.assertEqual(os.listdir(self.directory), [], "what it made is removed")
        return document

    def test_raw_has_a_point_for_each_group_and_number_of_writers(self):
        document = self.bench(
            "raw",
            "--runs",
            "20",
            tables={"points": "log writers group records_per_s records_per_commit p50_us p99_us"},
        )
        self.assertEqual(len(document["points"]), 17)
        self.assertEqual({point["log"] for point in document["points"]}, {"lmdb", "file"})

    def test_the_ceiling_and_chain3_move_four_records_a_run(self):
        for workload, more in (("ceiling", ()), ("chain3", ()), ("chain3", ("--transport", "tcp"))):
            document = self.bench(workload, "--runs", "200", *more)
            self.assertEqual(document["runs"], 200)
            self.assertAlmostEqual(document["transitions_per_s"], document["runs_per_s"] * 4, delta=1)
        self.assertGreater(document["ceiling_ratio"], 0)

    def test_empty_runs_are_one_record_each(self):
        document = self.bench("empty", "--runs", "100", "--no-ceiling")
        self.assertAlmostEqual(document["transitions_per_s"], document["runs_per_s"], delta=1)
        self.assertIsNone(document["ceiling_ratio"])

    def test_chain3_over_several_sizes_is_a_table(self):
        columns = (
            "payload_bytes runs in_flight runs_per_s p50_us records_per_commit log_mb_per_s raw_mb_per_s ratio "
            "disk_bytes_per_run"
        )
        document = self.bench("chain3", "--runs", "20", "--payload", "1,4k,64k", tables={"points": columns})
        self.assertEqual([point["payload_bytes"] for point in document["points"]], [1, 4096, 65536])

    def test_checkpoints_are_compared_slice_by_slice(self):
        document = self.bench(
            "empty",
            *("--runs", "120", "--checkpoint", "both"),
            keys="off_runs_per_s off_p50_us off_p99_us checkpoint_ratio kept_up_ratio cpu_ratio",
            tables={"points": "checkpoint runs runs_per_s rest_cpu_s cpu_s_per_m_runs p50_us p99_us"},
        )
        self.assertEqual([point["checkpoint"] for point in document["points"]], ["off", "on"] * 6)
        self.assertGreater(document["checkpoint_ratio"], 0)
        self.assertEqual({point["rest_cpu_s"] for point in document["points"][::2]}, {0})
        self.bench("chain3", "--runs", "20", "--no-ceiling", "--checkpoint", "off")

    def test_a_fan_is_so_many_activities_and_one_start(self):
        document = self.bench("fan", "--runs", "3", "--width", "20", keys="width fan_ms activities_per_s")
        self.assertEqual((document["runs"], document["width"]), (3, 20))
        self.assertAlmostEqual(document["transitions_per_s"] / document["runs_per_s"], 21, delta=0.1)

    def test_signals_go_to_many_runs_to_one_and_between_two(self):
        columns = "kind runs clients in_flight signals signals_per_s p50_us p99_us max_us records_per_commit"
        for more in ((), ("--transport", "ipc")):
            document = self.bench(
                "signals",
                *("--signals", "200", "--runs", "7", "--in-flight", "5", "--window", "50"),
                *more,
                tables={"points": columns},
            )
            keys = ("kind", "runs", "clients", "in_flight", "signals")
            rows = [tuple(point[key] for key in keys) for point in document["points"]]
            self.assertEqual(
                rows,
                [
                    ("spread", 7, 5, 5, 200),
                    ("one run", 1, 5, 5, 200),
                    ("spread, batched", 7, 1, 50, 2000),
                    ("one run, batched", 1, 1, 50, 600),
                    ("ping-pong", 2, None, None, 10),
                ],
            )

    def test_timers_fire_once_and_never_early_after_a_kill(self):
        document = self.bench(
            "timers",
            *("--runs", "200", "--after", "4s", "--spread", "300ms"),
            keys="rss_bytes_per_run anon_bytes_per_run file_bytes_per_run parked_rss_bytes parked_anon_bytes "
            "empty_rss_bytes empty_anon_bytes recovered_rss_bytes recovered_anon_bytes after_rss_bytes "
            "after_anon_bytes settle_s ready_ms ready_ahead_ms spread_ms fired_per_s lateness_p50_ms "
            "lateness_p99_ms lateness_p999_ms lateness_max_ms fired_once fired_again fired_early lost",
        )
        self.assertEqual(document["fired_once"], 200)
        self.assertEqual((document["fired_again"], document["fired_early"], document["lost"]), (0, 0, 0))
        self.assertGreater(document["ready_ms"], 0)

    def test_sleeping_runs_are_seen_to_end_and_never_early(self):
        for transport in ("inproc", "tcp"):
            document = self.bench(
                "timers",
                *("--sleep", "50ms", "--runs", "30", "--transport", transport),
                keys="sleep_ms starts_s all_done_s lateness_p50_ms lateness_p99_ms lateness_max_ms "
                "seen_lateness_p50_ms seen_lateness_p99_ms seen_lateness_max_ms fired_early cpu_ms_per_run "
                "node_cpu_ms_per_run",
            )
            self.assertEqual((document["runs"], document["sleep_ms"], document["fired_early"]), (30, 50, 0))
            self.assertGreaterEqual(document["all_done_s"], 0.05)
            self.assertGreater(document["seen_lateness_p50_ms"], 0)
            self.assertEqual(document["node_cpu_ms_per_run"] is None, transport == "inproc")

    def test_a_node_may_have_shards_and_the_process_fewer_cores(self):
        self.bench("chain3", "--runs", "50", "--no-ceiling", "--shards", "2")
        document = self.bench("empty", "--runs", "50", "--no-ceiling", "--cores", "1")
        self.assertEqual(document["cores"], 1)

    def test_timers_that_are_due_before_all_are_started_are_a_failure(self):
        answer = self.stet("bench", "timers", "--data", self.directory, "--runs", "100", "--after", "0")
        self.expect(answer, cli.FAILED, "longer --after")
        self.assertEqual(os.listdir(self.directory), [])

    def test_recovery_has_a_row_for_each_number_and_kind(self):
        columns = (
            "runs kind disk_bytes_per_run lag_bytes ready_ms ready_cpu_ms bound_ms ok first_step_ms all_done_ms "
            "rss_bytes anon_bytes"
        )
        document = self.bench("recover", "--runs", "10,200", "--to-end", tables={"points": columns})
        rows = [(point["runs"], point["kind"], point["bound_ms"]) for point in document["points"]]
        self.assertEqual(
            rows, [(10, "parked", 1000), (10, "active", 1000), (200, "parked", 1002), (200, "active", 1002)]
        )
        for point in document["points"]:
            self.assertGreaterEqual(point["first_step_ms"], point["ready_ms"])
            self.assertEqual(point["all_done_ms"] is not None, point["kind"] == "active")
            self.assertEqual(point["ok"], point["ready_ms"] <= point["bound_ms"])

    def test_a_history_is_measured_near_each_power_of_ten(self):
        columns = "kind n one_us one_cpu_us many_us many_cpu_us first_step_ms anon_bytes"
        document = self.bench(
            "history", "--transitions", "100", keys="signals_ratio activities_ratio", tables={"points": columns}
        )
        rows = [(point["kind"], point["n"]) for point in document["points"]]
        self.assertEqual(rows, [("signals", 10), ("signals", 100), ("activities", 10), ("activities", 100)])
        for point in document["points"]:
            self.assertGreater(point["many_cpu_us"], 0)
            self.assertGreater(point["first_step_ms"], 0)

    def test_a_steady_load_has_rows_and_their_slopes(self):
        columns = (
            "seconds runs_per_s rss_bytes anon_bytes log_bytes store_bytes runs_kept runs_in_memory "
            "lag_bytes"
        )
        document = self.bench(
            "steady",
            *("--minutes", "0.05", "--rate", "100", "--retention", "1s"),
            keys="warm_up_s",
            tables={"points": columns, "summary": "series minimum maximum slope_per_min"},
        )
        self.assertEqual([row["series"] for row in document["summary"]], columns.split()[1:])
        self.assertGreaterEqual(len(document["points"]), 5)
        self.assertEqual(document["runs"], 300)

    def plot(self, workload, *options):
        """Draws it; gives the texts in the picture."""
        path = self.path("f.svg")
        answer = self.stet("bench", workload, *options, "--data", self.directory, "--plot", path, "-o", "json")
        self.expect(answer, OK)
        self.assertEqual(answer.json["workload"], workload)
        self.assertEqual(os.listdir(self.directory), ["f.svg"])
        root = xml.etree.ElementTree.parse(path).getroot()
        self.assertEqual(root.tag, "{http://www.w3.org/2000/svg}svg")
        tags = {element.tag.partition("}")[2] for element in root.iter()}
        self.assertFalse(tags & {"script", "image", "foreignObject", "use"}, "it stands alone")
        return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]

    def test_the_figures_are_drawn(self):
        runs = self.plot("empty", "--runs", "2000")
        for text in ("stet bench empty", "runs/s", "of the ceiling", "engine", "ceiling", "99.9 %"):
            self.assertIn(text, runs)
        self.assertIn("closed loop · 2,000 runs · 10,000 in flight · values of 100 bytes", runs)
        self.assertTrue(any("level sync · inproc · 1 executor" in text for text in runs), runs)

    def test_each_workload_has_its_picture(self):
        for arguments, texts in (
            (("raw", "--runs", "20"), ("file", "lmdb", "records a commit", "p99")),
            (("ceiling", "--runs", "200"), ("ceiling",)),
            (("chain3", "--runs", "20", "--payload", "1,4k"), ("engine", "bare LMDB", "size of each value")),
            (("chain3", "--runs", "20", "--one-at-a-time"), ("engine", "ceiling")),
            (("empty", "--runs", "100", "--rate", "5000"), ("engine", "5,000 a second")),
            (("empty", "--runs", "120", "--checkpoint", "both"), ("on", "off", "pair of slices")),
            (("fan", "--runs", "1", "--width", "5"), ("activities/s", "engine")),
            (("signals", "--signals", "100", "--runs", "3"), ("spread", "one run, batched", "ping-pong", "longest")),
            (("timers", "--runs", "50", "--after", "3s", "--spread", "0"), ("all runs", "of its own", "all asleep")),
            (("recover", "--runs", "10,100"), ("parked", "active", "bound", "open runs")),
            (("history", "--transitions", "100"), ("signals", "activities", "100")),
            (("steady", "--minutes", "0.03", "--rate", "100"), ("resident", "log", "store", "engine")),
        ):
            drawn = self.plot(*arguments)
            for text in texts:
                self.assertTrue(any(text in found for found in drawn), (arguments, text, drawn))

    def test_a_picture_that_cannot_be_written_is_refused_before_anything_is_measured(self):
        for path in (self.path("nowhere", "f.svg"), self.directory, "", "/dev/null"):
            answer = self.stet("bench", "steady", "--minutes", "60", "--data", self.directory, "--plot", path)
            self.expect(answer, USAGE, "--plot", path)
            self.assertEqual((answer.out, answer.err.count("\n")), ("", 1), answer)
            self.assertEqual(os.listdir(self.directory), [])

    def test_a_picture_that_is_interrupted_leaves_the_old_one(self):
        path = self.path("f.svg")
        with open(path, "w", encoding="utf-8") as file:
            file.write("old")
        options = ["--data", self.directory, "--rate", "50", "--minutes", "1", "--plot", path]
        process = cli.Process(self, ["bench", "steady", *options])
        self.until(process.popen.stdout.readline, "its first line")
        self.assertEqual(process.stop(), 130)
        with open(path, encoding="utf-8") as file:
            self.assertEqual(file.read(), "old")

    def test_it_uses_so_many_cores_and_no_more_than_there_are(self):
        self.assertEqual(self.bench("empty", "--runs", "100", "--cores", "1")["cores"], 1)
        allowed = os.sched_getaffinity(0)
        all_cores = self.bench("empty", "--runs", "100", "--cores", str(len(allowed)))
        self.assertEqual(all_cores["cores"], len(allowed))
        too_many = str(len(allowed) + 1)
        answer = self.stet("bench", "empty", "--data", self.directory, "--cores", too_many)
        self.expect(answer, USAGE, f"--cores {too_many}", f"may use {len(allowed)}")
        self.assertEqual(os.listdir(self.directory), [])

    def test_the_server_of_a_workload_is_on_the_same_cores(self):
        first = {min(os.sched_getaffinity(0))}
        process = cli.Process(
            self, ["bench", "steady", "--data", self.directory, "--rate", "50", "--minutes", "1", "--cores", "1"]
        )
        self.until(process.popen.stdout.readline, "its first line")
        children = [process.popen.pid]
        for child in children:
            with open(f"/proc/{child}/task/{child}/children", encoding="ascii") as file:
                children += [int(number) for number in file.read().split()]
        self.assertGreater(len(children), 2, "the server is there")
        self.assertEqual([os.sched_getaffinity(child) for child in children], [first] * len(children))
        self.assertEqual(process.stop(), 130)

    def test_what_is_interrupted_leaves_nothing_behind(self):
        for sent in (cli.signal.SIGINT, cli.signal.SIGTERM):
            process = cli.Process(self, ["bench", "steady", "--data", self.directory, "--rate", "50", "--minutes", "1"])
            first = self.until(process.popen.stdout.readline, "its first line")
            self.assertIn(b"steady", first)
            process.popen.send_signal(sent)
            self.assertEqual(process.stop(sent), 130)
            self.assertIn("interrupted", process.err())
            left = [name for name in os.listdir(self.directory) if name.startswith("stet-bench")]
            self.assertEqual(left, [])

    def test_what_a_workload_does_not_take_is_refused(self):
        for options, words in (
            (("raw", "--rate", "5"), ("raw", "--rate")),
            (("timers", "--transport", "tcp"), ("timers", "--transport")),
            (("chain3", "--runs", "1,2"), ("one number",)),
            (("empty", "--payload", "1,2"), ("one size",)),
            (("chain3", "--payload", "2m"), ("1048576",)),
            (("recover", "--runs", "10,ten"), ("ten",)),
            (("recover", "--parked", "--to-end"), ("--to-end",)),
            (("timers", "--after", "soon"), ("--after", "soon")),
            (("steady", "--minutes", "0"), ("--minutes",)),
            (("fan", "--checkpoint", "both"), ("on or off",)),
            (("chain3", "--checkpoint", "both", "--transport", "tcp"), ("inproc",)),
            (("chain3", "--checkpoint", "maybe"), ("on, off or both",)),
            (("steady", "--retention", "x"), ("--retention",)),
            (("timers", "--sleep", "2s", "--after", "2s"), ("--after", "--sleep")),
            (("timers", "--sleep", "2s", "--transport", "ipc"), ("inproc or tcp",)),
            (("chain3", "--sleep", "2s"), ("chain3", "--sleep")),
            (("chain3", "--shards", "65"), ("--shards", "64")),
            (("raw", "--shards", "2"), ("raw", "--shards")),
            (("chain3", "--cores", "1000"), ("--cores 1000",)),
            (("signals", "--in-flight", "5000"), ("1024",)),
            (("signals", "--window", "0"), ("--window",)),
            (("chain3", "--window", "5"), ("chain3", "--window")),
            (("chain3", "--one-at-a-time", "--rate", "5"), ("--rate",)),
            (("chain3", "--rate", "5", "--in-flight", "5"), ("--in-flight",)),
            (("empty", "--cores", "0"), ("--cores",)),
            (("empty", "--cores", "two"), ("two",)),
            (("nonsense",), ("nonsense", "chain3")),
            ((), ("which workload",)),
        ):
            answer = self.expect(self.stet("bench", *options), USAGE, *words)
            self.assertEqual((answer.out, answer.err.count("\n")), ("", 1), answer)
        self.assertEqual(os.listdir(self.directory), [])

    def test_help_names_every_workload_and_option(self):
        answer = self.expect(self.stet("bench", "--help"), OK)
        for word in (
            "raw ceiling chain3 empty fan signals timers recover history steady --runs --after --data "
            "--repeat --out --sleep --shards --cores --plot"
        ).split():
            self.assertIn(f"  {word} ", answer.out)


if __name__ == "__main__":
    cli.main()
