"""Helpers that know nothing of brains, texts or geometry."""
