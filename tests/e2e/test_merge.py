"""shoal merge: segments that ran beside each other become one run's folder, count for count and
bucket for bucket."""
import base64
import collections
import datetime
import glob
import json
import os
import resource
import shutil
import struct
import sys
import unittest
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shoal as s

RUN_ID = "0123456789abcdef0123456789abcdef"
SEGMENTS = 4
KINDS = {"iterations": "iteration", "steps": "step", "requests": "request"}
COUNTS = ("started", "succeeded", "failed", "cancelled", "in_flight", "bytes_sent",
          "bytes_received")
EACH_FETCHES = ("GET config", "GET keys")  # once a process
LOAD = {"model": "closed", "think": {"exponential": "20ms"}, "iterations": 120}


def in_seconds(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def varints(data):
    """ZigZag LEB128 as HdrHistogram has it: the ninth byte is a whole one."""
    at = 0
    while at < len(data):
        value = shift = 0
        for i in range(9):
            byte = data[at]
            at += 1
            value |= (byte if i == 8 else byte & 0x7f) << shift
            shift += 7
            if i == 8 or not byte & 0x80:
                break
        yield (value >> 1) ^ -(value & 1)


def buckets(text):
    """Index -> count of one encoded histogram."""
    data = base64.b64decode(text)
    cookie, length = struct.unpack(">II", data[:8])
    assert cookie & ~0xf0 == 0x1c849304, hex(cookie)
    payload = zlib.decompress(data[8:8 + length])
    index, found = 0, collections.Counter()
    for value in varints(payload[40:]):
        if value <= 0:
            index += -value if value else 1
        else:
            found[index] += value
            index += 1
    return found


def histograms(*outs):
    """Tag -> all buckets of histograms.hlog added, over the given folders."""
    found = collections.defaultdict(collections.Counter)
    for out in outs:
        with open(os.path.join(out, "histograms.hlog"), encoding="utf-8") as file:
            for line in file:
                if line.startswith("Tag="):
                    tag, _, _, _, text = line.strip().split(",")
                    found[tag[4:]] += buckets(text)
    return found


def percentile_ns(counts, percent):
    """The highest value of the bucket in which the percentile lies (3 digits from 1 ns)."""
    rank, seen = -(-percent * sum(counts.values()) // 100), 0
    for index in sorted(counts):
        seen += counts[index]
        if seen >= rank:
            octave, low = max((index >> 10) - 1, 0), index & 1023
            return (((low + (1024 if index >= 1024 else 0)) + 1) << octave) - 1
    raise AssertionError("empty")


def series(found):
    """(kind, scenario, name) -> whole-run counts of a summary."""
    return {(kind, entry["scenario"], entry["name"]): entry["whole"]
            for kind in KINDS for entry in found[kind]}


def read_json(out, name):
    with open(os.path.join(out, name), encoding="utf-8") as file:
        return json.load(file)


class Merge(unittest.TestCase):
    """Four segments at once against one stand-in that fails now and then, and one whole run."""

    @classmethod
    def setUpClass(cls):
        cls.context = s.folder()
        cls.path = cls.context.__enter__()
        try:
            cls.play()
        except BaseException:
            cls.context.__exit__(None, None, None)
            raise

    @classmethod
    def tearDownClass(cls):
        cls.context.__exit__(None, None, None)

    @classmethod
    def play(cls):
        with s.Standin("rsa_bits=1024") as target:
            plan = s.write(cls.path + "/plan.json", s.plan(20, target.options(), LOAD))
            whole = s.shoal("run", plan, "--out", cls.path + "/whole", "--quiet")
            assert whole.returncode == s.HELD, whole.stderr
        with s.Standin("rsa_bits=1024") as target:
            options = ("--set", f"scenarios.0.options.exchange={target.base}",
                       "--set", f"scenarios.0.options.bank={target.bank}", "--quiet")
            cls.outs = [f"{cls.path}/segment-{i}" for i in range(1, SEGMENTS + 1)]
            at = in_seconds(2)
            cls.together(plan, [("--segment", f"{i}/{SEGMENTS}", "--run-id", RUN_ID, "--start-at",
                                 at, "--out", out, *options)
                                for i, out in enumerate(cls.outs, 1)])
            cls.ledger = target.stop()
        cls.out = cls.path + "/all"
        cls.result = s.shoal("merge", *sorted(glob.glob(cls.path + "/segment-*"), reverse=True),
                             "--out", cls.out)
        cls.found = s.summary(cls.out)
        cls.parts = [s.summary(out) for out in cls.outs]

    @staticmethod
    def together(plan, commands):
        processes = [s.start("run", plan, *command) for command in commands]
        try:
            for process in processes:
                _, err = process.communicate(timeout=120)
                assert process.returncode == s.HELD, err
        finally:
            for process in processes:
                if process.poll() is None:
                    process.kill()
                    process.communicate()

    def merge(self, *arguments, **more):
        return s.shoal("merge", *arguments, "--out", os.path.join(self.path, self.id()), **more)

    def refused(self, *arguments, says=()):
        out = os.path.join(self.path, self.id())
        result = s.shoal("merge", *arguments, "--out", out)
        self.assertEqual(result.returncode, s.INPUT, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertEqual(result.stdout, "")
        for text in says:
            self.assertIn(text, result.stderr)
        self.assertFalse(os.path.exists(out))

    def copy(self, out, name):
        """A segment's folder under another name, to be changed."""
        to = os.path.join(self.path, name)
        shutil.copytree(out, to, ignore=shutil.ignore_patterns("state", "lock"))
        self.addCleanup(shutil.rmtree, to)
        return to

    # --- what it says

    def test_it_holds(self):
        self.assertEqual(self.result.returncode, s.HELD, self.result.stderr)
        self.assertTrue(self.found["accounting"], self.found["accounting_detail"])
        self.assertTrue(s.identity_holds(self.found))
        self.assertIn("merged 4 of 4 segments", self.result.stderr)
        self.assertRegex(self.result.stderr, r"began \d+\.\d{3} s after the first")
        self.assertIn("Whole run", self.result.stdout)
        self.assertIn("iteration", self.result.stdout)

    def test_it_is_what_one_run_plays(self):
        one = s.summary(self.path + "/whole")
        self.assertEqual(s.row(self.found, "iterations", "iteration")["succeeded"], 120)
        for kind in KINDS:
            names = [entry["name"] for entry in one[kind]]
            self.assertEqual([entry["name"] for entry in self.found[kind]], names)
            for name in names:
                if name not in EACH_FETCHES and name != "GET reserves":  # polls depend on time
                    self.assertEqual(s.row(self.found, kind, name)["succeeded"],
                                     s.row(one, kind, name)["succeeded"], name)
        self.assertEqual(self.found["scenarios"], one["scenarios"])
        self.assertEqual(set(self.found), set(one))
        self.assertEqual(set(self.found["run"]), set(one["run"]))
        self.assertEqual(self.found["run"]["id"], RUN_ID)
        self.assertEqual(self.found["run"]["outcome"], "completed")

    def test_counts_are_sums(self):
        sums = collections.defaultdict(collections.Counter)
        for part in self.parts:
            for key, counts in series(part).items():
                sums[key].update({name: counts[name] for name in COUNTS})
        merged = series(self.found)
        self.assertEqual(set(merged), set(sums))
        for key, counts in merged.items():
            for name in COUNTS:
                self.assertEqual(counts[name], sums[key][name], (key, name))
        requests = sum(entry["whole"]["started"] for entry in self.found["requests"])
        self.assertEqual(requests, self.ledger["requests"])
        for event, count in self.found["generator"]["events"].items():
            self.assertEqual(count, sum(p["generator"]["events"][event] for p in self.parts))

    def test_buckets_are_sums(self):
        merged, parts = histograms(self.out), histograms(*self.outs)
        self.assertEqual(set(merged), set(parts))
        for tag, counts in parts.items():
            self.assertEqual(merged[tag], counts, tag)
        for kind, of in KINDS.items():
            for entry in self.found[kind]:
                latency = entry["whole"]["latency_ms"]
                if not latency:
                    continue
                name = entry["name"].replace(" ", "%20").replace("/", "%2F")
                counts = merged[f"{entry['scenario']}/{of}/{name}"]
                self.assertEqual(sum(counts.values()), latency["count"])
                for percent, key in ((50, "p50"), (90, "p90"), (99, "p99")):
                    expected = min(percentile_ns(counts, percent) / 1e6, latency["max"])
                    self.assertAlmostEqual(latency[key], expected, places=6, msg=entry["name"])

    def test_timeline_adds_up(self):
        sums, end = collections.defaultdict(collections.Counter), 0
        lines = s.lines(self.out, "timeline.jsonl")
        for line in lines:
            self.assertAlmostEqual(line["t"] - line["seconds"], end, places=6)
            end = line["t"]
            self.assertTrue(line["accounting"])
            self.assertEqual({lane["segment"] for lane in line["generator"]["lanes"]},
                             set(range(1, SEGMENTS + 1)))
            for row in line["series"]:
                sums[(row["of"], row["name"])].update({k: row[k] for k in COUNTS
                                                       if k != "in_flight"})
        for kind, of in KINDS.items():
            for entry in self.found[kind]:
                for name in COUNTS:
                    if name != "in_flight":
                        self.assertEqual(sums[(of, entry["name"])][name], entry["whole"][name])
        self.assertAlmostEqual(end, self.found["run"]["seconds"], places=3)
        longest = max(part["run"]["seconds"] for part in self.parts)
        self.assertGreaterEqual(end, longest - 0.002)
        self.assertLess(len(lines), 2 * max(len(s.lines(o, "timeline.jsonl")) for o in self.outs))

    def test_generator(self):
        generator = self.found["generator"]
        self.assertEqual([(lane["segment"], lane["lane"]) for lane in generator["lanes"]],
                         [(i, lane) for i in range(1, SEGMENTS + 1) for lane in range(2)])
        parts = [part["generator"] for part in self.parts]
        self.assertAlmostEqual(generator["cpu_s"], sum(p["cpu_s"] for p in parts), places=4)
        self.assertEqual(generator["rss_anon_bytes"], sum(p["rss_anon_bytes"] for p in parts))
        self.assertEqual(generator["bottleneck"], any(p["bottleneck"] for p in parts))
        if generator["bottleneck"]:
            self.assertIn(generator["reason"], [p["reason"] for p in parts])

    def test_manifest_and_plan(self):
        manifest = read_json(self.out, "manifest.json")
        first = read_json(self.outs[0], "manifest.json")
        for key in ("format", "shoal", "name", "run_id", "seed", "plan_sha256", "host", "targets"):
            self.assertEqual(manifest[key], first[key], key)
        self.assertEqual(manifest["segment"], {"index": 1, "count": 1})
        self.assertEqual(manifest["lanes"], 2 * SEGMENTS)
        self.assertEqual([x["folder"] for x in manifest["segments"]], self.outs)
        self.assertEqual([x["index"] for x in manifest["segments"]], [1, 2, 3, 4])
        self.assertEqual(manifest["segments_missing"], [])
        self.assertEqual(min(x["offset_ms"] for x in manifest["segments"]), 0)
        for part, out in zip(manifest["segments"], self.outs):
            own = read_json(out, "manifest.json")
            self.assertEqual(part["host"], own["host"]["name"])
            self.assertEqual(part["start_skew_ms"], own["start_skew_ms"])
            self.assertIsNotNone(part["start_skew_ms"])
        with open(self.out + "/plan.json", encoding="utf-8") as merged, \
                open(self.outs[0] + "/plan.json", encoding="utf-8") as one:
            self.assertEqual(merged.read(), one.read())

    def test_report_reads_it(self):
        to = self.copy(self.out, "reported")
        result = s.shoal("report", to, "--json")
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        again = json.loads(result.stdout)
        self.assertEqual(series(again), series(self.found))
        for key in ("bottleneck", "reason", "seconds", "flagged_seconds", "flagged_by"):
            self.assertEqual(again["generator"][key], self.found["generator"][key], key)
        for one, other in zip(again["generator"]["lanes"], self.found["generator"]["lanes"]):
            self.assertEqual((one["segment"], one["lane"]), (other["segment"], other["lane"]))
            self.assertAlmostEqual(one["cpu_s"], other["cpu_s"], places=5)

    # --- what it refuses

    def test_missing_and_doubled(self):
        one, two, three, four = self.outs
        self.refused(one, two, four, says=["segment 3 of 4 is missing"])
        self.refused(one, says=["segments 2, 3, 4 of 4 are missing"])
        self.refused(one, two, one + "/.", three, four, says=[one, "the same folder"])
        again = self.copy(two, "again")
        self.refused(one, two, three, four, again, says=[two, again, "both segment 2 of 4"])

    def test_partial(self):
        result = self.merge("--partial", "--json", self.outs[0], self.outs[2])
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        self.assertIn("missing: segment 2, 4", result.stderr)
        found = json.loads(result.stdout)
        self.assertIn("without segment 2, 4 of 4", found["accounting_detail"])
        self.assertEqual(s.row(found, "steps", "pay")["succeeded"],
                         sum(s.row(self.parts[i], "steps", "pay")["succeeded"] for i in (0, 2)))
        manifest = read_json(os.path.join(self.path, self.id()), "manifest.json")
        self.assertEqual(manifest["segments_missing"], [2, 4])

    def test_other_runs(self):
        one = self.outs[0]
        for key, value, says in (
                ("run_id", "f" * 32, "run id"), ("seed", 5, "seed (1 and 5)"),
                ("segment", {"index": 2, "count": 5}, "number of segments (4 and 5)")):
            other = self.copy(self.outs[1], "other-" + key)
            manifest = {**read_json(other, "manifest.json"), key: value}
            s.write(other + "/manifest.json", manifest)
            self.refused(one, other, *self.outs[2:], says=[one, other, says])
            self.refused("--partial", one, other, says=[one, other, says])
        other = self.copy(self.outs[1], "other-plan")
        s.write(other + "/plan.json", {**read_json(other, "plan.json"), "name": "other"})
        self.refused(one, other, *self.outs[2:], says=[one, other, "plan (plan.json"])

    def test_what_is_no_segment(self):
        self.refused(*self.outs[:3], self.path + "/nowhere", says=["nowhere is not the folder"])
        self.refused(self.out, says=[self.out, "is merged already"])
        broken = self.copy(self.outs[3], "broken")
        with open(broken + "/timeline.jsonl", "r+", encoding="utf-8") as file:
            file.write("{{")
        self.refused(*self.outs[:3], broken, says=[broken, "line 1 of timeline.jsonl is damaged"])
        result = s.shoal("merge", *self.outs, "--out", self.out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("is not empty", result.stderr)
        self.assertEqual(s.shoal("merge").returncode, s.INPUT)
        result = s.shoal("run", "--resume", self.out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("merged from segments", result.stderr)

    # --- what does not hold

    def test_a_lost_line_is_no_good_accounting(self):
        lost = self.copy(self.outs[1], "lost")
        with open(lost + "/timeline.jsonl", encoding="utf-8") as file:
            lines = file.readlines()
        s.write(lost + "/timeline.jsonl", "".join(lines[1:]))
        result = self.merge(self.outs[0], lost, *self.outs[2:])
        self.assertEqual(result.returncode, s.VERDICT, result.stderr)
        self.assertIn("DOES NOT HOLD", result.stdout)
        self.assertIn("segment 2: ", result.stdout)

    def test_no_room(self):
        room = os.path.getsize(self.out + "/manifest.json") + 100
        self.assertGreater(os.path.getsize(self.out + "/histograms.hlog"), room)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        result = self.merge(*self.outs, preexec_fn=limit)
        self.assertEqual(result.returncode, s.OURS, result.stderr)
        self.assertIn("cannot write", result.stderr)


class Failures(unittest.TestCase):
    def test_kinds_add_up(self):
        with s.folder() as path, s.Standin("rsa_bits=1024", "faults.error_share=0.05") as target:
            plan = s.write(path + "/plan.json", s.plan(20, target.options(), {
                "model": "closed", "iterations": 100}))
            outs = [path + "/one", path + "/two"]
            Merge.together(plan, [("--segment", f"{i}/2", "--run-id", RUN_ID, "--quiet",
                                   "--out", out) for i, out in enumerate(outs, 1)])
            result = s.shoal("merge", *outs, "--out", path + "/all", "--quiet")
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.assertEqual(result.stderr, "")
            sums, examples = collections.Counter(), {}
            for out in outs:
                for error in s.lines(out, "errors.jsonl"):
                    key = tuple(error[k] for k in ("of", "name", "kind", "code", "status"))
                    sums[key] += error["count"]
                    examples.setdefault(key, set()).add((error["error"], error["first"]))
            self.assertTrue(sums)
            found = s.lines(path + "/all", "errors.jsonl")
            self.assertEqual(len(found), len(sums))
            for error in found:
                key = tuple(error[k] for k in ("of", "name", "kind", "code", "status"))
                self.assertEqual(error["count"], sums[key])
                self.assertIn((error["error"], error["first"]), examples[key])


if __name__ == "__main__":
    s.main()
