"""Small servers and clients for the end-to-end tests. Every client prints one word or line per event, flushed.

  probe.py serve DIR              the LAN host's odd servers, see serve()
  probe.py connect HOST PORT      connects; prints CONNECTED or the errno's name, and the milliseconds it took
  probe.py udp HOST PORT [N]      sends one datagram (of N bytes); prints the echo (or whether it is the same) or the
                                  errno's name, and the milliseconds it took
  probe.py lengths HOST PORT N... sends a datagram of each length, 0 too, thrice if it is lost; prints SAME, OTHER or the
                                  errno's name of the echo for each
  probe.py idle HOST PORT N       N sockets, a datagram and its echo each, thrice if it is lost; prints how many were
                                  echoed, and keeps the sockets until stdin ends
  probe.py icmp HOST PORT [N]     sends one datagram (of N bytes) that must not be fragmented; prints the ICMP error that
                                  comes back: type/code, who sent it, the MTU that it names
  probe.py digest HOST PORT MSS   reads to EOF, offering segments of MSS bytes at most; prints its own port and the SHA-256
  probe.py pathmtu HOST           prints the path MTU that the kernel has noted for a host
  probe.py hold HOST PORT         connects, prints CONNECTED, waits; prints EOF or the errno's name when it ends
  probe.py alive HOST PORT IDLE INTERVAL COUNT SECONDS
                                  connects with a keep-alive, prints CONNECTED, after so many quiet seconds QUIET, and when
                                  it ends the errno's name
  probe.py talk HOST PORT         echoes a line each 100 ms; prints the longest wait in ms when stdin ends
  probe.py copy HOST PORT MIB     sends so much to an echo while it reads it back; says HALF when half is back, SAME at the end
  probe.py wait HOST PORT         connects to an echo; a line of stdin later sends one, and says what comes back
  probe.py udpwait HOST PORT      as wait, with datagrams from one socket: asks again each second until an answer comes
  probe.py udptalk HOST PORT      as talk, with datagrams, and goes on to the next when none came back in a second; prints also
                                  how many came back, and from how many ports the LAN has heard them
  probe.py late HOST PORT N       reads to EOF first, only then sends N bytes
  probe.py stall HOST PORT N      sends N bytes, reads the answer
  probe.py short HOST PORT N      N connections, 50 at once, each one request and its answer; prints how many failed
  probe.py sip HOST OUT IN N      N connections to OUT that send without end, N to IN that are sent to without end and read
                                  a byte a second; prints STUCK when no sender has got anything rid for a second, and what
                                  was moved when stdin ends
  probe.py banner HOST PORT       connects, sends nothing, prints what the server says
  probe.py garbage HOST PORT SEED bytes that are no TLS, no HTTP and no WebSocket, on many connections
"""
import errno, hashlib, os, random, select, socket, ssl, struct, sys, threading, time
from concurrent.futures import ThreadPoolExecutor


def say(*words):
    print(*words, flush=True)


def name(e):
    if isinstance(e, socket.timeout) and not e.errno:
        return "TIMEOUT"
    return errno.errorcode.get(e.errno, repr(e))


def dial(host, port, timeout=20):
    return socket.create_connection((host, int(port)), timeout)


def everything(s):
    parts = []
    while data := s.recv(1 << 16):
        parts.append(data)
    return b"".join(parts)


def listen(port, handler, rcvbuf=None):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if rcvbuf:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
    s.bind(("::", port))
    s.listen(1024)

    def accept():
        while True:
            c, _ = s.accept()
            threading.Thread(target=guarded, args=(handler, c), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()


def guarded(handler, c):
    try:
        with c:
            handler(c)
    except OSError:
        pass


def echo(c):
    while data := c.recv(1 << 16):
        c.sendall(data)


def serve(directory):
    listen(7001, lambda c: (c.sendall(b"220 the server speaks first\r\n"), everything(c)))

    def early_fin(c):
        c.sendall(b"over to you")
        c.shutdown(socket.SHUT_WR)
        data = everything(c)
        temporary = os.path.join(directory, "late.tmp")
        with open(temporary, "w") as f:
            f.write(f"{len(data)} {hashlib.sha256(data).hexdigest()}")
        os.rename(temporary, os.path.join(directory, "late"))

    listen(7002, early_fin)
    listen(7003, echo)

    def stalled(c):
        time.sleep(10)
        data = everything(c)
        c.sendall(f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode())

    listen(7004, stalled, rcvbuf=16384)

    def endless(c):
        while True:
            c.sendall(bytes(1 << 16))

    def sipping(c):
        while c.recv(1):
            time.sleep(1)

    listen(7007, endless)
    listen(7008, sipping, rcvbuf=16384)
    u = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    u.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    u.bind(("::", 7005))
    say("READY")
    while True:
        data, peer = u.recvfrom(65535)
        u.sendto(data + str(peer[1]).encode() if data.endswith(b" whoami") else data, peer)


def connect(host, port):
    start = time.monotonic()
    try:
        dial(host, port).close()
        result = "CONNECTED"
    except OSError as e:
        result = name(e)
    say(result, int((time.monotonic() - start) * 1000))


def udp(host, port, size=0):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    start = time.monotonic()
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(10)
        try:
            s.connect((host, int(port)))
            data = random.Random(9).randbytes(int(size)) or b"one datagram"
            s.send(data)
            heard = s.recv(65535)
            result = heard.decode() if not int(size) else "SAME" if heard == data else "OTHER"
        except OSError as e:
            result = name(e)
    say(result, int((time.monotonic() - start) * 1000))


def echoed(s, data):
    for attempt in range(3):
        try:
            s.send(data)
            return "SAME" if s.recv(65536) == data else "OTHER"
        except OSError as e:
            result = name(e)
    return result


def lengths(host, port, *sizes):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        s.settimeout(5)
        s.connect((host, int(port)))
        say(*[echoed(s, random.Random(int(n)).randbytes(int(n))) for n in sizes])


def idle(host, port, n):
    sockets = [socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) for _ in range(int(n))]
    same = 0
    for s in sockets:
        s.settimeout(5)
        s.connect((host, int(port)))
        same += echoed(s, b"hello") == "SAME"
    say(same)
    sys.stdin.read()


