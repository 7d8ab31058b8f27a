"""How a source is judged from a sample of its bytes: one module per part of its dialect, tied together by `sniff`."""

from autoconnect.core.sniffer.sample import Sample, read_sample
from autoconnect.core.sniffer.sniff import Sniffed, sniff, sniff_bytes

__all__ = ["Sample", "Sniffed", "read_sample", "sniff", "sniff_bytes"]
