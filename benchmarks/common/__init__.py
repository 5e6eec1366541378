"""The protocol, runs in processes of their own, and tables."""
