"""Start without ``site`` and without installation: what filters, hooks and ``bin/`` run.

``python -I -S <this file> COMMAND …`` starts several milliseconds faster than ``-m`` and takes no code from the
work tree.  The package's own directory is put on the path; ``site`` is loaded later by commands that need libraries.
"""

import sys

here = __file__.rpartition("/")[0] or "."
parent = here.rpartition("/")[0] or ("." if not here.startswith("/") else "/")
if parent not in sys.path:
    sys.path.append(parent)

from git_data.__main__ import main  # noqa: E402

sys.exit(main())
