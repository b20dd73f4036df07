"""Which schemes fsspec serves for us, and what is known about each.

Only places that keep what they are given: no archives, caches, chains (``zip::s3://``) and nothing that reads this machine.
"""

from __future__ import annotations


class Scheme:
    """One scheme.

    ``extra`` is the extra of git-data that installs what it needs (empty: fsspec alone is enough); ``whole``: an upload appears
    under its name when it is complete and not before, else it is made under another name and moved; ``create``: what the file
    system honours as "only if there is none yet": ``mode`` (of ``pipe_file``), ``overwrite`` (of ``pipe_file``) or nothing;
    ``flat``: one listing gives everything below a prefix; ``per_thread``: a connection serves one thread at a time.
    """

    __slots__ = ("create", "extra", "flat", "name", "per_thread", "whole", "workers")

    def __init__(
        self,
        name: str,
        extra: str,
        whole: bool = True,
        create: str = "",
        flat: bool = True,
        per_thread: bool = False,
        workers: int = 16,
    ) -> None:
        self.name = name
        self.extra = extra
        self.whole = whole
        self.create = create
        self.flat = flat
        self.per_thread = per_thread
        self.workers = workers


_AZURE = Scheme("Azure Blob Storage", "azure", create="overwrite")
_GOOGLE = Scheme("Google Cloud Storage", "gs", create="mode")
SCHEMES = {
    "abfs": _AZURE,
    "abfss": _AZURE,
    "az": _AZURE,
    "ftp": Scheme("FTP", "", whole=False, flat=False, per_thread=True, workers=4),
    "gcs": _GOOGLE,
    "gdrive": Scheme("Google Drive", "gdrive", flat=False, workers=4),
    "gs": _GOOGLE,
    "hdfs": Scheme("HDFS", "hdfs", whole=False, flat=False, workers=8),
    "hf": Scheme("Hugging Face", "hf", workers=2),
    "memory": Scheme("memory of this process", ""),
    "oss": Scheme("Alibaba Cloud OSS", "oss"),
    "webhdfs": Scheme("HDFS over HTTP", "webhdfs", whole=False, flat=False, workers=8),
}
NETWORK = frozenset(SCHEMES) - {"memory"}
"""Those that may be named by a committed file."""
