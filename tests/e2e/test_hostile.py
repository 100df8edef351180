"""An exchange and a bank that lie or misbehave: every lie is noticed and has its name, every
misbehaviour ends in a failure of the right kind, and the run counts all of it and goes on."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile
import money
import shoal as s

KEYS = {"rsa_bits": 1024, "keys": 1}
SLOW = 2 if s.SANITIZED else 1
WALLET = {"withdraw_amount": "8", "payments": 2, "pay_amount": "2", "timeout": f"{700 * SLOW}ms",
          "fund_timeout": f"{700 * SLOW}ms"}
SCENARIOS_AT_ONCE = 16  # more would share the series called "other"
CLIENTS, ITERATIONS = 3, 6

GOOD = {"honest", "age-below-all", "expired-in-year-1"}
KINDS = {
    "short-body": {"short-body"},
    "huge": {"too-large"},
    "huge-chunked": {"too-large"},
    "bomb": {"too-large"},
    "status-500": {"http-status"},
    "status-503": {"http-status"},
    "status-451": {"kyc-required"},
    "status-429": {"too-many-requests"},
    "status-404": {"not-found", "reserve-unknown", "reserve-timeout"},
    "silence": {"timeout"},
    "half-silence": {"timeout"},
    "reset-at-once": {"reset"},
    "reset-in-head": {"reset"},
    "reset-in-body": {"short-body"},
    "closed": {"reset"},
    "garbage": {"bad-http"},
    "bad-chunks": {"bad-http"},
    "gzip-with-more-behind": {"bad-http"},
    "unknown-coding": {"bad-http"},
    "ten-codings": {"bad-http"},
    "status-999999": {"bad-http"},
    "status-less": {"bad-http"},
    "http-3-7": {"bad-http"},
    "upgrade": {"http-status"},
    "negative-length": {"bad-http"},
    "immense-length": {"too-large"},
    "two-lengths": {"short-body"},
    "nul-in-header": {"bad-http"},
    "colonless-header": {"bad-http"},
    "trickle": {"timeout"},
    "trickled-head": {"timeout"},
    "endless-headers": {"bad-http"},
    "endless-continue": {"bad-http", "timeout"},
    "redirect-loop": {"redirects"},
    "redirect-file": {"bad-http"},
    "redirect-nowhere": {"bad-http"},
}
# All else is a body that is not what the protocol says.
BODY = {"truncated-json", "deep-json", "deeper-json", "nul-json", "wrong-types", "empty-body",
        "gzip-cut"}
PASSED_ON = {"truncated-json", "wrong-types"}
SIGNATURES = {"keys": "bad-keys-signature", "withdraw": "bad-blind-signature",
              "deposit": "bad-deposit-signature"}


def kinds_of(behaviour, place):
    """The kinds that failures have; empty: there are none."""
    if behaviour in BODY:
        if place != "fund":
            return {"bad-reply"}
        # The bank's answer says no more than its status does; whether it has done it, the exchange
        # knows.
        return set() if behaviour in PASSED_ON else {"reserve-timeout"}
    if behaviour in ("wrong-signatures", "reused-signatures"):
        reusable = behaviour == "reused-signatures" and place == "keys"
        return {SIGNATURES[place]} if place in SIGNATURES and not reusable else set()
    return set() if behaviour in GOOD else KINDS[behaviour]


class Case(unittest.TestCase):
    def adds_up(self, found, whole_run=True):
        """The identity, and failures by kind are as many as failures by outcome."""
        self.assertTrue(s.identity_holds(found))
        for of, plural in (("iteration", "iterations"), ("step", "steps"), ("request", "requests")):
            for entry in found[plural]:
                by_kind = sum(e["count"] for e in found["errors"] if (
                    e["of"], e["scenario"], e["name"]) == (of, entry["scenario"], entry["name"]))
                self.assertEqual(entry["whole"]["failed"], by_kind,
                                 (of, entry["scenario"], entry["name"]))
                if whole_run:
                    self.assertEqual(entry["whole"]["in_flight"], 0)
                    self.assertEqual(entry["whole"]["cancelled"], 0)


class Misbehaving(Case):
    @classmethod
    def setUpClass(cls):
        cls.standin = s.Standin(*(f"{k}={v}" for k, v in KEYS.items()))
        cls.server = hostile.Hostile(cls.standin.base)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        ledger = cls.standin.stop()
        assert ledger["balanced"], ledger["why"]

    def at_start(self, place, behaviour):
        options = {**WALLET, "exchange": self.server.base(place, behaviour),
                   "bank": self.standin.bank}
        kinds = kinds_of(behaviour, place)
        with s.folder() as path:
            result, found = s.run(path, s.plan(1, options))
        if not kinds:
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.adds_up(found)
            return
        self.assertEqual(result.returncode, s.TARGET, result.stderr)
        self.assertIn("could not start: GET /", result.stderr)
        self.assertTrue(any(f"({kind})" in result.stderr for kind in kinds), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)

    def test_config_at_start(self):
        for behaviour in hostile.BEHAVIOURS:
            with self.subTest(behaviour=behaviour):
                self.at_start("config", behaviour)

    def test_keys_at_start(self):
        for behaviour in hostile.BEHAVIOURS:
            with self.subTest(behaviour=behaviour):
                self.at_start("keys", behaviour)

    def scenario(self, place, behaviour):
        base = self.server.base(place, behaviour)
        # Only what is meant to time out has little time: a busy machine is slow at 100 MB, too.
        hurried = "timeout" in KINDS.get(behaviour, ())
        return {"name": behaviour, "simulator": "taler-wallet", "clients": CLIENTS,
                "purge": "never", "load": {"model": "closed", "iterations": ITERATIONS},
                "options": {**WALLET, **({} if hurried else {"timeout": "30s"}), "exchange": base,
                            "bank": base + "/accounts/exchange/taler-wire-gateway"}}

    def running(self, place):
        """Each behaviour is a scenario of its own; what one does is not the others' business."""
        names = list(hostile.BEHAVIOURS)
        for i in range(0, len(names), SCENARIOS_AT_ONCE):
            some = names[i:i + SCENARIOS_AT_ONCE]
            with s.folder() as path:
                result, found = s.run(path, {
                    "name": "hostile", "seed": 1, "lanes": 2,
                    "scenarios": [self.scenario(place, behaviour) for behaviour in some]})
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.adds_up(found)
            for behaviour in some:
                with self.subTest(behaviour=behaviour):
                    self.one_ran(found, place, behaviour)

    def one_ran(self, found, place, behaviour):
        kinds = kinds_of(behaviour, place)
        whole = next(e["whole"] for e in found["iterations"] if e["scenario"] == behaviour)
        met = {e["kind"] for e in found["errors"]
               if (e["scenario"], e["of"]) == (behaviour, "iteration")}
        self.assertEqual(whole["started"], ITERATIONS)
        self.assertGreater(self.server.requests[behaviour, place], 0)
        if behaviour == "reused-signatures" and kinds:
            self.assertGreaterEqual(whole["failed"], ITERATIONS - 1)
        else:
            self.assertEqual(whole["failed"], ITERATIONS if kinds else 0, met)
        self.assertLessEqual(met, kinds)

    def test_fund(self):
        self.running("fund")

    def test_reserve(self):
        self.running("reserve")

    def test_withdraw(self):
        self.running("withdraw")

    def test_deposit(self):
        self.running("deposit")


