"""What we know of git: its commands, its protocol, its index, its attributes and its hooks."""
