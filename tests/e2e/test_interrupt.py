"""Interrupts of every kind, kill -9 and resume: nothing is lost, nobody is left behind."""
import json
import os
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import money
import shoal as s

SMALL = {"standins": {"taler": {"rsa_bits": 1024}}}
SLOW = {"standins": {"taler": {"rsa_bits": 1024, "faults": {"delay": "300ms"}}}}
CLOSED = {"model": "closed", "think": "100ms", "duration": "60s"}
OPEN = {"model": "open", "rate": "60/s", "duration": "60s"}


class Case(unittest.TestCase):
    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.out = os.path.join(self.path, "out")
        self.processes = []
        self.addCleanup(self.end_all)

    def end_all(self):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()

    def start(self, plan, *arguments):
        name = s.write(os.path.join(self.path, "plan.json"), plan)
        self.processes.append(s.start("run", name, "--out", self.out, "--quiet", *arguments))
        return self.processes[-1]

    def resume(self):
        self.processes.append(s.start("run", "--resume", self.out, "--quiet"))
        return self.processes[-1]

    def timeline(self):
        name = os.path.join(self.out, "timeline.jsonl")
        return s.lines(self.out, "timeline.jsonl") if os.path.exists(name) else []

    def measuring(self, lines=1):
        self.assertTrue(s.wait_until(lambda: len(self.timeline()) >= lines, 30))

    def alone(self):
        """No stand-in works below our folder any more."""
        self.assertTrue(s.wait_until(lambda: not s.standins_running(self.path), 10))

    def ledger(self):
        with open(os.path.join(self.out, "standin", "taler", "ledger.json"),
                  encoding="utf-8") as file:
            return json.load(file)

    def complete(self, outcome="interrupted"):
        """The folder of a run that ended in an orderly way."""
        self.alone()
        found = s.summary(self.out)
        self.assertTrue(s.identity_holds(found))
        self.assertTrue(found["accounting"], found["accounting_detail"])
        self.assertEqual(found["run"]["outcome"], outcome)
        for kind in ("iterations", "steps", "requests"):
            for entry in found[kind]:
                self.assertEqual(entry["whole"]["in_flight"], 0, entry["name"])
        with open(os.path.join(self.out, "manifest.json"), encoding="utf-8") as file:
            self.assertIsNotNone(json.load(file)["ended"])
        self.assertTrue(self.ledger()["balanced"], self.ledger()["why"])
        return found


