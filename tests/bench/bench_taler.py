"""What a GNU Taler wallet costs: CPU time and memory of the fleet's process, the stand-in in another.

Usage: tests/bench/bench_taler.py [--json] [coin|fleet|thinking|keys|quickstart...]   (no name: all)

CPU time is the process's own (summary.json, generator.cpu_s). What is compared is measured in
turns, each several times, and the best counts: neighbours on the machine only ever add.
"""
import json
import os
import resource
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import shoal  # noqa: E402  (what the end-to-end tests share)

PRIMITIVES = os.path.join(os.path.dirname(shoal.SHOAL), "bench", "bench_taler_primitives")
UPSTREAM_C_MS = 2.7       # per coin withdrawn and deposited, taler-exchange-benchmark
UPSTREAM_JS_MS = 68.0     # two operations of 33 to 36 ms, wallet-core's bench
REQUEST_US = 20.0         # what a request may cost beside the cryptography
CRYPTO_FACTOR = 1.7       # keys, hashes and blinding that the primitives do not name, cold caches
COIN_ROUNDS = 4
COIN_WALLETS = 64
COINS = 10                # of one reserve
ITERATIONS = 300
RAMP_RATE = 200           # thinking wallets begin per second, so that few run at once
QUIET = 0.05              # share of the time in which lanes may wait for a core
TICK_S = 1.0 / os.sysconf("SC_CLK_TCK")

# Ten coins of EUR:5 with their fees of a cent, each paid by itself.
COIN_OPTIONS = {"withdraw_amount": "50.10", "payments": COINS, "pay_amount": "5"}
ONE_DENOMINATION = 'denominations=["EUR:5"]'


def row(name, value, unit, limit=None, yardstick=None):
    return {"name": name, "value": value, "unit": unit, "limit": limit, "yardstick": yardstick}


def run(path, plan):
    """Runs a plan to its end; its summary. Whatever fails spoils a benchmark."""
    result, found = shoal.run(path, plan, timeout=600)
    if result.returncode != shoal.HELD or not found["accounting"]:
        raise SystemExit(f"bench_taler: shoal ended with {result.returncode}\n{result.stdout}"
                         f"\n{result.stderr}")
    return found


def fleet(standin, clients, iterations, lanes=1, load=None, **options):
    """A plan of wallets that start again as soon as they are through."""
    return shoal.plan(clients=clients, options=standin.options(**options),
                      load={"model": "closed", "iterations": iterations, **(load or {})},
                      scenario={"purge": "every-iteration"}, lanes=lanes)


def measure(standin, plan):
    """(CPU milliseconds per iteration, requests per iteration, summary)."""
    with shoal.folder() as path:
        found = run(path, plan)
    done = found["iterations"][0]["whole"]["succeeded"]
    requests = sum(entry["whole"]["succeeded"] for entry in found["requests"])
    return found["generator"]["cpu_s"] * 1e3 / done, requests / done, found


def primitives_us():
    """What one coin's primitives cost now, by bench_taler_primitives."""
    done = subprocess.run([PRIMITIVES, "--json"], stdout=subprocess.PIPE, text=True, check=True)
    rows = json.loads(done.stdout.strip().split("\n")[-1])["rows"]
    return rows[-1]["value"]


# --- one coin ----------------------------------------------------------------------------------

