"""Content that looks like a pointer and is none, and pointers that lie.

The first is ordinary content and comes back byte for byte; what the second name is never handed out.
"""

from __future__ import annotations

import hashlib

import pytest
from helpers import Repo, content, pointer_of

from git_data.pointer import parse

OID = "4665a5ea423c2713d436b5ee50593a9640e0018c1550b5a0002f74190d6caea8"
LFS = "version https://git-lfs.github.com/spec/v1"

NOT_POINTERS = {
    "size-of-2-to-the-63": f"version git-data/1\noid sha256:{OID}\nsize 9223372036854775808\n",
    "size-of-200-digits": f"version git-data/1\noid sha256:{OID}\nsize {'9' * 200}\n",
    "negative-size": f"version git-data/1\noid sha256:{OID}\nsize -1\n",
    "size-with-a-plus": f"version git-data/1\noid sha256:{OID}\nsize +12\n",
    "size-zero": f"version git-data/1\noid sha256:{OID}\nsize 0\n",
    "size-with-leading-zero": f"version git-data/1\noid sha256:{OID}\nsize 012\n",
    "size-in-hex": f"version git-data/1\noid sha256:{OID}\nsize 0x10\n",
    "size-in-other-digits": f"version git-data/1\noid sha256:{OID}\nsize ١٢\n",
    "no-size": f"version git-data/1\noid sha256:{OID}\n",
    "duplicate-size": f"version git-data/1\noid sha256:{OID}\nsize 12\nsize 12\n",
    "duplicate-oid": f"version git-data/1\noid sha256:{OID}\noid sha256:{OID}\nsize 12\n",
    "other-order": f"version git-data/1\nsize 12\noid sha256:{OID}\n",
    "crlf": f"version git-data/1\r\noid sha256:{OID}\r\nsize 12\r\n",
    "no-last-newline": f"version git-data/1\noid sha256:{OID}\nsize 12",
    "text-appended": f"version git-data/1\noid sha256:{OID}\nsize 12\nand more\n",
    "blank-line-appended": f"version git-data/1\noid sha256:{OID}\nsize 12\n\n",
    "nul-appended": f"version git-data/1\noid sha256:{OID}\nsize 12\n\0",
    "byte-order-mark": f"\ufeffversion git-data/1\noid sha256:{OID}\nsize 12\n",
    "upper-case-oid": f"version git-data/1\noid sha256:{OID.upper()}\nsize 12\n",
    "short-oid": f"version git-data/1\noid sha256:{OID[:63]}\nsize 12\n",
    "oid-that-climbs": f"version git-data/1\noid sha256:../../../../../../../../../../../../etc/passwd{'/' * 18}x\nsize 12\n",
    "oid-with-nul": f"version git-data/1\noid sha256:{OID[:63]}\0\nsize 12\n",
    "sha1": f"version git-data/1\noid sha1:{OID[:40]}\nsize 12\n",
    "next-version": f"version git-data/2\noid sha256:{OID}\nsize 12\n",
    "two-spaces": f"version git-data/1\noid  sha256:{OID}\nsize 12\n",
    "trailing-space": f"version git-data/1\noid sha256:{OID}\nsize 12 \n",
    "lfs-with-extension": f"{LFS}\next-0-foo sha256:{OID}\noid sha256:{OID}\nsize 12\n",
    "lfs-with-crlf": f"{LFS}\r\noid sha256:{OID}\r\nsize 12\r\n",
    "lfs-of-before": f"version http://git-media.io/v/2\noid sha256:{OID}\nsize 12\n",
    "pointer-of-1024-bytes": f"version git-data/1\noid sha256:{OID}\nsize 12\n".ljust(1024, "#"),
    "pointer-of-two-kilobytes": f"version git-data/1\noid sha256:{OID}\nsize 12\n" * 20,
}


