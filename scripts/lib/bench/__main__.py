"""scripts/bench: see its --help and docs/benchmarks.md."""

import argparse
import fcntl
import os
import platform
import shutil
import signal
import sys
import time

from accounting import FOREIGN_LIMIT, STEAL_LIMIT, Others, dirt
import builds
from figures import FIGURES
from lab import CONGESTION_CONTROL, IPERF_PORT, LAN_HOST, ROLES, Failure, Lab, remove_namespaces, run
from measures import CASES, GROUPS, Settings, iperf, peak, udp_buffer
import report

PREFIXES = ("cv-bench-", "cv-bench2-")
STATES = ("/run/cv-bench", "/run/cv-bench2")
LOCK = "/run/cv-bench.lock"
FORMAT = 1
REST = 0.5  # seconds between two measurements, for the last one's connections to end


def parse():
    p = argparse.ArgumentParser(
        prog="scripts/bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        description="Measures Culvert, the whole path in network namespaces that it makes and removes itself. Needs root.",
        epilog=f"""groups for --only: {', '.join(GROUPS)}

exit codes: 0  everything was measured (runs on a busy machine are marked, not failed)
            1  something could not be measured; a line on the standard error output says what
            2  wrong arguments
            130, 143  ended by a signal; everything is removed all the same

docs/benchmarks.md says what each figure means.""")
    p.add_argument("--quick", action="store_true", help="1 run of 2 s each: shows that everything works, its figures mean little")
    p.add_argument("--runs", type=_count, metavar="N", help="runs of each measure (default: 3)")
    p.add_argument("--seconds", type=_seconds, metavar="S", help="length of each run (default: 5)")
    p.add_argument("--only", metavar="GROUP,...", help="measures only these groups")
    p.add_argument("--jdk", metavar="PATH", help="runs the programs on this JDK (CULVERT_JAVA_HOME) instead of the newest found")
    p.add_argument("--commit", metavar="REV", help="measures this revision, built in target/bench, instead of the checkout")
    p.add_argument("--compare", metavar="REV", help="measures REV too, in turns with the other, and prints the ratios of the medians to REV's")
    p.add_argument("--json", metavar="FILE", help="where the results go (default: target/bench/TIME.json)")
    p.add_argument("--keep", action="store_true", help="leaves the namespaces, programs and logs; the next run or --clean removes them")
    p.add_argument("--clean", action="store_true", help="removes what --keep or a killed run has left, and ends")
    a = p.parse_args()
    a.only = a.only.split(",") if a.only else GROUPS
    unknown = [g for g in a.only if g not in GROUPS]
    if unknown:
        p.error(f"--only: there is no group '{unknown[0]}'; there are {', '.join(GROUPS)}")
    a.runs = a.runs or (1 if a.quick else 3)
    a.seconds = a.seconds or (2 if a.quick else 5)
    if a.jdk:
        a.jdk = os.path.realpath(a.jdk)
        if not os.access(os.path.join(a.jdk, "bin", "java"), os.X_OK):
            p.error(f"--jdk: there is no bin/java in {a.jdk}; the JDK's own directory is wanted")
    if a.json:
        a.json = os.path.abspath(a.json)
        if not os.path.isdir(os.path.dirname(a.json)):
            p.error(f"--json: there is no directory {os.path.dirname(a.json)}")
    return a


def _count(text):
    n = int(text)
    if not 1 <= n <= 1000:
        raise argparse.ArgumentTypeError(f"{n} is not a number of runs; 1 to 1000 are")
    return n


def _seconds(text):
    n = int(text)
    # iperf3 takes whole seconds.
    if not 1 <= n <= 3600:
        raise argparse.ArgumentTypeError(f"{n} is not a length of a run; whole seconds, 1 to 3600, are")
    return n


