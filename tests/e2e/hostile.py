"""A target that misbehaves on purpose, as an HTTP server of its own below every base URL it hands
out: Hostile(upstream).base("keys", "deep-json") is an exchange whose /keys is a thousand arrays in
one another and which for all else is the real stand-in behind it.
"""
import gzip
import json
import random
import re
import socket
import struct
import threading
import urllib.error
import urllib.request

PLACES = ("config", "keys", "fund", "reserve", "withdraw", "deposit")
HUGE = 100 << 20


def place_of(method, path):
    """Which of PLACES a request is for."""
    if path.endswith("/config"):
        return "config"
    if path.endswith("/keys"):
        return "keys"
    if path.endswith("/admin/add-incoming"):
        return "fund"
    if path.endswith("withdraw"):
        return "withdraw"
    if path.endswith("deposit"):
        return "deposit"
    return "reserve" if "/reserves/" in path and method == "GET" else "other"


class Gone(Exception):
    """The connection is of no more use."""


class Exchange:
    """One request and what is needed to answer it."""

    def __init__(self, server, connection, method, url, headers, body):
        self.server, self.connection = server, connection
        self.method, self.url, self.headers, self.body = method, url, headers, body

    def upstream(self):
        """(status, headers, body) of the real one; the bytes are plain, never compressed."""
        hop_by_hop = ("host", "connection", "accept-encoding", "content-length", "expect")
        request = urllib.request.Request(
            self.server.upstream + self.url, method=self.method, data=self.body or None,
            headers={k: v for k, v in self.headers.items() if k not in hop_by_hop})
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return reply.status, dict(reply.headers), reply.read()
        except urllib.error.HTTPError as error:
            return error.code, dict(error.headers), error.read()
        except OSError as error:
            raise Gone from error

    def send(self, data):
        try:
            self.connection.sendall(data)
        except OSError as error:
            raise Gone from error

    def reply(self, status, body, headers=None):
        kept = {k: v for k, v in (headers or {}).items()
                if k.lower() in ("content-type", "etag", "cache-control", "expires", "date",
                                 "location", "content-encoding")}
        head = f"HTTP/1.1 {status} Whatever\r\nContent-Length: {len(body)}\r\n"
        head += "".join(f"{k}: {v}\r\n" for k, v in kept.items())
        self.send(head.encode() + b"\r\n" + body)

    def reset(self):
        """Closes with RST instead of FIN."""
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       struct.pack("ii", 1, 0))
        finally:
            raise Gone

    def quiet(self, seconds=20):
        """Says nothing until the other side goes away."""
        self.connection.settimeout(seconds)
        try:
            while self.connection.recv(4096):
                pass
        except OSError:
            pass
        raise Gone


# --- what can be wrong ---------------------------------------------------------------------------


def honest(x):
    status, headers, body = x.upstream()
    x.reply(status, body, headers)


def wrong_signatures(x):
    """Another digit in the middle of every value that is named a signature."""
    status, headers, body = x.upstream()

    def change(match):
        text = match.group(2)
        middle = len(text) // 2
        other = "1" if text[middle] != "1" else "2"
        return match.group(1) + text[:middle] + other + text[middle + 1:] + '"'

    text = re.sub(r'("[a-z_]*(?:sig|rsa_signature)"\s*:\s*")([0-9A-Z]{40,})"', change,
                  body.decode())
    x.reply(status, text.encode(), headers)


def reused_signatures(x):
    """The blind signatures of the first reply, again and again."""
    status, headers, body = x.upstream()
    with x.server.lock:
        body = x.server.kept.setdefault(place_of(x.method, x.url.split("?")[0]), body)
    x.reply(status, body, headers)


