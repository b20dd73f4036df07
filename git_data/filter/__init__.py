"""The long-running filter process and its single-shot forms: git's clean and smudge."""
