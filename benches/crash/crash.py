"""Kills a daemon with SIGKILL at random moments, while watches are added and end.

Every watch whose acceptance was answered must end, and fire its webhook, under one ID.
"""

import collections
import http.client
import http.server
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

# The longest that a daemon lives before it is killed, in seconds; its start is part of that.
LIFE = 0.5
# How long the last daemon may take to finish, in seconds.
FINISH = 300
# The credential and the project that a simulator has by default.
AK, SK = "SIMULATEDACCESSKEY00", "simulated-secret-key-that-opens-nothing0"
PROJECT = "5111a7ed5111a7ed5111a7ed5111a7ed"


class Receiver(http.server.BaseHTTPRequestHandler):
    """Takes webhooks in."""

    protocol_version = "HTTP/1.1"
    arrived = collections.defaultdict(list)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        job = json.loads(body)["data"]["job_id"]
        self.arrived[job].append(self.headers["webhook-id"])
        self.send_response(204)
        self.end_headers()

    def handle(self):
        # A sender that is killed while it sends is what this is about.
        try:
            super().handle()
        except OSError:
            pass

    def log_message(self, *_):
        pass


def serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


class Control(http.client.HTTPConnection):
    """One connection to the daemon's socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


def ask(path, method, target, body=None):
    """The status and the answer; an OSError or HTTPException where there is no daemon."""
    connection = Control(path)
    try:
        headers = {"content-type": "application/json"}
        text = None if body is None else json.dumps(body)
        connection.request(method, target, text, headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def add_all(path, jobs, accepted, pause):
    """Adds the jobs one after another, each until it is accepted, with a pause between them."""
    for job in jobs:
        time.sleep(pause)
        while True:
            try:
                status, answer = ask(path, "POST", "/v1/watches", {"job_id": job})
            except (OSError, http.client.HTTPException, ValueError):
                time.sleep(0.01)
                continue
            if status in (200, 201):
                accepted[job] = answer["watch"]["id"]
                break
            sys.exit(f"{job} was refused: {status} {answer}")


def until_it_answers(path, deadline):
    """Waits for the daemon's socket."""
    while time.monotonic() < deadline:
        try:
            return ask(path, "GET", "/readyz")
        except (OSError, http.client.HTTPException, ValueError):
            time.sleep(0.05)
    sys.exit("the last daemon never answered")


def all_of(path, what):
    """All watches or deliveries."""
    found, before = [], ""
    while True:
        _, page = ask(path, "GET", f"/v1/{what}?limit=100{before}")
        found += page[what]
        if not page["next"]:
            return found
        before = f"&before={page['next']}"


def main():
    binary, kills, watches = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    scratch = tempfile.TemporaryDirectory()
    home = pathlib.Path(scratch.name)
    os.umask(0o077)
    (home / "ak").write_text(AK)
    (home / "sk").write_text(SK)
    jobs = [f"job-{number}" for number in range(watches)]
    # They end all through the kills.
    script = [
        {"id": job, "steps": [{"status": "RUNNING", "for": f"{random.randint(0, 3000)}ms"},
                              {"status": "SUCCESS"}]}
        for job in jobs
    ]
    (home / "script.json").write_text(json.dumps({"jobs": script}))
    simulator = subprocess.Popen([binary, "simulate", "--script", home / "script.json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    endpoint = simulator.stdout.readline().strip()
    (home / "dcs-wait.toml").write_text(f"""
[daemon]
log = "stderr"
[[project]]
name = "main"
endpoint = "{endpoint}"
project_id = "{PROJECT}"
ak_file = "ak"
sk_file = "sk"
[poll]
initial_interval = "100ms"
max_interval = "1s"
[limits]
max_rps = 1000
[store]
path = "dcs-wait.db"
[http]
socket = "control.sock"
[[hook]]
name = "ci"
type = "webhook"
url = "{serve()}"
""")
    path = home / "control.sock"
    log = open(home / "log", "a")
    launch = lambda: subprocess.Popen(
        [binary, "daemon", "--config", home / "dcs-wait.toml"], stderr=log)
    accepted = {}
    # Spread over most of the kills.
    pause = kills * LIFE / 2 / watches / 2
    adding = threading.Thread(target=add_all, args=(path, jobs, accepted, pause), daemon=True)
    adding.start()
    daemon = None
    try:
        for _ in range(kills):
            daemon = launch()
            time.sleep(random.uniform(0, LIFE))
            if daemon.poll() is not None:
                sys.exit(f"the daemon ended by itself:\n{(home / 'log').read_text()[-2000:]}")
            daemon.kill()
            daemon.wait()
        daemon = launch()
        deadline = time.monotonic() + FINISH
        adding.join(FINISH)
        while time.monotonic() < deadline:
            if all(job in Receiver.arrived for job in accepted):
                break
            time.sleep(0.1)
        until_it_answers(path, deadline)
        kept = all_of(path, "watches")
        deliveries = all_of(path, "deliveries")
        daemon.terminate()
        stopped = daemon.wait(60)
    finally:
        for process in (daemon, simulator):
            if process and process.poll() is None:
                process.kill()
                process.wait()
    ended = {watch["job_id"] for watch in kept if watch["outcome"] == "succeeded"}
    ids = {watch["id"] for watch in kept}
    lost = [job for job, watch in accepted.items() if watch not in ids or job not in ended]
    silent = [job for job in accepted if job not in Receiver.arrived]
    twice = [job for job, ids in Receiver.arrived.items() if len(set(ids)) > 1]
    owed = collections.Counter(delivery["watch_id"] for delivery in deliveries)
    doubled = [watch for watch, number in owed.items() if number > 1]
    repeated = sum(len(ids) - len(set(ids)) for ids in Receiver.arrived.values())
    panics = (home / "log").read_text().count("panicked")
    rows = [
        ("kills", kills), ("watches accepted", len(accepted)), ("watches lost", len(lost)),
        ("webhooks that never came", len(silent)), ("watches with a second ID", len(twice)),
        ("watches with a second delivery", len(doubled)),
        ("webhooks that came again under their ID", repeated), ("panics", panics),
        ("exit code of the last daemon", stopped),
    ]
    print("| | |\n|---|---:|")
    for name, number in rows:
        print(f"| {name} | {number} |")
    bad = lost or silent or twice or doubled or panics or stopped or len(accepted) < watches
    sys.exit(1 if bad else 0)


main()
