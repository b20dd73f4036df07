"""The two ways in which S3 writes times."""

from __future__ import annotations

from datetime import datetime, timezone

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_time(text: str) -> float:
    """``Sun, 06 Nov 1994 08:49:37 GMT`` (RFC 9110, section 5.6.7) as seconds of the epoch; 0 for anything else."""
    try:
        _, day, month, year, clock, _ = text.split()
        hour, minute, second = clock.split(":")
        found = datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=timezone.utc)
        return found.timestamp()
    except ValueError:
        return 0.0


def xml_time(text: str) -> float:
    """``1994-11-06T08:49:37.000Z`` as seconds of the epoch; 0 for anything else."""
    try:
        numbers = (text[:4], text[5:7], text[8:10], text[11:13], text[14:16], text[17:19])
        year, month, day, hour, minute, second = map(int, numbers)
        fraction = float(text[19:-1]) if text[19:20] == "." else 0.0
        return datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp() + fraction
    except ValueError:
        return 0.0
