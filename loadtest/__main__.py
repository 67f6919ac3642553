"""`make load`: run locustfile.py against a server, print what it found, and hold everything that was acknowledged against the disk.

    python -m loadtest --users 100 --time 60                   a server of its own, in a folder of its own
    python -m loadtest --host http://192.168.1.5:8000          one that runs; CONTEST_ADMIN_PASSWORD is its organiser's password

Ends with 0 where all was right, 1 where a request failed or anything was lost, doubled or missing, 64 for a wrong word or a server that
cannot be reached.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import contest
from loadtest.ledger import Ledger
from tests.server import PASSWORD, TOP, Server

FAILED, USAGE = 1, 64
#: locust's users are one address: what protects a server from one that floods it would measure itself
NO_LIMITS = {"CONTEST_ADDRESS_REQUESTS": "0", "CONTEST_ADDRESS_UPLOADS": "0", "CONTEST_ADDRESS_CONNECTIONS": "0"}


class Impossible(Exception):
    """The run cannot begin; the sentence says why."""


class Words(argparse.ArgumentParser):
    def error(self, message: str):
        raise Impossible(message.capitalize() + ".")


def whole(text: str) -> int:
    """A count of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def asked(arguments: list[str]) -> argparse.Namespace:
    """errors   Impossible"""
    words = Words(prog="python -m loadtest", description=__doc__.split("\n")[0])
    words.add_argument("--users", type=whole, default=100, help="people at once, each with at least one connection (100)")
    words.add_argument("--time", type=whole, default=60, help="seconds (60)")
    words.add_argument("--host", default="", help="a running server, http://...; without it one is started and stopped")
    words.add_argument("--photos", default="", help="folder of JPEGs to submit; without it four are drawn")
    words.add_argument("--into", type=Path, default=TOP / "build" / "load", help="folder for report.html and result.json (build/load)")
    given = words.parse_args(arguments)
    given.host = given.host.rstrip("/")
    if given.host and not given.host.startswith(("http://", "https://")):
        raise Impossible(f"HOST is an address like http://192.168.1.5:8000, not {given.host}.")
    if given.photos and not Path(given.photos).is_dir():
        raise Impossible(f"There is no folder {given.photos} to take photos from.")
    return given


def main(arguments: list[str]) -> int:
    try:
        given = asked(arguments)
        given.into.mkdir(parents=True, exist_ok=True)
        if given.host:
            password = os.environ.get("CONTEST_ADMIN_PASSWORD", "")
            check_sign_in(given.host, password)
            return tell_end(_run(given, given.host, password), given.into / "report.html")
        with own_server(given.into) as server:
            faults = _run(given, server.url, PASSWORD)
            faults += stopped(server, given.into / "result.json")
        if faults:
            print(f"kept             {os.path.relpath(server.data)}")
        else:
            shutil.rmtree(server.data.parent)
        return tell_end(faults, given.into / "report.html")
    except Impossible as why:
        print(f"load: {why}\n" if str(why) else "", end="", file=sys.stderr)
        return USAGE


def check_sign_in(host: str, password: str) -> None:
    """errors   Impossible where nobody answers at the host, or the password is not the organiser's"""
    body = json.dumps({"password": password}).encode()
    request = urllib.request.Request(host + "/api/login", body, {"Content-Type": "application/json", "Origin": host}, method="POST")
    try:
        urllib.request.urlopen(request, timeout=15).close()
    except urllib.error.HTTPError as refusal:
        with refusal:
            if refusal.code == 401:
                raise Impossible("That is not the organiser's password: set CONTEST_ADMIN_PASSWORD to the one of the server at HOST.") from None
            raise Impossible(f"{host} answers a sign-in with {refusal.code}: is it a contest?") from None
    except (OSError, ValueError) as why:
        why = getattr(why, "reason", why)
        raise Impossible(f"Nobody answers at {host}: {getattr(why, 'strerror', None) or why}.") from None


@contextmanager
def own_server(into: Path):
    """A server on a free port; its contest lies in a new folder under `into`, which goes where the run did not come to its end."""
    folder = Path(tempfile.mkdtemp(prefix="contest-", dir=into))
    server = Server(folder / "data", NO_LIMITS)
    try:
        yield _started(server)
    except BaseException:
        server.end()
        shutil.rmtree(folder)
        raise
    server.end()


def _started(server: Server) -> Server:
    try:
        return server.start()
    except AssertionError as why:
        raise Impossible(f"The server did not start: {(server.errors or str(why)).strip().splitlines()[-1]}") from None


