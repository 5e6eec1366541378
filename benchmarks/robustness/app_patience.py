"""What slow, greedy and foreign clients of the web page get, and what is left of it when killed.

``python -m benchmarks app_patience`` starts ``mnm app`` with the bundled model several times, some
five minutes in all, and prints a line for each trial. Needs no data; Linux only.
"""

import argparse
import contextlib
import http.client
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from benchmarks.speed.app_load import FORM, HEAD, UPLOADED, form, serving

# The first loopback address is that of the slow client, the second of another one.
SLOW, OTHER = "127.0.0.1", "127.0.0.2"
# Seconds for which heads are tried.
LONGEST = 210
REPORT = "/text/report.html?q=reward+anticipation"
# Without it the interactive map fails.
NO_VIEWER = "import nilearn.plotting; del nilearn.plotting.view_img; "


def ask(port: int, path: str, body: bytes | None = None, client: str = SLOW) -> tuple:
    """Return status, headers, body and seconds of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, 300, source_address=(client, 0))
    start = time.perf_counter()
    connection.request("GET" if body is None else "POST", path, body, FORM if body else {})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read(), time.perf_counter() - start


def seconds_open(port: int, head: bytes, drop: bytes) -> float:
    """Send a head and then a drop each second, and return for how long the server listens."""
    start = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as client, contextlib.suppress(OSError):
        client.sendall(head)
        client.settimeout(1)
        while time.perf_counter() - start < LONGEST:
            with contextlib.suppress(TimeoutError):
                if not client.recv(1000):
                    break
            client.sendall(drop)
    return time.perf_counter() - start


def begin_of_upload(n_bytes: int) -> bytes:
    """Head of a request with a file, of which nothing follows yet."""
    head = f"POST /map HTTP/1.1\r\nHost: localhost\r\nContent-Length: {n_bytes}\r\n"
    return f"{head}Content-Type: {FORM['Content-Type']}\r\n\r\n".encode() + HEAD


@contextmanager
def slow_uploads(port: int, number: int) -> Iterator[None]:
    """Have uploads under way of which a byte arrives each second."""
    end = threading.Event()

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port)) as client, contextlib.suppress(OSError):
            client.sendall(begin_of_upload(100_000))
            while not end.wait(1):
                client.sendall(b".")

    threads = [threading.Thread(target=send) for _ in range(number)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def uploads_beside_slow_ones() -> str:
    """Upload a map beside four slow uploads, as the same client and as another."""
    with serving("--quiet") as server, ThreadPoolExecutor() as pool:
        ask(server.port, "/map", form(UPLOADED.read_bytes()))
        with slow_uploads(server.port, 4):
            body = form(UPLOADED.read_bytes())
            asked = {
                who: pool.submit(ask, server.port, "/map", body, client)
                for who, client in (("another client", OTHER), ("the same client", SLOW))
            }
            told = [(who, future.result()) for who, future in asked.items()]
    return ", ".join(
        f"{who}: {status} after {seconds:.1f} s"
        + f" (Retry-After: {headers['Retry-After']})" * ("Retry-After" in headers)
        for who, (status, headers, _, seconds) in told
    )


def unfinished_heads() -> str:
    """Send heads of requests that do not end."""
    head = b"GET / HTTP/1.1\r\nHost: localhost\r\n"
    with serving("--quiet") as server, ThreadPoolExecutor() as pool:
        asked = {
            "nothing": pool.submit(seconds_open, server.port, b"", b""),
            "half a head": pool.submit(seconds_open, server.port, head, b""),
            "a byte a second": pool.submit(seconds_open, server.port, head, b"a"),
        }
        told = [(what, future.result()) for what, future in asked.items()]
    return ", ".join(
        f"{what}: {'closed' if seconds < LONGEST else 'open'} after {seconds:.0f} s"
        for what, seconds in told
    )


def keys_of_views() -> str:
    """Ask 1,000 times for one small table, with another long view each time."""
    with serving("--quiet") as server:
        path = "/text/terms.tsv?q=pain&view="
        ask(server.port, path)
        time.sleep(10)  # for what is loaded at first
        before = server.megabytes()
        statuses = Counter(
            ask(server.port, f"{path}{number:06}{'x' * 60_000}")[0] for number in range(1_000)
        )
        grown = server.megabytes() - before
        status = ask(server.port, "/text/map.nii.gz?q=pain&view=none")[0]
    return f"{dict(statuses)}, {grown:+.0f} MB; a map of a view that is none: {status}"


def addresses_in_the_log() -> str:
    """Look at an uploaded map, and for its address in the log."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with serving(log=log) as server:
            _, headers, _, _ = ask(server.port, "/map", form(UPLOADED.read_bytes()))
            ask(server.port, headers["Location"])
        lines = [line for line in log.read_text().splitlines() if "GET /map" in line]
    token = headers["Location"].rpartition("/")[2]
    return f"{len(lines)} line, {sum(token in line for line in lines)} with the address"


def listening_to_all() -> str:
    """Listen at all addresses."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        with serving("--host", "0.0.0.0", "--quiet", log=log):
            pass
        told = [line for line in log.read_text().splitlines() if "WARNING" in line]
    return f"{len(told)} warnings{': ' * bool(told)}{''.join(told)[:200]}"


def failing_first_answer() -> str:
    """Ask for the health of a page that cannot show maps."""
    with serving("--quiet", first=NO_VIEWER) as server:
        time.sleep(10)  # for the first answer
        status, _, body, _ = ask(server.port, "/health")
    return f"{status} {body.decode()}"


def killed(times: int = 10) -> str:
    """Kill the server in the middle of an upload or of a report, and start it again."""
    with tempfile.TemporaryDirectory() as folder, socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        free.close()
        left: list[str] = []
        for number in range(2 * times):
            with serving("--quiet", "--port", str(port), TMPDIR=folder) as server:
                status = ask(port, "/health")[0]
                if status != 200:
                    raise RuntimeError(f"status {status} after {number} kills")
                with socket.create_connection(("127.0.0.1", port)) as client:
                    if number % 2:
                        client.sendall(f"GET {REPORT} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                    else:
                        client.sendall(begin_of_upload(2**25) + bytes(2**23))
                    time.sleep(random.uniform(0, 3))
                    os.kill(server.pid, signal.SIGKILL)
            left += [path.name for path in Path(folder).iterdir()]
    return (
        f"{times} uploads, {times} reports; files left: {left or 'none'}; started again each time"
    )


def killed_reports(times: int = 20) -> str:
    """Kill ``mnm report`` at random moments, in place of a report that is there."""
    code = "from sklearn_mnm.cli import main; main()"
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.html"
        command = [sys.executable, "-c", code, "report", "reward", "-o", str(path)]
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        for _ in range(times):
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(random.uniform(0, seconds))
            process.kill()
            found["killed" if process.wait() else "done before"] += 1
            found["whole reports"] += path.read_text().rstrip().endswith("</html>")
        found["other files"] = len(list(Path(folder).iterdir())) - 1
    return ", ".join(f"{number} {what}" for what, number in found.items())


TRIALS = [
    uploads_beside_slow_ones,
    unfinished_heads,
    keys_of_views,
    addresses_in_the_log,
    listening_to_all,
    failing_first_answer,
    killed,
    killed_reports,
]


def main() -> None:
    """Try all and print what came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="part of the name of a trial")
    arguments = parser.parse_args()
    for trial in TRIALS:
        if arguments.only in trial.__name__:
            print(f"{trial.__name__}: {trial()}", flush=True)
