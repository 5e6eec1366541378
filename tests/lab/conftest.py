"""The laboratory: what takes long, run by ``make lab``."""
