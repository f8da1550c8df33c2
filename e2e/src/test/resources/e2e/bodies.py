"""Bodies of any size, made while they are sent and summed up while they are read; nothing is kept of them.

  bodies.py serve PORT            an HTTP/1.1 server:
                                    GET /body?N       N bytes with a Content-Length; /chunked?N: in chunks
                                    PUT /sum          answers how the body came (length or chunked), its bytes and SHA-256
                                    PUT /stalled      the same, but does not begin to read before GET /go
                                    GET /moved        how many bytes it has sent and read in all, and how many bodies are under way
  bodies.py make N [FILE]         writes them, to standard output, or with holes into a file that takes little of the disk
  bodies.py sum N                 prints their SHA-256
"""

import hashlib
import http.server
import sys
import threading

BLOCK = 64 << 10
PATTERN = bytearray(hashlib.shake_256(b"culvert").digest(BLOCK))
HEAD = 4 << 10  # of each block in a file with holes


def blocks(size):
    """Each begins with its number, so that none can take another's place unseen."""
    block = bytearray(PATTERN)
    view = memoryview(block)
    for n in range(-(-size // BLOCK)):
        block[:8] = n.to_bytes(8, "big")
        yield view[: min(BLOCK, size - n * BLOCK)]


class Moved:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = self.read = self.open = 0

    def add(self, sent=0, read=0, opened=0):
        with self.lock:
            self.sent += sent
            self.read += read
            self.open += opened


moved = Moved()
go = threading.Event()


class Bodies(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, text):
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        path, _, size = self.path.partition("?")
        if path == "/moved":
            self.answer(f"{moved.sent} {moved.read} {moved.open}")
            return
        if path == "/go":
            go.set()
            self.answer("")
            return
        chunked = path == "/chunked"
        self.send_response(200)
        self.send_header(*(("Transfer-Encoding", "chunked") if chunked else ("Content-Length", size)))
        self.end_headers()
        moved.add(opened=1)
        try:
            for block in blocks(int(size)):
                if chunked:
                    self.connection.sendall(b"%x\r\n" % len(block))
                self.connection.sendall(block)
                moved.add(sent=len(block))
                if chunked:
                    self.connection.sendall(b"\r\n")
            if chunked:
                self.connection.sendall(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        finally:
            moved.add(opened=-1)

    def pieces(self):
        if self.headers["Transfer-Encoding"] != "chunked":
            left = int(self.headers["Content-Length"])
            while left:
                piece = self.rfile.read1(min(left, 1 << 20))
                if not piece:
                    raise EOFError
                left -= len(piece)
                yield piece
            return
        while size := int(self.rfile.readline(), 16):
            while size:
                piece = self.rfile.read(min(size, 1 << 20))
                if not piece:
                    raise EOFError
                size -= len(piece)
                yield piece
            self.rfile.readline()
        self.rfile.readline()

    def do_PUT(self):
        if self.path == "/stalled":
            go.clear()
            go.wait()
        total = hashlib.sha256()
        size = 0
        moved.add(opened=1)
        try:
            for piece in self.pieces():
                total.update(piece)
                size += len(piece)
                moved.add(read=len(piece))
        except (OSError, EOFError, ValueError):
            self.close_connection = True
            return
        finally:
            moved.add(opened=-1)
        how = self.headers["Transfer-Encoding"] or "length"
        self.answer(f"{how} {size} {total.hexdigest()}")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


def main(command, *arguments):
    if command == "serve":
        server = Server(("", int(arguments[0])), Bodies)
        print("READY", flush=True)
        server.serve_forever()
    elif command == "make" and len(arguments) == 1:
        for block in blocks(int(arguments[0])):
            sys.stdout.buffer.write(block)
    elif command == "make":
        with open(arguments[1], "wb") as f:
            for n, block in enumerate(blocks(int(arguments[0]))):
                f.seek(n * BLOCK)
                f.write(block[:HEAD])
            f.truncate(int(arguments[0]))
    elif command == "sum":
        total = hashlib.sha256()
        for block in blocks(int(arguments[0])):
            total.update(block)
        print(total.hexdigest())


if __name__ == "__main__":
    main(*sys.argv[1:])
