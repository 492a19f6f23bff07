"""Which format a file has, by its content."""

from __future__ import annotations

import os

from sinfonietta.archives.formats.entries import Archive, Beat, NotAnArchive

SEVEN = b"7z\xbc\xaf\x27\x1c"
TARS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd")


def opened(descriptor: int, password: str, beat: Beat) -> Archive:
    """The archive in a file. Raises NotAnArchive, Broken, Locked."""
    head = os.pread(descriptor, 512, 0)
    if head.startswith(SEVEN):
        from sinfonietta.archives.formats.seven import SevenZipArchive  # noqa: PLC0415 - who reads zips does not wait

        return SevenZipArchive(descriptor, password, beat)
    from sinfonietta.archives.formats.tar import TarArchive  # noqa: PLC0415

    if head.startswith(TARS):
        return TarArchive(descriptor, password, beat)
    from sinfonietta.archives.formats.zip import ZipArchive  # noqa: PLC0415

    # A tar may hold a zip as its last entry, whose directory then ends the file: the beginning decides.
    if head[257:262] != b"ustar":
        try:
            return ZipArchive(descriptor, password, beat)
        except NotAnArchive:
            pass
    return TarArchive(descriptor, password, beat)