def _run(given: argparse.Namespace, host: str, password: str) -> list[str]:
    """Run locust, print what it found; the faults as sentences."""
    print(f"{given.users} people for {given.time} s at {host}", flush=True)
    result = given.into / "result.json"
    result.unlink(missing_ok=True)
    command = [sys.executable, "-m", "locust", "-f", str(TOP / "loadtest" / "locustfile.py"), "--headless", "--only-summary", "--loglevel", "WARNING",
               "--users", str(given.users), "--spawn-rate", str(max(5, given.users / 5)), "--run-time", f"{given.time}s", "--stop-timeout", "20",
               "--host", host, "--html", str(given.into / "report.html")]
    settings = {"CONTEST_ADMIN_PASSWORD": password, "LOAD_PHOTOS": given.photos, "LOAD_RESULT": str(result), "PYTHONPATH": str(TOP)}
    locust = subprocess.Popen(command, cwd=TOP, env={**os.environ, **settings}, stdin=subprocess.DEVNULL)
    try:
        code = locust.wait(given.time + 180)
    except KeyboardInterrupt:   # the terminal told everybody, a server of our own too: what is left of the run says nothing
        raise Impossible("The run was broken off.") from None
    finally:
        locust.kill()
    if not result.exists():
        raise Impossible("" if code == USAGE else f"locust ended with {code} before there was a result.")   # with 64 it has said why
    return _print(json.loads(result.read_text("utf-8")), code)


def _print(found: dict, code: int) -> list[str]:
    """Print figures and counts; the faults as sentences."""
    counts, ledger = found["counts"], Ledger.from_plain(found["ledger"])
    print(f"\n{table(found['rows'])}\n")
    print(f"messages told    {counts.get('messages', 0):,} in {counts.get('connections', 0):,} connections and {counts.get('polls', 0):,} polls; "
          + ", ".join(f"{counts.get(name, 0)} {name}s" for name in ("gap", "duplicate", "contradiction")))
    print("began again      " + (", ".join(f"{counts[name]:,} {name}" for name in sorted(counts) if name.startswith("res")) or "never"))
    if closed := [f"{counts[name]:,} {name}" for name in sorted(counts) if name.startswith("closed")]:
        print(f"by the server    {', '.join(closed)}")
    print(f"at the end       {counts.get('walls held against the state', 0):,} walls show what the state is")
    print(f"acknowledged     {len(ledger.entries):,} entries, {len(ledger.sheets):,} sheets, {len(ledger.unsettled):,} without an answer")
    faults = [f"{error['times']} x {error['what']}" for error in found["errors"]]
    return faults or [f"locust ended with {code}."] * bool(code)


def table(rows: list[dict]) -> str:
    """The figures for a terminal.

    >>> print(table([{"name": "GET /", "requests": 1200, "failures": 1, "per_second": 20.04, "p50": 3, "p95": 5, "p99": 9, "max": 12.6}]))
    what                                  count failures a second     p50     p95     p99     max ms
    GET /                                 1,200        1     20.0       3       5       9      13
    """
    head = f"{'what':<34}{'count':>9}{'failures':>9}{'a second':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8} ms"
    return "\n".join([head, *(f"{row['name']:<34}{row['requests']:>9,}{row['failures']:>9,}{row['per_second']:>9,.1f}"
                              + "".join(f"{row[part] or 0:>8,.0f}" for part in ("p50", "p95", "p99", "max")) for row in rows)])


def stopped(server: Server, result: Path) -> list[str]:
    """Stop the server, verify its folder, and hold it against what was acknowledged; the faults as sentences."""
    faults = []
    if code := server.stop():
        faults.append(f"The server ended with {code}, not 0.")
    if "Traceback" in server.errors:
        faults.append(f"The server printed a traceback:\n{server.errors}")
    verified = subprocess.run([sys.executable, str(TOP / "contest.py"), "verify", "--data", str(server.data)], capture_output=True, text=True)
    print(f"verify           {(verified.stdout or verified.stderr).strip().splitlines()[-1]}")
    if verified.returncode:
        return [*faults, f"verify ended with {verified.returncode}:\n{verified.stdout}{verified.stderr}"]
    with contest.open(server.data) as kept:
        missing = Ledger.from_plain(json.loads(result.read_text("utf-8"))["ledger"]).missing(kept.state())
    print(f"on disk          {'all' if not missing else 'not all'} that was acknowledged")
    return faults + missing


def tell_end(faults: list[str], report: Path) -> int:
    """Print the verdict; the exit code."""
    print(f"report           {os.path.relpath(report)}")
    for fault in faults:
        print(f"WRONG            {fault}")
    print("Nothing was lost, doubled or refused." if not faults else f"{len(faults)} faults.")
    return FAILED if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
