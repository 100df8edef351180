"""clang-tidy over the program, with the checks of .clang-tidy.

What was found clean is remembered below the build folder by the hash of the file, of every header
of ours it includes, of its command and of .clang-tidy: only what changed is looked at again.
"""
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

from tree import BUILD, OURS, ROOT, Memory, digest, read, text

INCLUDE = re.compile(rb'^\s*#\s*include\s+"([^"]+)"', re.M)
WARNING = re.compile(r"^(\S+?):\d+:\d+: (?:warning|error): .* \[([\w.,-]+)\]$")
# The analyzer gives up on a function after so many steps (it would be 225,000): a third of the time.
STEPS_MAX = 50000
BOUNDED = [f"--extra-arg={word}" for word in
           ("-Xclang", "-analyzer-config", "-Xclang", f"max-nodes={STEPS_MAX}")]
# What the analyzer cannot see, and why it is no fault. file: {check: reason}
ANALYZER = "clang-analyzer-"
RETURNS = "flow_fail never returns 0, which the analyzer cannot see from another file"
EXCUSED = {
    "core/load/group.c": {
        ANALYZER + "core.NullDereference": "every client of an open scenario has its partition"},
    "core/net/exchange.c": {
        ANALYZER + "unix.Malloc": "a connection holds its exchange until MHD says it is over"},
    "core/net/http_net.c": {
        ANALYZER + "core.CallAndMessage": "getsockname fills the address of the family it names"},
    "core/net/listener_socket.c": {
        ANALYZER + "core.CallAndMessage": "getsockname fills the address of the family it names"},
    "core/report/run_folder.c": {
        ANALYZER + "core.CallAndMessage": "new_handle sets the handle or returns an error",
        ANALYZER + "core.uninitialized.Branch": "errno after a failed call is not 0"},
    "simulators/taler/fleet.c": {ANALYZER + "core.NullDereference": RETURNS},
    "simulators/taler/keys.c": {
        ANALYZER + "core.NullDereference": "304 is accepted only when an ETag was sent",
        ANALYZER + "core.NonNullParamChecker": RETURNS},
    "simulators/taler/standin_reply.c": {
        ANALYZER + "unix.Malloc": "forget() takes the record out of the list before freeing it"},
}


def headers(path, seen):
    """Adds every header of ours that a file sees."""
    for name in sorted(INCLUDE.findall(read(path))):
        name = name.decode()
        if name not in seen and os.path.isfile(os.path.join(ROOT, name)):
            seen.add(name)
            headers(name, seen)
    return seen


def commands():
    """path -> command of every C file of the program, as the build compiles it."""
    with open(os.path.join(BUILD, "compile_commands.json"), encoding="utf-8") as file:
        rows = json.load(file)
    found = {os.path.relpath(row["file"], ROOT): row["command"] for row in rows}
    return {path: command for path, command in sorted(found.items())
            if path.startswith(OURS) and os.path.isfile(os.path.join(ROOT, path))}


def key_of(path, command):
    """What a result depends on."""
    seen = sorted(headers(path, set()))
    return digest(command, text(".clang-tidy"), *BOUNDED, json.dumps(EXCUSED.get(path, {})),
                  *(part for name in [path, *seen] for part in (name, read(name))))


def complaints(path, folder=BUILD):
    """clang-tidy's lines about a file, without what is excused."""
    done = subprocess.run(
        ["clang-tidy-14", "--quiet", "-p", folder, *BOUNDED,
         f"--config-file={os.path.join(ROOT, '.clang-tidy')}", os.path.join(ROOT, path)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    found = []
    for line in done.stdout.splitlines():
        match = WARNING.match(line)
        if match:
            name = os.path.relpath(match.group(1), ROOT)
            checks = match.group(2).split(",")
            if not any(check in EXCUSED.get(name, {}) for check in checks):
                found.append(line.replace(ROOT + "/", ""))
    if done.returncode and not found and "error:" in done.stdout:
        found.append(done.stdout)
    return found


class Tidy(unittest.TestCase):
    maxDiff = None

    def test_the_program(self):
        memory = Memory("tidy")
        rows = [(path, key_of(path, command)) for path, command in commands().items()]
        self.assertGreater(len(rows), 50)
        todo = [(path, key) for path, key in rows if not memory.knows(key)]
        found = []
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
            for (_, key), lines in zip(todo, pool.map(lambda row: complaints(row[0]), todo)):
                found += lines
                if not lines:
                    memory.learn(key)
        self.assertEqual(sorted(set(found)), [])

    def test_what_is_excused_is_there(self):
        for path in EXCUSED:
            self.assertTrue(os.path.isfile(os.path.join(ROOT, path)), path)

    def test_the_check_can_fail(self):
        with tempfile.TemporaryDirectory() as folder:
            bad = os.path.join(folder, "bad.c")
            with open(bad, "w", encoding="ascii") as file:
                file.write("int f(int *p)\n{\n    if (!p)\n        return *p;\n    return 0;\n}\n")
            with open(os.path.join(folder, "compile_commands.json"), "w", encoding="ascii") as file:
                json.dump([{"directory": folder, "file": bad, "command": f"cc -c {bad}"}], file)
            self.assertIn("NullDereference", "\n".join(complaints(bad, folder)))


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
