"""Places that hold data: one file per kind, all behind the contract of ``base``."""
