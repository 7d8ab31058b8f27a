"""Measures AutoConnect next to other engines: the same cube, from the same file, in the same run (`make bench`)."""
