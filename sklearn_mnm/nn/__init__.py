"""Towers, losses and the training loop: torch code that knows neither scikit-learn nor brains."""
