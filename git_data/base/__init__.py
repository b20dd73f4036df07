"""Files, locks, processes' output and messages: what every layer above stands on."""
