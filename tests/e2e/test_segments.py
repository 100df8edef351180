"""A plan split over processes plays what one process plays."""
import datetime
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import money
import shoal as s

RUN_ID = "0123456789abcdef0123456789abcdef"
SEGMENTS = 4
CHOICES = {"merchants": {"zipf": {"n": 50, "s": 1.1}}, "withdraw_amount": "40",
           "pay_amount": {"uniform": ["1", "6"]}}
CLOSED = {"model": "closed", "think": {"exponential": "20ms"}, "iterations": 90}
OPEN = {"model": "open", "rate": "60/s", "arrivals": "poisson", "iterations": 90}


def in_seconds(seconds):
    """A UTC time as --start-at wants it."""
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Segments(unittest.TestCase):
    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def play(self, load, *shares, clients=20):
        """Plays the shares at once against one stand-in: (summaries, ledger, money, start skews)."""
        outs = [os.path.join(self.path, f"{len(shares)}-{i}") for i in range(len(shares))]
        with s.Standin("rsa_bits=1024") as target:
            plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
                clients, target.options(**CHOICES), load, scenario={"purge": "never"}))
            processes = [s.start("run", plan, "--run-id", RUN_ID, "--out", out, "--quiet",
                                 *share) for out, share in zip(outs, shares)]
            try:
                for process in processes:
                    _, err = process.communicate(timeout=60)
                    self.assertEqual(process.returncode, s.HELD, err)
            finally:
                for process in processes:
                    if process.poll() is None:
                        process.kill()
                        process.communicate()
            ledger = target.stop()
        found = [s.summary(out) for out in outs]
        for one in found:
            self.assertTrue(s.identity_holds(one))
            self.assertTrue(one["accounting"], one["accounting_detail"])
            self.assertEqual(one["errors"], [])
            self.assertEqual(one["generator"]["events"]["not_started"], 0)
        self.assertTrue(ledger["balanced"])
        owned = [money.of_wallets(out) for out in outs]
        self.assertEqual(sum(o.coins for o in owned), money.units(ledger["coins_outstanding"]))
        return found, ledger

    def counts(self, found):
        """Successes of each series over all summaries, without what each process fetches once."""
        sums = {}
        for one in found:
            for kind in ("iterations", "steps", "requests"):
                for entry in one[kind]:
                    if entry["name"] not in ("GET config", "GET keys", "GET reserves"):
                        sums[entry["name"]] = sums.get(entry["name"], 0) + \
                            entry["whole"]["succeeded"]
        return sums

    def split_is_the_same(self, load, clients=20):
        whole, ledger = self.play(load, [], clients=clients)
        at = in_seconds(2)
        parts, together = self.play(load, *(["--segment", f"{i}/{SEGMENTS}", "--start-at", at]
                                            for i in range(1, SEGMENTS + 1)), clients=clients)
        self.assertEqual(self.counts(parts), self.counts(whole))
        self.assertEqual(self.counts(whole)["iteration"], 90)
        for name in ("in", "deposited", "fees", "fees_withdraw", "fees_deposit", "reserves",
                     "coins_outstanding", "transfers", "withdrawals", "deposits"):
            self.assertEqual(together[name], ledger[name], name)
        for one in parts:  # each had its share
            self.assertGreater(s.row(one, "iterations", "iteration")["succeeded"], 5)

    def test_closed(self):
        self.split_is_the_same(CLOSED)

    def test_open(self):
        # So many wallets that an idle one is found for each arrival: what finds none is counted as
        # not started, and when that happens is a matter of time.
        self.split_is_the_same(OPEN, clients=200)

    def test_start_at(self):
        began = time.time()
        found, _ = self.play({"model": "closed", "iterations": 20},
                             ["--start-at", in_seconds(3)])
        started = datetime.datetime.fromisoformat(found[0]["run"]["started"].replace("Z", "+00:00"))
        self.assertGreater(started.timestamp(), began + 2.9)
        self.assertLess(started.timestamp(), began + 4.5)

    def test_start_at_in_the_past_is_said(self):
        with s.Standin("rsa_bits=1024") as target:
            plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
                2, target.options(payments=0)))
            result = s.shoal("run", plan, "--out", self.path + "/late", "--quiet",
                             "--start-at", in_seconds(-60))
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.assertRegex(result.stderr, r"--start-at was 6\d\.\d s ago")


if __name__ == "__main__":
    s.main()
