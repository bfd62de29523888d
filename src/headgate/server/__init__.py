"""Models over HTTP: predictions, sessions that are kept, completions."""
