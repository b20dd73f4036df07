"""One remote in use: the connection, and what is known of the place."""

from __future__ import annotations

from git_data.base import libraries
from git_data.base.digest import sha256
from git_data.errors import RemoteError
from git_data.remote.layout import Layout, bump, initialise, read_layout
from git_data.sync.remotes import Named, address_of, directory_of, open_named
from git_data.transfer.known import Known
from git_data.transfer.retry import retried

TYPE_CHECKING = False
if TYPE_CHECKING:
    from git_data.git.repo import Repository


class Session:
    """Opened without a look at the network; ``writer`` and ``reader`` take that look, once."""

    def __init__(self, repo: Repository, named: Named, jobs: int = 0) -> None:
        self.named = named
        self.remote = open_named(repo, named, jobs)
        # outside of a repository nothing is remembered
        directory = directory_of(repo, address_of(repo, named).url, named.settings) if repo.common_dir else ""
        self.known = Known(directory, on_trust=self.remote.traits.objects_only)
        self.layout: Layout | None = None
        self._looked = False

    @property
    def name(self) -> str:
        """What to call it in messages: its name, or its URL."""
        return self.named.name or self.remote.url

    def reader(self) -> Layout | None:
        """Who the remote says it is; ``None`` for a place without a marker. Raises: RemoteError.

        Of a place that holds objects only nothing is asked: its address is all there is to tell it by.
        """
        if not self._looked and self.remote.traits.objects_only:
            self.layout = Layout(_by_address(self.remote.url), 1)
            self._looked = True
            self.known.confirm(self.layout.id, self.layout.generation)
        if not self._looked:
            libraries.enable()  # a hook comes here without: whatever logs in or waits needs some
            self.layout = retried(lambda: read_layout(self.remote))
            self._looked = True
            if self.layout is None:
                self.known.doubt()
            else:
                self.known.confirm(self.layout.id, self.layout.generation)
        return self.layout

    def writer(self) -> Layout:
        """The same, made if the place is empty. Raises: RemoteError, AccessDenied."""
        layout = self.reader()
        if layout is None:
            if not self.remote.traits.writable:
                raise RemoteError(f"{self.remote.url} can only be read", "git data push OTHER")
            if self.named.is_committed and self.remote.local_path("layout"):
                raise RemoteError(
                    f"the folder '{self.remote.url}' is named only by .gitdata and holds no data yet",
                    f"to begin one there: git data remote add --local {self.named.name} {self.remote.url}",
                )
            layout = self.layout = retried(lambda: initialise(self.remote))
            self.known.confirm(layout.id, layout.generation)
        return layout

    def moved_on(self) -> bool:
        """Look again: whether objects were deleted since the last look, or are about to be.

        Raises: RemoteError, also when another place lies there now.
        """
        seen, self._looked = self.layout, False
        layout = self.reader()
        if layout is None or seen is None or layout.id != seen.id:
            raise RemoteError(f"{self.remote.url} became another place meanwhile", "git data remote check")
        return layout.generation != seen.generation

    def collecting(self) -> Layout:
        """Tell everybody that objects are about to be deleted. Raises: RemoteError."""
        from git_data.host.host import disturb

        assert self.layout is not None
        layout = self.layout
        self.layout = retried(lambda: bump(self.remote, layout, collecting=True))
        self.known.confirm(self.layout.id, self.layout.generation)
        # whoever is about to publish history here looks again, then, and sees the new generation
        disturb(self.remote)
        return self.layout

    def collected(self) -> None:
        """What was found there stays, again. Raises: RemoteError."""
        assert self.layout is not None
        layout = self.layout
        self.layout = retried(lambda: bump(self.remote, layout, collecting=False))
        self.known.confirm(self.layout.id, self.layout.generation)

    def close(self) -> None:
        """Give up connections."""
        self.remote.close()


def _by_address(url: str) -> str:
    """An identity made of what different addresses of one LFS server have in common, whatever the way to it."""
    rest = url.partition("://")[2].rpartition("@")[2]
    host, slash, path = rest.partition("/")
    name = path.strip("/").removeprefix("./").removesuffix("/info/lfs").removesuffix(".git")
    return sha256(f"{host.partition(':')[0].lower()}{slash}{name}".encode("utf-8", "surrogateescape")).hexdigest()[:32]
