"""Moving many objects between the store and a remote."""
