"""A whole git repository on a remote: refs, history and their log, kept as plain objects under ``git/``."""
