"""One module per command: parse, call down, render.  ``git_data.__main__`` holds their table."""
