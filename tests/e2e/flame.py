#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""tools/flame: stacks in, one static picture out."""

import os
import subprocess
import unittest
import xml.etree.ElementTree

import cli

FLAME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tools/flame")
SVG = "{http://www.w3.org/2000/svg}"

PERF = """stet-node 23088 100.5:    1003009 cpu-clock:ppp:
\tffffffff81 do_sys<call>+0x1b ([kernel.kallsyms])
\t    101a37 __GI_mprotect+0x7 (inlined)
\t     2afda take+0x10a (inlined)
\t     2afda coroutine_new+0x10a (/usr/lib/libstet.so.0.1.0)
\t     891f4 start_thread+0x304 (/usr/lib/x86_64-linux-gnu/libc.so.6)
\t         0 [unknown] ([unknown])

stet-log 23088/23090 [001] 100.6:    1003009 cpu-clock:ppp:
\t      1234 mdb_put+0x1 (/usr/lib/x86_64-linux-gnu/liblmdb.so.0.0.0)
\t      2afd append (/usr/bin/stet)

"""


class Flame(unittest.TestCase):
    def draw(self, text, *options):
        run = subprocess.run([FLAME, *options], input=text, capture_output=True, text=True, check=True)
        self.assertNotIn("<script", run.stdout)
        return xml.etree.ElementTree.fromstring(run.stdout)

    def shares(self, root):
        """Each frame's class and share, by its name."""
        found = {}
        for box in root.iter(SVG + "rect"):
            title = box.find(SVG + "title")
            if title is not None:
                name, _, rest = title.text.rpartition(": ")
                found[name] = (box.get("class"), float(rest.split(" ")[0]))
        return found

    def test_what_perf_prints_is_merged_and_coloured_by_library(self):
        shares = self.shares(self.draw(PERF * 3))
        self.assertEqual(
            shares,
            {
                "all": ("t", 100),
                "stet-node": ("t", 50),
                "coroutine_new": ("e", 50),
                "take": ("e", 50),
                "__GI_mprotect": ("c", 50),
                "do_sys<call>": ("k", 50),
                "stet-log": ("t", 50),
                "append": ("e", 50),
                "mdb_put": ("l", 50),
            },
        )

    def test_folded_stacks_are_coloured_by_name(self):
        shares = self.shares(self.draw("main;memcpy 600\nmain;mdb_put;vfs_write_[k] 399\nmain;zmq_send 1\n"))
        self.assertEqual(shares["memcpy"], ("c", 60))
        self.assertEqual(shares["vfs_write_[k]"], ("k", 39.9))
        self.assertEqual(shares["main"], ("e", 100))

    def test_small_frames_are_left_out_and_names_are_cut_to_fit(self):
        root = self.draw(f"{'long_' * 100} 9999\ntiny 1\n", "--title", "a & b")
        self.assertNotIn("tiny", self.shares(root))
        texts = [text.text for text in root.iter(SVG + "text")]
        self.assertIn("a & b", texts)
        self.assertTrue(any(text.startswith("long_") and text.endswith("…") for text in texts), texts)

    def test_no_stack_is_a_failure(self):
        run = subprocess.run([FLAME], input="\n\n", capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("no stack", run.stderr)


if __name__ == "__main__":
    cli.main()
