"""A PostgreSQL of one's own on loopback, and all that it is asked."""

import functools
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from daemon import cpu_of
from report import Trouble

USER = "dcs"
# How long it may take to start, and an answer may take, in seconds.
START, ANSWER = 60, 30


@functools.cache
def find(program):
    """The newest of Debian's, which stands in no PATH, or else that of the PATH."""
    packaged = pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{program}")
    newest = max(packaged, key=lambda path: float(path.parts[4]), default=None)
    found = newest or shutil.which(program)
    if not found:
        raise Trouble(f"{program} is missing: install PostgreSQL")
    return str(found)


def somebody():
    """Root may not run it, so nobody does."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Postgres:
    """The server. It keeps its promises: fsync is on, as it is without a word."""

    def __init__(self, log):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="dcs-wait-postgres-"))
        self.log = open(log, "a")
        self.as_whom = somebody()
        if self.as_whom:
            os.chown(self.folder, self.as_whom["user"], self.as_whom["group"])
        self.port = free_port()
        self.server = None
        self._run([find("initdb"), "-D", self.folder / "data", "-U", USER, "-A", "trust",
                   "-E", "UTF8", "--locale", "C"])

    def start(self):
        settings = {"port": self.port, "listen_addresses": "127.0.0.1", "unix_socket_directories": ""}
        command = [find("postgres"), "-D", self.folder / "data"]
        command += [f"--{name}={value}" for name, value in settings.items()]
        self.server = self._launch(command)
        latest = time.monotonic() + START
        while True:
            try:
                return self.ask("postgres", "SELECT 1")
            except Trouble as trouble:
                if self.server.poll() is not None or time.monotonic() > latest:
                    raise Trouble(f"PostgreSQL doesn't start: {trouble}") from trouble
                time.sleep(0.05)

    def stop_immediately(self):
        """As `pg_ctl stop -m immediate` does: no goodbye, no checkpoint."""
        self.server.send_signal(signal.SIGQUIT)
        self.server.wait(START)

    def close(self):
        if self.server and self.server.poll() is None:
            self.stop_immediately()
        self.log.close()
        shutil.rmtree(self.folder)

    def cpu(self):
        """Seconds of CPU that the server and whoever serves have taken, and those who have ended."""
        children = pathlib.Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children")
        alive = sum(map(cpu_of, [self.server.pid, *children.read_text().split()]))
        stat = pathlib.Path(f"/proc/{self.server.pid}/stat").read_text().rpartition(")")[2].split()
        return alive + (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")

    def create(self, name):
        self.ask("postgres", f"CREATE DATABASE {name}")
        return Database(self, name)

    def ask(self, database, query):
        """The rows of the answer, each a list of texts."""
        where = ["-h", "127.0.0.1", "-p", str(self.port), "-U", USER, "-d", database]
        command = [find("psql"), "-XqAt", "-F", "\t", "-v", "ON_ERROR_STOP=1", *where, "-c", query]
        try:
            answer = subprocess.run(command, capture_output=True, text=True, timeout=ANSWER)
        except subprocess.TimeoutExpired:
            raise Trouble(f"PostgreSQL doesn't answer: {query}") from None
        if answer.returncode != 0:
            raise Trouble(answer.stderr.strip())
        return [line.split("\t") for line in answer.stdout.splitlines()]

    def _launch(self, command):
        # In a session of its own, so that Ctrl+C is for the bench alone.
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log,
                                cwd=self.folder, start_new_session=True, **self.as_whom)

    def _run(self, command):
        if self._launch(command).wait(START) != 0:
            raise Trouble(f"{command[0]} failed:\n{pathlib.Path(self.log.name).read_text()}")


class Database:
    """What the daemons keep, in the tables that they make. All SQL about these is here."""

    def __init__(self, server, name):
        self.server, self.name = server, name

    def newest(self, instance):
        """The number of the newest instance of that name; 0 where there is none."""
        return self._number(f"SELECT coalesce(max(id), 0) FROM instance WHERE name = '{instance}'")

    def held_by(self, number):
        """Active watches of an instance."""
        return self._number(f"SELECT count(*) FROM watch WHERE outcome IS NULL AND owner = {number}")

    def left_with(self, number):
        """Active watches that this instance holds, or nobody."""
        return self._number("SELECT count(*) FROM watch WHERE outcome IS NULL "
                            f"AND (owner = 0 OR owner = {number})")

    def shares(self):
        """How many active watches each instance holds that has any, by its number."""
        rows = self._rows("SELECT owner, count(*) FROM watch "
                          "WHERE outcome IS NULL AND owner <> 0 GROUP BY owner")
        return {int(owner): int(count) for owner, count in rows}

    def unfinished(self):
        """Watches that go on, and deliveries that are owed."""
        return self._number("SELECT (SELECT count(*) FROM watch WHERE outcome IS NULL) "
                            "+ (SELECT count(*) FROM delivery WHERE state = 'pending')")

    def outcomes(self):
        """Job, how its watch ended, and how many deliveries there are of it; a row a watch."""
        return self._rows("SELECT job_id, coalesce(outcome, ''), "
                          "(SELECT count(*) FROM delivery WHERE watch_id = watch.id) FROM watch")

    def _number(self, query):
        return int(self._rows(query)[0][0])

    def _rows(self, query):
        return self.server.ask(self.name, query)
