"""Stands between the daemons and what they talk to: counts requests, and can hold everything back.

Held back is not thrown away: as after a real partition, what was sent into it arrives late, once it is
over, and so do the ends of connections. A write that has become stale in the meantime is among that.
"""

import asyncio
import collections
import functools
import threading
import time


@functools.cache
def loop():
    """The one that all relays run on, in a thread of its own."""
    running = asyncio.new_event_loop()
    threading.Thread(target=running.run_forever, daemon=True).start()
    return running


def run(what):
    """Runs a coroutine on the relays' loop, and gives its result."""
    return asyncio.run_coroutine_threadsafe(what, loop()).result()


class Relay:
    """Passes connections on to a port of loopback."""

    def __init__(self, target):
        self.target = target
        self.requests = []  # when each came, of those that are HTTP
        self.port = run(self._listen())

    def hold(self):
        """From now on nothing passes, and new connections are accepted without an answer."""
        loop().call_soon_threadsafe(self.passing.clear)

    def release(self):
        loop().call_soon_threadsafe(self.passing.set)

    def close(self):
        loop().call_soon_threadsafe(self.server.close)

    async def _listen(self):
        self.passing = asyncio.Event()
        self.passing.set()
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
        return self.server.sockets[0].getsockname()[1]

    async def _serve(self, reader, writer):
        await self.passing.wait()
        try:
            answers, questions = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            writer.close()
            return
        await asyncio.gather(self._pass(reader, questions), self._pass(answers, writer))

    async def _pass(self, reader, writer):
        try:
            while data := await reader.read(65536):
                await self.passing.wait()
                if data.startswith(b"GET "):
                    self.requests.append(time.monotonic())
                writer.write(data)
                await writer.drain()
        except OSError:
            pass  # Connections that break are what this is about.
        await self.passing.wait()
        writer.close()


def busiest(times):
    """The most that came within any second."""
    most, second = 0, collections.deque()
    for at in times:
        second.append(at)
        while second[0] <= at - 1:
            second.popleft()
        most = max(most, len(second))
    return most
