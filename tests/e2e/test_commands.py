"""The commands around a run: try, init, list, describe, schema, check, version, report, help."""
import glob
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import shoal as s

SMALL = {"standins": {"taler": {"rsa_bits": 1024}}}
try:
    import jsonschema
except ImportError:
    jsonschema = None


class Case(unittest.TestCase):
    def setUp(self):
        context = s.folder()
        self.path = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def plan(self, *arguments, **more):
        return s.write(os.path.join(self.path, "plan.json"), s.plan(*arguments, **{**SMALL, **more}))

    def ok(self, *arguments, **more):
        result = s.shoal(*arguments, **more)
        self.assertEqual(result.returncode, s.HELD, result.stderr + result.stdout)
        return result.stdout


class Try(Case):
    def left_behind(self):
        return glob.glob(os.path.join(tempfile.gettempdir(), "shoal-try-*"))

    def test_ok(self):
        before = self.left_behind()
        out = self.ok("try", self.plan(), "--client", "3")
        for word in ("/config", "/keys", "POST ", "admin/add-incoming", "batch-withdraw",
                     "batch-deposit", "< 200 in", "its clock agrees with ours", "step fund: ok",
                     "step withdraw: ok", "step pay: ok", "user-3", "all steps succeeded"):
            self.assertIn(word, out)
        order = [out.index(word) for word in ("/config", "/keys", "admin/add-incoming",
                                              "/reserves/", "batch-withdraw", "batch-deposit")]
        self.assertEqual(order, sorted(order))
        self.assertEqual(self.left_behind(), before)
        self.assertTrue(s.wait_until(lambda: not s.standins_running("/tmp/shoal-try-")))

    def test_several_scenarios(self):
        plan = s.plan(**SMALL)
        plan["scenarios"].append({**plan["scenarios"][0], "name": "more"})
        out = self.ok("try", s.write(os.path.join(self.path, "two.json"), plan))
        self.assertEqual(out.count("step fund: ok"), 2)

    def test_target_down(self):
        base = f"http://127.0.0.1:{s.free_port()}"
        result = s.shoal("try", self.plan(options={"exchange": base, "bank": base}))
        self.assertEqual(result.returncode, s.TARGET)
        self.assertIn("(refused)", result.stdout)
        self.assertIn("to fix: nothing listens there", result.stdout)

    def test_wrong_path_and_wrong_credentials(self):
        with s.Standin("rsa_bits=1024", "bank_auth=basic", "bank_secret=opensesame") as target:
            wrong = target.options()
            wrong["exchange"] += "/wrong"
            result = s.shoal("try", self.plan(options=wrong))
            self.assertEqual(result.returncode, s.TARGET)
            self.assertIn("404", result.stdout)
            self.assertIn("to fix: check the base URL's path", result.stdout)
            result = s.shoal("try", self.plan(options=target.options(bank_user="exchange",
                                                                     bank_password="sesame")))
            self.assertEqual(result.returncode, s.VERDICT)
            self.assertIn("< 401", result.stdout)
            self.assertIn("credentials", result.stdout)
            self.assertNotIn("sesame", result.stdout + result.stderr)

    def test_a_silent_target_can_be_left(self):
        before = self.left_behind()
        with s.Standin("rsa_bits=1024", "lie=silence", "lie_at=keys") as target:
            process = s.start("try", self.plan(options=target.options()))
            self.assertIn("target", process.stdout.readline())
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=5)
            self.assertEqual(process.returncode, s.INTERRUPTED, err)
        self.assertEqual(self.left_behind(), before)


