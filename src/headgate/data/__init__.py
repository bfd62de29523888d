"""From a user's file to batches of numbers; this room knows no model.

sources (a file) → columns (a table) → splits (train, valid, test) → fields (ids) → batches.
"""
