"""An exporter whose values are a function of how often it was scraped."""

from __future__ import annotations

import math
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

RESET, FAILED, GONE, BACK = 12, 17, 6, 14  # scrapes at which something happens


def page(n: int) -> str | None:
    """Return the metrics page of scrape ``n``; None: this scrape fails."""
    if n == FAILED:
        return None
    count = n * 3 if n < RESET else (n - RESET) * 5
    lines = [
        f'requests_total{{code="200"}} {count}',
        f'requests_total{{code="500"}} {n // 4}',
        f"gauge {math.sin(n) * 100!r}",
        f"odd {['NaN', '+Inf', '-Inf', '-0', '1e-300', '1e21'][n % 6]}",
        f'quoted{{text="it\'s \\\\ \\"so\\""}} {n}',
        "# TYPE latency_seconds histogram",
    ]
    for le, share in (("0.1", 1), ("0.5", 3), ("2.5", 4), ("+Inf", 5)):
        lines.append(f'latency_seconds_bucket{{le="{le}"}} {share * n}')
    lines += [f"latency_seconds_count {5 * n}", f"latency_seconds_sum {n * 1.7!r}"]
    if not GONE <= n < BACK:
        lines.append(f'queue{{name="mail"}} {7 * n % 11}')
    return "\n".join([*lines, ""])


class Exporter:
    """Serves ``page(n)`` for the n-th scrape on a free port; a context manager."""

    def __init__(self) -> None:
        self.scrapes = 0
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = page(exporter.scrapes)
                exporter.scrapes += 1
                body = (text or "").encode()
                self.send_response(500 if text is None else 200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Exporter:
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
