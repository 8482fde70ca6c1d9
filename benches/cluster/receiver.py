"""Takes webhooks in, and keeps who was told what."""

import collections
import http.server
import json
import threading
from typing import NamedTuple


class Arrival(NamedTuple):
    webhook_id: str
    outcome: str


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps every arrival, by its job."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.lock = threading.Lock()
        self.begin_anew()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def begin_anew(self):
        with self.lock:
            self.arrived = collections.defaultdict(list)

    def take(self, job, arrival):
        with self.lock:
            self.arrived[job].append(arrival)

    def arrivals(self):
        """Those of each job, so far."""
        with self.lock:
            return {job: list(came) for job, came in self.arrived.items()}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        data = json.loads(self.rfile.read(int(self.headers["content-length"])))["data"]
        arrival = Arrival(self.headers["webhook-id"], data["outcome"])
        self.server.take(data["job_id"], arrival)
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
