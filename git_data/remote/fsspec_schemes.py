"""Which schemes fsspec serves for us, and what is known about each.

Only places that keep what they are given: no archives, caches, chains (``zip::s3://``) and nothing that reads this machine.
"""

from __future__ import annotations


class Scheme:
    """One scheme.

    ``extra`` is the extra of git-data that installs what it needs (empty: nothing is needed, or nobody packs it for us);
    ``whole``: an upload appears under its name when it is complete and not before, else it is made under another name and moved;
    ``streams``: large content can be sent piece by piece that way; ``create``: ``pipe_file(mode="create")`` is atomic; ``flat``:
    one listing gives everything below a prefix, in pages.
    """

    __slots__ = ("create", "extra", "flat", "name", "streams", "whole", "workers")

    def __init__(
        self,
        name: str,
        extra: str,
        whole: bool = True,
        streams: bool = True,
        create: bool = False,
        flat: bool = True,
        workers: int = 8,
    ) -> None:
        self.name = name
        self.extra = extra
        self.whole = whole
        self.streams = streams
        self.create = create
        self.flat = flat
        self.workers = workers


_AZURE = Scheme("Azure Blob Storage", "azure", create=True)
_GOOGLE = Scheme("Google Cloud Storage", "gs", create=True)
SCHEMES = {
    "abfs": _AZURE,
    "abfss": _AZURE,
    "az": _AZURE,
    "gcs": _GOOGLE,
    "gdrive": Scheme("Google Drive", "gdrive", flat=False, workers=4),
    "gs": _GOOGLE,
    "hdfs": Scheme("HDFS", "hdfs", whole=False, flat=False),
    "hf": Scheme("Hugging Face", "hf", workers=2),
    "memory": Scheme("the memory of this process", "", streams=False),
    "oss": Scheme("Alibaba Cloud OSS", "oss", whole=False),
    "webhdfs": Scheme("HDFS over HTTP", "webhdfs", whole=False, flat=False),
}
NETWORK = frozenset(SCHEMES) - {"memory"}
"""Those that may be named by a committed file."""
_NO_PLACE = frozenset(
    """
    arrow_hdfs async_wrapper asynclocal asyncwrapper blockcache cached dask data dbfs dir dvc file filecache ftp generic gist git
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
