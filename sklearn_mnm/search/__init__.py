"""Nearest points, in memory, on disk and by other engines; walks to the root."""
