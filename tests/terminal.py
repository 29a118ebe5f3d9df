#!/usr/bin/env python3
"""terminal.py STEPS COMMAND...: run a command on a pseudo-terminal of 100 columns and 30 rows; prints all that it wrote.

STEPS is a JSON file, a list of {"wait": text that must appear after what the last step saw, "send": keys, "hangup": true: the
terminal goes away and the command is waited for}, all optional; its texts are bytes, not UTF-8 only.
Its exit status is the command's; 124 when a text did not come within 30 seconds."""
import fcntl, json, os, pty, select, signal, struct, sys, termios, time

steps = json.load(open(sys.argv[1], errors="surrogateescape"))
child, master = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    os.execvp(sys.argv[2], sys.argv[2:])

seen, at = b"", 0


def read_some(deadline):
    """Append what the command writes to `seen`; False at its end."""
    global seen
    if not select.select([master], [], [], max(0, deadline - time.monotonic()))[0]:
        sys.stdout.buffer.write(seen)
        sys.stdout.flush()
        os.kill(child, signal.SIGKILL)
        sys.exit(124)
    try:
        part = os.read(master, 65536)
    except OSError:  # EIO: nobody has the other side open
        part = b""
    seen += part
    return part != b""


for step in steps:
    wanted = step.get("wait", "").encode()
    deadline = time.monotonic() + 30
    while seen.find(wanted, at) < 0:
        if not read_some(deadline):
            break
    at = max(at, seen.find(wanted, at) + len(wanted))
    if step.get("hangup"):
        os.close(master)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255)
    os.write(master, step.get("send", "").encode(errors="surrogateescape"))

while read_some(time.monotonic() + 30):
    pass
sys.stdout.buffer.write(seen)
sys.stdout.flush()
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) & 255)
