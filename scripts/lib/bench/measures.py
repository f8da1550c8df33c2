"""What scripts/bench measures. A case is one measurement of some seconds that yields figures; a group is cases that are
chosen together with --only. docs/benchmarks.md says what each figure means."""

import json
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Callable

from accounting import cpu_seconds, memory_mib
from figures import PROGRAMS
from lab import (DELAYED_IPERF_PORT, ECHO_PORT, GATEWAY_ON_LINE, HERE, HTTP_PORT, IPERF_PORT, LAN_HOST, SECOND_IPERF_PORT, Failure, Lab)
from published import published

PING_GAP = 0.01  # seconds; a hundred a second are no load of their own
LOAD_LEAD = 1.0  # seconds that a load runs before latency under it is taken: past slow start
LOAD_TAIL = 2.0  # seconds that it outlasts the latency measure, so that all of that is under load
CONNECTIONS = 400  # most connections set up one after the other
HELD_FLOWS = 1000
SETTLE = 1.0  # seconds until memory is read: the programs have done what they do after a change
IDLE = 12.0  # seconds after a start until a program counts as idle: JVMs give back in 10 s what their compilers took
UDP_RATE, UDP_SIZE = "200M", 1200
UDP_BUFFER = 1 << 20  # bytes: 40 ms of that, as programs that receive in bulk ask for; the default holds 4 ms
HELD_RATE, HELD_QUEUE = "50mbit", "1mb"  # the slow cable; its queue holds 168 ms
ROUND_TRIP_MS = 100  # the long cable
LONG_MBIT = 1_000  # what it carries where it is held
BAD_ROUND_TRIP_MS, BAD_LOSS_PERCENT, BAD_MBIT = 80, 1, 200  # the bad line
MANY_FLOWS = 128
BAD_SLACK = 300  # seconds: iperf3 ends when all has arrived that is under way, and that may be a lot for such a line
STILL_INTERVAL = 0.1  # seconds; the resolution of how long a flow stands still
COLD_INTERVAL = 0.1  # seconds; the resolution of the time to full speed
COLD_SHARE = 0.8  # of full speed
COLD_WINDOW = 5  # intervals that must reach it on average: one fast interval is an accident
BUSY_TRIES, BUSY_WAIT = 20, 0.25  # an iperf3 server takes a moment to see that its last client has gone
SLACK = 40  # seconds beyond its own duration after which a measuring program is taken for stuck


@dataclass(frozen=True)
class Settings:
    seconds: float
    cold_seconds: float
    warm_up: float
    java: str


@dataclass(frozen=True)
class Case:
    group: str
    name: str
    run: Callable[[Lab, Settings], dict]
    fresh: bool = False  # starts the programs itself, and so comes before the warm-up


# --- the tools that measure


def _json_of(lab, role, command, seconds, slack=SLACK):
    done = lab.run(role, *command, check=False, timeout=seconds + slack)
    try:
        return json.loads(done.stdout)
    except ValueError:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Failure(f"{command[0]} in {role}: {said}") from None


def _iperf_error(said):
    try:
        return json.loads(said).get("error", "it ended at once")
    except ValueError:
        return (said.strip() or "no output").splitlines()[-1]


def _iperf_command(host, port, seconds, *options):
    return ["iperf3", "-J", "-c", host, "-p", port, "-t", f"{seconds:g}", *options]


def iperf(lab, role, host, port, seconds, *options, slack=SLACK):
    for attempt in range(BUSY_TRIES):
        result = _json_of(lab, role, _iperf_command(host, port, max(1, round(seconds)), *options), seconds, slack)
        error = result.get("error")
        if not error:
            return result
        if "busy" not in error:
            break
        time.sleep(BUSY_WAIT)
    raise Failure(f"iperf3 from {role} to {host} port {port}: {error}")


def _mbit(total):
    return total["bytes"] * 8 / 1e6 / total["seconds"]


def _probe(lab, what, *arguments, seconds):
    return _json_of(lab, "client", [sys.executable, HERE + "/probe.py", what, LAN_HOST, ECHO_PORT, *arguments], seconds)


def _ping_start(lab, role, host, seconds):
    command = lab.within(role, "ping", "-n", "-i", PING_GAP, "-w", max(1, round(seconds)), host)
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)


