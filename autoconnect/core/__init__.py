"""The rules of the product as pure functions: values in, values out; no Redis, no files, no clock."""
