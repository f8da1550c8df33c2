"""Who used the processors, and how much memory: /proc read before and after."""

import os

TICK = os.sysconf("SC_CLK_TCK")
# A measure is dirty when others took more than this share of one processor, or the host took more than this share of
# all of them (steal). With less, repeated runs on an idle machine differ as much among themselves.
FOREIGN_LIMIT = 0.05
STEAL_LIMIT = 0.05
KERNEL_THREADS = 2  # their parent's id; their work is done for everybody and cannot be told apart


def _stat(pid):
    """(parent, user+system seconds, those of children that have ended), or None if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            # The name may hold blanks and parentheses.
            fields = f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK, (int(fields[13]) + int(fields[14])) / TICK


def cpu_seconds(pid):
    """User and system seconds that a process has used; None if it has ended."""
    stat = _stat(pid)
    return None if stat is None else stat[1]


def memory_mib(pid, field):
    """VmRSS or VmHWM of a process in MiB; None if it has ended."""
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) / 1024
    except OSError:
        pass
    return None


def _steal():
    with open("/proc/stat") as f:
        fields = f.readline().split()
    return int(fields[8]) / TICK


class Others:
    """What processes that are not ours use from its making until taken(), and what the host took from this machine.

    Ours are this process and all below it. Kernel threads count as nobody's. A process that starts and ends in between
    is seen through its parent, if that one lives."""

    def __init__(self):
        self._before = self._look()
        self._steal = _steal()

    @staticmethod
    def _look():
        table = {}
        for name in os.listdir("/proc"):
            if name.isdigit():
                stat = _stat(name)
                if stat:
                    table[int(name)] = stat
        ours, kids = set(), {}
        for pid, stat in table.items():
            kids.setdefault(stat[0], []).append(pid)
        todo = [os.getpid()]
        while todo:
            pid = todo.pop()
            ours.add(pid)
            todo += kids.get(pid, [])
        skip = ours | set(kids.get(KERNEL_THREADS, [])) | {KERNEL_THREADS}
        return {pid: stat[1:] for pid, stat in table.items() if pid not in skip}

    def taken(self):
        """(seconds of processor time that others used, seconds that the host kept from us)."""
        after, before = self._look(), self._before
        own = sum(now[0] - before.get(pid, (0, 0))[0] for pid, now in after.items())
        ended = sum(now[1] - before[pid][1] for pid, now in after.items() if pid in before)
        # Of those that ended, what they had used before is in their parents' sums now.
        known = sum(sum(was) for pid, was in before.items() if pid not in after)
        return max(0.0, own) + max(0.0, ended - known), _steal() - self._steal


def dirt(foreign, steal, wall):
    """Why a run of wall seconds does not count as clean; empty if it does."""
    reasons = []
    if foreign > FOREIGN_LIMIT * wall:
        reasons.append(f"others used {foreign:.2f} s of CPU in {wall:.1f} s")
    if steal > STEAL_LIMIT * wall * (os.cpu_count() or 1):
        reasons.append(f"the host took {steal:.2f} s in {wall:.1f} s")
    return reasons
