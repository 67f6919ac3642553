"""The hub's bench counts what arrives: its displays speak our protocol, see each event once, and say so when that is not so."""

import sys
import threading

import pytest

from bench.hub_common import Displays, Failed, watched
from bench.hub_servers import PEERS, Serving, open_server, ours, peer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the displays use epoll and the clock of another process: Linux only")

# gevent-websocket with a display that is told everything twice.
TWICE = """
import sys
sys.path.insert(0, sys.argv[2])
import gevent_websocket as peer

class Twice(set):
    def __iter__(self):
        found = list(set.__iter__(self))
        return iter(found + found[:1])

peer.displays = Twice()
peer.serve(peer.app)
"""


def test_displays_of_the_bench_see_every_event_once_alone_and_in_bursts():
    with watched(ours) as (server, displays):
        assert displays.ask("grow", count=20)["rate"] > 0
        alone = displays.ask("isolated", seconds=0.3, pause=0.03)
        burst = displays.ask("burst", count=10)
        assert alone["events"] >= 1 and burst["events"] == 10
        assert all(figures["cpu"] > 0 for figures in (alone, burst))
        assert 350 < alone["bytes"] < 450
        assert server.rss() <= server.rss("VmHWM")


def test_displays_that_do_not_read_are_not_waited_for():
    with watched(ours) as (_, displays):
        displays.ask("grow", count=10, small=4)
        displays.ask("stall", count=4)
        assert displays.ask("burst", count=5)["events"] == 5


def test_displays_that_lost_their_server_come_back(tmp_path):
    server = open_server(tmp_path)
    displays = Displays(Serving("contest", server.port, server.pid, {}))
    try:
        displays.ask("grow", count=20)
        server.kill()
        starting = threading.Thread(target=server.start)
        starting.start()
        came = displays.ask("come_back", seconds=30)
        starting.join()
        assert len(came["back"]) == 20
    finally:
        displays.end()
        server.end()


def test_a_server_that_tells_one_display_twice_fails_the_bench(tmp_path):
    """Control: a bench that only counted arrivals would be content."""
    (tmp_path / "twice.py").write_text(TWICE)

    def start():
        return peer("plain", [sys.executable, str(tmp_path / "twice.py")], str(PEERS))

    with watched(start) as (_, displays):
        displays.ask("grow", count=5)
        with pytest.raises(Failed, match="a display saw"):
            displays.ask("burst", count=10)
