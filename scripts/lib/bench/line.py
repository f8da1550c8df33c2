"""A bad line between two network namespaces: packets (not bytes of a relayed connection) are delayed, lost at random and held to a
rate. Two TUN devices that this process copies between.

    line.py NAMESPACE ADDRESS/LEN NAMESPACE ADDRESS/LEN ROUND-TRIP-MS LOSS-PERCENT MBIT

Each way has the loss and half of the delay; a queue of one round trip at that rate is before it, and what finds it full is lost, too.
Says "up" when both ends are there; runs until it is ended. It is one thread of Python: good for about 300 Mbit/s."""

import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import sys
import time
from collections import deque

DEVICE = "line"
MTU = 1500
QUEUE_LENGTH = 4_000  # packets that the kernel keeps for this process: it is not what loses them
SEED = 1  # each run loses the same packets, counted by their numbers
AT_ONCE = 64  # packets that are read before the other way is looked at
IFF_TUN, IFF_NO_PI, TUNSETIFF = 0x0001, 0x1000, 0x400454CA
CLONE_NEWNET = 0x40000000


def enter(namespace):
    with open("/run/netns/" + namespace) as f:
        if ctypes.CDLL(None, use_errno=True).setns(f.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), namespace)


def device(namespace, address):
    enter(namespace)
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH14x", DEVICE.encode(), IFF_TUN | IFF_NO_PI))
    for command in (["addr", "add", address, "dev", DEVICE], ["link", "set", DEVICE, "mtu", MTU, "txqueuelen", QUEUE_LENGTH, "up"]):
        subprocess.run(["ip", *map(str, command)], check=True)
    return fd


class Way:
    """One direction."""

    def __init__(self, source, sink, delay, loss, bytes_per_second, dice):
        self.source, self.sink = source, sink
        self.delay, self.loss, self.rate, self.dice = delay, loss, bytes_per_second, dice
        self.free = 0.0  # when the line has sent what it was given
        self.packets = deque()  # (when it arrives, packet)

    def read(self):
        for _ in range(AT_ONCE):
            try:
                packet = os.read(self.source, 65536)
            except BlockingIOError:
                return
            now = time.monotonic()
            begins = max(now, self.free)
            if begins - now > 2 * self.delay:
                continue  # the queue is full
            self.free = begins + len(packet) / self.rate
            if self.dice.random() >= self.loss:
                self.packets.append((self.free + self.delay, packet))

    def deliver(self):
        """Seconds until the next one arrives; None when none is under way."""
        while self.packets:
            wait = self.packets[0][0] - time.monotonic()
            if wait > 0:
                return wait
            try:
                os.write(self.sink, self.packets.popleft()[1])
            except OSError:
                pass  # a full socket at the other end, or a device that is going down: the packet is lost
        return None


def main(a_namespace, a_address, b_namespace, b_address, round_trip_ms, loss_percent, mbit):
    a, b = device(a_namespace, a_address), device(b_namespace, b_address)
    delay, loss, rate, dice = float(round_trip_ms) / 2_000, float(loss_percent) / 100, float(mbit) * 125_000, random.Random(SEED)
    ways = {a: Way(a, b, delay, loss, rate, dice), b: Way(b, a, delay, loss, rate, dice)}
    poll = select.epoll()
    for fd in ways:
        poll.register(fd, select.EPOLLIN)
    print("up", flush=True)
    while True:
        waits = [w for w in (way.deliver() for way in ways.values()) if w is not None]
        for fd, _ in poll.poll(min(waits) if waits else -1):
            ways[fd].read()


if __name__ == "__main__":
    main(*sys.argv[1:])