def truncated_json(x):
    status, headers, body = x.upstream()
    x.reply(status, body[:len(body) // 2], headers)


def short_body(x):
    _, _, body = x.upstream()
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (len(body) + 10) + body)
    raise Gone


def deep_json(x):
    x.reply(200, b"[" * 1000 + b"]" * 1000)


def deeper_json(x):
    x.reply(200, b'{"a":' * 1000000 + b"1" + b"}" * 1000000)


def nul_json(x):
    x.reply(200, b'{"version":"1\x00","\x00":"\\u0000"}')


def wrong_types(x):
    """Right keys, values of other types."""
    status, headers, body = x.upstream()
    value = json.loads(body) if body else {}
    x.reply(status, json.dumps({k: [] if not isinstance(v, list) else {"a": v}
                                for k, v in value.items()}).encode(), headers)


def empty_body(x):
    x.reply(200, b"")


def huge(x):
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE)
    for _ in range(HUGE >> 20):
        x.send(b" " * (1 << 20))


def huge_chunked(x):
    x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(HUGE >> 20):
        x.send(b"100000\r\n" + b" " * (1 << 20) + b"\r\n")
    x.send(b"0\r\n\r\n")


def bomb(x):
    """100 MB of spaces in 100 kB."""
    x.reply(200, x.server.bomb, {"Content-Encoding": "gzip"})


def error_status(status, body=b"{}", headers=None):
    return lambda x: x.reply(status, body, headers)


def silence(x):
    x.quiet()


def half_silence(x):
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
    x.quiet()


def reset_at_once(x):
    x.reset()


def reset_in_head(x):
    x.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    x.reset()


def reset_in_body(x):
    x.send(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"a":')
    x.reset()


def closed(x):
    raise Gone


def garbage(x):
    x.send(random.Random(1).randbytes(4096))
    raise Gone


def bad_chunks(x):
    x.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n")
    raise Gone


def raw(head, body=b"{}"):
    def send(x):
        x.send(head.replace(b"\n", b"\r\n") + b"\r\n" + body)
        raise Gone
    return send


def gzip_with_more_behind(x):
    x.reply(200, gzip.compress(b"{}") + b"more than there should be", {"Content-Encoding": "gzip"})


def gzip_cut(x):
    x.reply(200, gzip.compress(b"{}" * 1000)[:-10], {"Content-Encoding": "gzip"})


def trickle(x):
    x.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while not x.server.ended.wait(0.02):
        x.send(b" ")
    raise Gone


def trickled_head(x):
    x.send(b"HTTP/1.1 200 OK\r\nX: ")
    while not x.server.ended.wait(0.02):
        x.send(b"x")
    raise Gone


def endless_headers(x):
    x.send(b"HTTP/1.1 200 OK\r\n")
    for i in range(100000):
        x.send(b"X-%d: %s\r\n" % (i, b"y" * 1000))
    raise Gone


def endless_continue(x):
    for _ in range(2000000):
        x.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)
    raise Gone


def redirect_loop(x):
    x.reply(307, b"", {"Location": x.prefix + x.url})


def redirect_file(x):
    x.reply(307, b"", {"Location": "file:///etc/hostname"})


def redirect_nowhere(x):
    x.reply(307, b"", {"Location": "http://[::1:80/%00"})