# What the stand-in can do wrong, where, and what the wallet calls it.
LIES = (
    ("bad-blind-signature", "withdraw", "bad-blind-signature"),
    ("reused-blind-signature", "withdraw", "bad-blind-signature"),
    ("fewer-blind-signatures", "withdraw", "bad-reply"),
    ("bad-deposit-signature", "pay", "bad-deposit-signature"),
    ("bad-keys-signature", None, "bad-keys-signature"),
    ("bad-denomination-signature", None, "bad-keys-signature"),
    ("bad-signkey-signature", None, "bad-keys-signature"),
    ("wrong-keyset", None, "bad-keys-signature"),
    ("wrong-balance", "fund", "wrong-balance"),
    ("truncated-json", "withdraw", "bad-reply"),
    ("deep-json", "withdraw", "bad-reply"),
    ("no-json", "withdraw", "bad-reply"),
    ("empty-object", "withdraw", "bad-reply"),
    ("huge-reply", "withdraw", "too-large"),
    ("silence", "withdraw", "timeout"),
)


class Lying(Case):
    def lied_to(self, lie, step, kind, protocol):
        standin = {**KEYS, "lie": lie, "protocol": protocol}
        timeout = "30s" if lie == "huge-reply" else WALLET["timeout"]  # 100 MB take their time
        with s.folder() as path:
            result, found = s.run(path, s.plan(CLIENTS, {**WALLET, "timeout": timeout},
                                               {"model": "closed", "iterations": ITERATIONS},
                                               scenario={"purge": "never"},
                                               standins={"taler": standin}))
            if step is None:
                self.assertEqual(result.returncode, s.TARGET, result.stderr)
                self.assertIn(f"({kind})", result.stderr)
                return
            self.assertEqual(result.returncode, s.HELD, result.stderr)
            self.adds_up(found)
            self.assertTrue(found["accounting"], found["accounting_detail"])
            self.assertEqual({e["kind"] for e in found["errors"] if e["of"] == "iteration"}, {kind})
            self.assertGreaterEqual(s.row(found, "steps", step)["failed"], CLIENTS)
            owned = money.of_wallets(os.path.join(path, "out"))
            with open(os.path.join(path, "out", "standin", "taler", "ledger.json"),
                      encoding="utf-8") as file:
                ledger = json.load(file)
        # A wallet never believes that it owns more than the exchange owes it.
        self.assertTrue(ledger["balanced"])
        self.assertLessEqual(owned.coins, money.units(ledger["coins_outstanding"]))
        if lie == "bad-deposit-signature":  # deposited it is, whatever the confirmation says
            self.assertEqual(owned.coins, money.units(ledger["coins_outstanding"]))
        if lie == "wrong-balance":
            self.assertEqual(owned.reserves, money.units(ledger["reserves"]))

    def test_lies(self):
        for lie, step, kind in LIES:
            for protocol in (14, 23):
                with self.subTest(lie=lie, protocol=protocol):
                    self.lied_to(lie, step, kind, protocol)

    def test_trusting(self):
        """trust_exchange does not look at signatures, as it says."""
        with s.folder() as path:
            standin = {**KEYS, "lie": "bad-deposit-signature"}
            result, found = s.run(path, s.plan(2, {**WALLET, "trust_exchange": True},
                                               standins={"taler": standin}))
        self.assertEqual(result.returncode, s.HELD)
        self.assertEqual(found["errors"], [])


if __name__ == "__main__":
    s.main()
