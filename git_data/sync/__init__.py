"""Sharing: what push, fetch and their relatives need from git, the store and remotes."""
