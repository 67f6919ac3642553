"""gevent-websocket as it comes: a greenlet per connection, a send per client. Started as: gevent_websocket.py PORT"""

import json

from geventwebsocket import WebSocketError

from posts import event_of, serve

displays = set()


def live(websocket) -> None:
    displays.add(websocket)
    try:
        while websocket.receive() is not None:
            pass
    except WebSocketError:
        pass   # it went without a word
    finally:
        displays.discard(websocket)


def app(environ, start_response):
    if "wsgi.websocket" in environ:
        live(environ["wsgi.websocket"])
        return []
    if environ["REQUEST_METHOD"] == "POST":
        text = json.dumps(event_of(environ), separators=(",", ":"))
        for display in list(displays):
            try:
                display.send(text)
            except (WebSocketError, OSError):
                displays.discard(display)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"{}"]


if __name__ == "__main__":
    serve(app)