@pytest.fixture(scope="module")
def full_repo(tmp_path_factory: pytest.TempPathFactory) -> Repo:
    """A repository with every such content under two names: added by the user, and put into git by an attacker."""
    from helpers import make_repo

    repo = make_repo(tmp_path_factory.mktemp("hostile") / "repo")
    entries = []
    for name, text in NOT_POINTERS.items():
        repo.write(f"added/{name}.bin", text)
        blob = repo.git("hash-object", "-w", "--no-filters", "--stdin", stdin=text.encode()).strip()
        entries.append(f"100644 {blob}\tforged/{name}.bin\n")
    repo.git("add", ".")
    repo.git("update-index", "--index-info", stdin="".join(entries).encode())
    repo.git("commit", "-q", "-m", "hostile")
    repo.git("rm", "-rq", "--cached", ".")
    for file in [*repo.path.glob("added/*"), *repo.path.glob("forged/*")]:
        file.unlink()
    repo.git("reset", "-q", "--hard")
    return repo


@pytest.mark.parametrize("name", NOT_POINTERS)
def test_ordinary_content_comes_back_byte_for_byte(full_repo: Repo, name: str) -> None:
    data = NOT_POINTERS[name].encode()
    assert parse(data) is None
    assert full_repo.blob(f"added/{name}.bin") == pointer_of(data)
    assert full_repo.read(f"added/{name}.bin") == data
    assert full_repo.blob(f"forged/{name}.bin") == data
    assert full_repo.read(f"forged/{name}.bin") == data


def test_reading_all_of_them_does_not_stop_a_command(full_repo: Repo) -> None:
    for command in (["ls-files"], ["status"], ["fsck", "--pointers"], ["checkout"], ["du"], ["gc"]):
        done = full_repo.run("git", "data", *command, ok=None)
        assert b"Traceback" not in done.stderr, done.stderr.decode()


# -- pointers in the right form that name something else


def forge(repo: Repo, path: str, pointer: bytes) -> None:
    """Commit a pointer, and check it out."""
    blob = repo.git("hash-object", "-w", "--no-filters", "--stdin", stdin=pointer).strip()
    repo.git("update-index", "--add", "--cacheinfo", f"100644,{blob},{path}")
    repo.git("commit", "-q", "--no-verify", "-m", "forged")
    repo.git("checkout", "--", path)


@pytest.mark.parametrize("size", [1, 4999, 5001, 10**12, 2**63 - 1])
def test_a_pointer_that_lies_about_the_size(repo: Repo, size: int) -> None:
    data = repo.write("a.bin", 5000)
    repo.commit()
    lie = f"version git-data/1\noid sha256:{hashlib.sha256(data).hexdigest()}\nsize {size}\n".encode()
    forge(repo, "b.bin", lie)
    assert repo.read("b.bin") == lie
    assert repo.status() == ""
    done = repo.run("git", "cat-file", "--filters", "HEAD:b.bin", ok=None)
    assert done.returncode != 0 and data[:100] not in done.stdout
    assert b"b.bin" in done.stderr and b"Traceback" not in done.stderr
    assert repo.object(data).read_bytes() == data, "the object is not to blame"
    assert "b.bin" in repo.fails("data", "checkout", status=3)


def test_a_pointer_to_content_that_is_a_pointer(repo: Repo) -> None:
    """Content is never looked into a second time: no chain, no loop."""
    inner = pointer_of(content(5000))
    oid = repo.run("git", "data", "clean", stdin=content(5000)).stdout
    assert parse(oid)
    repo.object(inner).parent.mkdir(exist_ok=True)
    repo.object(inner).write_bytes(inner)
    forge(repo, "a.bin", pointer_of(inner))
    assert repo.read("a.bin") == inner
    assert repo.run("git", "cat-file", "--filters", "HEAD:a.bin").stdout == inner


def test_a_pointer_in_a_symbolic_link_is_a_link(repo: Repo) -> None:
    data = repo.write("a.bin", 5000)
    repo.commit()
    blob = repo.git("hash-object", "-w", "--no-filters", "--stdin", stdin=pointer_of(data)).strip()
    repo.git("update-index", "--add", "--cacheinfo", f"120000,{blob},link.bin")
    repo.git("commit", "-q", "--no-verify", "-m", "a link whose target is the text of a pointer")
    repo.git("checkout", "-q", "--", "link.bin")
    assert repo.file("link.bin").is_symlink()
    repo.data("checkout")
    repo.data("fsck", "--pointers")
    assert repo.file("link.bin").is_symlink() and repo.status() == ""
