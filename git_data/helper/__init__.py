"""``git-remote-data``: what git talks to for URLs that begin with ``data::`` (gitremote-helpers(7))."""
