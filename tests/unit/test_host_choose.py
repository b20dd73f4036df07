"""Which packs a fetch needs: never too few, and each after what it is based on, whatever was pushed, deleted and compacted."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from git_data.host.choose import needed
from git_data.host.state import Pack


class Model:
    """A remote, and what is in its packs, as sets of commits. Commit ``n`` has parents below ``n``."""

    def __init__(self, parents: list[list[int]]) -> None:
        self.parents = parents
        self.refs: dict[int, int] = {}
        self.packs: list[Pack] = []
        self.contents: dict[str, set[int]] = {}

    def reach(self, tips: Iterable[int]) -> set[int]:
        """The tips and all their ancestors."""
        found: set[int] = set()
        left = list(tips)
        while left:
            commit = left.pop()
            if commit not in found:
                found.add(commit)
                left += self.parents[commit]
        return found

    def push(self, ref: int, commit: int, also: int) -> None:
        """As ``Push`` does: a pack of what no ref reaches, for the tips that no ref names."""
        tips = sorted({commit, also} - set(self.refs.values()))
        self._pack(tips, self.refs.values(), named=True)
        self.refs[ref], self.refs[ref + 100] = commit, also

    def delete(self, ref: int) -> None:
        """A deleted ref leaves its packs."""
        self.refs.pop(ref, None)

    def compact(self, kept: int, named: bool) -> None:
        """The later packs become one, of what the refs reach and the earlier ones do not have."""
        self.packs = self.packs[:kept]
        self._pack(sorted(set(self.refs.values())), [int(tip, 16) for pack in self.packs for tip in pack.tips], named)

    def _pack(self, tips: list[int], exclude: Iterable[int], named: bool) -> None:
        there = self.reach(exclude)
        content = self.reach(tips) - there
        if content:
            edge = {parent for commit in content for parent in self.parents[commit]} & there
            name = f"{len(self.contents):064x}-{0:08x}"
            inside = [hexadecimal(tip) for tip in tips if tip in content and named]
            pack = Pack(name, 1, inside, [hexadecimal(one) for one in sorted(edge)])
            self.packs.append(pack)
            self.contents[name] = content


def hexadecimal(commit: int) -> str:
    """The name of a commit."""
    return f"{commit:040x}"


@st.composite
def models(draw: st.DrawFn) -> Model:
    """A history, and things that were done to a remote."""
    size = draw(st.integers(2, 14))
    model = Model(
        [sorted({draw(st.integers(0, n - 1)) for _ in range(draw(st.integers(0, 2)))}) if n else [] for n in range(size)]
    )
    for _ in range(draw(st.integers(1, 10))):
        what = draw(st.sampled_from(["push", "push", "push", "delete", "compact"]))
        if what == "push":
            model.push(draw(st.integers(0, 3)), draw(st.integers(0, size - 1)), draw(st.integers(0, size - 1)))
        elif what == "delete":
            model.delete(draw(st.integers(0, 3)))
        elif model.packs:
            model.compact(draw(st.integers(0, len(model.packs) - 1)), draw(st.booleans()))
    return model


@settings(max_examples=400)
@given(models(), st.data())
def test_a_fetch_gets_all_it_lacks_in_the_order_it_can_be_taken(model: Model, data: st.DataObject) -> None:
    tips = sorted(set(model.refs.values()))
    wants = data.draw(st.lists(st.sampled_from(tips), min_size=1)) if tips else []
    here = model.reach(data.draw(st.lists(st.integers(0, len(model.parents) - 1), max_size=3)))
    packs = needed(model.packs, map(hexadecimal, wants), lambda oid: int(oid, 16) in here)
    have = set(here)
    for pack in packs:
        assert model.reach(int(oid, 16) for oid in pack.requires) <= have, "a thin pack before what it is based on"
        have |= model.contents[pack.name]
    assert model.reach(wants) <= have
    if set(wants) <= here:
        assert packs == []


def test_who_is_one_push_behind_takes_one_pack() -> None:
    model = Model([[], [0], [1], [2]])
    for commit in range(4):
        model.push(0, commit, commit)
    here = model.reach([2])
    assert needed(model.packs, [hexadecimal(3)], lambda oid: int(oid, 16) in here) == model.packs[3:]
