"""The figures that scripts/bench prints, in the order of its table. docs/benchmarks.md says what each means."""

from dataclasses import dataclass

PROGRAMS = ("gateway", "agent", "client")


@dataclass(frozen=True)
class Figure:
    label: str
    unit: str
    better: str  # "higher" or "lower"
    digits: int = 0


def _latencies(key, what):
    return {f"{key}.{q}": Figure(f"{what}, {q}", "ms", "lower", 2) for q in ("p50", "p99", "max")}


def _figures():
    f = {}
    for role in PROGRAMS:
        what = {"gateway": "gateway, until it listens", "agent": "agent, until connected", "client": "client, until connected and routed"}[role]
        f[f"start.{role}"] = Figure(what, "s", "lower", 2)
    f["start.full_speed"] = Figure("cold start, until 80 % of full speed", "s", "lower", 1)
    f["start.full_speed.mbit"] = Figure("full speed in that run", "Mbit/s", "higher")
    for key, what in (("idle", "idle"), ("per1000", "per 1,000 held flows"), ("peak", "peak")):
        for role in PROGRAMS:
            f[f"memory.{key}.{role}"] = Figure(f"{role}, {what}", "MiB", "lower", 1 if key == "per1000" else 0)
    f["memory.held"] = Figure("flows held, of 1,000", "", "higher")
    for key, what in (("up1", "1 stream up"), ("down1", "1 stream down"), ("up8", "8 streams up"), ("down8", "8 streams down"),
                      ("both.up", "both at once: up"), ("both.down", "both at once: down")):
        f[f"throughput.{key}"] = Figure(what, "Mbit/s", "higher")
    for key, what in (("up1", "up"), ("down1", "down")):
        for role in (*PROGRAMS, "all"):
            f[f"cpu.{key}.{role}"] = Figure(f"{what}, {'all three' if role == 'all' else role}", "s/GB", "lower", 2)
    f["cpu.both.all"] = Figure("both at once, all three", "s/GB", "lower", 2)
    for key, what in (("idle", "idle"), ("up", "under upload"), ("down", "under download")):
        f |= _latencies(f"ping.{key}", f"ping {what}")
        f[f"ping.{key}.lost"] = Figure(f"ping {what}, lost", "%", "lower", 1)
        f |= _latencies(f"echo.{key}", f"TCP echo {what}")
        if key != "idle":
            f[f"load.{key}"] = Figure(f"the {key}load meanwhile", "Mbit/s", "higher")
    f |= _latencies("connect", "connect()")
    f |= _latencies("connect.first_byte", "connect() and first byte")
    f["connect.failed"] = Figure("failed", "", "lower")
    for key, what in (("keep", "keep-alive"), ("close", "a connection each")):
        f[f"requests.{key}"] = Figure(what, "req/s", "higher")
        f[f"requests.{key}.p99"] = Figure(f"{what}, p99", "ms", "lower", 2)
        f[f"requests.{key}.cpu"] = Figure(f"{what}, CPU of all three", "us/req", "lower")
        f[f"requests.{key}.errors"] = Figure(f"{what}, errors", "", "lower")
    for key in ("up", "down"):
        for kind, what in (("culvert", "through Culvert"), ("direct", "from the agent's machine")):
            f[f"udp.{key}.{kind}.lost"] = Figure(f"{key}, lost {what}", "%", "lower", 2)
            f[f"udp.{key}.{kind}.jitter"] = Figure(f"{key}, jitter {what}", "ms", "lower", 3)
    for key in ("up", "down"):
        for kind, what in (("culvert", "through Culvert"), ("cable", "cable alone")):
            f[f"held.{key}.{kind}"] = Figure(f"{key}, {what}", "Mbit/s", "higher", 1)
            f |= _latencies(f"held.{key}.{kind}.ping", f"ping meanwhile, {what}")
    for name in ("delay", "long"):
        f[f"{name}.ping"] = Figure("ping, p50", "ms", "lower", 1)
        for key in ("up", "down"):
            f[f"{name}.{key}"] = Figure(f"1 stream {key}", "Mbit/s", "higher")
            if name == "delay":
                f[f"{name}.{key}.near"] = Figure(f"1 stream {key}, without the delay", "Mbit/s", "higher")
                f[f"{name}.{key}.of_near"] = Figure(f"1 stream {key}, share of that", "%", "higher")
            f[f"{name}.{key}.relay"] = Figure(f"1 stream {key}, delay relay alone", "Mbit/s", "higher")
            f[f"{name}.{key}.of_relay"] = Figure(f"1 stream {key}, share of that", "%", "higher")
    for way in ("up", "down"):
        for flows, what in ((1, "1 stream"), (128, "128 streams")):
            for kind, through in (("", "through Culvert"), (".alone", "on the line alone")):
                f[f"bad.{way}{flows}{kind}"] = Figure(f"{what} {way}, {through}", "Mbit/s", "higher", 1)
                if flows > 1 and way == "down":
                    f[f"bad.{way}{flows}{kind}.still"] = Figure(f"{what} {way}, {through}, longest that one stood still", "s", "lower", 1)
    for key, what, unit in (("h1", "HTTP/1.1", "req/s"), ("h2", "HTTP/2", "req/s"), ("down", "bodies down, HTTP/1.1", "Mbit/s"),
                            ("down2", "bodies down, HTTP/2", "Mbit/s"), ("up", "bodies up, HTTP/1.1", "Mbit/s")):
        for way, through in (("culvert", "through Culvert"), ("nginx", "through nginx twice")):
            f[f"published.{key}.{way}"] = Figure(f"{what}, {through}", unit, "higher")
        f[f"published.{key}.of_nginx"] = Figure(f"{what}, share of that", "%", "higher")
        f[f"published.{key}.failed"] = Figure(f"{what}, failed", "", "lower")
    return f


FIGURES = _figures()
SECTIONS = {
    "start": "Start",
    "memory": "Memory (resident)",
    "throughput": "Throughput (TCP payload)",
    "cpu": "CPU seconds for each GB of payload",
    "ping": "Latency",
    "connect": "Connection set-up",
    "requests": "HTTP requests, 16 at a time",
    "udp": "UDP, 200 Mbit/s of 1200 bytes",
    "published": "Published site, beside nginx as a reverse proxy of the same length",
    "held": "Cable held to 50 Mbit/s",
    "delay": "Cable of 100 ms round trip",
    "long": "The same, held to 1 Gbit/s",
    "bad": "Line of 80 ms round trip that loses 1 % of the packets each way, 200 Mbit/s",
}
