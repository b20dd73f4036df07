"""Which packs a fetch needs. Pure: what is complete here is asked of the caller."""

from __future__ import annotations

from bisect import bisect_left

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from git_data.host.state import Pack


def needed(packs: list[Pack], wants: Iterable[str], is_complete: Callable[[str], bool]) -> list[Pack]:
    """The packs that hold what ``wants`` (hex) reach and ``is_complete`` does not say is here, in the order to apply them.

    From the pack that was made for a wanted object one goes on to what that pack requires.  An object that no pack names (below
    the tip of a push, or in a compacted pack) may be in any of the packs before.
    """
    made_for: dict[str, list[int]] = {}
    for number, pack in enumerate(packs):
        for tip in pack.tips:
            made_for.setdefault(tip, []).append(number)
    chosen: set[int] = set()
    asked: set[tuple[str, int]] = set()
    left = [(oid, len(packs)) for oid in wants]
    while left:
        oid, before = left.pop()
        if (oid, before) in asked:
            continue
        asked.add((oid, before))
        if is_complete(oid):
            continue
        # a ref that was deleted and pushed again may have had two packs made for it: the later one comes too late here
        numbers = made_for.get(oid, [])
        earlier = bisect_left(numbers, before)
        number = numbers[earlier - 1] if earlier else -1
        if number < 0:
            chosen.update(range(before))
        elif number not in chosen:
            chosen.add(number)
            left += [(required, number) for required in packs[number].requires]
    return [packs[number] for number in sorted(chosen)]
