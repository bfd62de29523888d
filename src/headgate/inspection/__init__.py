"""Read-only views of a model and of what it did."""
