"""The content-addressed store: objects, their check and their collection."""