class Signals(Case):
    def end(self, process, code, timeout=20):
        out, err = process.communicate(timeout=timeout)
        self.assertEqual(process.returncode, code, err)
        return out, err

    def test_once_drains(self):
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            with self.subTest(number=number):
                self.out = os.path.join(self.path, number.name)
                process = self.start(s.plan(10, load=CLOSED, **SMALL))
                self.measuring()
                process.send_signal(number)
                out, err = self.end(process, s.INTERRUPTED)
                self.assertIn("interrupted", err)
                self.assertIn("Accounting  holds", out)
                found = self.complete()
                for kind in ("iterations", "steps", "requests"):
                    for entry in found[kind]:
                        self.assertEqual(entry["whole"]["cancelled"], 0, entry["name"])
                        self.assertEqual(entry["whole"]["failed"], 0, entry["name"])
                iterations = s.row(found, "iterations", "iteration")["succeeded"]
                self.assertEqual(self.ledger()["transfers"], iterations)

    def test_twice_cancels(self):
        process = self.start(s.plan(20, load={**CLOSED, "think": "10ms"}, **SLOW))
        self.measuring(2)
        process.send_signal(signal.SIGINT)
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = self.end(process, s.INTERRUPTED)
        self.assertLess(time.monotonic() - began, 1.5)  # a whole iteration takes 2.4 s
        self.assertIn("cancelling", err)
        found = self.complete()
        self.assertEqual(s.row(found, "iterations", "iteration")["cancelled"], 20)

    def test_three_times_kills(self):
        process = self.start(s.plan(20, load=CLOSED, **SLOW))
        self.measuring()
        for _ in range(3):
            process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        self.end(process, s.INTERRUPTED, timeout=5)
        self.alone()
        again = s.shoal("report", self.out, "--json")
        self.assertEqual(again.returncode, s.HELD, again.stderr)
        self.assertTrue(s.identity_holds(json.loads(again.stdout)))

    def test_while_the_standin_starts(self):
        slow = {"standins": {"taler": {"rsa_bits": 4096}}}  # seconds of key making
        process = self.start(s.plan(5, load=CLOSED, **slow))
        self.assertTrue(s.wait_until(lambda: s.standins_running(self.path)))
        process.send_signal(signal.SIGINT)
        _, err = self.end(process, s.INTERRUPTED, timeout=5)
        self.assertIn("interrupted before the load began", err)
        self.alone()
        found = s.summary(self.out)
        self.assertEqual(found["run"]["outcome"], "interrupted")
        self.assertEqual(sum(e["whole"]["started"] for e in found["iterations"]), 0)

    def test_while_it_prepares(self):
        """The target accepts connections and is silent: the first request never ends by itself."""
        with s.Standin("rsa_bits=1024", "lie=silence", "lie_at=config") as target:
            process = self.start(s.plan(5, target.options(), CLOSED))
            self.assertTrue(s.wait_until(lambda: os.path.exists(self.out + "/timeline.jsonl")))
            time.sleep(0.5)
            process.send_signal(signal.SIGINT)
            self.end(process, s.INTERRUPTED, timeout=5)
            found = s.summary(self.out)
            self.assertTrue(s.identity_holds(found))
            self.assertEqual(found["run"]["outcome"], "interrupted")

    def test_waiting_for_start_at(self):
        process = self.start(s.plan(5, load=CLOSED, **SMALL), "--start-at", "2199-01-01T00:00:00Z")
        self.assertTrue(s.wait_until(lambda: s.standins_running(self.path)))
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        self.end(process, s.INTERRUPTED, timeout=5)
        self.complete()

    def test_resume_after_an_interrupt(self):
        process = self.start(s.plan(6, load={"model": "closed", "think": "50ms",
                                             "iterations": 240}, **SMALL))
        self.measuring()
        process.send_signal(signal.SIGINT)
        self.end(process, s.INTERRUPTED)
        first = self.complete()
        again = self.resume()
        self.end(again, s.HELD, timeout=60)
        found = self.complete("completed")
        self.assertEqual(found["run"]["id"], first["run"]["id"])
        self.assertEqual(s.row(found, "iterations", "iteration")["succeeded"], 240)
        self.assertEqual(self.ledger()["transfers"], 240)
        self.assertEqual(found["run"]["gaps"], 1)


