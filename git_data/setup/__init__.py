"""What ``git data install`` writes: git configuration and hooks."""