def bench_coin():
    """One coin withdrawn and deposited, the reserve funded once for ten."""
    shapes = {"single requests": (14, {"withdraw": "single", "deposit": "single"}),
              "batch requests": (23, {})}
    best = {name: (1e9, 0) for name in shapes}
    crypto_us = 1e9
    for _ in range(COIN_ROUNDS):
        crypto_us = min(crypto_us, primitives_us())
        for name, (protocol, options) in shapes.items():
            with shoal.Standin(f"protocol={protocol}", ONE_DENOMINATION) as standin:
                plan = fleet(standin, COIN_WALLETS, ITERATIONS, **COIN_OPTIONS, **options)
                ms, requests, _ = measure(standin, plan)
            best[name] = min(best[name], (ms / COINS, requests / COINS))
    rows = []
    for name, (ms, requests) in best.items():
        allowed = (CRYPTO_FACTOR * crypto_us + REQUEST_US * requests) / 1e3
        limit = 0.40 if name == "single requests" else None
        rows.append(row(f"one coin, {name}", ms, "ms", limit,
                        f"1.7 x primitives + 20 us x {requests:.2f} requests = {allowed:.3f} ms"))
        rows.append(row(f"that sum / one coin, {name}", allowed / ms, "x"))
    ms = best["single requests"][0]
    rows += [row("primitives of one coin", crypto_us / 1e3, "ms"),
             row("upstream's C benchmark / one coin", UPSTREAM_C_MS / ms, "x", None,
                 f"{UPSTREAM_C_MS} ms"),
             row("upstream's JavaScript wallet / one coin", UPSTREAM_JS_MS / ms, "x", None,
                 f"{UPSTREAM_JS_MS:.0f} ms")]
    return rows


# --- many wallets ------------------------------------------------------------------------------

def most_at_once(path):
    """The largest number of running wallets that a line of the timeline saw."""
    return max(line["clients"]["running"] for line in shoal.lines(path, "timeline.jsonl"))


def bench_fleet():
    """50 and 5,000 wallets, both without thinking: the stand-in is saturated, so its pace is the
    same, nearly all are active at once, and all do the same iterations."""
    many, few, ms, at_once, rss = 5000, 50, {}, 0, 0.0
    with shoal.Standin() as standin:
        for clients, iterations in ((few, 500), (many, 6000), (few, 500)):
            plan = fleet(standin, clients, iterations, timeout="300s", fund_timeout="300s",
                         load={"ramp": "3s" if clients == many else "0s"})
            with shoal.folder() as path:
                found = run(path, plan)
                if clients == many:
                    at_once = most_at_once(os.path.join(path, "out"))
                    rss = found["generator"]["rss_anon_max_bytes"] / 2**20
            each = found["generator"]["cpu_s"] * 1e3 / iterations
            ms[clients] = min(ms.get(clients, 1e9), each)
    return [row("RssAnon of 5,000 active wallets", rss, "MiB", 400, f"{at_once} at once"),
            row("CPU of an iteration, 50 wallets", ms[few], "ms"),
            row("CPU of an iteration, 5,000 wallets", ms[many], "ms"),
            row("5,000 wallets / 50 wallets", ms[many] / ms[few], "x", 1.3,
                "saturated, the default iteration")]


def rss_anon_kib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        for line in file:
            if line.startswith("RssAnon:"):
                return int(line.split()[1])
    raise SystemExit("bench_taler: no RssAnon")


def thinking_kib(standin, wallets):
    """RssAnon when all wallets have had an iteration and think, their connections closed."""
    plan = fleet(standin, wallets, None, withdraw_amount="5.01", payments=0)
    scenario = plan["scenarios"][0]
    scenario["connections"] = "iteration"
    scenario["load"] = {"model": "closed", "ramp": f"{wallets // RAMP_RATE}s", "think": "1h",
                        "duration": "10m", "graceful_stop": "1s"}
    with shoal.folder() as path:
        out = os.path.join(path, "out")
        process = shoal.start("run", shoal.write(os.path.join(path, "plan.json"), plan), "--out",
                              out, "--quiet")

        def all_think():
            try:
                last = shoal.lines(out, "timeline.jsonl")[-1]
            except (FileNotFoundError, IndexError):
                return False
            return last["clients"]["running"] == 0 and last["t"] > wallets // RAMP_RATE + 2
        if not shoal.wait_until(all_think, 300):
            process.kill()
            raise SystemExit("bench_taler: the wallets do not come to think")
        kib = rss_anon_kib(process.pid)
        process.terminate()
        process.communicate(timeout=60)
    return kib


def bench_thinking():
    few, many = 1000, 9000
    with shoal.Standin(ONE_DENOMINATION) as standin:
        difference = thinking_kib(standin, many) - thinking_kib(standin, few)
    return [row("RssAnon of a thinking wallet", difference * 1024 / (many - few), "byte", 1024,
                "no connection kept")]


