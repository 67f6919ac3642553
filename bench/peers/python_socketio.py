"""python-socketio on gevent, as its documents show it. Started as: python_socketio.py PORT"""

from gevent import monkey

monkey.patch_all()

import socketio   # noqa: E402  (it has to see the patched modules)

from posts import event_of, serve   # noqa: E402

displays = socketio.Server(async_mode="gevent")


def other(environ, start_response):
    if environ["REQUEST_METHOD"] == "POST":
        displays.emit("ev", event_of(environ))
    start_response("200 OK", [("Content-Length", "2")])
    return [b"{}"]


if __name__ == "__main__":
    serve(socketio.WSGIApp(displays, other))
