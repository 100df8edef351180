"""docs/writing-a-simulator.md works: its code is compiled, linked with the engine, and run.

The system of that page is not in the tree. Its files are taken from the page's fenced blocks, the
registry gets its line, and the program is linked once more with them in front of the libraries.
"""
import json
import os
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("SHOAL_BUILD", os.path.join(ROOT, "build", "release")))
PAGE = os.path.join(ROOT, "docs", "writing-a-simulator.md")
BLOCK = re.compile(r"^```(c|json) ([^\n]*)\n(.*?)^```$", re.M | re.S)


def blocks():
    """(language, what stands behind it, body) of the page's blocks."""
    with open(PAGE, encoding="utf-8") as file:
        return BLOCK.findall(file.read())


def write(folder, path, body):
    """One file below the folder."""
    name = os.path.join(folder, path)
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w", encoding="utf-8") as file:
        file.write(body)
    return name


def call(*command, **options):
    """A command's result, both outputs as one text."""
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **options)


def registry():
    """simulators/registry.c with one more include and one more line."""
    with open(os.path.join(ROOT, "simulators", "registry.c"), encoding="utf-8") as file:
        text = file.read()
    text = text.replace("const struct simulator *const simulators[] = {",
                        '#include "simulators/tally/client.h"\n'
                        "const struct simulator *const simulators[] = {\n    &tally_client,", 1)
    assert "&tally_client" in text
    return text


def compile_command():
    """How the build compiles cli/main.c, up to its output and input."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        rows = json.load(file)
    row = next(r for r in rows if r["file"].endswith("/cli/main.c"))
    words = shlex.split(row["command"])
    return words[:words.index("-o")]


def link_command():
    """How the build links the program: (everything up to its libraries, the libraries)."""
    shown = call("ninja", "-C", BUILD, "-t", "commands", "shoal").stdout.strip().split("\n")
    line = next(text for text in reversed(shown) if " -o shoal " in text)
    words = shlex.split(line.split("&&")[1])
    at = words.index("-o")
    return words[:at], words[at + 2:]


class NewSimulator(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="shoal-new-")
        cls.folder = cls.temporary.name
        sources = [write(cls.folder, "simulators/registry.c", registry())]
        for language, name, body in blocks():
            if language == "c":
                path = write(cls.folder, name, body)
                sources += [path] if name.endswith(".c") else []
            else:
                cls.plan = write(cls.folder, "plan.json", body)
        objects = []
        for source in sources:
            objects.append(source + ".o")
            done = call(*compile_command(), f"-I{cls.folder}", "-o", objects[-1], "-c", source)
            assert done.returncode == 0, done.stdout
        cls.program = os.path.join(cls.folder, "shoal")
        head, tail = link_command()
        done = call(*head, *objects, "-o", cls.program, *tail, cwd=BUILD)
        assert done.returncode == 0, done.stdout

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def run_plan(self, out, *options):
        """(status, output, summary) of a run."""
        done = call(self.program, "run", self.plan, "--quiet", "--out", out, *options,
                    cwd=self.folder)
        with open(os.path.join(self.folder, out, "summary.json"), encoding="utf-8") as file:
            return done.returncode, done.stdout, json.load(file)

    def test_it_is_there(self):
        self.assertIn("tally-client", call(self.program, "list").stdout)
        self.assertIn("What one iteration adds",
                      call(self.program, "describe", "tally-client").stdout)
        self.assertIn("tally.example", call(self.program, "init", "tally").stdout)

    def test_it_runs(self):
        status, output, summary = self.run_plan("good")
        self.assertEqual(status, 0, output)
        whole = summary["steps"][0]["whole"]
        self.assertEqual((whole["succeeded"], whole["failed"]), (500, 0))
        self.assertTrue(summary["accounting"])

    def test_it_sees_failures(self):
        status, output, summary = self.run_plan(
            "bad", "--set", "standins.tally.faults.truncate_share=0.2")
        kinds = {error["kind"] for error in summary["errors"]}
        self.assertEqual(status, 0, output)
        self.assertIn("wrong-total", kinds)  # executed, and the client does not know
        self.assertGreater(summary["steps"][0]["whole"]["failed"], 0)


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