def _ping_result(process, host, seconds):
    try:
        said = process.communicate(timeout=seconds + SLACK)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Failure(f"ping {host}: no end after {seconds + SLACK:g} s") from None
    times = sorted(float(t) for t in re.findall(r"time=([\d.]+) ms", said))
    counted = re.search(r"(\d+) packets transmitted, (\d+) received", said)
    if not times or not counted:
        raise Failure(f"ping {host}: no answer")
    # Those still under way when ping ends are not lost.
    sent, received = int(counted.group(1)), int(counted.group(2))
    lost = max(0, sent - received - round(times[-1] / 1e3 / PING_GAP) - 1)
    return {"p50": times[len(times) // 2], "p99": times[min(len(times) - 1, int(0.99 * len(times)))], "max": times[-1],
            "lost_percent": 100 * lost / sent}


def _ping(lab, role, host, seconds):
    return _ping_result(_ping_start(lab, role, host, seconds), host, seconds)


class _Load:
    """A bulk transfer that runs while something else is measured."""

    def __init__(self, lab, role, host, port, seconds, *options):
        self.seconds = seconds + LOAD_LEAD + LOAD_TAIL
        command = lab.within(role, *_iperf_command(host, port, round(self.seconds), *options))
        for attempt in range(BUSY_TRIES):
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True)
            try:
                said = self.process.communicate(timeout=LOAD_LEAD)[0]
            except subprocess.TimeoutExpired:
                return  # under way
            if "busy" not in said:
                break
            time.sleep(BUSY_WAIT)
        raise Failure(f"the bulk load beside the measure, iperf3 to {host} port {port}: {_iperf_error(said)}")

    def end(self):
        """Mbit/s. To be called when the other measure has ended; the load must still be running then."""
        early = self.process.poll() is not None
        try:
            result = json.loads(self.process.communicate(timeout=self.seconds + SLACK)[0])
        except (ValueError, subprocess.TimeoutExpired):
            self.process.kill()
            self.process.communicate()
            raise Failure("the bulk load beside the measure did not end as it should") from None
        if "error" in result:
            raise Failure(f"the bulk load beside the measure: {result['error']}")
        if early:
            raise Failure("the bulk load ended before the measure that it was for; the machine is too busy")
        return _mbit(result["end"]["sum_received"])


class _Processors:
    """Processor time of each program from its making on."""

    def __init__(self, lab):
        self.lab = lab
        self.before = self._look()

    def _look(self):
        return {role: cpu_seconds(self.lab.programs[role].pid) or 0.0 for role in PROGRAMS}

    def used(self):
        after = self._look()
        return {role: after[role] - self.before[role] for role in PROGRAMS}


# --- cases


def throughput(name, *options):
    def measure(lab, settings):
        processors = _Processors(lab)
        end = iperf(lab, "client", LAN_HOST, IPERF_PORT, settings.seconds, *options)["end"]
        used = processors.used()
        figures, volume = {}, end["sum_received"]["bytes"] / 1e9
        if name == "both":
            back = end["sum_received_bidir_reverse"]
            volume += back["bytes"] / 1e9
            figures["throughput.both.up"], figures["throughput.both.down"] = _mbit(end["sum_received"]), _mbit(back)
        else:
            figures[f"throughput.{name}"] = _mbit(end["sum_received"])
        if name in ("up1", "down1"):
            for role in PROGRAMS:
                figures[f"cpu.{name}.{role}"] = used[role] / volume
        if name in ("up1", "down1", "both"):
            figures[f"cpu.{name}.all"] = sum(used.values()) / volume
        return figures

    return measure


def _named(prefix, quantiles):
    return {f"{prefix}.{k}": quantiles[k] for k in ("p50", "p99", "max")}


def idle_latency(lab, settings):
    ping = _ping(lab, "client", LAN_HOST, settings.seconds)
    echo = _probe(lab, "echo", PING_GAP, settings.seconds, seconds=settings.seconds)
    return {**_named("ping.idle", ping), "ping.idle.lost": ping["lost_percent"], **_named("echo.idle", echo)}


def loaded_latency(name, *options):
    def measure(lab, settings):
        load = _Load(lab, "client", LAN_HOST, SECOND_IPERF_PORT, settings.seconds, *options)
        ping = _ping_start(lab, "client", LAN_HOST, settings.seconds)
        echo = _probe(lab, "echo", PING_GAP, settings.seconds, seconds=settings.seconds)
        ping = _ping_result(ping, LAN_HOST, settings.seconds)
        return {f"load.{name}": load.end(), **_named(f"ping.{name}", ping), f"ping.{name}.lost": ping["lost_percent"], **_named(f"echo.{name}", echo)}

    return measure


def connect(lab, settings):
    result = _probe(lab, "connect", CONNECTIONS, settings.seconds, seconds=settings.seconds)
    if not result["connect"]:
        raise Failure("not one connection could be set up")
    return {**_named("connect", result["connect"]), **_named("connect.first_byte", result["first_byte"]), "connect.failed": result["failed"]}


