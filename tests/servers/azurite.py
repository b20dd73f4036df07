"""Azurite, Microsoft's own stand-in for Azure Blob Storage (npm), one of the session, started when a test first wants it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from servers.web import cannot, free_port, program

_CONTAINER = "tests"
# public knowledge: every Azurite has this account (its documentation, "Storage accounts")
ACCOUNT, KEY = "devstoreaccount1", "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_numbers = count()


class Azurite:
    """A running server."""

    def __init__(self, port: int) -> None:
        self.connection = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint=http://127.0.0.1:{port}/{ACCOUNT};"
        )

    def url(self) -> str:
        """A place nobody has used."""
        return f"az://{_CONTAINER}/p{os.getpid()}-{next(_numbers)}"


def find_azurite() -> str | None:
    return os.environ.get("GIT_DATA_TEST_AZURITE") or shutil.which("azurite-blob")


@pytest.fixture(scope="session")
def azurite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Azurite]:
    """The server of this session, with a container."""
    command = find_azurite()
    if command is None:
        cannot("azurite-blob is not installed (npm install azurite); GIT_DATA_TEST_AZURITE names it")
    try:
        from azure.storage.blob import ContainerClient
    except ImportError:
        cannot("adlfs is not installed")
    place: Path = tmp_path_factory.mktemp("azurite")
    port = free_port()
    words = [str(command), "--blobHost", "127.0.0.1", "--blobPort", str(port), "--location", str(place), "--silent"]
    words += ["--skipApiVersionCheck", "--disableTelemetry"]
    with program(words, port, place / "log"):
        server = Azurite(port)
        with ContainerClient.from_connection_string(server.connection, _CONTAINER) as container:
            container.create_container()
        yield server
    shutil.rmtree(place, ignore_errors=True)


@pytest.fixture
def azurite(azurite_server: Azurite, monkeypatch: pytest.MonkeyPatch) -> Azurite:
    """The server, with its credentials in the environment of the test and nothing else of Azure's."""
    for name in list(os.environ):
        if name.startswith("AZURE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", azurite_server.connection)
    return azurite_server
