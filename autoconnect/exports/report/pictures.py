"""Pictures of charts as parts of a page."""

from xml.etree import ElementTree

_SVG = "{http://www.w3.org/2000/svg}"
#: Elements that charts are drawn with, and their attributes. A page gets no others: none can load or run anything.
_ELEMENTS = frozenset(
    {"svg", "g", "path", "rect", "line", "text", "tspan", "circle", "clipPath", "defs", "linearGradient", "stop"}
)
_ATTRIBUTES = frozenset(
    {"clip-path", "cx", "cy", "d", "dx", "dy", "fill", "fill-opacity", "font-family", "font-size", "font-style"}
    | {"font-weight", "gradientUnits", "height", "id", "offset", "opacity", "pointer-events", "r", "rx", "ry"}
    | {"stop-color", "stroke", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit"}
    | {"stroke-opacity", "stroke-width", "text-anchor", "transform", "viewBox", "width", "x", "x1", "x2", "y"}
    | {"y1", "y2"}
)
_REFERENCE = "url(#"


def inline(svg: bytes, place: int, label: str) -> str:
    """An SVG for a page, as wide as there is room; `label` says what it shows.

    Its ids are told apart from those of other pictures by `place`. Raises ParseError if it is not XML.
    """
    root = ElementTree.fromstring(svg)
    _clean(root, f"p{place}-")
    del root.attrib["width"], root.attrib["height"]
    root.attrib |= {"role": "img", "aria-label": label, "preserveAspectRatio": "xMinYMin"}
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element, prefix: str) -> None:
    element.tag = element.tag.removeprefix(_SVG)
    for name in element.attrib.keys() - _ATTRIBUTES:
        del element.attrib[name]
    for name, value in element.attrib.items():
        if name == "id":
            element.set(name, prefix + value)
        elif value.startswith(_REFERENCE):
            element.set(name, value.replace(_REFERENCE, _REFERENCE + prefix))
    for child in list(element):
        if child.tag.removeprefix(_SVG) in _ELEMENTS:
            _clean(child, prefix)
        else:
            element.remove(child)
