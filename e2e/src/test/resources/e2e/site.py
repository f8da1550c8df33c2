"""A web site as browsers meet them: a page with a hundred assets, a WebSocket, an event stream, a large answer, an upload.
The page tries all of it, once it was given a file to upload, and posts in the end what it has seen to /report: site.py PORT."""

import base64
import hashlib
import http.server
import struct
import sys
import time

ASSETS = 100
BIG = 24 << 20
EVENTS = 5
PATTERN = hashlib.sha256(b"culvert").digest() * 2048  # 64 KiB

PAGE = """<!doctype html><title>site</title><body><input type="file" id="file">%(images)s<script>
const report = {};
const sleep = ms => new Promise(done => setTimeout(done, ms));
const hex = buffer => Array.from(new Uint8Array(buffer), b => b.toString(16).padStart(2, '0')).join('');

function webSocket() {
  return new Promise((done, fail) => {
    const socket = new WebSocket('wss://' + location.host + '/echo', ['echo.v1', 'other']);
    const big = new Uint8Array(300000).fill(7);
    let texts = 0;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { for (let i = 0; i < 50; i++) socket.send('message ' + i); socket.send(big); };
    socket.onmessage = e => {
      if (typeof e.data === 'string') { if (e.data === 'message ' + texts) texts++; return; }
      report.socket = {protocol: socket.protocol, texts, bytes: e.data.byteLength, same: new Uint8Array(e.data).every(b => b === 7)};
      socket.close(1000, 'enough');
    };
    socket.onclose = e => { report.closed = e.code; done(); };
    socket.onerror = () => fail(new Error('WebSocket'));
  });
}

function events() {
  return new Promise((done, fail) => {
    const source = new EventSource('/events');
    const seen = [];
    source.onmessage = e => { seen.push(e.data); if (seen.length === %(events)d) { source.close(); report.events = seen; done(); } };
    source.onerror = () => fail(new Error('EventSource after ' + seen.length));
  });
}

async function upload() {
  const input = document.getElementById('file');
  while (!input.files.length) await sleep(50);
  await new Promise((done, fail) => {
    const request = new XMLHttpRequest();
    let steps = 0, most = 0;
    request.upload.onprogress = e => { steps++; most = e.loaded; };
    request.onload = () => { report.upload = {status: request.status, bytes: Number(request.responseText), steps, most}; done(); };
    request.onerror = () => fail(new Error('upload'));
    request.open('POST', '/upload');
    request.send(input.files[0]);
  });
}

async function download() {
  const reader = (await fetch('/big')).body.getReader();
  const pieces = [];
  let bytes = 0;
  for (;;) { const {done, value} = await reader.read(); if (done) break; pieces.push(value); bytes += value.length; await 0; }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const piece of pieces) { whole.set(piece, at); at += piece.length; }
  report.download = {bytes, sum: hex(await crypto.subtle.digest('SHA-256', whole))};
}

async function aborted() {
  const stop = new AbortController();
  const answer = await fetch('/endless', {signal: stop.signal});
  const reader = answer.body.getReader();
  await reader.read();
  stop.abort();
  report.aborted = true;
}

onload = async () => {
  try {
    report.images = [...document.images].filter(i => i.complete && i.naturalWidth === 3).length;
    await Promise.all([webSocket(), events(), upload(), download(), aborted()]);
    report.missing = (await fetch('/nothing')).status;
    const cookie = await fetch('/cookie'); await cookie.text();
    report.cookie = document.cookie;
    report.protocols = [...new Set(performance.getEntriesByType('resource').map(e => e.nextHopProtocol).filter(p => p))];
    report.page = performance.getEntriesByType('navigation')[0].nextHopProtocol;
  } catch (e) { report.error = String(e); }
  await fetch('/report', {method: 'POST', body: JSON.stringify(report)});
};
</script>"""

ASSET = b'<svg xmlns="http://www.w3.org/2000/svg" width="3" height="3"><!--' + b"x" * 2000 + b"--></svg>"


class Site(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body, kind="text/plain", status=200, headers=()):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def begin(self, kind):
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def do_GET(self):
        path = self.path
        if path == "/":
            images = "".join(f'<img src="/asset/{i}.svg">' for i in range(ASSETS))
            self.answer((PAGE % {"images": images, "events": EVENTS}).encode(), "text/html")
        elif path.startswith("/asset/"):
            self.answer(ASSET, "image/svg+xml", headers=[("Cache-Control", "no-store")])
        elif path == "/echo":
            self.echo()
        elif path == "/events":
            self.begin("text/event-stream")
            for i in range(EVENTS):
                self.chunk(b"data: %d\n\n" % i)
                time.sleep(0.05)
            try:
                while True:  # open until the browser has had enough
                    self.chunk(b": still here\n\n")
                    time.sleep(0.05)
            except OSError:
                self.close_connection = True
        elif path == "/big":
            self.begin("application/octet-stream")
            for _ in range(BIG // len(PATTERN)):
                self.chunk(PATTERN)
            self.chunk(b"")
        elif path == "/endless":
            self.begin("application/octet-stream")
            try:
                while True:
                    self.chunk(PATTERN)
            except OSError:
                self.close_connection = True
        elif path == "/cookie":
            self.answer(b"", headers=[("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/; Secure")])
        else:
            self.answer(b"nothing here", status=404)

    def do_POST(self):
        length = int(self.headers["Content-Length"])
        got = 0
        while got < length:
            piece = self.rfile.read(min(65536, length - got))
            if not piece:
                return
            got += len(piece)
        self.answer(str(got).encode())

    def echo(self):
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        self.send_response(101)
        self.send_header("Upgrade", "websocket")
        self.send_header("Connection", "Upgrade")
        self.send_header("Sec-WebSocket-Accept", base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
        self.send_header("Sec-WebSocket-Protocol", "echo.v1")
        self.end_headers()
        self.close_connection = True
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            length = head[1] & 127
            if length == 126:
                length = struct.unpack(">H", self.rfile.read(2))[0]
            elif length == 127:
                length = struct.unpack(">Q", self.rfile.read(8))[0]
            mask = self.rfile.read(4)
            data = self.rfile.read(length)
            key = (mask * (length // 4 + 1))[:length]
            data = (int.from_bytes(data, "big") ^ int.from_bytes(key, "big")).to_bytes(length, "big")
            size = bytes([length]) if length < 126 else b"\x7e" + struct.pack(">H", length) if length < 65536 else b"\x7f" + struct.pack(">Q", length)
            self.wfile.write(head[:1] + size + data)
            if head[0] & 15 == 8:
                return

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if __name__ == "__main__":
    server = Server(("", int(sys.argv[1])), Site)
    print("READY", flush=True)
    server.serve_forever()
