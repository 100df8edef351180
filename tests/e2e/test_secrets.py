"""Secrets reach the bank, and neither a file nor a screen."""
import base64
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shoal as s

SECRET = "Sesam0effne-dich+7391"


def forms(secret):
    """What would give the secret away, as bytes: itself, URL-encoded, in base64 at each offset."""
    found = [secret.encode(), secret.replace("+", "%2B").encode()]
    for pad in ("", "x", "xx"):  # base64 of whatever ends in it
        text = base64.b64encode((pad + secret).encode())
        found.append(text[4 if pad else 0:-4])
    found.append(base64.b64encode(f"exchange:{secret}".encode()).rstrip(b"="))
    return found


class Secrets(unittest.TestCase):
    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.out = os.path.join(self.path, "out")
        self.environment = {**os.environ, "BANK_SECRET": SECRET}
        self.file = s.write(os.path.join(self.path, "secret"), SECRET + "\n")
        self.places = {"env": {"env": "BANK_SECRET"}, "file": {"file": self.file}}

    def hidden(self, *results, folder=None):
        for result in results:
            for text in (result.stdout, result.stderr):
                for form in forms(SECRET):
                    self.assertNotIn(form, text.encode())
        files = 0
        for where, _, names in os.walk(folder or self.out):
            for name in names:
                files += 1
                with open(os.path.join(where, name), "rb") as file:
                    content = file.read()
                for form in forms(SECRET):
                    self.assertNotIn(form, content, os.path.join(where, name))
        return files

    def target(self, kind):
        return s.Standin("rsa_bits=1024", f"bank_auth={kind}", f"bank_secret={SECRET}")

    def options(self, kind, value):
        if kind == "basic":
            return {"bank_user": "exchange", "bank_password": value}
        return {"bank_token": value}

    def play(self, kind, value, *arguments):
        """try, run and report against a bank that asks for it; the run has no failure."""
        with self.target(kind) as target:
            plan = s.write(os.path.join(self.path, "plan.json"),
                           s.plan(4, target.options(**self.options(kind, value))))
            tried = s.shoal("try", plan, *arguments, env=self.environment)
            self.assertEqual(tried.returncode, s.HELD, tried.stderr + tried.stdout)
            self.assertIn("> Authorization: ***", tried.stdout)
            run = s.shoal("run", plan, "--out", self.out, *arguments, env=self.environment)
            self.assertEqual(run.returncode, s.HELD, run.stderr)
            report = s.shoal("report", self.out, "--json")
            check = s.shoal("check", plan, "--resolved", *arguments, env=self.environment)
            self.assertEqual(check.returncode, s.HELD, check.stderr)
        found = s.summary(self.out)
        self.assertEqual(s.row(found, "iterations", "iteration")["succeeded"], 4)
        self.assertGreater(self.hidden(tried, run, report, check), 5)
        with open(os.path.join(self.out, "plan.json"), encoding="utf-8") as file:
            return json.load(file)["scenarios"][0]["options"]

    def test_from_the_environment(self):
        written = self.play("basic", self.places["env"])
        self.assertEqual(written["bank_password"], {"env": "BANK_SECRET"})

    def test_from_a_file(self):
        written = self.play("bearer", self.places["file"])
        self.assertEqual(written["bank_token"], {"file": self.file})

    def test_literal_in_the_plan(self):
        self.assertEqual(self.play("basic", SECRET)["bank_password"], "***")

    def test_literal_in_set(self):
        for form in (("--set", f"scenarios.0.options.bank_token={SECRET}"),
                     (f"--set=scenarios.wallets.options.bank_token={json.dumps(SECRET)}",)):
            with self.subTest(form=form):
                self.out = os.path.join(self.path, str(len(form)))
                self.assertEqual(self.play("bearer", None, *form)["bank_token"], "***")

    def test_refused_by_the_bank(self):
        """The error's text and the exchange that failed do not show it either."""
        with s.Standin("rsa_bits=1024", "bank_auth=basic", "bank_secret=other") as target:
            plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
                3, target.options(bank_user="exchange", bank_password=SECRET)))
            tried = s.shoal("try", plan)
            self.assertEqual(tried.returncode, s.VERDICT)
            run = s.shoal("run", plan, "--out", self.out)
            self.assertEqual(run.returncode, s.HELD, run.stderr)
            self.hidden(tried, run)
            statuses = {e["status"] for e in s.summary(self.out)["errors"]}
            self.assertEqual(statuses, {401})

    def test_wrong_values_are_refused_without_showing_them(self):
        plan = s.write(os.path.join(self.path, "plan.json"), s.plan(3))
        for change in (f"scenarios.0.options.bank_token=[\"{SECRET}\"]",
                       f"scenarios.0.options.bank_token={{\"envi\": \"{SECRET}\"}}",
                       f"scenarios.0.options.bank_password={SECRET}\n"):
            with self.subTest(change=change):
                result = s.shoal("run", plan, "--out", self.out, "--set", change)
                self.assertEqual(result.returncode, s.INPUT, result.stdout)
                self.hidden(result)
        self.assertFalse(os.path.exists(self.out))

    def test_a_missing_source_is_named(self):
        plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
            3, {"bank_token": {"env": "NO_SUCH_VARIABLE"}}))
        result = s.shoal("run", plan, "--out", self.out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("NO_SUCH_VARIABLE", result.stderr)
        plan = s.write(plan, s.plan(3, {"bank_token": {"file": "no/such/file"}}))
        result = s.shoal("run", plan, "--out", self.out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("no/such/file", result.stderr)

    def test_of_an_embedded_standin(self):
        """The stand-in's own secret, from the environment as from the plan."""
        for value in (SECRET, {"env": "BANK_SECRET"}):
            with self.subTest(value=value):
                self.out = os.path.join(self.path, "env" if isinstance(value, dict) else "plan")
                result, found = None, None
                plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
                    3, self.options("bearer", value),
                    standins={"taler": {"rsa_bits": 1024, "bank_auth": "bearer",
                                        "bank_secret": value}}))
                result = s.shoal("run", plan, "--out", self.out, env=self.environment)
                self.assertEqual(result.returncode, s.HELD, result.stderr)
                found = s.summary(self.out)
                self.assertEqual(s.row(found, "iterations", "iteration")["succeeded"], 3)
                self.hidden(result)

    def test_a_resumed_run_asks_the_source_again(self):
        with self.target("basic") as target:
            plan = s.write(os.path.join(self.path, "plan.json"), s.plan(
                4, target.options(**self.options("basic", self.places["env"])),
                {"model": "closed", "think": "50ms", "duration": "4s"}))
            run = s.start("run", plan, "--out", self.out, "--quiet", env=self.environment)
            self.assertTrue(s.wait_until(
                lambda: os.path.exists(self.out + "/timeline.jsonl") and
                s.lines(self.out, "timeline.jsonl")))
            run.kill()
            run.communicate()
            again = s.shoal("run", "--resume", self.out, "--quiet", env=self.environment)
            self.assertEqual(again.returncode, s.HELD, again.stderr)
            self.assertEqual(s.summary(self.out)["errors"], [])
            self.hidden(again)


if __name__ == "__main__":
    s.main()
