"""What the servers in Python share: a POST becomes an event of the same shape and size as ours."""

import itertools
import json
import socket
import sys

from gevent.pywsgi import WSGIServer
from geventwebsocket.handler import WebSocketHandler

_seqs = itertools.count(1)


def event_of(environ) -> dict:
    asked, seq = json.loads(environ["wsgi.input"].read()), next(_seqs)
    return {"t": "ev", "s": seq, "h": "9f3a01bc", "p": seq - 1,
            "m": [{"k": "screen_set", "d": {"screen": {"mode": asked["mode"], "text": asked["text"]}}}]}


def serve(app) -> None:
    """Serve on the port that the command line names, for ever."""
    listener = WSGIServer.get_listener(("127.0.0.1", int(sys.argv[1])), 4096, socket.AF_INET)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)   # as ours: else each kept-alive answer waits 44 ms
    WSGIServer(listener, app, handler_class=WebSocketHandler, log=None).serve_forever()
