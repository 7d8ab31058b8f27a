"""Code that the four services share: pure functions in `core`, Redis in `broker`, settings, logs and errors."""

#: As in pyproject.toml; containers have the code alone, without the metadata of an installed package.
__version__ = "0.1.0"
