"""The user's files: which of them wait for their content, and putting it there."""