def requests(name, *headers):
    def measure(lab, settings):
        processors, seconds = _Processors(lab), max(1, round(settings.seconds))
        said = lab.run("client", "wrk", "-t1", "-c16", f"-d{seconds}s", "--latency", *headers, f"http://{LAN_HOST}:{HTTP_PORT}/", timeout=seconds + SLACK).stdout
        used = sum(processors.used().values())
        rate, count = re.search(r"Requests/sec:\s+([\d.]+)", said), re.search(r"(\d+) requests in", said)
        late = re.search(r"99%\s+([\d.]+)(us|ms|s)", said)
        if not rate or not count or not late or int(count.group(1)) == 0:
            raise Failure("wrk: not one request was answered")
        errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
        errors += sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
        return {f"requests.{name}": float(rate.group(1)),
                f"requests.{name}.p99": float(late.group(1)) * {"us": 1e-3, "ms": 1, "s": 1e3}[late.group(2)],
                f"requests.{name}.cpu": used / int(count.group(1)) * 1e6,
                f"requests.{name}.errors": errors}

    return measure


def udp_buffer():
    """What iperf3 may ask for here: it gives up where it gets less."""
    sizes = [UDP_BUFFER]
    for name in ("rmem_max", "wmem_max"):
        with open("/proc/sys/net/core/" + name) as f:
            sizes.append(int(f.read()))
    return min(sizes)


def udp(name, *options):
    def measure(lab, settings):
        figures, buffer = {}, udp_buffer()
        for kind, role in (("culvert", "client"), ("direct", "agent")):
            total = iperf(lab, role, LAN_HOST, IPERF_PORT, settings.seconds, "-u", "-b", UDP_RATE, "-l", UDP_SIZE, "-w", buffer, *options)["end"]["sum"]
            figures[f"udp.{name}.{kind}.lost"], figures[f"udp.{name}.{kind}.jitter"] = total["lost_percent"], total["jitter_ms"]
        return figures

    return measure


def start(lab, settings):
    lab.stop()
    took = lab.start()
    figures = {f"start.{role}": took[role] for role in PROGRAMS}
    # As seen by the receiver: a sender's first interval is what fits the kernel's buffers.
    result = iperf(lab, "client", LAN_HOST, IPERF_PORT, settings.cold_seconds, "-R", "-i", f"{COLD_INTERVAL:g}")
    speeds = [interval["sum"]["bytes"] / interval["sum"]["seconds"] for interval in result["intervals"] if interval["sum"]["seconds"] > COLD_INTERVAL / 2]
    at = time_to_full_speed(speeds)
    if at is None:
        raise Failure("the transfer after a cold start never came to full speed")
    return {**figures, "start.full_speed": at, "start.full_speed.mbit": _full_speed(speeds) * 8 / 1e6}


