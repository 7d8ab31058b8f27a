"""Draws pictures of charts with vl-convert, which holds the interpreter while it draws: services give it a process.

This module imports little, so that the process starts soon. The process writes the line `ready`, then reads requests, a
line of JSON each: `{"form": "svg" or "png", "spec": ...}`. It answers each with a line that says `drawn` or `failed`
and the number of bytes that follow: the picture, or the reason in UTF-8.
"""

import json
import signal
import sys
from typing import Any

import vl_convert

from autoconnect.memory import limit_memory, resident_bytes

#: Bytes that a picture may need besides those of the first one: the largest needs 60 MB (measured).
_PICTURE_BYTES = 192 << 20
#: Drawn first: it takes half a second, and tells how much memory is needed before anything is drawn.
_FIRST = {"$schema": "https://vega.github.io/schema/vega-lite/v6.json", "data": {"values": [{}]}, "mark": "point"}


def draw(form: str, spec: dict[str, Any]) -> bytes:
    """The picture of a Vega-Lite specification, which may load nothing; raises ValueError for an impossible one."""
    if form == "svg":
        return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]).encode()
    return vl_convert.vegalite_to_png(spec, allowed_base_urls=[])


def serve() -> None:
    """Draw what comes in, until there is no more."""
    for line in sys.stdin.buffer:
        request = json.loads(line)
        try:
            word, body = "drawn", draw(request["form"], request["spec"])
        except ValueError as error:
            word, body = "failed", str(error).encode()
        sys.stdout.buffer.write(f"{word} {len(body)}\n".encode() + body)
        sys.stdout.buffer.flush()


def main() -> None:
    """Run the process, which its parent ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    draw("png", _FIRST)
    limit_memory(resident_bytes() + _PICTURE_BYTES)
    sys.stdout.buffer.write(b"ready\n")
    sys.stdout.buffer.flush()
    serve()


if __name__ == "__main__":
    main()
