"""Goes through the faults that daemons which share one PostgreSQL have to survive."""

import argparse
import contextlib
import os
import pathlib
import re
import signal
import sys
import tempfile

from daemon import Simulator
from faults import FAULTS
from postgres import Postgres
from receiver import Receiver
from relay import Relay
from report import Trouble, say, table
from scene import Bench, Scene

# How long jobs take, in leases: some end before a fault, most while it lasts or after it.
LEAST, MOST = 2, 6


def seconds(text):
    """Of a time such as "1m 30s"."""
    units = {"ms": 0.001, "s": 1, "m": 60, "h": 3600}
    if not re.fullmatch(r"(\s*\d+(ms|s|m|h))+", text):
        raise Trouble(f"{text!r} is no time such as 30s")
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+)(ms|s|m|h)", text))


def read_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--watches", type=int, default=10_000)
    parser.add_argument("--lease", default="30s")
    parser.add_argument("--restarts", type=int, default=20)
    parser.add_argument("--logs", type=pathlib.Path)
    parser.add_argument("--only", choices=FAULTS, action="append")
    return parser.parse_args()


def go_through(bench, name, number):
    """One fault, from the start of its daemons to their end."""
    say(f"{name}: {FAULTS[name].__doc__}")
    scene = Scene(bench, name, number)
    try:
        FAULTS[name](scene)
    except Trouble as trouble:
        say(f"{name}: {trouble}")
        scene.note("went through", "no", False)
    finally:
        scene.close()
    return scene.result


def prepare(options, home, cleaning):
    """Starts what all faults share."""
    lease = seconds(options.lease)
    postgres = Postgres((options.logs or home) / "postgres.log")
    cleaning.callback(postgres.close)
    postgres.start()
    simulator = Simulator(options.binary, home, LEAST * lease, MOST * lease)
    cleaning.callback(simulator.close)
    return Bench(options, home, lease, postgres, Receiver(), Relay(simulator.port))


def main():
    options = read_options()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    os.umask(0o077)
    if options.logs:
        options.logs.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as cleaning:
        home = pathlib.Path(cleaning.enter_context(tempfile.TemporaryDirectory(prefix="dcs-wait-cluster-")))
        bench = prepare(options, home, cleaning)
        names = [name for name in FAULTS if name in (options.only or FAULTS)]
        results = [go_through(bench, name, number) for number, name in enumerate(names)]
    print(f"{options.watches} watches, a lease of {options.lease}. Bold is what must not be.\n")
    print(table(results))
    sys.exit(0 if all(result.good for result in results) else 1)


if __name__ == "__main__":
    try:
        main()
    except Trouble as trouble:
        sys.exit(f"error: {trouble}")