def _full_speed(speeds):
    """The median of the last third."""
    return statistics.median(speeds[-max(1, len(speeds) // 3):])


def time_to_full_speed(speeds):
    """Seconds until the first interval that reaches COLD_SHARE of full speed, as do COLD_WINDOW of them from it on
    average; its start, which is 0 for a transfer that was fast at once. None if there is none."""
    enough = COLD_SHARE * _full_speed(speeds)
    for i in range(len(speeds) - COLD_WINDOW + 1):
        if speeds[i] >= enough and sum(speeds[i:i + COLD_WINDOW]) >= enough * COLD_WINDOW:
            return i * COLD_INTERVAL
    return None


def memory(lab, settings):
    lab.stop()
    lab.start()
    time.sleep(IDLE)
    idle = {role: memory_mib(lab.programs[role].pid, "VmRSS") for role in PROGRAMS}
    holder = subprocess.Popen(lab.within("client", sys.executable, HERE + "/probe.py", "hold", LAN_HOST, ECHO_PORT, HELD_FLOWS),
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = holder.stdout.readline()
        if not line:
            raise Failure(f"{HELD_FLOWS} connections could not be held")
        held = json.loads(line)["held"]
        time.sleep(SETTLE)
        loaded = {role: memory_mib(lab.programs[role].pid, "VmRSS") for role in PROGRAMS}
    finally:
        holder.stdin.close()
        holder.wait(SLACK)
        holder.stdout.close()
    lab.check()
    figures = {"memory.held": held}
    for role in PROGRAMS:
        figures[f"memory.idle.{role}"] = idle[role]
        figures[f"memory.per1000.{role}"] = (loaded[role] - idle[role]) * 1000 / max(1, held)
    return figures


def peak(lab):
    """The most memory that each program has held since it was last started; not a case: it is read at the end."""
    return {f"memory.peak.{role}": memory_mib(lab.programs[role].pid, "VmHWM") for role in PROGRAMS}


def held_link(name, *options):
    def measure(lab, settings):
        figures = {}
        lab.hold_to(HELD_RATE, HELD_QUEUE)
        try:
            for kind, host, port in (("culvert", LAN_HOST, SECOND_IPERF_PORT), ("cable", "10.81.1.1", IPERF_PORT)):
                load = _Load(lab, "client", host, port, settings.seconds, *options)
                ping = _ping(lab, "client", host, settings.seconds)
                figures[f"held.{name}.{kind}"] = load.end()
                figures.update(_named(f"held.{name}.{kind}.ping", ping))
        finally:
            lab.hold_to(None, None)
        return figures

    return measure


def delay(name, mbit=None):
    """Up and down over the long cable, of no rate or held to one."""

    def measure(lab, settings):
        figures, seconds = {}, 2 * settings.seconds  # windows grow by round trips, and one is a tenth of a second here
        relay = lab.start_relay(settings.java, f"{ROUND_TRIP_MS}@{mbit}" if mbit else ROUND_TRIP_MS)
        try:
            lab.start_far()
            figures[f"{name}.ping"] = _ping(lab, "far", LAN_HOST, 1)["p50"]
            directions = {"up": (), "down": ("-R",)}
            for options in directions.values():  # this client is a young process, and it is not what is measured
                iperf(lab, "far", LAN_HOST, IPERF_PORT, settings.warm_up, *options)
            for way, options in directions.items():
                through = _mbit(iperf(lab, "far", LAN_HOST, IPERF_PORT, seconds, *options)["end"]["sum_received"])
                alone = _mbit(iperf(lab, "far", "10.81.3.1", DELAYED_IPERF_PORT, seconds, *options)["end"]["sum_received"])
                figures[f"{name}.{way}"] = through
                figures[f"{name}.{way}.relay"], figures[f"{name}.{way}.of_relay"] = alone, 100 * through / alone
                if not mbit:
                    near = _mbit(iperf(lab, "client", LAN_HOST, IPERF_PORT, seconds, *options)["end"]["sum_received"])
                    figures[f"{name}.{way}.near"], figures[f"{name}.{way}.of_near"] = near, 100 * through / near
        finally:
            lab.stop_far()
            lab.end_service(relay)
        return figures

    return measure


def longest_still(intervals):
    """Seconds that a flow stood still while others moved, at the most. None when there is only one."""
    still, longest = {}, 0.0
    for interval in intervals:
        streams = interval["streams"]
        if len(streams) < 2:
            return None
        some = any(s["bytes"] for s in streams)
        for s in streams:
            still[s["socket"]] = still.get(s["socket"], 0.0) + s["seconds"] if some and not s["bytes"] else 0.0
            longest = max(longest, still[s["socket"]])
    return longest


def bad_line(lab, settings):
    """Over the bad line, one flow and many, through Culvert and, on the line alone, to the gateway's machine."""
    figures, seconds = {}, 4 * settings.seconds  # what is lost by chance evens out in time
    line = lab.start_line(BAD_ROUND_TRIP_MS, BAD_LOSS_PERCENT, BAD_MBIT)
    try:
        lab.start_far("line.token")
        for flows in (1, MANY_FLOWS):
            for way, options in {"up": (), "down": ("-R",)}.items():
                options = (*options, "-P", flows, "-i", STILL_INTERVAL)
                for kind, host in (("", LAN_HOST), (".alone", GATEWAY_ON_LINE)):
                    result = iperf(lab, "far", host, IPERF_PORT, seconds, *options, slack=BAD_SLACK)
                    figures[f"bad.{way}{flows}{kind}"] = _mbit(result["end"]["sum_received"])
                    if flows > 1 and way == "down":  # as the receiver sees it
                        figures[f"bad.{way}{flows}{kind}.still"] = longest_still(result["intervals"])
    finally:
        lab.stop_far()
        lab.end_service(line)
    return figures


CASES = [
    Case("start", "start", start, fresh=True),
    Case("memory", "memory", memory, fresh=True),
    Case("published", "published", published, fresh=True),
    Case("throughput", "up1", throughput("up1")),
    Case("throughput", "down1", throughput("down1", "-R")),
    Case("throughput", "up8", throughput("up8", "-P", 8)),
    Case("throughput", "down8", throughput("down8", "-P", 8, "-R")),
    Case("throughput", "both", throughput("both", "--bidir")),
    Case("latency", "idle", idle_latency),
    Case("latency", "under-up", loaded_latency("up")),
    Case("latency", "under-down", loaded_latency("down", "-R")),
    Case("connect", "connect", connect),
    Case("requests", "keep-alive", requests("keep")),
    Case("requests", "close", requests("close", "-H", "Connection: close")),
    Case("udp", "up", udp("up")),
    Case("udp", "down", udp("down", "-R")),
    Case("held", "up", held_link("up")),
    Case("held", "down", held_link("down", "-R")),
    Case("delay", "delay", delay("delay")),
    Case("delay", "delay-held", delay("long", LONG_MBIT)),
    Case("bad", "bad-line", bad_line),
]
GROUPS = list(dict.fromkeys(case.group for case in CASES))