class Pages(Case):
    def test_list(self):
        out = self.ok("list")
        self.assertIn("taler-wallet", out)
        self.assertIn("stand-in: taler", out)

    def test_describe(self):
        for name, words in (("taler-wallet", ("withdraw_amount", "default 60", "Steps: fund")),
                            ("taler", ("protocol", "faults.error_share", "bank_auth")),
                            ("plan", ("scenarios.N.load.model", "sync", "purge"))):
            out = self.ok("describe", name)
            for word in words:
                self.assertIn(word, out)

    def test_init_makes_a_plan_that_checks(self):
        result = s.shoal("init", "taler")
        self.assertEqual(result.returncode, s.HELD)
        plan = json.loads(result.stdout)
        self.assertTrue(plan["scenarios"][0]["options"]["exchange"].startswith("https://"))
        self.assertIn("shoal try", result.stderr)
        name = s.write(os.path.join(self.path, "remote.json"), result.stdout)
        environment = {**os.environ, "TALER_BANK_PASSWORD": "x"}
        self.assertIn("can be run", self.ok("check", name, env=environment))
        environment.pop("TALER_BANK_PASSWORD")
        result = s.shoal("check", name, env=environment)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("TALER_BANK_PASSWORD", result.stderr)

    @unittest.skipUnless(jsonschema, "python3-jsonschema is not there")
    def test_the_schema_knows_right_from_wrong(self):
        schema = json.loads(self.ok("schema"))
        validator = jsonschema.validators.validator_for(schema)
        validator.check_schema(schema)
        check = validator(schema)
        configs = glob.glob(os.path.join(s.ROOT, "configs", "**", "*.json"), recursive=True)
        self.assertIn(os.path.join(s.ROOT, "configs", "quickstart.json"), configs)
        plans = []
        for name in configs:
            with open(name, encoding="utf-8") as file:
                plans.append(json.load(file))
        plans.append(json.loads(s.shoal("init", "taler").stdout))
        plans.append(json.loads(self.ok("check", configs[0], "--resolved")))
        for plan in plans:
            self.assertEqual([e.message for e in check.iter_errors(plan)], [])
        for change in (lambda p: p["scenarios"][0].update(clients="many"),
                       lambda p: p["scenarios"][0].update(simulator="taler-walet"),
                       lambda p: p["scenarios"][0]["options"].update(payment=3),
                       lambda p: p["scenarios"][0]["load"].update(duration="soon"),
                       lambda p: p.update(scenarioz=[]),
                       lambda p: p.pop("scenarios")):
            wrong = json.loads(json.dumps(plans[0]))
            change(wrong)
            self.assertTrue(list(check.iter_errors(wrong)), wrong)

    def test_every_ready_plan_checks(self):
        for name in glob.glob(os.path.join(s.ROOT, "configs", "**", "*.json"), recursive=True):
            with self.subTest(name=name):
                self.assertIn("this plan can be run", self.ok("check", name))

    def test_check_resolved_can_be_run_again(self):
        resolved = self.ok("check", self.plan(), "--clients", "7", "--resolved")
        name = s.write(os.path.join(self.path, "again.json"), resolved)
        self.assertEqual(self.ok("check", name, "--resolved"), resolved)
        self.assertEqual(json.loads(resolved)["scenarios"][0]["clients"], 7)

    def test_version(self):
        out = self.ok("version")
        self.assertRegex(out, r"^shoal \d+\.\d+\.\d+\n")
        self.assertIn("libcurl", out)
        self.assertEqual(self.ok("--version"), out)

    def test_help(self):
        commands = ("run", "try", "check", "serve", "list", "describe", "init", "schema", "report",
                    "version", "help")
        out = self.ok("help")
        self.assertEqual(self.ok("--help"), out)
        for command in commands:
            self.assertIn(f"  {command} ", out)
            page = self.ok(command, "--help")
            self.assertTrue(page.startswith(f"usage: shoal {command}"), page)
            self.assertEqual(self.ok("help", command), page)
        self.assertIn("4  interrupted", out)

    def test_man_page(self):
        page = self.ok("help", "--man")
        for word in (".TH", "SH NAME", "EXIT STATUS", "state\\-from"):
            self.assertIn(word, page)
        lint = subprocess.run(["mandoc", "-Tlint", "-Werror"], input=page, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False) \
            if any(os.access(os.path.join(p, "mandoc"), os.X_OK)
                   for p in os.environ["PATH"].split(":")) else None
        if lint:
            self.assertEqual(lint.returncode, 0, lint.stdout)

    def test_completion(self):
        script = self.ok("help", "--completion")
        name = s.write(os.path.join(self.path, "completion"), script)
        ask = (f'source {name}; COMP_WORDS=(shoal run --st); COMP_CWORD=2; '
               f'$(complete -p shoal | sed "s/.*-F \\([^ ]*\\).*/\\1/") shoal --st run; '
               'echo "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", ask], stdout=subprocess.PIPE, text=True, check=True)
        for option in ("--start-at", "--state-dir", "--state-from"):
            self.assertIn(option, done.stdout)


class Report(Case):
    def test_of_a_finished_run(self):
        out = os.path.join(self.path, "out")
        shown = self.ok("run", self.plan(3), "--out", out, "--quiet")
        os.rename(os.path.join(out, "summary.json"), os.path.join(self.path, "kept.json"))
        again = self.ok("report", out)
        wanted = [line for line in shown.splitlines() if line.startswith(("iteration", "pay"))]
        self.assertTrue(wanted)
        for line in wanted:
            self.assertIn(line, again)
        self.assertTrue(os.path.exists(os.path.join(out, "summary.json")))

    def test_of_damaged_folders(self):
        out = os.path.join(self.path, "out")
        self.ok("run", self.plan(3), "--out", out, "--quiet")
        name = os.path.join(out, "timeline.jsonl")
        with open(name, "rb") as file:
            whole = file.read()
        with open(name, "wb") as file:
            file.write(whole[:-20])  # a cut last line is what a kill leaves
        self.ok("report", out)
        with open(name, "wb") as file:
            file.write(b"{not json}\n" + whole)
        result = s.shoal("report", out)
        self.assertEqual(result.returncode, s.INPUT)
        self.assertIn("timeline.jsonl", result.stderr)


if __name__ == "__main__":
    s.main()
