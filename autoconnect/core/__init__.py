"""The rules of the product as pure functions, without Redis, files or a clock."""