def datagrams(host, port):
    """A connected UDP socket that queues ICMP errors and never lets a datagram be fragmented (ip(7), ipv6(7))."""
    six = ":" in host
    s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
    level, recverr, discover = (41, 25, 23) if six else (0, 11, 10)
    s.setsockopt(level, recverr, 1)
    s.setsockopt(level, discover, 2)  # IP_PMTUDISC_DO
    s.connect((host, int(port)))
    return s


def icmp(host, port, size=32):
    with datagrams(host, port) as s:
        s.send(bytes(int(size)))
        poll = select.poll()
        poll.register(s, 0)  # POLLERR always is
        if not poll.poll(20000):
            return say("NOTHING")
        _, ancillary, _, _ = s.recvmsg(2048, 512, 0x2000)  # MSG_ERRQUEUE
        for _, _, data in ancillary:
            _, _, kind, code, _, mtu, _ = struct.unpack("=IBBBBII", data[:16])
            family = struct.unpack("=H", data[16:18])[0]
            offender = data[20:24] if family == socket.AF_INET else data[24:40]
            say(f"{kind}/{code}", socket.inet_ntop(family, offender), mtu)


def digest(host, port, segment):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    with s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, int(segment))
        s.settimeout(30)
        s.connect((host, int(port)))
        say(s.getsockname()[1], hashlib.sha256(everything(s)).hexdigest())


def pathmtu(host):
    with datagrams(host, 9) as s:
        say(s.getsockopt(41, 24) if ":" in host else s.getsockopt(0, 14))


def hold(host, port):
    with dial(host, port) as s:
        s.settimeout(None)
        say("CONNECTED")
        try:
            say("EOF" if not s.recv(1) else "DATA")
        except OSError as e:
            say(name(e))


def alive(host, port, idle, interval, count, seconds):
    with dial(host, port) as s:
        s.settimeout(None)
        for option, value in ((socket.TCP_KEEPIDLE, idle), (socket.TCP_KEEPINTVL, interval), (socket.TCP_KEEPCNT, count)):
            s.setsockopt(socket.IPPROTO_TCP, option, int(value))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        say("CONNECTED")
        if not select.select([s], [], [], float(seconds))[0]:
            say("QUIET")
        try:
            say("EOF" if not s.recv(1) else "DATA")
        except OSError as e:
            say(name(e))


def sip(host, out, into, count):
    def small(port):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        s.connect((host, int(port)))
        return s

    senders, readers = ([small(port) for _ in range(int(count))] for port in (out, into))
    say("CONNECTED")
    sent, read, quiet = 0, 0, 0
    for s in senders:
        s.setblocking(False)
    while not select.select([sys.stdin], [], [], 0)[0]:
        end, before = time.monotonic() + 1, sent
        while (left := end - time.monotonic()) > 0:
            for s in select.select([], senders, [], left)[1]:
                sent += s.send(bytes(1 << 16))
        for s in readers:
            read += len(s.recv(1))
        # A sender moves on a little whenever the other end's kernel makes room; that is not progress.
        quiet = quiet + 1 if sent - before < 65536 else 0
        if quiet == 3:
            say("STUCK")
    say("MOVED", sent, read)


