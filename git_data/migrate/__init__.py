"""Moving a repository to git-data: from git-lfs, DVC, git-annex, plain git; and back."""
