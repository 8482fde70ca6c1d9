"""What befalls daemons that share a database, each a function of its scene."""

import random
import threading
import time

from daemon import LASTS, MAX_RPS
from report import Trouble, say
from scene import HELD_BACK, LATE

# How much longer than its lease a daemon is frozen or cut off, in seconds.
BEYOND = 10
# How soon all watches are claimed, in seconds, and how often the database is asked meanwhile.
CLAIMED, GLANCE = 2, 0.02
# By how much of all watches a daemon may hold less or more than its share: what it claims at once.
SLACK = 0.05
# How long a daemon is measured, in seconds and in turns, and how long after its start.
TURN, TURNS, SETTLED = 10, 4, 5
# How much more of the CPU one daemon may take with PostgreSQL than with SQLite.
COST = 1.3


def three(scene):
    """Three daemons with most of the watches, of which some have ended; the jobs that are left."""
    jobs = scene.jobs()
    most = len(jobs) - int(len(jobs) * HELD_BACK)
    daemons = scene.start("a", "b", "c")
    scene.add(jobs[:most], daemons[:1])
    scene.until_some_have_ended()
    return daemons, jobs[most:]


def kill(scene):
    """kill -9 of one."""
    (victim, *others), left = three(scene)

    def fault():
        victim.kill()
        scene.add(left, others)

    scene.taken_over(victim, fault)
    scene.finish()


def freeze(scene):
    """SIGSTOP of one for longer than its lease, then SIGCONT."""
    (victim, *others), left = three(scene)

    def fault():
        victim.freeze()
        scene.add(left, others)

    asleep(scene, victim, fault, victim.thaw)


def partition(scene):
    """One can't reach PostgreSQL for longer than its lease; then what it sent arrives."""
    (victim, *others), left = three(scene)

    def fault():
        scene.relays[victim.name].hold()
        scene.add(left, others)

    asleep(scene, victim, fault, scene.relays[victim.name].release)


def asleep(scene, victim, fault, mend):
    """A fault that is mended once others have taken over."""
    mended = time.monotonic() + scene.lease + BEYOND
    scene.taken_over(victim, fault)
    time.sleep(max(0, mended - time.monotonic()))
    say(f"{scene.name}: {victim.name} goes on")
    mend()
    scene.finish()


def restart(scene):
    """PostgreSQL is stopped immediately and started again, over and over, while watches are added and end."""
    daemons, left = three(scene)
    troubles = []

    def add_the_rest():
        try:
            for at in range(0, len(left), 10):
                scene.add(left[at:at + 10], daemons)
                time.sleep(0.2)
        except Trouble as trouble:
            troubles.append(trouble)

    adding = threading.Thread(target=add_the_rest, daemon=True)
    adding.start()
    for _ in range(scene.bench.options.restarts):
        scene.bench.postgres.stop_immediately()
        time.sleep(random.uniform(0, 2))
        scene.bench.postgres.start()
        time.sleep(random.uniform(0.5, 4))
    adding.join()
    if troubles:
        raise troubles[0]
    scene.note("restarts", scene.bench.options.restarts)
    scene.finish()


def claim(scene):
    """One daemon takes up what another has left behind."""
    jobs = scene.jobs([LASTS])
    (before,) = scene.start("a")
    scene.add(jobs, [before])
    before.stop()
    orphans = scene.database.left_with(0)
    scene.note("watches left behind", orphans, orphans == len(jobs))
    after = scene.daemon("b")
    begin = none_until = time.monotonic()
    after.launch()
    while (held := sum(scene.database.shares().values())) < orphans:
        if held == 0:
            none_until = time.monotonic()
        if after.process.poll() is not None or time.monotonic() - begin > scene.lease * 2:
            raise Trouble(f"daemon b claimed only {held}")
        time.sleep(GLANCE)
    end = time.monotonic()
    scene.note("all claimed, from the process's start", f"{end - begin:.2f} s")
    # From the last look that found none, so it is rather too long than too short.
    scene.note("all claimed, from the first", f"{end - none_until:.2f} s", end - none_until < CLAIMED)
    scene.until(after.is_ready, LATE)
    scene.leave()


def join(scene):
    """A fourth daemon joins three that hold all watches."""
    jobs, database, renewal = scene.jobs([LASTS]), scene.database, scene.lease / 3
    slack = len(jobs) * SLACK
    daemons = scene.start("a", "b", "c")
    scene.add(jobs, daemons[:1])
    evenly = lambda: sum(share >= len(jobs) / 3 - slack for share in database.shares().values()) == 3
    took = scene.until(evenly, renewal * 6)
    scene.note("three hold their shares", in_renewals(took, renewal), took is not None)
    begin = time.monotonic()
    scene.start("d")
    number = database.newest("d")
    enough = lambda: database.shares().get(number, 0) >= len(jobs) / 4 - slack
    took = None if scene.until(enough, renewal * 6) is None else time.monotonic() - begin
    in_time = took is not None and took <= 2 * renewal
    scene.note("the fourth holds its share", in_renewals(took, renewal), in_time)
    time.sleep(max(0, begin + 2 * renewal - time.monotonic()))
    most = max(database.shares().values())
    scene.note("most that one holds then", most, most <= len(jobs) / 4 + slack)
    scene.leave()


def cost(scene):
    """No fault: what one daemon takes of the CPU while it polls, on SQLite and on PostgreSQL in turns."""
    jobs = scene.jobs([LASTS])
    daemons = {
        "SQLite": scene.daemon_on("sqlite", 'path = "dcs-wait.db"'),
        "PostgreSQL": scene.daemon("postgres"),
    }
    spent, server = dict.fromkeys(daemons, 0.0), 0.0
    for daemon in daemons.values():
        daemon.start()
        scene.add(jobs, [daemon])
    # Each job is described for the first time meanwhile, which is stored.
    time.sleep(SETTLED + len(jobs) / MAX_RPS * 2)
    for _ in range(TURNS):
        for name, daemon in daemons.items():
            others = [other for other in daemons.values() if other is not daemon]
            for other in others:
                other.freeze()
            before, server_before = daemon.cpu(), scene.bench.postgres.cpu()
            time.sleep(TURN)
            spent[name] += daemon.cpu() - before
            if name == "PostgreSQL":
                server += scene.bench.postgres.cpu() - server_before
            for other in others:
                other.thaw()
    for name, seconds in spent.items():
        scene.note(f"CPU on {name}", f"{seconds / (TURN * TURNS):.2%}")
    ratio = spent["PostgreSQL"] / spent["SQLite"]
    scene.note("against SQLite", f"{ratio:.2f}", ratio <= COST)
    scene.note("CPU of PostgreSQL itself", f"{server / (TURN * TURNS):.2%}")
    # They have nothing to do with each other.
    scene.leave(limits=len(daemons))


def in_renewals(took, renewal):
    return "never" if took is None else f"{took:.1f} s, {took / renewal:.1f} renewals"


FAULTS = {fault.__name__: fault for fault in (kill, freeze, restart, partition, claim, join, cost)}
