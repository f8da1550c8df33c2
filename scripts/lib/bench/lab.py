"""The network that scripts/bench measures in, and the programs in it: made by it, ended and removed by it.

    client ──── gateway ──── agent ──── lan          far ──── gateway
    10.81.1.2   10.81.1.1    10.81.2.2  192.168.177.2  10.81.3.2   10.81.3.1
                10.81.2.1    192.168.177.1              10.81.4.2   10.81.4.1

"far" is a client beyond the delay relay, or with its second address beyond a bad line. Neither client nor gateway has a route to the LAN: that is Culvert's work."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LAN_HOST = "192.168.177.2"
LAN = "192.168.177.0/24"
FAR_ON_LINE, GATEWAY_ON_LINE = "10.81.4.2", "10.81.4.1"
GATEWAY_PORT, DELAYED_GATEWAY_PORT, DELAYED_IPERF_PORT = 8443, 9443, 9201
IPERF_PORT, SECOND_IPERF_PORT, ECHO_PORT, HTTP_PORT = 5201, 5202, 5207, 5280
# Steady where a line has hardly any delay; BBR paces by what it has measured of it.
CONGESTION_CONTROL = "cubic"
START_SECONDS = 60  # a JVM's start on a slow, busy machine
END_SECONDS = 7  # the programs take at most 5 s to end
POLL_SECONDS = 0.002  # the resolution of start-up times
ROLES = {"client": "c", "gateway": "g", "agent": "a", "lan": "l", "far": "f"}


class Failure(Exception):
    """Something that ends the benchmark, told in one line."""


def run(*command, check=True, **options):
    try:
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, stdin=subprocess.DEVNULL, **options)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(map(str, command))}: no end after {options.get('timeout')} s") from None
    except OSError as e:
        raise Failure(f"{command[0]}: {e.strerror}") from None
    if check and done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise Failure(f"{' '.join(map(str, command))}: exit code {done.returncode}: {said}")
    return done


class Program:
    """A process in a namespace, its output in a file. It leads its own session, so a signal to us is not one to it."""

    def __init__(self, name, command, log, environment=None, **options):
        self.name, self.log = name, log
        with open(log, "wb") as out:
            self.began = time.monotonic()
            self._process = subprocess.Popen(
                [str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                start_new_session=True, env={**os.environ, **(environment or {})}, **options)
        # `ip netns exec` and the launchers replace themselves: the program has this id.
        self.pid = self._process.pid

    def wait_for(self, pattern, seconds=START_SECONDS):
        """Seconds from the program's start until a line of its output matches."""
        wanted, end = re.compile(pattern, re.M), self.began + seconds
        while True:
            with open(self.log, errors="replace") as f:
                text = f.read()
            if wanted.search(text):
                return time.monotonic() - self.began
            if self._process.poll() is not None:
                raise Failure(f"{self.name} ended with exit code {self._process.returncode} before it was ready: {self.last_line()}")
            if time.monotonic() > end:
                raise Failure(f"{self.name} was not ready after {seconds} s: {self.last_line()}")
            time.sleep(POLL_SECONDS)

    def last_line(self):
        with open(self.log, errors="replace") as f:
            lines = [line.strip() for line in f if line.strip()]
        return lines[-1] if lines else f"it said nothing ({self.log})"

    def check(self):
        if self._process.poll() is not None:
            raise Failure(f"{self.name} ended in the middle of a measure with exit code {self._process.returncode}: {self.last_line()}")

    def ask_to_end(self):
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def end(self):
        self.ask_to_end()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


