"""Writes the script that draws charts in browsers to its output, compressed: it needs 75 MB for a second."""

import gzip
import sys

import vl_convert

#: What the script does at its end.
_LAST = "window.vegaEmbed = vegaEmbed;"


def main() -> None:
    """Write vega-embed with all that it needs as one script, which defines `vegaEmbed`."""
    sys.stdout.buffer.write(gzip.compress(vl_convert.javascript_bundle(_LAST).encode(), mtime=0))


if __name__ == "__main__":
    main()
