"""What scripts/bench measures of published services: a site behind the agent, through the gateway, and beside it through
nginx as a plain reverse proxy of the same length: TLS to it, TLS from it to a second nginx on the agent's machine, and from
there to the site. Visitors are on the client's machine. One case measures both, one after the other."""

import os
import re

from lab import GATEWAY_PORT, HTTP_PORT, LAN, LAN_HOST, Failure, run

NAME = "site.bench.example"
FRONT_PORT, BACK_PORT = 8444, 8445
BIG = 16 << 20  # bytes of one body: long enough that its start costs nothing
SLACK = 40  # seconds
WARM_UP = ("h1", "h2", "down", "up")
# name -> options of the tool. 64 browsers of HTTP/1.1; 8 of HTTP/2 that ask for 16 things at once; 4 bodies at once.
LOADS = {
    "h1": ("-c", 64),
    "h2": ("-c", 8, "-m", 16),
    "down": ("--h1", "-c", 4),
    "down2": ("-c", 4),
    "up": ("--h1", "-c", 4),
}
_WAYS = {"culvert": GATEWAY_PORT, "nginx": FRONT_PORT}


class Published:
    """The two ways to the site, in a lab whose programs do not run."""

    def __init__(self, lab):
        self.lab = lab
        self.certificate, self.key = lab.file("site.crt"), lab.file("site.key")

    def start(self):
        lab = self.lab
        run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", 1,
            "-subj", "/CN=" + NAME, "-addext", "subjectAltName=DNS:" + NAME, "-keyout", self.key, "-out", self.certificate)
        with open(lab.file("big"), "wb") as f:
            f.write(os.urandom(BIG))
        self.services = [self._nginx("gateway", "front", FRONT_PORT, "https://behind", f"10.81.2.2:{BACK_PORT}"),
                         self._nginx("agent", "back", BACK_PORT, "http://behind", f"{LAN_HOST}:{HTTP_PORT}")]
        token = lab.file("site.token")
        if os.path.exists(token):
            os.remove(token)
        lab.token("agent", "--name", "site", "--gateway", f"wss://10.81.2.1:{GATEWAY_PORT}", "--routes", LAN, "--publish", NAME, "--out", token)
        lab.start_one("gateway", "gateway", r"listening on", "--state", lab.file("keys"), "--listen", f":{GATEWAY_PORT}",
                      "--certificate", f"{self.certificate},{self.key}")
        lab.start_one("agent", "agent", r"connected to", "--token-file", token, "--publish", f"{NAME}=http://{LAN_HOST}:{HTTP_PORT}")
        lab.programs["gateway"].wait_for("publishes|published")

    def _nginx(self, role, name, port, behind, server):
        directory = self.lab.file(name)
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "nginx.conf"), "w") as f:
            f.write(_PROXY.format(port=port, crt=self.certificate, key=self.key, behind=behind, server=server))
        service = self.lab.service(role, name, "nginx", "-p", directory + "/", "-c", "nginx.conf", "-e", "error.log")
        self.lab.until_listening(role, "127.0.0.1", port)
        return service

    def stop(self):
        self.lab.stop()
        for service in self.services:
            self.lab.end_service(service)

    def load(self, way, what, seconds):
        """(requests, or Mbit of bodies, a second; failed requests)."""
        return self._wrk(way, LOADS[what], seconds) if what == "h1" else self._h2load(way, what, seconds)

    def _wrk(self, way, options, seconds):
        # h2load never ends where a server closes connections now and then, as both do. wrk needs a name for SNI.
        hosts = self.lab.file("hosts")
        with open(hosts, "w") as f:
            f.write(f"10.81.1.1 {NAME}\n")
        command = ["wrk", "-t1", *options, f"-d{max(1, round(seconds))}s", f"https://{NAME}:{_WAYS[way]}/"]
        # Mounts are this command's own within `ip netns exec`.
        said = self.lab.run("client", "sh", "-c", f"mount --bind {hosts} /etc/hosts && exec {' '.join(map(str, command))}", timeout=seconds + SLACK).stdout
        rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
        if not rate or float(rate.group(1)) == 0:
            raise Failure(f"wrk: not one request was answered through {way}")
        failed = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", said))
        failed += sum(int(n) for n in re.findall(r"Non-2xx or 3xx responses: (\d+)", said))
        return float(rate.group(1)), failed

    def _h2load(self, way, what, seconds):
        body = what != "h2"
        path = {"up": "/sink"}.get(what, "/big" if body else "/")
        command = ["h2load", *LOADS[what], "-t", 1, "-D", max(1, round(seconds)), f"--connect-to=10.81.1.1:{_WAYS[way]}"]
        if what == "up":
            command += ["-d", self.lab.file("big")]
        said = self.lab.run("client", *command, f"https://{NAME}{path}", timeout=seconds + SLACK).stdout
        rate = re.search(r"finished in [\d.]+s, ([\d.]+) req/s", said)
        counted = re.search(r"requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", said)
        status = re.search(r"status codes: (\d+) 2xx", said)
        if not rate or not counted or not status or int(status.group(1)) == 0:
            raise Failure(f"h2load: not one request was answered through {way} ({what})")
        failed = sum(int(n) for n in counted.groups()[1:]) + max(0, int(counted.group(1)) - int(status.group(1)))
        # Of bodies only whole ones count, and those under way at the end do not: both ways lose as many.
        return float(rate.group(1)) * (BIG * 8 / 1e6 if body else 1), failed


def published(lab, settings):
    lab.stop()
    ways = Published(lab)
    figures = {}
    ways.start()
    try:
        for what in WARM_UP:
            for way in _WAYS:
                ways.load(way, what, settings.warm_up)
        for what in LOADS:
            failures = 0
            for way in _WAYS:
                figures[f"published.{what}.{way}"], failed = ways.load(way, what, settings.seconds)
                failures += failed if way == "culvert" else 0
            figures[f"published.{what}.of_nginx"] = 100 * figures[f"published.{what}.culvert"] / figures[f"published.{what}.nginx"]
            figures[f"published.{what}.failed"] = failures
    finally:
        ways.stop()
    return figures


_PROXY = """user root; worker_processes auto; daemon off; pid nginx.pid; error_log error.log;
events {{ worker_connections 8192; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 100000000;
  client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5;
  ssl_certificate {crt}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  proxy_ssl_protocols TLSv1.3; proxy_ssl_conf_command Ciphersuites TLS_AES_128_GCM_SHA256;
  upstream behind {{ server {server}; keepalive 128; keepalive_requests 100000000; }}
  server {{
    listen {port} ssl http2 backlog=4096;
    location / {{
      proxy_pass {behind}; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
      proxy_buffering on; proxy_max_temp_file_size 0; proxy_request_buffering off; client_max_body_size 0;
    }}
  }}
}}
"""
