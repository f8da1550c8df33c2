"""What runs inside a namespace for scripts/bench: an echo server, and clients of it that print one JSON object.

  probe.py serve PORT                              answers every byte with the same
  probe.py connect HOST PORT COUNT SECONDS         times connect(), and connect() until the first byte has come back
  probe.py echo HOST PORT GAP-SECONDS SECONDS      times round trips of one byte on one connection
  probe.py hold HOST PORT COUNT                    opens COUNT connections, prints, holds them until its input ends
"""

import json
import resource
import selectors
import socket
import sys
import time

PATIENCE = 10.0  # seconds for one connect or round trip; more is a failure, and would distort nothing but the run's length
CONNECT_GAP = 0.002  # seconds between two connections: set-up time is asked for here, not the rate of it
FILES = 16384  # a held connection is a file


def quantiles(seconds):
    """p50, p99 and the largest, in milliseconds, by nearest rank."""
    if not seconds:
        return None
    ordered = sorted(seconds)

    def rank(q):
        return round(ordered[min(len(ordered) - 1, int(q * len(ordered)))] * 1e3, 4)

    return {"n": len(ordered), "p50": rank(0.5), "p99": rank(0.99), "max": round(ordered[-1] * 1e3, 4)}


def open_connection(address):
    s = socket.create_connection(address, PATIENCE)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def round_trip(s):
    s.send(b"x")
    if s.recv(1) != b"x":
        raise OSError("the connection ended")


def serve(port):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("", port), backlog=4096)
    listener.setblocking(False)
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            s = key.fileobj
            try:
                if s is listener:
                    accepted, _ = s.accept()
                    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    selector.register(accepted, selectors.EVENT_READ)
                    continue
                data = s.recv(65536)
                if data:
                    s.send(data)
                    continue
            except OSError:
                if s is listener:
                    continue
            selector.unregister(s)
            s.close()


def connect(address, count, seconds):
    connected, first_byte, failed, end = [], [], 0, time.perf_counter() + seconds
    while len(connected) + failed < count and time.perf_counter() < end:
        began = time.perf_counter()
        try:
            with open_connection(address) as s:
                opened = time.perf_counter()
                round_trip(s)
                first_byte.append(time.perf_counter() - began)
                connected.append(opened - began)
        except OSError:
            failed += 1
        time.sleep(CONNECT_GAP)
    return {"connect": quantiles(connected), "first_byte": quantiles(first_byte), "failed": failed}


def echo(address, gap, seconds):
    times, end = [], time.perf_counter() + seconds
    with open_connection(address) as s:
        while time.perf_counter() < end:
            began = time.perf_counter()
            round_trip(s)
            times.append(time.perf_counter() - began)
            time.sleep(gap)
    return quantiles(times)


def hold(address, count):
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
    held, failed = [], 0
    while len(held) + failed < count:
        try:
            s = open_connection(address)
            round_trip(s)
            held.append(s)
        except OSError:
            failed += 1
    print(json.dumps({"held": len(held), "failed": failed}), flush=True)
    sys.stdin.read()


def main(what, *rest):
    if what == "serve":
        resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
        serve(int(rest[0]))
        return
    address = (rest[0], int(rest[1]))
    if what == "hold":
        hold(address, int(rest[2]))
        return
    if what == "connect":
        result = connect(address, int(rest[2]), float(rest[3]))
    else:
        result = echo(address, float(rest[2]), float(rest[3]))
    print(json.dumps(result))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OSError as e:
        sys.exit(f"probe {' '.join(sys.argv[1:])}: {e}")
