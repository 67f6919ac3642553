"""What the internet and a hall of phones send: large photos, half requests, headers that lie."""

import secrets
import socket
import threading
import time
from pathlib import Path

from deploy.verify.checks import Checkout, Unchecked, require
from deploy.verify.people import category, tattoo
from deploy.verify.server import Served

MOST_MIB = 400
HEADS = 200
#: trust setting, headers of every request (R: another address each time), may the requests count as one address?
TRUST = (
    ("none", {"X-Forwarded-For": "R", "Fly-Client-IP": "R"}, True),
    ("fly", {"X-Forwarded-For": "R", "Fly-Client-IP": "192.0.2.7"}, True),
    ("fly", {"Fly-Client-IP": "R"}, False),
    ("one-hop", {"X-Forwarded-For": "R, 192.0.2.7", "Fly-Client-IP": "R"}, True),
    ("one-hop", {"X-Forwarded-For": "192.0.2.7, R"}, False),
)


def large_photos(checkout: Checkout) -> str:
    """Three photos of 48 megapixels at once leave the server under 400 MiB."""
    if not Path("/proc/self/status").exists():
        raise Unchecked("Only Linux says how much memory a process has had.")
    photos = [tattoo(*size, progressive=True) for size in ((8000, 6000), (6000, 8000), (8000, 6000))]  # the kind that takes most
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        sleeve, answers = category(server.admin), []
        sending = [threading.Thread(target=lambda raw=raw: answers.append(server.http.submit(raw, category=sleeve).status)) for raw in photos]
        for each in sending:
            each.start()
        for each in sending:
            each.join(60)
        require(answers == [201] * 3, f"The photos were answered with {answers}.")
        peak = next(int(line.split()[1]) for line in Path(f"/proc/{server.pid}/status").read_text().splitlines() if line.startswith("VmHWM")) >> 10
    require(peak < MOST_MIB, f"The server took {peak} MiB.")
    return f"at most {peak} MiB"


def slow_heads(checkout: Checkout) -> str:
    """Two hundred requests that never end their head are told 408, and nobody else waits."""
    with checkout.scratch() as under, Served(checkout, under / "data") as server:
        half = [socket.create_connection(("127.0.0.1", server.port), 20) for _ in range(HEADS)]
        began, slowest, refused = time.monotonic(), 0.0, 0
        for each in half:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            each.setblocking(False)
        while half and time.monotonic() - began < 20:
            asked = time.monotonic()
            require(server.http.get("/ready").status == 200, "/ready failed beside half requests.")
            slowest = max(slowest, time.monotonic() - asked)
            over = {each: said for each in half if (said := _said(each)) is not None}
            refused += sum(b" 408 " in said for said in over.values())
            half = [each for each in half if each not in over]
            for each in over:
                each.close()
            time.sleep(0.2)
        for each in half:
            each.close()
        require(not half, f"{len(half)} half requests are still held after 20 s.")
    require(refused == HEADS, f"{refused} of {HEADS} half requests were told 408.")
    return f"{HEADS} gone within {time.monotonic() - began:.0f} s, /ready {1000 * slowest:.0f} ms at most"


def _said(half: socket.socket) -> bytes | None:
    """What the server said, None while it waits, b"" where it just went."""
    try:
        return half.recv(4096)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def spoofed_headers(checkout: Checkout) -> str:
    """A client cannot choose its own address or pretend to https: only the proxy that CONTEST_TRUST_PROXY names is believed."""
    for trust, headers, one_address in TRUST:
        with checkout.scratch() as under, Served(checkout, under / "data", {"CONTEST_TRUST_PROXY": trust, "CONTEST_ADDRESS_REQUESTS": "3"}) as server:
            login = server.http.post("/api/login", {"password": server.env["CONTEST_ADMIN_PASSWORD"]}, **{"X-Forwarded-Proto": "https"})
            secure = "secure" in (login.headers["Set-Cookie"] or "").lower()
            require(secure == (trust != "none"), f"{trust}: with X-Forwarded-Proto: https the cookie is {'' if secure else 'not '}Secure.")
            statuses = {server.http.get("/health", **_filled(headers)).status for _ in range(60)}
        told = ", ".join(f"{name}: {value}" for name, value in headers.items())
        require((429 in statuses) == one_address, f"{trust}: sixty requests with {told} count as {'many addresses' if one_address else 'one address'}.")
    return f"{len(TRUST)} rows of header and setting"


def _filled(headers: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("R", f"198.51.{secrets.randbelow(100)}.{secrets.randbelow(250)}") for name, value in headers.items()}


DEAR = (spoofed_headers, slow_heads, large_photos)
