"""``git data track``."""
