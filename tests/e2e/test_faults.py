"""A target that loses, drops, cuts, delays and restarts: every run ends by itself, what it counted
adds up, and once the faults are over no wallet has a coin too few or too many."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import money
import shoal as s

KEYS = {"rsa_bits": 1024, "keys": 1}
WALLET = {"withdraw_amount": "8", "payments": 2, "pay_amount": "2", "timeout": "1s",
          "fund_timeout": "1s"}
CLIENTS, ITERATIONS = (10, 50) if s.SANITIZED else (40, 200)

FAULTS = {
    "delay": {"delay": {"uniform": ["0s", "40ms"]}},
    "too-late": {"delay": "1200ms", "delay_share": 0.05},
    "error": {"error_share": 0.2, "error_status": 503},
    "drop": {"drop_share": 0.2},
    "lose": {"lose_share": 0.2},
    "truncate": {"truncate_share": 0.2},
    "restart": {"restart_every": "700ms", "restart_down": "200ms"},
    "restart-busy": {"restart_every": "150ms", "restart_down": "50ms",
                     "delay": {"uniform": ["0s", "40ms"]}},
    "all": {"delay": "1200ms", "delay_share": 0.01, "error_share": 0.04, "drop_share": 0.04,
            "lose_share": 0.04, "truncate_share": 0.04, "restart_every": "1s",
            "restart_down": "200ms"},
}
KINDS = {
    "delay": set(),
    "too-late": {"timeout"},
    "error": {"http-status"},
    "drop": {"reset"},
    "lose": {"reset"},
    "truncate": {"short-body"},
    "restart": {"refused", "reset", "short-body"},
}
KINDS["restart-busy"] = KINDS["restart"]
KINDS["all"] = set().union(*KINDS.values())


def sets(options, prefix=""):
    """As --set wants them."""
    return [f"{prefix}{key}={value if isinstance(value, str) else json.dumps(value)}"
            for key, value in options.items()]


def failed(found, of, name):
    """(failures counted as outcomes, failures counted by kind) of one series."""
    plural = {"iteration": "iterations", "step": "steps", "request": "requests"}[of]
    return (s.row(found, plural, name)["failed"],
            sum(e["count"] for e in found["errors"] if (e["of"], e["name"]) == (of, name)))


class Case(unittest.TestCase):
    def adds_up(self, found):
        self.assertTrue(s.identity_holds(found))
        for of, plural in (("iteration", "iterations"), ("step", "steps"), ("request", "requests")):
            for entry in found[plural]:
                outcomes, by_kind = failed(found, of, entry["name"])
                # A reply can be whole as a request and wrong for its step, never the other way.
                self.assertEqual(outcomes, by_kind, (of, entry["name"]))
                self.assertEqual(entry["whole"]["in_flight"], 0)

    def stormy(self, path, name, retries):
        """A run under faults, one without on its state; the wallets' money is the ledger's."""
        books, listen = os.path.join(path, "books"), f"127.0.0.1:{s.free_port()}"
        calm = os.path.join(path, "calm")
        # A fast machine would be done before the first restart, did its wallets not think.
        load = {"model": "closed", "iterations": ITERATIONS,
                "think": "300ms" if name.startswith("restart") else "0s"}
        faults = sets(FAULTS[name], "faults.")
        with s.Standin(*sets(KEYS), *faults, folder=books, listen=listen) as standin:
            value = s.plan(CLIENTS, standin.options(**WALLET, retries=retries), load,
                           scenario={"purge": "never"})
            result, found = s.run(path, value)
            ledger = standin.stop()
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        self.assertTrue(ledger["balanced"], ledger["why"])
        self.assertEqual(ledger["conflicts"] + ledger["forbidden"] + ledger["malformed"], 0)
        self.assertEqual(s.row(found, "iterations", "iteration")["started"], ITERATIONS)
        self.adds_up(found)
        kinds = {error["kind"] for error in found["errors"]}
        self.assertLessEqual(kinds, KINDS[name] | {"reserve-timeout"}, kinds)
        if name != "delay":
            self.assertTrue(kinds & KINDS[name], "the faults were not met")

        with s.Standin(*sets(KEYS), folder=books, listen=listen) as standin:
            result = s.shoal("run", os.path.join(path, "plan.json"), "--state-from",
                             os.path.join(path, "out"), "--out", calm, "--quiet", "--set",
                             f"scenarios.0.load.iterations={CLIENTS}")
            ledger = standin.stop()
        after = s.summary(calm)
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        self.assertEqual(s.row(after, "iterations", "iteration")["succeeded"], CLIENTS)
        self.assertEqual(after["errors"], [])
        self.assertTrue(ledger["balanced"], ledger["why"])
        self.assertEqual(ledger["conflicts"] + ledger["forbidden"] + ledger["malformed"], 0)
        owned = money.of_wallets(calm)
        self.assertEqual(owned.intents, 0)
        self.assertEqual(owned.reserves, money.units(ledger["reserves"]))
        self.assertEqual(owned.coins, money.units(ledger["coins_outstanding"]))
        return found


def test_of(name, retries):
    def test(self):
        with s.folder() as path:
            found = self.stormy(path, name, retries)
        whole = s.row(found, "iterations", "iteration")
        if name == "delay":
            self.assertEqual(whole["failed"], 0)
        else:
            self.assertGreater(whole["succeeded"], 0)
    return test


class Faults(Case):
    """With retries also finding the exchange survives; without, the faults' seed lets it."""

    def test_retries_help(self):
        shares = []
        for retries in (0, 5):
            with s.folder() as path:
                standin = {**KEYS, "faults": {"drop_share": 0.2, "seed": 3}}
                result, found = s.run(path, s.plan(CLIENTS, {**WALLET, "retries": retries},
                                                   {"model": "closed", "iterations": ITERATIONS},
                                                   standins={"taler": standin}))
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.assertTrue(found["accounting"], found["accounting_detail"])
            self.adds_up(found)
            shares.append(s.row(found, "steps", "withdraw")["failed"])
        self.assertGreater(shares[0], 5)
        self.assertLess(shares[1], shares[0] / 2)

    def test_all_embedded(self):
        """The embedded stand-in's books and count of requests bear all faults at once."""
        with s.folder() as path:
            standin = {**KEYS, "faults": FAULTS["all"]}
            result, found = s.run(path, s.plan(CLIENTS, {**WALLET, "retries": 3},
                                               {"model": "closed", "iterations": ITERATIONS},
                                               scenario={"purge": "every-iteration"},
                                               standins={"taler": standin}))
        self.assertEqual(result.returncode, s.HELD, result.stderr)
        self.assertTrue(found["accounting"], found["accounting_detail"])
        self.adds_up(found)


for fault in FAULTS:
    setattr(Faults, f"test_{fault.replace('-', '_')}_with_retries", test_of(fault, 3))
for fault in ("too-late", "restart", "delay"):
    setattr(Faults, f"test_{fault.replace('-', '_')}", test_of(fault, 0))

if __name__ == "__main__":
    s.main()
