"""Settings: git's configuration under ``data.*``, over the committed ``.gitdata``.

``.gitdata`` comes with a clone, so whoever can push decides what is in it: only
the keys of ``COMMITTED_KEYS`` are taken from it.  None of them can run a
command, name a credential or point outside the repository.  git's own
configuration (``data.*``) overrides it.
"""

from __future__ import annotations

import os

from git_data.base import report
from git_data.errors import ConfigError, UsageError

COMMITTED_FILE = ".gitdata"
COMMITTED_KEYS = frozenset(
    (
        "data.fetch",
        "data.fetchexclude",
        "data.fetchinclude",
        "data.guard",
        "data.lfs",
        "data.link",
        "data.lockreadonly",
        "data.numcopies",
        "data.pointerformat",
        "data.remote",
    )
)
REMOTE_COMMITTED = frozenset(
    ("addressing", "anonymous", "endpoint", "jobs", "partsize", "region", "sse", "ssekmskeyid", "storageclass", "url")
)
"""What ``.gitdata`` may say of a remote: ``data.<name>.<one of these>``. ``sync.remotes`` checks the values when used."""
REMOTE_LOCAL = frozenset(("allowplainhttp", "cafile", "hardlink", "profile", "sshclient", "sshtransfer"))
"""What only git's configuration may say of a remote: it names credentials or files of this machine, or lowers its guard."""
OUR_MARK = "git_data/launch.py"
"""In every command line of git's configuration that starts this program, of whatever installation."""
LINK_TYPES = ("reflink", "hardlink", "copy")
KNOWN_KEYS = {
    "data.acceptRollback": "go on although a hosted repository is not what it was: restored from a copy, or made anew",
    "data.allowIncompletePush": "let a push go on although data that it refers to is nowhere to be found",
    "data.alternates": "further stores to read from, one directory a value",
    "data.autoCompact": "packs of a hosted repository above which a push makes fewer of them; 0: never",
    "data.cacheDir": "the store, when it is shared between repositories",
    "data.fetch": "auto: checkouts fetch what the store lacks; never: pointers stay",
    "data.fetchExclude": "paths whose content is not brought into the work tree",
    "data.fetchInclude": "the only paths whose content is brought into the work tree",
    "data.fsync": "batch: one sync per git command; object: one per object; none",
    "data.guard": "size from which a file outside of the data store stops a commit; 0: never",
    "data.idleTimeout": "seconds that a connection to a remote may be silent",
    "data.jobs": "threads; 0: as many as processors",
    "data.lfs": "files with filter=lfs are kept by git-data, too: this repository came from git-lfs",
    "data.limitRate": "bytes a second sent to and fetched from remotes (500kB, 10MiB); 0: no limit",
    "data.link": "how content gets into the work tree, in order: reflink, hardlink, copy",
    "data.lockReadOnly": "whether lockable files are read-only while they are not locked",
    "data.numCopies": "remotes that must hold data before its only local copy may be dropped",
    "data.pointerFormat": "data, or lfs for pointers that stock git-lfs reads",
    "data.remote": "the name of the default remote",
}
"""Every setting, as documentation spells it, and what it means."""
DEFAULTS = {
    "data.acceptRollback": "false",
    "data.allowIncompletePush": "false",
    "data.autoCompact": "50",
    "data.fetch": "auto",
    "data.fsync": "batch",
    "data.guard": "50MB",
    "data.idleTimeout": "60",
    "data.jobs": "0",
    "data.lfs": "false",
    "data.limitRate": "0",
    "data.link": "reflink,copy",
    "data.lockReadOnly": "true",
    "data.numCopies": "1",
    "data.pointerFormat": "data",
}
MANY_VALUED = ("data.alternates", "data.fetchExclude", "data.fetchInclude")
_UNITS = {"": 1, "b": 1, "k": 1000, "m": 1000**2, "g": 1000**3, "t": 1000**4}
_BINARY_UNITS = {"k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}


class Entry:
    """One value of one key and the scope it comes from (system, global, local, worktree, command, gitdata)."""

    __slots__ = ("scope", "value")

    def __init__(self, scope: str, value: str) -> None:
        self.scope = scope
        self.value = value


class Config:
    """All configuration of one repository; keys as git prints them (section and name lower-case)."""

    def __init__(self, entries: dict[str, list[Entry]], base: str = "") -> None:
        self.entries = entries
        self.base = base
        """what relative paths are relative to: the top of the work tree"""

    @property
    def names_remotes(self) -> bool:
        """Whether there is any remote for data, be it a git remote that is a store."""
        return any(
            remote_key(key)[1] == "url"
            or (key.startswith("remote.") and key.endswith(".url") and entries[-1].value[:6] == "data::")
            for key, entries in self.entries.items()
        )

    @property
    def keeps_lfs(self) -> bool:
        """Whether git starts us for ``filter=lfs``."""
        return OUR_MARK in self.get("filter.lfs.process").replace("\\", "/")

    def get(self, key: str, default: str = "") -> str:
        """The last value of ``key``, which is the one that counts."""
        found = self.entries.get(key)
        return found[-1].value if found else default

    def get_all(self, key: str) -> list[str]:
        """Every value of a key that may be given more than once; an empty value clears those before it."""
        values: list[str] = []
        for entry in self.entries.get(key, ()):
            values = [*values, entry.value] if entry.value else []
        return values

    def get_bool(self, key: str, default: bool) -> bool:
        """git's booleans: yes/on/true/1 and no/off/false/0; a key without a value is true."""
        value = self.get(key, "true" if default else "false").lower()
        if value in ("true", "yes", "on", "1"):
            return True
        if value in ("false", "no", "off", "0", ""):
            return False
        raise ConfigError(f"{key} = '{value}' is not a boolean", f"git config {key} true")

    def get_choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of ``choices``, the first being the default."""
        value = self.get(key, choices[0])
        if value not in choices:
            raise ConfigError(f"{key} = '{value}' is not one of: {', '.join(choices)}", f"git config {key} {choices[0]}")
        return value

    def scope(self, key: str) -> str:
        """Where the value of ``key`` comes from; empty when it is not set."""
        found = self.entries.get(key)
        return found[-1].scope if found else ""


class Settings:
    """The typed view of ``data.*``: read once, passed down as an argument.

    Raises: ConfigError for a value that makes no sense.
    """

    __slots__ = (
        "allow_incomplete_push",
        "alternates",
        "cache_dir",
        "fetch",
        "fetch_exclude",
        "fetch_include",
        "fsync",
        "guard_bytes",
        "idle_timeout_s",
        "jobs",
        "lfs",
        "limit_rate_bytes",
        "link",
        "lock_read_only",
        "num_copies",
        "pointer_format",
        "remote",
        "shared",
        "skip_smudge",
    )

    def __init__(self, config: Config) -> None:
        self.allow_incomplete_push = config.get_bool("data.allowincompletepush", False)
        self.alternates = [os.path.expanduser(path) for path in config.get_all("data.alternates")]
        self.cache_dir = os.path.expanduser(os.environ.get("GIT_DATA_CACHE_DIR") or config.get("data.cachedir"))
        self.fetch = config.get_choice("data.fetch", ("auto", "never"))
        self.fetch_include = config.get_all("data.fetchinclude")
        self.fetch_exclude = config.get_all("data.fetchexclude")
        self.fsync = config.get_choice("data.fsync", ("batch", "object", "none"))
        self.guard_bytes = parse_size(config.get("data.guard", DEFAULTS["data.guard"]), "data.guard")
        self.lfs = config.get_bool("data.lfs", False)
        self.jobs = parse_jobs(config.get("data.jobs", DEFAULTS["data.jobs"]))
        self.idle_timeout_s = parse_number(config.get("data.idletimeout", DEFAULTS["data.idleTimeout"]), "data.idleTimeout")
        self.limit_rate_bytes = parse_size(config.get("data.limitrate", DEFAULTS["data.limitRate"]), "data.limitRate")
        # what git-lfs is told counts, too; a value of its own that makes no sense is its own affair
        usual = config.get("lfs.setlockablereadonly", "true").lower() not in ("false", "no", "off", "0", "f")
        self.lock_read_only = config.get_bool("data.lockreadonly", usual)
        self.num_copies = parse_number(config.get("data.numcopies", DEFAULTS["data.numCopies"]), "data.numCopies")
        self.remote = config.get("data.remote")
        if self.remote and not is_remote_name(self.remote):
            raise ConfigError(f"data.remote = '{self.remote}' is not the name of a remote", "git data remote list")
        self.link = parse_link(config.get("data.link", DEFAULTS["data.link"]))
        self.pointer_format = config.get_choice("data.pointerformat", ("data", "lfs"))
        self.shared = parse_shared(config.get("core.sharedrepository", "umask"))
        self.skip_smudge = os.environ.get("GIT_DATA_SKIP_SMUDGE", "") not in ("", "0", "false")


def parse_list(output: bytes) -> dict[str, list[Entry]]:
    """The output of ``git config --list --show-scope -z``: scope NUL key LF value NUL, again and again."""
    entries: dict[str, list[Entry]] = {}
    fields = os.fsdecode(output).split("\0")
    for scope, item in zip(fields[0::2], fields[1::2]):
        key, separator, value = item.partition("\n")
        entries.setdefault(key, []).append(Entry(scope, value if separator else "true"))
    return entries


def add_committed(entries: dict[str, list[Entry]], output: bytes) -> None:
    """Put what ``.gitdata`` may say below everything git's configuration says.

    A value that makes no sense is reported and ignored: it must not keep anybody from checking out something else.

    ``output`` is that of ``git config --list -z`` for the file.
    """
    for item in os.fsdecode(output).split("\0"):
        key, separator, value = item.partition("\n")
        of_remote = remote_key(key)[1] in REMOTE_COMMITTED
        if not of_remote and key not in COMMITTED_KEYS:
            continue
        entry = Entry("gitdata", value if separator else "true")
        if not of_remote:
            try:
                Settings(Config({key: [entry]}))
            except ConfigError as error:
                report.say(f"{COMMITTED_FILE}: {error.message}; this line is ignored")
                continue
        own = entries.setdefault(key, [])
        at = sum(1 for other in own if other.scope == "gitdata")
        own.insert(at, entry)


def remote_key(key: str) -> tuple[str, str]:
    """``("Store", "url")`` for ``data.Store.url``: name and setting of a remote; two empty strings for any other key."""
    if key.startswith("data."):
        name, _, setting = key[len("data.") :].rpartition(".")
        if is_remote_name(name):
            return name, setting
    return "", ""


def is_remote_name(text: str) -> bool:
    """Letters, digits, ``.``, ``_`` and ``-``, the first no dot or dash: nothing takes it for an option or a path."""
    return text[:1] not in ("", ".", "-") and all(c.isascii() and (c.isalnum() or c in "._-") for c in text)


def parse_size(text: str, name: str = "size") -> int:
    """Bytes from ``10MB`` (powers of 1000), ``10MiB`` (powers of 1024) or plain digits.

    Raises: UsageError if ``name`` is that of an option, else ConfigError.
    """
    lowered = text.strip().lower().replace(" ", "").replace("_", "")
    number = lowered.rstrip("bikmgt")
    unit = lowered[len(number) :]
    try:
        if unit.endswith("ib"):
            factor = _BINARY_UNITS[unit[:-2]]
        else:
            factor = _UNITS[unit.removesuffix("b")]
        value = float(number) * factor
        if not 0 <= value < 2**63:
            raise ValueError
        return int(value)
    except (KeyError, ValueError, OverflowError):
        kind = UsageError if name.startswith("-") else ConfigError
        raise kind(f"{name}: '{text}' is not a size", "write it as 500kB, 10MB or 2GiB") from None


def parse_jobs(text: str) -> int:
    """A number of threads; 0 means as many as there are processors. Raises: ConfigError."""
    try:
        jobs = int(text)
    except ValueError:
        jobs = -1
    if jobs < 0:
        raise ConfigError(f"data.jobs = '{text}' is not a number of threads", "git config --unset data.jobs")
    return min(jobs or os.cpu_count() or 1, 64)


def parse_number(text: str, name: str) -> int:
    """A whole number from 1 to a million. Raises: ConfigError."""
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 8 else 0
    if not 1 <= number <= 1_000_000:
        raise ConfigError(f"{name} = '{text}' is not a number above zero", f"git data config --unset {name}")
    return number


def parse_link(text: str) -> tuple[str, ...]:
    """The order of link types; ``copy`` always ends it, because something must work.

    Raises: ConfigError.
    """
    order = [part.strip().lower() for part in text.split(",") if part.strip()]
    unknown = [part for part in order if part not in LINK_TYPES]
    if unknown:
        hint = "git config data.link reflink,copy"
        if "symlink" in unknown:
            hint += "   # git sees a symbolic link as a change of type; use it with: git data export --link symlink"
        raise ConfigError(f"data.link: '{unknown[0]}' is not one of: {', '.join(LINK_TYPES)}", hint)
    return tuple(dict.fromkeys([*order, "copy"]))


def parse_shared(text: str) -> int:
    """``core.sharedRepository`` as permission bits to add to a file (git-config(1)); 0 for none."""
    lowered = text.lower()
    if lowered in ("umask", "false", "no", "off", "0", ""):
        return 0
    if lowered in ("group", "true", "yes", "on", "1"):
        return 0o660
    if lowered in ("all", "world", "everybody", "2"):
        return 0o664
    try:
        return int(lowered, 8) & 0o666
    except ValueError:
        raise ConfigError(f"core.sharedRepository = '{text}' is not understood") from None
