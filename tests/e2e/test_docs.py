"""Runs the commands in docs/ and README.md: every fenced block marked `sh`.

A page's blocks run one after another in one temporary folder, as a reader would, with `shoal` on
the PATH and `configs` beside. A block succeeds when its last command does and none before it failed
(`set -e`); ```sh exit=N wants another status. Blocks that need a remote target, or the whole source
tree, are marked `console` or `text`; of those, and of README's plain blocks, the options and plans
are checked without running them.
"""
import os
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOAL = os.environ.get("SHOAL", os.path.join(ROOT, "build", "release", "shoal"))
FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```$", re.M | re.S)
DRY = ("console", "text", "")  # not run


def pages():
    """README.md and every page of docs/."""
    folder = os.path.join(ROOT, "docs")
    found = [os.path.join(ROOT, "README.md")]
    return found + sorted(os.path.join(folder, n) for n in os.listdir(folder) if n.endswith(".md"))


def blocks(page):
    """(language, rest of the fence's line, body) of every fenced block."""
    with open(page, encoding="utf-8") as file:
        return FENCE.findall(file.read())


def wanted_status(rest):
    match = re.search(r"exit=(\d+)", rest)
    return int(match.group(1)) if match else 0


def surroundings(folder):
    """An environment with `shoal` first on the PATH."""
    tools = os.path.join(folder, ".tools")
    os.makedirs(tools)
    os.symlink(os.path.abspath(SHOAL), os.path.join(tools, "shoal"))
    os.symlink(os.path.join(ROOT, "configs"), os.path.join(folder, "configs"))
    return {**os.environ, "PATH": tools + ":" + os.environ["PATH"]}


def play(body, folder, environment):
    """Runs a block; (status, output)."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", body], cwd=folder, env=environment,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=120)
    return done.returncode, done.stdout


def calls(body):
    """The command lines in a block that call the program: (command, options)."""
    text = re.sub(r"\\\n\s*", " ", body)
    found = []
    for line in text.split("\n"):
        line = re.sub(r"\s#\s.*$", "", line)
        match = re.search(r"(?:^|[\s/|])(?:shoal|dev)\s+([a-z]+)\b(.*)$", line)
        if match:
            tool = "dev" if re.search(r"(?:^|/)dev\s", line) else "shoal"
            found.append((tool, match.group(1), re.findall(r"\s(--[a-z-]+)", match.group(2))))
    return found


def dev_commands():
    with open(os.path.join(ROOT, "dev"), encoding="utf-8") as file:
        return re.findall(r"^cmd_([a-z]+)\(\)", file.read(), re.M)


class Docs(unittest.TestCase):
    maxDiff = None

    def test_commands_run(self):
        ran = 0
        for page in pages():
            with tempfile.TemporaryDirectory(prefix="shoal-docs-") as folder:
                environment = surroundings(folder)
                for language, rest, body in blocks(page):
                    if language != "sh":
                        continue
                    with self.subTest(page=os.path.basename(page), block=body):
                        status, output = play(body, folder, environment)
                        self.assertEqual(status, wanted_status(rest), output[-3000:])
                        ran += 1
        self.assertGreater(ran, 8)

    def test_languages_are_known(self):
        for page in pages():
            for language, _, body in blocks(page):
                self.assertIn(language, DRY + ("sh", "json", "c", "cmake"), page + "\n" + body)

    def test_what_is_not_run_names_what_exists(self):
        known = set(dev_commands())
        helps, seen = {}, 0
        for page in pages():
            for language, _, body in blocks(page):
                if language not in DRY:
                    continue
                for tool, command, options in calls(body):
                    seen += 1
                    if tool == "dev":
                        self.assertIn(command, known, page)
                        if command != "run":
                            continue
                    if command not in helps:
                        done = subprocess.run([SHOAL, command, "--help"], stdout=subprocess.PIPE,
                                              stderr=subprocess.STDOUT, text=True)
                        self.assertEqual(done.returncode, 0, f"{page}: shoal {command}")
                        helps[command] = done.stdout
                    for option in options:
                        self.assertIn(option + " ", helps[command] + " ", page)
        self.assertGreater(seen, 5)

    def test_plans_in_pages_are_right(self):
        for page in pages():
            for language, rest, body in blocks(page):
                if language != "json" or '"scenarios"' not in body or "part" in rest:
                    continue
                with tempfile.NamedTemporaryFile("w", suffix=".json") as plan:
                    plan.write(body)
                    plan.flush()
                    done = subprocess.run([SHOAL, "check", plan.name], stdout=subprocess.PIPE,
                                          stderr=subprocess.STDOUT, text=True)
                    self.assertEqual(done.returncode, 0, f"{page}: {done.stdout}")

    def test_the_checks_can_fail(self):
        with tempfile.TemporaryDirectory(prefix="shoal-docs-") as folder:
            environment = surroundings(folder)
            self.assertNotEqual(play("shoal no-such-command", folder, environment)[0], 0)
            self.assertNotEqual(play("false\ntrue", folder, environment)[0], 0)
            self.assertEqual(play("shoal version > v", folder, environment)[0], 0)
        self.assertEqual(calls("build/release/shoal run x \\\n  --out y  # --no\n"),
                         [("shoal", "run", ["--out"])])
        self.assertEqual(calls("./dev bench --check\n"), [("dev", "bench", ["--check"])])
        self.assertEqual(FENCE.findall("```sh exit=2\nx\n```\n"), [("sh", " exit=2", "x\n")])
        self.assertEqual(wanted_status(" exit=2"), 2)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
