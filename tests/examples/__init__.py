"""Records examples for the OpenAPI description: real answers of a small stack."""
