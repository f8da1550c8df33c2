"""Tests of the benchmark's own parts, without root: python3 -m unittest discover -s scripts/lib/bench"""

import hashlib
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import accounting
import figures
import measures
import report

ROUND_TRIP = 0.1
HELD_MBIT = 40
PATIENCE = 20
# The relay's own bound is 64 MiB; Linux lets four sockets' buffers grow besides, to tcp_rmem and tcp_wmem.
RELAY_BOUND = 64 << 20


class DelayRelayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        java = os.path.join(os.environ["JAVA_HOME"], "bin", "java") if "JAVA_HOME" in os.environ else shutil.which("java")
        cls.target = socket.create_server(("127.0.0.1", 0))
        cls.target.settimeout(PATIENCE)
        port, closed = cls._free_port(), cls._free_port()
        cls.address, cls.refused = ("127.0.0.1", port), ("127.0.0.1", cls._free_port())
        cls.held = ("127.0.0.1", cls._free_port())

        def relay(line, *ways):
            started = subprocess.Popen(
                [java, "-XX:+UseSerialGC", "-Xmx64m", "-XX:MaxDirectMemorySize=512m",
                 os.path.join(measures.HERE, "DelayRelay.java"), line, *ways],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            assert "listening" in started.stdout.readline()
            return started

        target = f"127.0.0.1:{cls.target.getsockname()[1]}"
        cls.relays = [
            relay(f"{ROUND_TRIP * 1e3:g}", f"127.0.0.1:{port}={target}", f"127.0.0.1:{cls.refused[1]}=127.0.0.1:{closed}"),
            relay(f"{ROUND_TRIP * 1e3:g}@{HELD_MBIT}", f"127.0.0.1:{cls.held[1]}={target}"),
        ]

    @classmethod
    def tearDownClass(cls):
        for relay in cls.relays:
            relay.terminate()
            relay.wait()
            relay.stdout.close()
        cls.target.close()

    @staticmethod
    def _free_port():
        with socket.create_server(("127.0.0.1", 0)) as s:
            return s.getsockname()[1]

    def pair(self, address=None):
        near = socket.create_connection(address or self.address, PATIENCE)
        far, _ = self.target.accept()
        far.settimeout(PATIENCE)
        self.addCleanup(near.close)
        self.addCleanup(far.close)
        return near, far

    def test_never_early(self):
        near, far = self.pair()
        for _ in range(5):
            began = time.perf_counter()
            near.send(b"x")
            self.assertEqual(b"x", far.recv(1))
            self.assertGreaterEqual(time.perf_counter() - began, ROUND_TRIP / 2)
            far.send(b"y")
            self.assertEqual(b"y", near.recv(1))
            self.assertGreaterEqual(time.perf_counter() - began, ROUND_TRIP)

    def test_delay_does_not_limit_bandwidth(self):
        near, far = self.pair()
        count = 100
        began = time.perf_counter()

        def send():
            for _ in range(count):
                near.send(b"x")
                time.sleep(0.001)

        sender = threading.Thread(target=send)
        sender.start()
        got = 0
        while got < count:
            got += len(far.recv(count))
        sender.join()
        # One after the other they would take count * 50 ms.
        self.assertLess(time.perf_counter() - began, count * ROUND_TRIP / 2)

    def test_a_rate_is_kept(self):
        near, far = self.pair(self.held)
        began = time.perf_counter()
        data = bytes(4_000_000)
        sender = threading.Thread(target=near.sendall, args=(data,))
        sender.start()
        got = 0
        while got < len(data):
            got += len(far.recv(1 << 20))
        sender.join()
        self.assertGreaterEqual(time.perf_counter() - began, ROUND_TRIP / 2 + len(data) * 8e-6 / HELD_MBIT)

    def test_bytes_arrive_as_they_were_and_then_the_end(self):
        seed = random.randrange(1 << 32)
        data = random.Random(seed).randbytes(20_000_000)
        near, far = self.pair()

        def send():
            near.sendall(data)
            near.shutdown(socket.SHUT_WR)

        sender = threading.Thread(target=send)
        sender.start()
        digest = hashlib.sha256()
        while part := far.recv(1 << 20):
            digest.update(part)
        sender.join()
        self.assertEqual(hashlib.sha256(data).digest(), digest.digest(), f"seed {seed}")
        far.sendall(b"the other way is open still")
        self.assertEqual(b"the", near.recv(3))

    def test_the_end_is_delayed_too(self):
        near, far = self.pair()
        began = time.perf_counter()
        near.shutdown(socket.SHUT_WR)
        self.assertEqual(b"", far.recv(1))
        self.assertGreaterEqual(time.perf_counter() - began, ROUND_TRIP / 2)

    def test_one_that_does_not_read_holds_a_bounded_amount(self):
        near, far = self.pair()
        near.settimeout(1)
        sent, block = 0, bytes(1 << 20)
        with open("/proc/sys/net/ipv4/tcp_rmem") as r, open("/proc/sys/net/ipv4/tcp_wmem") as w:
            kernel = 2 * (int(r.read().split()[2]) + int(w.read().split()[2]))
        try:
            while sent <= RELAY_BOUND + kernel:
                sent += near.send(block)
        except TimeoutError:
            pass
        self.assertLessEqual(sent, RELAY_BOUND + kernel)
        got = 0
        while got < sent:
            got += len(far.recv(1 << 20))

    def test_a_reset_passes(self):
        near, far = self.pair()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        near.close()
        with self.assertRaises(ConnectionResetError):
            far.recv(1)

    def test_a_target_that_refuses_harms_nobody(self):
        with socket.create_connection(self.refused, PATIENCE) as s, self.assertRaises(ConnectionResetError):
            s.recv(1)
        near, far = self.pair()
        near.send(b"x")
        self.assertEqual(b"x", far.recv(1))


class FullSpeedTest(unittest.TestCase):
    def test_fast_at_once(self):
        self.assertEqual(0, measures.time_to_full_speed([100.0] * 30))

    def test_a_ramp(self):
        self.assertAlmostEqual(2.0, measures.time_to_full_speed([10.0] * 20 + [100.0] * 40))

    def test_one_fast_interval_is_none(self):
        self.assertAlmostEqual(3.0, measures.time_to_full_speed([10.0] * 10 + [300.0] + [10.0] * 19 + [100.0] * 60))

    def test_too_short(self):
        self.assertIsNone(measures.time_to_full_speed([100.0] * (measures.COLD_WINDOW - 1)))


def _run(side, value, dirty=()):
    return {"side": side, "dirty": list(dirty), "figures": {"throughput.up1": value}}


class ReportTest(unittest.TestCase):
    def test_dirty_runs_do_not_count_beside_clean_ones(self):
        s = report.summarise([_run("a", 10), _run("a", 1, ["x"]), _run("a", 12)], "a")["throughput.up1"]
        self.assertEqual({"median": 11, "min": 10, "max": 12, "runs": 3, "clean": 2}, s)

    def test_dirty_runs_count_alone_and_are_marked(self):
        s = report.summarise([_run("a", 10, ["x"])], "a")
        self.assertEqual(0, s["throughput.up1"]["clean"])
        self.assertIn(" *", "\n".join(report.table(["a"], {"a": s})))

    def compared(self, old, new):
        runs = [_run("old", v) for v in old] + [_run("new", v) for v in new]
        return "\n".join(report.table(["old", "new"], {s: report.summarise(runs, s) for s in ("old", "new")}))

    def test_ratio_is_new_to_old(self):
        self.assertIn(" 2.00 ", self.compared([10, 10], [20, 20]))

    def test_better_only_without_overlap(self):
        self.assertIn("better", self.compared([10, 11], [12, 13]))
        self.assertIn("worse", self.compared([12, 13], [10, 11]))
        overlapping = self.compared([10, 13], [12, 14])
        self.assertNotIn("better", overlapping)
        self.assertNotIn("worse", overlapping)

    def test_every_figure_has_a_section(self):
        for key in figures.FIGURES:
            first = key.split(".")[0]
            self.assertIn(report._IN_SECTION.get(first, first), figures.SECTIONS)


class AccountingTest(unittest.TestCase):
    def test_others_are_those_that_we_did_not_start(self):
        child = subprocess.Popen(["sleep", "60"])
        # Its parent ends at once, so it is no longer below us.
        orphan = int(subprocess.run(["sh", "-c", "sleep 60 >/dev/null & echo $!"], stdout=subprocess.PIPE, check=True).stdout)
        try:
            others = accounting.Others._look()
            self.assertNotIn(os.getpid(), others)
            self.assertNotIn(child.pid, others)
            self.assertIn(orphan, others)
        finally:
            os.kill(orphan, signal.SIGTERM)
            child.terminate()
            child.wait()

    def test_what_others_used_is_counted(self):
        others = accounting.Others()
        busy = "import time\nwhile time.process_time() < 0.5: pass\nprint(flush=True)\ntime.sleep(60)"
        started = subprocess.Popen(["sh", "-c", f"{sys.executable} -c '{busy}' & echo $!"], stdout=subprocess.PIPE)
        orphan = int(started.stdout.readline())
        try:
            started.stdout.readline()
            self.assertGreaterEqual(others.taken()[0], 0.4)
        finally:
            os.kill(orphan, signal.SIGTERM)
            started.wait()
            started.stdout.close()

    def test_limits(self):
        self.assertEqual([], accounting.dirt(0.2, 0.0, 5))
        self.assertEqual(1, len(accounting.dirt(0.3, 0.0, 5)))
        self.assertEqual(1, len(accounting.dirt(0.0, 0.3 * os.cpu_count(), 5)))


if __name__ == "__main__":
    unittest.main()