class Standstills(threading.Thread):
    """When this machine stood still, as far as a process can tell: it slept much longer than it wanted to."""

    def __init__(self):
        super().__init__(daemon=True)
        self.gaps = []
        self.start()

    def run(self):
        while True:
            before = time.monotonic()
            time.sleep(0.02)
            if time.monotonic() - before > 0.12:
                self.gaps.append((before, time.monotonic()))

    def within(self, start, end):
        return sum(max(0, min(end, e) - max(start, b)) for b, e in list(self.gaps))


def talk(host, port):
    exchanges = []
    standstills = Standstills()
    with dial(host, port) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s.settimeout(60)
        say("CONNECTED")
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            start = time.monotonic()
            s.sendall(b"ping pong\n")
            got = b""
            while not got.endswith(b"\n"):
                data = s.recv(64)
                if not data:
                    raise OSError(errno.EPIPE, "end of file")
                got += data
            exchanges.append((start, time.monotonic()))
    time.sleep(0.1)  # a standstill that has just ended is written down too
    longest = max((e - b - standstills.within(b, e) for b, e in exchanges), default=0)
    say("LONGEST", int(longest * 1000), "OF", len(exchanges))


def udptalk(host, port):
    sent, back, ports, longest, last = 0, 0, set(), 0, time.monotonic()
    standstills = Standstills()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((host, int(port)))
        while not select.select([sys.stdin], [], [], 0.1)[0]:
            sent += 1
            question = f"{sent} whoami".encode()
            s.send(question)
            try:
                answer = s.recv(100)
                while not answer.startswith(question):  # one that was late
                    answer = s.recv(100)
            except socket.timeout:
                continue
            back += 1
            ports.add(answer[len(question):])
            now = time.monotonic()
            longest, last = max(longest, now - last - standstills.within(last, now)), now
    say("LONGEST", int(longest * 1000), "BACK", back, "OF", sent, "PORTS", len(ports))


def copy(host, port, mib):
    size = int(mib) << 20
    block = random.Random(5).randbytes(1 << 20)
    back = hashlib.sha256()
    with dial(host, port) as s:
        s.settimeout(None)
        say("CONNECTED")

        def send():
            for _ in range(int(mib)):
                s.sendall(block)
            s.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send, daemon=True)
        sender.start()
        got = 0
        while data := s.recv(1 << 18):
            if got < size // 2 <= got + len(data):
                say("HALF")
            got += len(data)
            back.update(data)
        sender.join()
    sent = hashlib.sha256()
    for _ in range(int(mib)):
        sent.update(block)
    say("SAME" if got == size and sent.digest() == back.digest() else f"DIFFERENT {got}")


def wait(host, port):
    with dial(host, port) as s:
        s.settimeout(None)
        say("CONNECTED")
        for line in sys.stdin:
            s.sendall(line.encode())
            got = b""
            while len(got) < len(line):
                data = s.recv(64)
                if not data:
                    raise OSError(errno.EPIPE, "end of file")
                got += data
            say("GOT", got.decode().strip())


def udpwait(host, port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.settimeout(1)
        s.connect((host, int(port)))
        for n, line in enumerate(iter(sys.stdin.readline, "")):
            for _ in range(60):
                try:
                    s.send(f"{n} {line.strip()}".encode())
                    say("GOT", s.recv(100).decode())
                    break
                except OSError:
                    pass


def late(host, port, count):
    with dial(host, port) as s:
        heard = everything(s)
        data = random.Random(7).randbytes(int(count))
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        say(heard.decode())
        say(len(data), hashlib.sha256(data).hexdigest())


def stall(host, port, count):
    with dial(host, port, 60) as s:
        data = random.Random(8).randbytes(int(count))
        say("CONNECTED")
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        say("SENT", len(data), hashlib.sha256(data).hexdigest())
        say("HEARD", everything(s).decode())


def short(host, port, count):
    def one(i):
        try:
            with dial(host, port) as s:
                s.sendall(b"GET /small HTTP/1.0\r\n\r\n")
                return everything(s).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    with ThreadPoolExecutor(50) as pool:
        say("FAILED", sum(not ok for ok in pool.map(one, range(int(count)))))


def banner(host, port):
    with dial(host, port) as s:
        say(s.recv(1000).decode().strip())


def garbage(host, port, seed):
    r = random.Random(int(seed))
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    opening = [b"", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    done = 0
    for i in range(300):
        try:
            with dial(host, port, 2) as plain:
                s = plain
                if i % 2:
                    s = context.wrap_socket(plain)
                try:
                    if i % 5 == 0:
                        s.sendall(b"GET /" + b"a" * r.randrange(100000) + b" HTTP/1.1\r\n" + b"X: y\r\n" * r.randrange(5000))
                    else:
                        s.sendall(r.choice(opening) + r.randbytes(r.randrange(5000)))
                    s.settimeout(0.05)
                    s.recv(1000)
                finally:
                    s.close()
        except OSError:
            pass
        done += 1
    say("DONE", done)


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
