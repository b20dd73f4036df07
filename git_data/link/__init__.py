"""Putting content in place without copying it: reflink, hard link, copy, symbolic link."""
