"""The programs under test: the simulated service, and daemons that ask it."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

from report import Trouble

# Most requests per second, of all daemons together.
MAX_RPS = 200
# The credential and the project that a simulator has by default.
AK, SK = "SIMULATEDACCESSKEY00", "simulated-secret-key-that-opens-nothing0"
PROJECT = "5111a7ed5111a7ed5111a7ed5111a7ed"
# How the IDs of jobs begin that succeed, that fail, and that outlast everything.
SUCCEEDS, FAILS, LASTS = "ff80", "ff8f", "ff81"
# How long a daemon may take to be ready, to answer, and to end, in seconds.
READY, ANSWER, END = 60, 15, 60


class Simulator:
    """The service, whose jobs end evenly over the time from `least` to `most` seconds."""

    def __init__(self, binary, home, least, most):
        running = {"status": "RUNNING", "for": [f"{least * 1000:.0f}ms", f"{most * 1000:.0f}ms"]}
        script = [
            {"id": f"{SUCCEEDS}*", "steps": [running, {"status": "SUCCESS"}]},
            {"id": f"{FAILS}*", "steps": [running, {"status": "FAIL", "fail_reason": "no room"}]},
            {"id": f"{LASTS}*", "steps": [{"status": "RUNNING"}]},
        ]
        (home / "script.json").write_text(json.dumps({"jobs": script}))
        command = [binary, "simulate", "--script", home / "script.json"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, start_new_session=True)
        self.port = int(self.process.stdout.readline().strip().rpartition(":")[2])

    def close(self):
        self.process.kill()
        self.process.wait()


def expected(job):
    """How its watch has to end."""
    return "failed" if job.startswith(FAILS) else "succeeded"


def cpu_of(pid):
    """Seconds of CPU of a process and all of its threads."""
    spent = 0
    for thread in pathlib.Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError):
            spent += int(thread.read_text().split()[0])
    return spent / 1e9


class Control(http.client.HTTPConnection):
    """One connection to a daemon's socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=ANSWER)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self.path))


class Daemon:
    """One of several, with a folder of its own."""

    def __init__(self, binary, home, name, *, store, service, webhook):
        self.name, self.process = name, None
        home.mkdir(parents=True)
        self.socket, self.log = home / "control.sock", home / "log"
        self.command = [binary, "daemon", "--config", home / "dcs-wait.toml"]
        (home / "ak").write_text(AK)
        (home / "sk").write_text(SK)
        (home / "dcs-wait.toml").write_text(f"""
[daemon]
log = "stderr"
[[project]]
name = "main"
endpoint = "http://127.0.0.1:{service}"
project_id = "{PROJECT}"
ak_file = "ak"
sk_file = "sk"
[limits]
max_rps = {MAX_RPS}
[store]
{store}
[http]
socket = "control.sock"
[[hook]]
name = "ci"
type = "webhook"
url = "{webhook}"
""")

    def launch(self):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stderr=log, start_new_session=True)

    def start(self):
        """Launches it, and waits until it is ready."""
        self.launch()
        latest = time.monotonic() + READY
        while not self.is_ready():
            if self.process.poll() is not None or time.monotonic() > latest:
                raise Trouble(f"daemon {self.name} doesn't start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def is_ready(self):
        return self.ask("GET", "/readyz")[0] == 200

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process = None

    def freeze(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self):
        """Ends it as it is meant to be ended, where it hasn't ended by itself; gives its exit code."""
        self.process.terminate()
        try:
            return self.process.wait(END)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def close(self):
        if self.process:
            self.kill()

    def ask(self, method, target, body=None):
        """The status and the body; 0 and nothing where nobody answers."""
        connection = Control(self.socket)
        try:
            text = None if body is None else json.dumps(body)
            connection.request(method, target, text, {"content-type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""
        finally:
            connection.close()

    def add(self, jobs):
        """Whether it has accepted these jobs, all at once; it may be asked again where it hasn't."""
        watches = {"watches": [{"job_id": job} for job in jobs]}
        status, answer = self.ask("POST", "/v1/watches/batch", watches)
        if 400 <= status < 500 and status != 408:
            raise Trouble(f"daemon {self.name} refuses watches: {status} {answer}")
        return status == 200

    def metric(self, name):
        """The sum of a metric over its labels; `None` where it doesn't tell."""
        lines = self.ask("GET", "/metrics")[1].splitlines()
        found = [line.split()[1] for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(map(float, found)) if found else None

    def cpu(self):
        """Seconds of CPU that it has taken."""
        return cpu_of(self.process.pid)

    def panics(self):
        return self.log.read_text().count("panicked")
