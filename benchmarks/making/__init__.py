"""Programs that made what the package embeds."""
