"""The scene of one fault: a fresh database, daemons that share it, and watches of its own."""

import contextlib
import random
import shutil
import time
from dataclasses import dataclass

from daemon import FAILS, MAX_RPS, SUCCEEDS, Daemon, expected
from postgres import Postgres
from receiver import Receiver
from relay import Relay, busiest
from report import Result, Trouble, say

# How much later than its lease a dead daemon's watches may be taken over, in seconds.
LATE = 5
# How often the database is asked meanwhile, in seconds.
LOOK = 0.2
# How many watches are added at once, and how long they may be refused for, in seconds.
BATCH, REFUSED = 1000, 120
# Of all watches, those that are added during the fault.
HELD_BACK = 0.1
# How long nothing may come before what hasn't come is lost, in seconds.
QUIET = 180
# What a second may have over the limit: requests that were sent evenly don't arrive so on a machine
# that is busy.
JITTER = 0.1


@dataclass
class Bench:
    """What all faults share."""

    options: object
    home: object
    lease: float
    postgres: Postgres
    receiver: Receiver
    service: Relay  # before the simulator


class Scene:
    """One fault."""

    def __init__(self, bench, name, number):
        self.bench, self.name, self.lease = bench, name, bench.lease
        self.result = Result(name)
        self.note = self.result.note
        self.home = bench.home / name
        self.number = number
        self.accepted = []
        self.daemons, self.relays = {}, {}
        self.cleaning = contextlib.ExitStack()
        bench.receiver.begin_anew()
        self.since = len(bench.service.requests)
        self.database = bench.postgres.create(f"scene_{name}")

    def jobs(self, beginnings=(SUCCEEDS, FAILS)):
        """As many IDs of jobs as watches are wanted."""
        return [f"{beginnings[n % len(beginnings)]}{self.number:04x}{n:024x}"
                for n in range(self.bench.options.watches)]

    def daemon(self, name):
        """Another daemon, which isn't started yet; what it says to PostgreSQL goes through a relay."""
        relay = self.relays[name] = Relay(self.bench.postgres.port)
        self.cleaning.callback(relay.close)
        store = (f'url = "postgres://dcs@127.0.0.1:{relay.port}/{self.database.name}?sslmode=disable"\n'
                 f'instance = "{name}"\nlease = "{self.bench.options.lease}"')
        return self.daemon_on(name, store)

    def daemon_on(self, name, store):
        """Another daemon with this store, which isn't started yet."""
        daemon = Daemon(self.bench.options.binary, self.home / name, name, store=store,
                        service=self.bench.service.port, webhook=self.bench.receiver.url)
        self.daemons[name] = daemon
        self.cleaning.callback(daemon.close)
        return daemon

    def start(self, *names):
        daemons = [self.daemon(name) for name in names]
        for daemon in daemons:
            daemon.start()
        return daemons

    def add(self, jobs, daemons):
        """Adds these, a batch after another, each to whichever of the daemons takes it."""
        for at in range(0, len(jobs), BATCH):
            batch, latest = jobs[at:at + BATCH], time.monotonic() + REFUSED
            while not random.choice(daemons).add(batch):
                if time.monotonic() > latest:
                    raise Trouble("watches are refused for too long")
                time.sleep(0.1)
            self.accepted += batch

    def until_some_have_ended(self):
        """Waits until one in a hundred has: the others end all through the fault."""
        say(f"{self.name}: {len(self.accepted)} watches wait for their jobs")
        came = self.until(lambda: len(self.bench.receiver.arrived) >= len(self.accepted) / 100,
                          QUIET + self.lease * 6)
        if came is None:
            raise Trouble("no watch ends")

    def until(self, comes_true, seconds):
        """How long it took to come true; `None` where it didn't within so long."""
        begin = time.monotonic()
        while not comes_true():
            if time.monotonic() - begin > seconds:
                return None
            time.sleep(LOOK)
        return time.monotonic() - begin

    def taken_over(self, victim, fault):
        """Notes how long it takes from the fault on until others hold whatever this one held."""
        number = self.database.newest(victim.name)
        held = self.database.held_by(number)
        self.note("watches that the victim held", held, held > 0)
        begin = time.monotonic()
        fault()
        over = self.until(lambda: self.database.left_with(number) == 0, self.lease + 10 * LATE)
        took = time.monotonic() - begin
        in_time = over is not None and took <= self.lease + LATE
        self.note("takeover", "never" if over is None else f"{took:.1f} s", in_time)

    def finish(self):
        """Waits until all watches have ended, and notes what became of them."""
        last, at = -1, time.monotonic()
        while not self.is_over():
            if (arrived := len(self.bench.receiver.arrived)) != last:
                last, at = arrived, time.monotonic()
            elif time.monotonic() - at > QUIET:
                say(f"{self.name}: nothing has come for {QUIET} s")
                break
            time.sleep(1)
        self.note_watches()
        self.leave()

    def is_over(self):
        arrived = self.bench.receiver.arrived
        return all(job in arrived for job in self.accepted) and self.database.unfinished() == 0

    def note_watches(self):
        arrivals = self.bench.receiver.arrivals()
        told = {job: {arrival.outcome for arrival in came} for job, came in arrivals.items()}
        ids = {job: {arrival.webhook_id for arrival in came} for job, came in arrivals.items()}
        stored = {}
        for job, outcome, deliveries in self.database.outcomes():
            stored.setdefault(job, []).append((outcome, int(deliveries)))
        ended = [job for job in self.accepted if stored.get(job) == [(expected(job), 1)] and job in told]
        # Whatever isn't the one outcome that there has to be.
        second = [job for job in told
                  if told[job] | {outcome for outcome, _ in stored.get(job, [])} != {expected(job)}
                  or len(stored.get(job, [])) > 1]
        second_ids = [job for job in ids if len(ids[job]) > 1]
        again = sum(len(came) - len(ids[job]) for job, came in arrivals.items())
        wanted, lost = self.bench.options.watches, len(self.accepted) - len(ended)
        self.note("watches accepted", len(self.accepted), len(self.accepted) == wanted)
        self.note("ended as their jobs did", len(ended))
        self.note("lost", lost, lost == 0)
        self.note("second outcomes", len(second), not second)
        self.note("second webhook-ids", len(second_ids), not second_ids)
        self.note("sent again under the same ID", again)

    def leave(self, limits=1):
        """Notes what the daemons say of themselves, which keep to so many limits, and ends them."""
        daemons = [daemon for daemon in self.daemons.values() if daemon.process]
        stale = [daemon.metric("dcs_wait_stale_writes_total") for daemon in daemons]
        known = [number for number in stale if number is not None]
        self.note("stale writes refused", f"{sum(known):.0f}" if known else "not told", bool(known))
        most = busiest(self.bench.service.requests[self.since:])
        self.note("most requests in a second", most, most <= limits * MAX_RPS * (1 + JITTER))
        failed = [code for code in [daemon.stop() for daemon in daemons] if code != 0]
        self.note("daemons that ended badly", len(failed), not failed)
        panics = sum(daemon.panics() for daemon in self.daemons.values())
        self.note("panics", panics, panics == 0)

    def close(self):
        """Ends what is left, and keeps the logs where somebody wants them."""
        self.cleaning.close()
        folder = self.bench.options.logs
        for daemon in self.daemons.values():
            if folder and daemon.log.exists():
                shutil.copy(daemon.log, folder / f"{self.name}-{daemon.name}.log")
