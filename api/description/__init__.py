"""The OpenAPI description: what FastAPI makes from the routes, in plain types, with tags and with recorded examples."""

from api.description.build import describe

__all__ = ["describe"]
