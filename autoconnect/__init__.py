"""Code that the four services share: pure functions in `core`, Redis in `broker`, settings, logs and errors."""