# --- a large key set ----------------------------------------------------------------------------

def bench_keys():
    """A key set of 1 MB, once for the fleet; then again and again while other wallets work."""
    names = json.dumps([f"EUR:{n}" for n in range(1, 41)])
    with shoal.Standin(f"denominations={names}", "keys=50", "rsa_bits=1024") as large, \
            shoal.Standin(f"denominations={names}", "keys=1", "rsa_bits=1024") as small:
        cpu, lag = {}, None
        for standin in (large, small, large, small):
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            _, _, found = measure(standin, fleet(standin, 1, 1))
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            cpu[standin] = min(cpu.get(standin, 1e9), spent)
            if standin is large:
                size = shoal.row(found, "requests", "GET keys")["bytes_received"] / 1e6
        plan = fleet(large, 20, 600, keys="fleet")
        plan["scenarios"].append({**plan["scenarios"][0], "name": "readers", "clients": 1,
                                  "load": {"model": "closed", "iterations": 15, "think": "100ms"},
                                  "options": large.options(keys="wallet", payments=0)})
        _, _, found = measure(large, plan)
        lag = found["generator"]["loop_lag_ms"]
    spent = cpu[large] - cpu[small]
    return [row("read and verify /keys once for a fleet", spent, "s", 2,
                f"{size:.2f} MB, CPU beyond that of a small one"),
            row("loop lag p99 while a wallet reads it 15 times", lag["p99"], "ms", round(spent * 1e3),
                "no more than the CPU time of one reading, in which the lanes go on")]


# --- the quick start ----------------------------------------------------------------------------

def cpu_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * TICK_S


def standin_of(out):
    """The process id of the stand-in that works in this run folder."""
    found = shoal.standins_running(out)
    return found[0] if found else None


def bench_quickstart():
    """Both processes from the end of the ramp to just before the end of the load."""
    with shoal.folder() as path:
        out = os.path.join(path, "out")
        process = shoal.start("run", os.path.join(ROOT, "configs", "quickstart.json"), "--out",
                              out, "--quiet")
        standin = shoal.wait_until(lambda: standin_of(out), 30)
        time.sleep(8)
        pids = {"fleet": process.pid, "stand-in": standin}
        first = {name: cpu_seconds(pid) for name, pid in pids.items()}
        began = time.monotonic()
        time.sleep(20)
        last = {name: cpu_seconds(pid) for name, pid in pids.items()}
        seconds = time.monotonic() - began
        process.communicate(timeout=120)
        generator = shoal.summary(out)["generator"]
    rows = [row(f"quick start, {name}", 100 * (last[name] - first[name]) / seconds, "% core", 60)
            for name in pids]
    # Where lanes wait for a core that others have, lags say nothing about the quick start.
    waiting = max(lane["run_wait_mean"] for lane in generator["lanes"])
    rows.append(row("quick start, marked as the bottleneck", int(generator["bottleneck"]), "",
                    0 if waiting < QUIET else None,
                    f"{generator['reason'] or 'not marked'}; lanes waited {100 * waiting:.0f} % "
                    "for a core, with 5 % and more it is not judged"))
    return rows


BENCHES = {"coin": bench_coin, "fleet": bench_fleet, "thinking": bench_thinking,
           "keys": bench_keys, "quickstart": bench_quickstart}


def main():
    names = [a for a in sys.argv[1:] if a != "--json"]
    if set(names) - set(BENCHES):
        print(__doc__, file=sys.stderr)
        return 2
    rows = [found for name in names or BENCHES for found in BENCHES[name]()]
    if "--json" in sys.argv:
        print(json.dumps({"bench": "taler", "rows": rows}))
        return 0
    for found in rows:
        limit = f"at most {found['limit']:g}" if found["limit"] is not None else ""
        print(f"{found['name']:48} {found['value']:10.3f} {found['unit']:6} {limit:14} "
              f"{found['yardstick'] or ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
