"""Measures commands that ask for a finished job, in shuffled rounds, and prints a Markdown table.

Every round runs every command twice: once for the time, and once for the memory. The kernel counts
into a child's peak what its parent held when it was forked, and a Python is larger than what is
measured here; so the second run is forked by a shell that ends at once, and reaped from here.
"""

import argparse
import ctypes
import os
import pathlib
import random
import shlex
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field

# The one project that the simulator serves.
PROJECT = "5111a7ed5111a7ed5111a7ed5111a7ed"
PR_SET_CHILD_SUBREAPER = 36


@dataclass
class Contender:
    name: str
    transport: str
    command: list[str]
    expected: str
    wall: list[float] = field(default_factory=list)  # seconds
    cpu: list[float] = field(default_factory=list)  # seconds, user and system
    peak: list[float] = field(default_factory=list)  # MiB


def contenders(options: argparse.Namespace) -> list[Contender]:
    folder = options.folder
    found = [Contender("`dcs-wait --version`", "-", [options.binary, "--version"], "dcs-wait")]
    header = folder / "header"
    header.write_text(f"X-Auth-Token: {(folder / 'token').read_text()}\n")
    for transport in ("plain", "tls"):
        url = (folder / transport).read_text().splitlines()[0].rstrip("/")
        ca = str(folder / "ca.pem") if transport == "tls" else None
        keys = ["--endpoint", url, "--project-id", PROJECT]
        keys += ["--ak-file", str(folder / "ak"), "--sk-file", str(folder / "sk")]
        keys += ["--ca-file", ca] if ca else []
        curl = ["curl", "--silent", "--show-error", "--fail", "--header", f"@{header}"]
        curl += ["--cacert", ca] if ca else []
        curl += [f"{url}/v2/{PROJECT}/jobs/{options.job}"]
        pipeline = f"{shlex.join(curl)} | jq --raw-output .status"
        sdk = [options.sdk, str(pathlib.Path(__file__).with_name("sdk.py"))]
        for name, command, expected in (
            ("dcs-wait", [options.binary, *keys, options.job], options.job),
            ("curl + jq", ["sh", "-c", pipeline], "SUCCESS"),
            ("Python SDK", [*sdk, *keys, options.job], "SUCCESS"),
        ):
            found.append(Contender(name, transport, command, expected))
    return found


def run(contender: Contender, launcher: list[str], environment: dict[str, str]):
    """Runs the command once; gives its wall time in seconds and its resource usage."""
    begin = time.perf_counter()
    child = subprocess.Popen(
        launcher + contender.command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Both are far smaller than a pipe's buffer, and can be read afterwards.
    status, usage = os.wait4(child.pid, 0)[1:]
    if launcher:
        status, usage = os.wait4(-1, 0)[1:]
    wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    with child.stdout, child.stderr:
        output, complaint = child.stdout.read().decode(), child.stderr.read().decode()
    if child.returncode != 0 or contender.expected not in output:
        sys.exit(
            f"{contender.name} ({contender.transport}) ended with {child.returncode}:\n"
            f"{output}{complaint}"
        )
    return wall, usage


def measure(contender: Contender, environment: dict[str, str]) -> None:
    wall, usage = run(contender, [], environment)
    contender.wall.append(wall)
    contender.cpu.append(usage.ru_utime + usage.ru_stime)
    _, usage = run(contender, ["sh", "-c", '"$@" &', "sh"], environment)
    contender.peak.append(usage.ru_maxrss / 1024)


def p90(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[round(0.9 * (len(ordered) - 1))]


def table(measured: list[Contender]) -> str:
    ours = {c.transport: c for c in measured if c.name == "dcs-wait"}
    median = statistics.median
    lines = [
        "| | transport | wall, median | wall, p90 | CPU, median | peak memory, median "
        "| wall / ours | CPU / ours | memory / ours |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for c in measured:
        cells = [
            c.name,
            c.transport,
            f"{median(c.wall) * 1e3:.2f} ms",
            f"{p90(c.wall) * 1e3:.2f} ms",
            f"{median(c.cpu) * 1e3:.2f} ms",
            f"{median(c.peak):.2f} MiB",
        ]
        base = ours.get(c.transport)
        for values in ("wall", "cpu", "peak"):
            ratio = median(getattr(c, values)) / median(getattr(base, values)) if base else None
            cells.append(f"{ratio:.1f}" if ratio else "")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", required=True, type=int)
    parser.add_argument("--binary", required=True)
    parser.add_argument("--sdk", required=True, help="the Python that has the SDK")
    parser.add_argument(
        "--folder", required=True, type=pathlib.Path, help="keys, certificates and addresses"
    )
    parser.add_argument("--job", required=True)
    options = parser.parse_args()

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # Nothing of the caller's proxies, credentials and configuration.
    environment = {"PATH": os.environ["PATH"], "HOME": str(options.folder), "LANG": "C.UTF-8"}
    measured = contenders(options)
    for contender in measured:
        run(contender, [], environment)  # warms the caches
    for _ in range(options.rounds):
        for contender in random.sample(measured, len(measured)):
            measure(contender, environment)
    print(f"Rounds: {options.rounds}. Binary: {os.path.getsize(options.binary) / 1e6:.2f} MB.\n")
    print(table(measured))


if __name__ == "__main__":
    main()
