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
_NO_PLACE = frozenset(
    """
    arrow_hdfs async_wrapper asynclocal asyncwrapper blockcache cached dask data dbfs dir dvc file filecache generic gist git
    github http https jlab jupyter libarchive local pyscript reference root s3 s3a sftp simplecache ssh tar wandb zip
    """.split()
)
"""What fsspec knows, but is no place for data of its own, or has a backend of ours."""


def is_served(name: str) -> bool:
    """Whether there is such a scheme, in the table or in fsspec."""
    if name in SCHEMES:
        return True
    from fsspec.registry import known_implementations  # type: ignore[import-untyped]

    return name in known_implementations and name not in _NO_PLACE


def scheme_of(name: str) -> Scheme:
    """What is known about a scheme; little is taken for granted of those that are only fsspec's."""
    return SCHEMES.get(name) or Scheme(f"{name}://", "", whole=False, flat=False, workers=4)