BEHAVIOURS = {
    "honest": honest,
    "wrong-signatures": wrong_signatures,
    "reused-signatures": reused_signatures,
    "truncated-json": truncated_json,
    "short-body": short_body,
    "deep-json": deep_json,
    "deeper-json": deeper_json,
    "nul-json": nul_json,
    "wrong-types": wrong_types,
    "empty-body": empty_body,
    "huge": huge,
    "huge-chunked": huge_chunked,
    "bomb": bomb,
    "status-500": error_status(500, b'{"code": 1, "hint": "\xff\xfe<script>"}'),
    "status-503": error_status(503, b"<html>" + b"x" * 100000),
    "status-451": error_status(451, b'{"requirement_row": 1, "h_payto": "X"}'),
    "status-429": error_status(429, b"", {"Retry-After": "1000000"}),
    "status-404": error_status(404, b'{"code": 99999999999999999999}'),
    "silence": silence,
    "half-silence": half_silence,
    "reset-at-once": reset_at_once,
    "reset-in-head": reset_in_head,
    "reset-in-body": reset_in_body,
    "closed": closed,
    "garbage": garbage,
    "bad-chunks": bad_chunks,
    "gzip-with-more-behind": gzip_with_more_behind,
    "gzip-cut": gzip_cut,
    "unknown-coding": raw(b"HTTP/1.1 200 OK\nContent-Encoding: rot13\n"),
    "ten-codings": raw(b"HTTP/1.1 200 OK\nContent-Encoding: " + b"gzip, " * 9 + b"gzip\n"),
    "status-999999": raw(b"HTTP/1.1 999999 Much\nContent-Length: 2\n"),
    "status-less": raw(b"HTTP/1.1\nContent-Length: 2\n"),
    "http-3-7": raw(b"HTTP/3.7 200 OK\nContent-Length: 2\n"),
    "upgrade": raw(b"HTTP/1.1 101 Switching\nUpgrade: h2c\nConnection: Upgrade\n", b"\x00" * 99),
    "negative-length": raw(b"HTTP/1.1 200 OK\nContent-Length: -1\n"),
    "immense-length": raw(b"HTTP/1.1 200 OK\nContent-Length: 99999999999999999999999\n"),
    "two-lengths": raw(b"HTTP/1.1 200 OK\nContent-Length: 2\nContent-Length: 5\n"),
    "nul-in-header": raw(b"HTTP/1.1 200 OK\nX: a\x00b\nContent-Length: 2\n"),
    "colonless-header": raw(b"HTTP/1.1 200 OK\nnothing here\n: \nContent-Length: 2\n"),
    "age-below-all": lambda x: x.reply(200, x.upstream()[2],
                                       {"Cache-Control": "max-age=-9223372036854775807"}),
    "expired-in-year-1": lambda x: x.reply(200, x.upstream()[2],
                                           {"Expires": "Mon, 01 Jan 0001 00:00:00 GMT"}),
    "trickle": trickle,
    "trickled-head": trickled_head,
    "endless-headers": endless_headers,
    "endless-continue": endless_continue,
    "redirect-loop": redirect_loop,
    "redirect-file": redirect_file,
    "redirect-nowhere": redirect_nowhere,
}


# --- the server ----------------------------------------------------------------------------------


class Hostile:
    """Listens on loopback, one thread for each connection; ends with the `with`."""

    def __init__(self, upstream):
        self.upstream = upstream
        self.kept, self.lock, self.ended = {}, threading.Lock(), threading.Event()
        self.bomb = gzip.compress(b" " * HUGE, 1)
        self.requests = {}  # (behaviour, place) -> times misbehaved
        self.connections = set()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def base(self, place, behaviour):
        """A base URL below which `place` misbehaves so."""
        assert place in PLACES and behaviour in BEHAVIOURS
        return f"{self.address}/{place}/{behaviour}"

    def accept(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with self.lock:
                self.connections.add(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            with connection, connection.makefile("rb") as stream:
                while self.one(connection, stream):
                    pass
        except (Gone, OSError, ValueError):
            pass
        finally:
            with self.lock:
                self.connections.discard(connection)

    def one(self, connection, stream):
        line = stream.readline(65536)
        if not line:
            return False
        method, url, _ = line.decode("latin-1").split(" ", 2)
        headers = {}
        while (line := stream.readline(65536).decode("latin-1").rstrip("\r\n")):
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if headers.get("expect", "").lower() == "100-continue":
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = stream.read(int(headers.get("content-length", 0)))
        _, place, behaviour, rest = url.split("/", 3)
        x = Exchange(self, connection, method, "/" + rest, headers, body)
        x.prefix = f"{self.address}/{place}/{behaviour}"
        if place_of(method, x.url.split("?")[0]) != place:
            honest(x)
            return True
        with self.lock:
            key = (behaviour, place)
            self.requests[key] = self.requests.get(key, 0) + 1
        BEHAVIOURS[behaviour](x)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.ended.set()
        self.socket.close()
        with self.lock:
            for connection in self.connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