class Killed(Case):
    def kill_and_report(self, process):
        process.kill()
        process.communicate()
        self.alone()
        self.assertTrue(self.ledger()["balanced"])

    def test_report_rebuilds_what_was_measured(self):
        process = self.start(s.plan(10, load=CLOSED, **SMALL))
        self.measuring(2)
        self.kill_and_report(process)
        self.assertIsNone(s.summary(self.out))
        result = s.shoal("report", self.out)
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        self.assertIn("withdraw", result.stdout)
        found = s.summary(self.out)
        self.assertTrue(s.identity_holds(found))
        started = sum(series["started"] for line in self.timeline() for series in line["series"]
                      if series["of"] == "iteration")
        self.assertEqual(s.row(found, "iterations", "iteration")["started"], started)
        self.assertGreater(started, 0)

    def rounds(self, load, count, seed, faults=None, **options):
        """Killed `count` times at random moments and resumed each time; the last one ends."""
        dice = random.Random(seed)
        plan = s.plan(12, options, load, scenario={"purge": "never"},
                      standins={"taler": {"rsa_bits": 1024, "faults": faults or {}}})
        process = self.start(plan)
        self.measuring()
        killed = 0
        while killed < count:
            time.sleep(dice.uniform(0.02, 1.1))
            if process.poll() is not None and killed >= count / 2:
                break  # a fast machine is done before its last kills
            process.kill()
            process.communicate()
            killed += 1
            # Resumed at once, while the stand-in may still be writing its books.
            process = self.resume()
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, s.HELD, err + out)
        return self.complete("completed")

    def nothing_is_lost(self):
        """What the exchange owes is what the wallets know of, to the unit; what is on its way when
        a run ends is in an intent, so at most one withdrawal for each that is open."""
        books, wallets = self.ledger(), money.of_wallets(self.out)
        for refusal in ("conflicts", "forbidden", "malformed"):
            self.assertEqual(books[refusal], 0, refusal)
        self.assertEqual(books["in_transit"], "EUR:0")
        on_its_way = 60 * money.UNITS * wallets.intents
        self.assertAlmostEqual(wallets.coins, money.units(books["coins_outstanding"]),
                               delta=on_its_way)
        self.assertAlmostEqual(wallets.reserves, money.units(books["reserves"]), delta=on_its_way)
        return books, wallets

    def test_closed_by_iterations(self):
        # The delay makes it likely that a kill finds requests on their way.
        found = self.rounds({"model": "closed", "think": "60ms", "iterations": 12 * 120}, 14, 1,
                            {"delay": "3ms"})
        books, wallets = self.nothing_is_lost()
        self.assertEqual(wallets.intents, 0)  # what a kill cut off was replayed
        self.assertGreaterEqual(books["transfers"], 1440)
        self.assertLessEqual(books["transfers"], 1440 + 14 * 12)
        self.assertEqual(books["in"], f"EUR:{60 * books['transfers']}")
        # A run that is killed before it has read its folder leaves no mark.
        self.assertLessEqual(found["run"]["gaps"], 14)
        self.assertGreater(found["run"]["gaps"], 7)

    def test_open(self):
        found = self.rounds({"model": "open", "rate": "40/s", "duration": "9s"}, 10, 2)
        _, wallets = self.nothing_is_lost()
        self.assertEqual(wallets.intents, 0)  # every wallet had another turn
        self.assertLessEqual(s.row(found, "iterations", "iteration")["started"], 40 * 9 * 1.4)

    def test_over_a_lossy_network(self):
        """Replies are lost too, so that a wallet cannot know what was done before it was killed."""
        faults = {"lose_share": 0.05, "drop_share": 0.03, "truncate_share": 0.02}
        self.rounds({"model": "closed", "think": "20ms", "duration": "6s"}, 8, 3, faults)
        _, wallets = self.nothing_is_lost()
        self.assertLess(wallets.intents, 13)  # one for each wallet

    def test_the_timeline_goes_on(self):
        process = self.start(s.plan(6, load={"model": "closed", "think": "50ms",
                                             "duration": "5s"}, **SMALL))
        self.measuring(2)
        process.kill()
        process.communicate()
        before = self.timeline()
        again = self.resume()
        out, err = again.communicate(timeout=60)
        self.assertEqual(again.returncode, s.HELD, err)
        found = self.complete("completed")
        after = self.timeline()
        self.assertEqual(after[:len(before)], before)
        self.assertTrue(after[len(before)]["gap"])
        times = [line["t"] for line in after]
        self.assertEqual(times, sorted(times))
        self.assertAlmostEqual(found["run"]["seconds"], 5, delta=1.5)
        whole = s.row(found, "iterations", "iteration")
        self.assertEqual(whole["started"], sum(
            series["started"] for line in after for series in line["series"]
            if series["of"] == "iteration"))
        with open(os.path.join(self.out, "manifest.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["resumed"], 1)


class StateFrom(Case):
    def tree(self, folder):
        found = {}
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                with open(path, "rb") as file:
                    found[path] = (os.path.getmtime(path), file.read())
        return found

    def test_a_new_run_on_a_copy(self):
        plan = s.plan(5, load={"model": "closed", "iterations": 15}, scenario={"purge": "never"},
                      **SMALL)
        process = self.start(plan)
        self.assertEqual(process.wait(60), s.HELD)
        old, before = s.summary(self.out), self.tree(self.out)
        first_ledger = self.ledger()
        source, self.out = self.out, os.path.join(self.path, "second")
        process = self.start(plan, "--state-from", source)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, s.HELD, err)
        self.assertEqual(self.tree(source), before)
        found = self.complete("completed")
        self.assertNotEqual(found["run"]["id"], old["run"]["id"])
        self.assertEqual(s.row(found, "iterations", "iteration")["succeeded"], 15)
        self.assertEqual(s.row(found, "iterations", "iteration")["failed"], 0)
        books = self.ledger()  # the stand-in's books came along, so old coins are good
        self.assertEqual(books["transfers"], first_ledger["transfers"] + 15)
        self.assertEqual(books["conflicts"], 0)


if __name__ == "__main__":
    s.main()