class Lab:
    """One row of namespaces with one build of Culvert in it. Two labs can stand side by side."""

    def __init__(self, prefix, state, build, jdk):
        self.prefix, self.state, self.build = prefix, state, build
        self.environment = {"CULVERT_JAVA_HOME": jdk} if jdk else {}
        self.services, self.programs = [], {}
        self._shaped = False

    def namespace(self, role):
        return self.prefix + ROLES[role]

    def within(self, role, *command):
        return ["ip", "netns", "exec", self.namespace(role), *map(str, command)]

    def run(self, role, *command, **options):
        return run(*self.within(role, *command), **options)

    # --- the network

    def make(self):
        os.makedirs(self.state, mode=0o700, exist_ok=True)
        for role in ROLES:
            run("ip", "netns", "add", self.namespace(role))
            run("ip", "-n", self.namespace(role), "link", "set", "lo", "up")
            # Not every machine lets a namespace choose; what is in force is told and in the results.
            self.run(role, "sysctl", "-qw", f"net.ipv4.tcp_congestion_control={CONGESTION_CONTROL}", check=False)
            # Short connections are counted in tens of thousands.
            self.run(role, "sysctl", "-qw", "net.ipv4.ip_local_port_range=15000 64999", check=False)
        self._wire("client", "wan0", "10.81.1.2/24", "gateway", "wan0", "10.81.1.1/24")
        self._wire("agent", "wan0", "10.81.2.2/24", "gateway", "wan1", "10.81.2.1/24")
        self._wire("far", "wan0", "10.81.3.2/24", "gateway", "wan2", "10.81.3.1/24")
        self._wire("agent", "lan0", "192.168.177.1/24", "lan", "lan0", "192.168.177.2/24")
        # What an agent without privileges needs for ping.
        self.run("agent", "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647")

    def _wire(self, a, device_a, address_a, b, device_b, address_b):
        na, nb = self.namespace(a), self.namespace(b)
        run("ip", "-n", na, "link", "add", device_a, "type", "veth", "peer", "name", device_b, "netns", nb)
        for ns, device, address in ((na, device_a, address_a), (nb, device_b, address_b)):
            run("ip", "-n", ns, "addr", "add", address, "dev", device)
            run("ip", "-n", ns, "link", "set", device, "up")

    def hold_to(self, rate, queue):
        """Holds the cable between client and gateway to a rate, both ways; None takes that back."""
        for role in ("client", "gateway"):
            ns = self.namespace(role)
            if rate is None:
                if self._shaped:
                    run("tc", "-n", ns, "qdisc", "del", "dev", "wan0", "root", check=False)
            else:
                run("tc", "-n", ns, "qdisc", "replace", "dev", "wan0", "root", "tbf", "rate", rate, "burst", "64kb", "limit", queue)
        self._shaped = rate is not None

    # --- what is there without Culvert

    def start_services(self):
        www = os.path.join(self.state, "nginx")
        os.makedirs(www, exist_ok=True)
        with open(os.path.join(www, "nginx.conf"), "w") as f:
            f.write(_NGINX.replace("PORT", str(HTTP_PORT)))
        self.run("lan", "sysctl", "-qw", "net.core.somaxconn=4096", check=False)
        start = self.service
        start("lan", "nginx", "nginx", "-p", www + "/", "-c", "nginx.conf", "-e", "error.log")
        start("lan", "iperf3", "iperf3", "-s", "-p", IPERF_PORT)
        start("lan", "iperf3-2", "iperf3", "-s", "-p", SECOND_IPERF_PORT)
        start("lan", "echo", sys.executable, os.path.join(HERE, "probe.py"), "serve", ECHO_PORT)
        # For the cable alone.
        start("gateway", "iperf3-gateway", "iperf3", "-s", "-p", IPERF_PORT)
        for role, host, ports in (("lan", LAN_HOST, (IPERF_PORT, SECOND_IPERF_PORT, ECHO_PORT, HTTP_PORT)), ("gateway", "127.0.0.1", (IPERF_PORT,))):
            for port in ports:
                self.until_listening(role, host, port)

    def service(self, role, name, *command):
        program = Program(name, self.within(role, *command), os.path.join(self.state, name + ".log"))
        self.services.append(program)
        return program

    def until_listening(self, role, host, port):
        end = time.monotonic() + START_SECONDS
        while not self.run(role, "ss", "-Htln", "sport", "=", f":{port}").stdout.strip():
            for service in self.services:
                service.check()
            if time.monotonic() > end:
                raise Failure(f"nothing listens on {host} port {port} after {START_SECONDS} s")
            time.sleep(0.02)

    def start_relay(self, java, round_trip_ms):
        relay = self.service(
            "gateway", "delay-relay", java, "-XX:+UseSerialGC", "-Xmx128m", "-XX:MaxDirectMemorySize=1g",
            os.path.join(HERE, "DelayRelay.java"), round_trip_ms,
            f"10.81.3.1:{DELAYED_GATEWAY_PORT}=127.0.0.1:{GATEWAY_PORT}",
            f"10.81.3.1:{DELAYED_IPERF_PORT}=127.0.0.1:{IPERF_PORT}")
        relay.wait_for("listening")
        return relay

    def start_line(self, round_trip_ms, loss_percent, mbit):
        line = Program("line", [sys.executable, os.path.join(HERE, "line.py"), self.namespace("far"), FAR_ON_LINE + "/30",
                                self.namespace("gateway"), GATEWAY_ON_LINE + "/30", round_trip_ms, loss_percent, mbit], self.file("line.log"))
        self.services.append(line)
        line.wait_for("up")
        return line

    def end_service(self, service):
        service.end()
        self.services.remove(service)

    # --- Culvert

    def script(self, name):
        return os.path.join(self.build, "scripts", name)

    def token(self, *arguments):
        self.run("gateway", self.script("token"), *arguments, "--state", self.file("keys"), env={**os.environ, **self.environment})

    def make_tokens(self):
        token = self.token
        # Those of an earlier build; not every build that is compared has an option that overwrites.
        for name in ("agent.token", "client.token", "far.token", "line.token"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(self.file(name))
        token("init", "--gateway", f"wss://10.81.1.1:{GATEWAY_PORT}")
        token("agent", "--name", "lan", "--gateway", f"wss://10.81.2.1:{GATEWAY_PORT}", "--routes", LAN, "--out", self.file("agent.token"))
        token("client", "--name", "near", "--allow", f"lan:{LAN}", "--out", self.file("client.token"))
        token("client", "--name", "far", "--gateway", f"wss://10.81.3.1:{DELAYED_GATEWAY_PORT}", "--allow", f"lan:{LAN}", "--out", self.file("far.token"))
        token("client", "--name", "line", "--gateway", f"wss://{GATEWAY_ON_LINE}:{GATEWAY_PORT}", "--allow", f"lan:{LAN}", "--out", self.file("line.token"))

    def file(self, name):
        return os.path.join(self.state, name)

    def start(self):
        """Starts the three programs, one after the other is ready; the seconds that each took."""
        took = {}
        took["gateway"] = self.start_one("gateway", "gateway", r"listening on", "--state", self.file("keys"), "--listen", f":{GATEWAY_PORT}")
        took["agent"] = self.start_one("agent", "agent", r"connected to", "--token-file", self.file("agent.token"))
        took["client"] = self._start_client("client", "client.token")
        return took

    def _start_client(self, role, token):
        return self.start_one(role, "client", r"^client: routes: ", "up", "--token-file", self.file(token), "--state", self.file(role + ".run"))

    def start_one(self, role, script, ready, *arguments):
        program = Program(role, self.within(role, self.script(script), *arguments), self.file(role + ".log"), self.environment)
        self.programs[role] = program
        return program.wait_for(ready)

    def stop(self):
        """Client first, so that it is not seen looking for a gateway."""
        for role in ("far", "client", "agent", "gateway"):
            program = self.programs.pop(role, None)
            if program:
                program.end()

    def start_far(self, token="far.token"):
        return self._start_client("far", token)

    def stop_far(self):
        program = self.programs.pop("far", None)
        if program:
            program.end()

    def check(self):
        for program in [*self.programs.values(), *self.services]:
            program.check()

    # --- the end

    def remove(self):
        everything = [*self.programs.values(), *self.services]
        for program in everything:
            program.ask_to_end()
        for program in everything:
            program.end()
        self.programs, self.services = {}, []
        remove_namespaces(self.prefix)
        shutil.rmtree(self.state, ignore_errors=True)


def remove_namespaces(prefix):
    """Ends what still runs in the namespaces of these names, and removes them. All in them is a benchmark's."""
    for letter in ROLES.values():
        name = prefix + letter
        if not os.path.exists("/run/netns/" + name):
            continue
        end = time.monotonic() + END_SECONDS
        number = signal.SIGTERM
        while True:
            pids = run("ip", "netns", "pids", name, check=False).stdout.split()
            if not pids:
                break
            if number is not None or time.monotonic() > end:
                for pid in pids:
                    try:
                        os.kill(int(pid), number or signal.SIGKILL)
                    except ProcessLookupError:
                        pass
                number = None
            time.sleep(0.05)
        run("ip", "netns", "del", name, check=False)


_NGINX = """user root; worker_processes 1; daemon off; pid nginx.pid; error_log error.log;
events { worker_connections 8192; }
http {
  access_log off; tcp_nodelay on; keepalive_requests 100000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  server {
    listen PORT backlog=4096;
    location /big { root ..; }
    # All of the body is read before the answer.
    location /sink { client_max_body_size 0; client_body_buffer_size 17m; proxy_pass_request_body off;
      proxy_set_header Content-Length ""; proxy_pass http://127.0.0.1:PORT/; }
    location / { default_type text/plain;
      return 200 "A short answer of one hundred bytes, so that the web server costs little and the path is what counts"; }
  }
}
"""
