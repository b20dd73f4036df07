"""``peak.py REPORT COMMAND``: run a shell command on our own standard input and output, and append its peak memory to a file.

Put before a filter command in git's configuration, it tells the largest resident size (bytes) of the filter process, which
is git's grandchild.
"""

import os
import sys

report, command = sys.argv[1:]
pid = os.posix_spawn("/bin/sh", ["sh", "-c", command], os.environ)
_, status, usage = os.wait4(pid, 0)
with open(report, "a", encoding="ascii") as file:
    file.write(f"{usage.ru_maxrss * 1024}\n")
sys.exit(os.waitstatus_to_exitcode(status) & 0xFF)
