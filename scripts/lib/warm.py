"""Both ends of the traffic that trains the AOT caches: warm.py serve ADDRESS | warm.py use ADDRESS"""
import socket
import struct
import sys
import threading
import time

ECHO, SINK, SOURCE = 7, 9, 19  # the ports of RFC 862, 863 and 864
BULK_SECONDS = 12
CONNECTIONS = 6000
REQUESTS = 3000  # on one connection, one after the other
DATAGRAMS = 20000
PINGS = 3000


def answer(conn, port):
    with conn:
        try:
            chunk = bytes(1 << 18)
            while True:
                if port == SOURCE:
                    conn.sendall(chunk)
                    continue
                data = conn.recv(1 << 18)
                if not data:
                    return
                if port == ECHO:
                    conn.sendall(data)
        except OSError:
            pass


def serve(address):
    def tcp(port):
        listener = socket.create_server((address, port), backlog=1024)
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0], port), daemon=True).start()

    for port in (ECHO, SINK, SOURCE):
        threading.Thread(target=tcp, args=(port,), daemon=True).start()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((address, ECHO))
    while True:
        data, peer = udp.recvfrom(65536)
        udp.sendto(data, peer)


def connect(address, port):
    for _ in range(100):  # the server may still be starting
        try:
            return socket.create_connection((address, port), 5)
        except OSError:
            time.sleep(0.1)
    raise SystemExit("warm.py: no server")


def use(address):
    connect(address, ECHO).close()

    def short():
        for _ in range(CONNECTIONS // 8):
            with socket.create_connection((address, ECHO), 10) as s:
                s.sendall(b"x" * 100)
                s.recv(100)

    threads = [threading.Thread(target=short) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for port in (SINK, SOURCE, SINK, SOURCE):
        with connect(address, port) as s:
            end = time.monotonic() + BULK_SECONDS / 2
            chunk = bytes(1 << 18)
            while time.monotonic() < end:
                if port == SINK:
                    s.sendall(chunk)
                else:
                    s.recv(1 << 18)
    with connect(address, ECHO) as s:
        for _ in range(REQUESTS):
            s.sendall(b"x")
            s.recv(1)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(0.2)
    for i in range(DATAGRAMS):
        udp.sendto(bytes(1000), (address, ECHO))
        if i % 16 == 15:
            receive(udp)
    icmp = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    icmp.settimeout(0.2)
    for i in range(PINGS):
        icmp.sendto(echo_request(i), (address, 0))
        receive(icmp)


def receive(s):
    try:
        s.recv(65536)
    except OSError:
        pass


def echo_request(sequence):
    """RFC 792; identifier 1, no data, so that three words are all there is to sum up"""
    total = (8 << 8) + 1 + sequence
    return struct.pack("!BBHHH", 8, 0, ~(total + (total >> 16)) & 0xFFFF, 1, sequence)


if sys.argv[1] == "serve":
    serve(sys.argv[2])
else:
    use(sys.argv[2])
