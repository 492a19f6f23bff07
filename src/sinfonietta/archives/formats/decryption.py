"""Encrypted entries of zip: the old cipher of PKZIP (APPNOTE 6.1), and the AES of WinZip and 7-Zip (AE-1, AE-2)."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Callable

from sinfonietta.archives.formats.entries import BLOCK_BYTES, Broken, Content, Locked

WRONG = "The password is wrong."
NEEDED = "It is encrypted; it needs its password."
AES_KEY_BYTES = {1: 16, 2: 24, 3: 32}
MAC_BYTES = 10
ITERATIONS = 1000
CRC_TABLE = [zlib.crc32(bytes([number]), 0xFFFFFFFF) ^ 0xFFFFFFFF for number in range(256)]
"""The step of a CRC-32 for each byte, from a register of zero."""


def pkzip(blocks: Content, password: bytes, check: int) -> Content:
    """Decrypt; ``check`` is the byte that the twelfth must be. Raises Locked. Slow by its nature: a byte at a time."""
    key0, key1, key2 = 0x12345678, 0x23456789, 0x34567890
    table = CRC_TABLE

    def step(byte: int) -> None:
        nonlocal key0, key1, key2
        key0 = table[(key0 ^ byte) & 0xFF] ^ (key0 >> 8)
        key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
        key2 = table[(key2 ^ (key1 >> 24)) & 0xFF] ^ (key2 >> 8)

    for byte in password:
        step(byte)
    skipped = 12
    for block in blocks:
        plain = bytearray(len(block))
        for at, byte in enumerate(block):
            mask = key2 | 2
            byte ^= ((mask * (mask ^ 1)) >> 8) & 0xFF  # noqa: PLW2901 - plain from here on
            key0 = table[(key0 ^ byte) & 0xFF] ^ (key0 >> 8)
            key1 = ((key1 + (key0 & 0xFF)) * 134775813 + 1) & 0xFFFFFFFF
            key2 = table[(key2 ^ (key1 >> 24)) & 0xFF] ^ (key2 >> 8)
            plain[at] = byte
        if skipped:
            if len(plain) < skipped:
                raise Broken("Its encrypted bytes end too early.")
            if plain[11] != check:
                raise Locked(WRONG, wrong=True)
            plain, skipped = plain[12:], 0
        yield bytes(plain)


def aes(blocks: Content, password: bytes, strength: int, length: int) -> Content:
    """Decrypt ``length`` bytes of salt, verifier, content and authentication code. Raises Locked, Broken."""
    from Cryptodome.Cipher import AES  # noqa: PLC0415 - few archives need it
    from Cryptodome.Util import Counter  # noqa: PLC0415

    key_bytes = AES_KEY_BYTES.get(strength)
    if key_bytes is None:
        raise Broken("It is encrypted in a way that cannot be read here.")
    salt_bytes = key_bytes // 2
    data = _exact(blocks)
    salt, verifier = data(salt_bytes), data(2)
    keys = hashlib.pbkdf2_hmac("sha1", password, salt, ITERATIONS, 2 * key_bytes + 2)
    if not hmac.compare_digest(keys[-2:], verifier):
        raise Locked(WRONG, wrong=True)
    code = hmac.new(keys[key_bytes:-2], digestmod="sha1")
    cipher = AES.new(keys[:key_bytes], AES.MODE_CTR, counter=Counter.new(128, little_endian=True, initial_value=1))
    left = length - salt_bytes - 2 - MAC_BYTES
    if left < 0:
        raise Broken("Its encrypted bytes end too early.")
    while left:
        block = data(min(left, BLOCK_BYTES))
        left -= len(block)
        code.update(block)
        yield cipher.decrypt(block)
    if not hmac.compare_digest(code.digest()[:MAC_BYTES], data(MAC_BYTES)):
        raise Broken("Its encrypted bytes are damaged.")


def _exact(blocks: Content) -> Callable[[int], bytes]:
    waiting = bytearray()
    blocks = iter(blocks)

    def read(length: int) -> bytes:
        while len(waiting) < length:
            block = next(blocks, b"")
            if not block:
                raise Broken("Its encrypted bytes end too early.")
            waiting.extend(block)
        found = bytes(waiting[:length])
        del waiting[:length]
        return found

    return read
