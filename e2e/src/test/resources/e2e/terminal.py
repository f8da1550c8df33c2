"""terminal.py FILE QUESTION COMMAND...: runs a command at a terminal of its own, types what FILE holds when it is asked the question,
and prints what the terminal has shown. Ends with the command's exit code."""
import os
import pty
import sys

file, question, command = sys.argv[1], sys.argv[2].encode(), sys.argv[3:]
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(command[0], command)
shown, typed = b"", False
while True:
    try:
        some = os.read(terminal, 4096)
    except OSError:  # the other end is closed
        break
    if not some:
        break
    shown += some
    if not typed and question in shown:
        typed = True
        with open(file, "rb") as f:
            os.write(terminal, f.read().strip() + b"\n")
sys.stdout.write(shown.decode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