def tell(text):
    print(f"bench: {time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def machine(lab, jdk):
    with open("/proc/cpuinfo") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as f:
        mib = int(f.readline().split()[1]) // 1024
    control = {role: lab.run(role, "sysctl", "-n", "net.ipv4.tcp_congestion_control", check=False).stdout.strip() for role in ROLES}
    return {
        "kernel": platform.release(), "processor": model, "processors": os.cpu_count(), "memory_mib": mib,
        "java": jdk.version, "iperf3": run("iperf3", "--version").stdout.split("\n", 1)[0],
        "udp_buffer": udp_buffer(), "congestion_control": sorted(set(control.values())), "java_options": os.environ.get("CULVERT_JAVA_OPTS", ""),
    }


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.labs = {}
        self.runs = []
        self.failures = 0
        self.document = {}

    def prepare(self):
        a = self.arguments
        builds.make_output()
        this = builds.of_revision(a.commit, tell, a.jdk) if a.commit else builds.of_checkout(tell, a.jdk)
        sides = [this]
        if a.compare:
            other = builds.of_revision(a.compare, tell, a.jdk)
            if other.root == this.root:
                raise Failure(f"--compare {a.compare} is the same revision, {other.name}")
            sides.insert(0, other)
            if other.name == this.name:
                sides[1] = builds.Build(this.name + " (checkout)", this.commit, this.root)
        jdk = builds.jdk_of(this, a.jdk)
        self.settings = Settings(a.seconds, 6 if a.quick else 30, 2 if a.quick else 10, jdk.java)
        for i, build in enumerate(sides):
            if not jdk.archived(build):
                tell(f"{build.name}: no class-data archive for Java {jdk.release}: programs start slower than they could")
            lab = Lab(PREFIXES[i], STATES[i], build.root, a.jdk)
            self.labs[build.name] = lab
            lab.make()
            lab.start_services()
            lab.make_tokens()
        machine_ = machine(next(iter(self.labs.values())), jdk)
        if machine_["congestion_control"] != [CONGESTION_CONTROL]:
            tell(f"TCP is {' and '.join(machine_['congestion_control'])} here, since this machine lets no namespace choose {CONGESTION_CONTROL}: "
                 "the figures are lower than its, and two starts of one build differ by a half. "
                 f"Cure: modprobe tcp_{CONGESTION_CONTROL}; sysctl -w \"net.ipv4.tcp_allowed_congestion_control="
                 f"$(sysctl -n net.ipv4.tcp_allowed_congestion_control) {CONGESTION_CONTROL}\"")
        self.path = a.json or os.path.join(builds.OUTPUT, time.strftime("%Y%m%d-%H%M%S") + ".json")
        self.document = {
            "format": FORMAT, "began": time.strftime("%FT%TZ", time.gmtime()), "load_average_before": os.getloadavg(),
            "machine": machine_,
            "options": {"runs": a.runs, "seconds": a.seconds, "quick": a.quick, "only": a.only},
            "clean_means": {"others_cpu_per_second": FOREIGN_LIMIT, "steal_per_second_and_processor": STEAL_LIMIT},
            "sides": [{"name": b.name, "commit": b.commit, "root": b.root, "class_data_archive": jdk.archived(b)} for b in sides],
            "figures": {key: {"label": f.label, "unit": f.unit, "better": f.better} for key, f in FIGURES.items()},
        }

    def save(self):
        summaries = {side: report.summarise(self.runs, side) for side in self.labs}
        report.write(self.path, {**self.document, "summary": summaries, "runs": self.runs})
        return summaries

    def measure(self):
        cases = [case for case in CASES if case.group in self.arguments.only]
        for case in (c for c in cases if c.fresh):
            self.alternate(case)
        rest = [c for c in cases if not c.fresh]
        if rest:
            for side, lab in self.labs.items():
                if not lab.programs:
                    lab.start()
                tell(f"{side}: warming up, {self.settings.warm_up:g} s each way")
                for options in ((), ("-R",)):
                    iperf(lab, "client", LAN_HOST, IPERF_PORT, self.settings.warm_up, *options)
        for case in rest:
            self.alternate(case)
        if "memory" in self.arguments.only:
            for side, lab in self.labs.items():
                if set(lab.programs) >= {"gateway", "agent", "client"}:
                    self.record(side, "memory", "peak", 0, peak(lab), None, 0.0)

    def alternate(self, case):
        """Each side once in each run, the first one last in every other: what changes slowly meets both alike."""
        for number in range(self.arguments.runs):
            sides = list(self.labs.items())
            for side, lab in sides if number % 2 == 0 else reversed(sides):
                self.once(case, number, side, lab)

    def once(self, case, number, side, lab):
        time.sleep(REST)
        others, began = Others(), time.monotonic()
        try:
            if not case.fresh:
                lab.check()
            figures = case.run(lab, self.settings)
            lab.check()
        except Failure as e:
            self.failures += 1
            tell(f"{case.group} {case.name}: not measured: {e}")
            self.runs.append({"side": side, "group": case.group, "case": case.name, "run": number, "error": str(e), "dirty": [], "figures": {}})
            self.save()
            if {role for role, p in lab.programs.items()} < {"gateway", "agent", "client"} or any(_ended(p) for p in lab.programs.values()):
                # The others shall be measured with all three.
                lab.stop()
                lab.start()
            return
        self.record(side, case.group, case.name, number, figures, others.taken(), time.monotonic() - began)

    def record(self, side, group, name, number, figures, taken, wall):
        entry = {"side": side, "group": group, "case": name, "run": number, "at": time.strftime("%FT%TZ", time.gmtime())}
        dirty = []
        if taken:
            foreign, steal = taken
            dirty = dirt(foreign, steal, wall)
            entry |= {"seconds": round(wall, 2), "others_cpu": round(foreign, 2), "steal": round(steal, 2)}
        self.runs.append({**entry, "dirty": dirty, "figures": {k: v for k, v in figures.items() if v is not None}})
        first = next(((k, v) for k, v in figures.items() if v is not None), None)
        told = f"{FIGURES[first[0]].label} {first[1]:,.{FIGURES[first[0]].digits}f} {FIGURES[first[0]].unit}" if first else "nothing"
        who = f"{side}: " if len(self.labs) > 1 else ""
        tell(f"{who}{group} {name}, run {number + 1}: {told}{'; dirty: ' + ', '.join(dirty) if dirty else ''}")
        self.save()

    def finish(self):
        summaries = self.save()
        machine_ = self.document["machine"]
        control = " and ".join(machine_["congestion_control"])
        print(f"{machine_['processors']} x {machine_['processor']}, Linux {machine_['kernel']}, {machine_['java']}, TCP {control}")
        print(f"median (least..most) of {self.arguments.runs} runs of {self.arguments.seconds} s"
              + ("; ratio: of the medians, second to first; better or worse only where the runs do not overlap" if len(self.labs) > 1 else ""))
        print("\n".join(report.table(list(self.labs), summaries)))
        measured = [r for r in self.runs if "seconds" in r]
        dirty = [r for r in measured if r["dirty"]]
        print()
        if dirty:
            print(f"{len(dirty)} of {len(measured)} runs are dirty: others used more than {FOREIGN_LIMIT:.0%} of a processor, or the host took more than"
                  f" {STEAL_LIMIT:.0%} of them all. They do not count where there is a clean one; * marks figures that have none.")
        print(f"Results: {self.path}")
        if self.failures:
            print(f"bench: {self.failures} measurements failed; the lines above and {self.path} say which", file=sys.stderr)
        return 1 if self.failures else 0

    def remove(self):
        if self.arguments.keep and self.labs:
            for lab in self.labs.values():
                tell(f"kept: namespaces {lab.prefix}*, logs in {lab.state}; scripts/bench --clean removes them")
            return
        for lab in self.labs.values():
            lab.remove()


def _ended(program):
    try:
        program.check()
    except Failure:
        return True
    return False


def clean():
    for prefix, state in zip(PREFIXES, STATES):
        remove_namespaces(prefix)
        shutil.rmtree(state, ignore_errors=True)


def main():
    arguments = parse()
    # It would point all builds at one and the same.
    os.environ.pop("CULVERT_LIB", None)
    if not arguments.jdk:
        arguments.jdk = os.environ.get("CULVERT_JAVA_HOME")
    lock = os.open(LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failure("another benchmark is running on this machine; wait until it has ended") from None
    clean()
    if arguments.clean:
        return 0

    def end(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    bench = Bench(arguments)
    try:
        bench.prepare()
        bench.measure()
        return bench.finish()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        bench.remove()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Failure as e:
        print(f"bench: {e}", file=sys.stderr)
        sys.exit(1)
    except OSError as e:
        print(f"bench: {e}", file=sys.stderr)
        sys.exit(1)
