"""What the process for strangers' archives and its parent say to each other: a kind, a length, and so many bytes.

Nothing in it is ever executed or unpickled.
"""

from __future__ import annotations

import struct

HEAD = struct.Struct("<cI")
AT = struct.Struct("<d")
GATHER_BYTES = 1 << 17
LARGEST_BYTES = 64 << 20
"""A frame that claims more is a lie: names come by the mebibyte, and contents by less."""

ENTRIES = b"L"  # JSON: a list of rows
ENTRY = b"H"  # JSON: one row; its bytes follow
DATA = b"D"
DONE = b"T"  # the entry is whole; how far the archive has been read
FAILED = b"X"  # JSON: why the entry is not
BEAT = b"P"  # JSON: how far
END = b"F"  # JSON: what the archive is
REFUSED = b"R"  # JSON: why nothing more comes
