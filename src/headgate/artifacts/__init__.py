"""A model as a directory: its parts, their checksums, its card. Knows no model."""

from __future__ import annotations
