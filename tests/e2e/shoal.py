"""What the end-to-end tests share: running the program, plans, stand-ins, folders of results."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHOAL = os.environ.get("SHOAL", os.path.join(ROOT, "build", "release", "shoal"))
SANITIZED = "asan" in SHOAL or "tsan" in SHOAL  # slower by a factor

HELD, VERDICT, INPUT, TARGET, INTERRUPTED, OURS = range(6)


def plan(clients=20, options=None, load=None, **more):
    """A plan of one taler-wallet scenario against the embedded stand-in."""
    scenario = {
        "name": "wallets",
        "simulator": "taler-wallet",
        "clients": clients,
        "load": load or {"model": "closed", "iterations": clients},
        "options": {"exchange": "embedded", "bank": "embedded", **(options or {})},
    }
    scenario.update(more.pop("scenario", {}))
    return {"name": "test", "seed": 1, "lanes": 2, "scenarios": [scenario], **more}


@contextlib.contextmanager
def folder():
    """A folder of its own that goes away."""
    path = tempfile.mkdtemp(prefix="shoal-e2e-")
    try:
        yield path
    finally:
        subprocess.run(["chmod", "-R", "u+w", path], check=False)
        shutil.rmtree(path, ignore_errors=True)


def write(path, value):
    """Writes a plan (or any text) and returns its path."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(value if isinstance(value, str) else json.dumps(value))
    return path


def shoal(*arguments, timeout=120, **more):
    """Runs the program to its end; the result has returncode, stdout and stderr."""
    return subprocess.run([SHOAL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, timeout=timeout, check=False, **more)


def start(*arguments, **more):
    """Starts the program in the background."""
    return subprocess.Popen([SHOAL, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            text=True, **more)


def run(path, value, *arguments, **more):
    """Writes a plan below `path`, runs it into path/out; (result, summary or None)."""
    name = write(os.path.join(path, "plan.json"), value)
    out = os.path.join(path, "out")
    result = shoal("run", name, "--out", out, "--quiet", *arguments, **more)
    return result, summary(out)


def summary(out):
    """summary.json of a run folder, None when there is none."""
    try:
        with open(os.path.join(out, "summary.json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def lines(out, name):
    """The objects of a file of JSON lines; a cut last line is left out."""
    found = []
    with open(os.path.join(out, name), encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                found.append(json.loads(line))
    return found


def row(found, kind, name):
    """The whole-run counts of one series: kind is iterations, steps or requests."""
    for entry in found[kind]:
        if entry["name"] == name:
            return entry["whole"]
    raise AssertionError(f"{name} is not in {kind}: {[e['name'] for e in found[kind]]}")


def identity_holds(found):
    """started = succeeded + failed + cancelled + in flight, for every series."""
    for kind in ("iterations", "steps", "requests"):
        for entry in found[kind]:
            whole = entry["whole"]
            parts = sum(whole[k] for k in ("succeeded", "failed", "cancelled", "in_flight"))
            if whole["started"] != parts:
                return False
    return True


class Standin:
    """`shoal serve taler` in the background; .base is its address, .stop() its ledger."""

    def __init__(self, *sets, folder=None, listen=None):
        command = ["serve", "taler"]
        for value in sets:
            command += ["--set", value]
        if folder:
            command += ["--folder", folder]
        if listen:
            command += ["--listen", listen]
        self.process = start(*command)
        first = self.process.stdout.readline()
        if not first.startswith("ready "):
            self.process.wait(10)
            raise AssertionError(f"no ready line: {first!r} {self.process.stderr.read()!r}")
        self.base = first.split()[1]
        self.bank = self.base + "/accounts/exchange/taler-wire-gateway"

    def options(self, **more):
        return {"exchange": self.base, "bank": self.bank, **more}

    def stop(self):
        """Ends it as Ctrl-C does; its ledger."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        self.stderr = err
        return json.loads(out.strip().split("\n")[-1])

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.kill()


def free_port():
    """A port of loopback that nobody listens on (just now)."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def standins_running(path=None):
    """Process ids of the `shoal serve` of this program; with a path of those that work below it."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")
            program = os.readlink(f"/proc/{pid}/exe")
        except OSError:
            continue
        if len(words) > 1 and words[1] == "serve" and program == os.path.realpath(SHOAL) and (
                path is None or any(word.startswith(path) for word in words)):
            found.append(int(pid))
    return found


def wait_until(condition, seconds=10):
    """Polls until the condition is true; its last value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    return condition()


def main(module="__main__"):
    """Entry point of a test file."""
    import unittest
    sys.exit(0 if unittest.main(module=module, exit=False, verbosity=1).result.wasSuccessful()
             else 1)
