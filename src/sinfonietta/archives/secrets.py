"""The password of an encrypted archive, while its job waits.

A job outlives the request, the worker and a restart, so its password must lie somewhere: in the job's own row, sealed
with the site's key (AES-GCM, bound to the job), until the job ends. Asking again would mean a job that stands still
until somebody looks. A copy of the database alone, such as a backup without secrets, does not tell it.
"""

from __future__ import annotations

import hashlib
import hmac
from uuid import UUID

from Cryptodome.Cipher import AES
from Cryptodome.Random import get_random_bytes
from django.conf import settings

NONCE_BYTES = TAG_BYTES = 16


def _key() -> bytes:
    return hmac.new(settings.SECRET_KEY.encode(), b"sinfonietta.archives.secrets", hashlib.sha256).digest()


def sealed(password: str, job: UUID) -> bytes:
    """For the database; empty for none."""
    if not password:
        return b""
    nonce = get_random_bytes(NONCE_BYTES)
    cipher = AES.new(_key(), AES.MODE_GCM, nonce=nonce)
    cipher.update(job.bytes)
    text, tag = cipher.encrypt_and_digest(password.encode())
    return nonce + tag + text


def unsealed(secret: bytes, job: UUID) -> str:
    """The password again. Raises ValueError where the site has another key now, or the row is another job's."""
    if not secret:
        return ""
    nonce, tag, text = secret[:NONCE_BYTES], secret[NONCE_BYTES : NONCE_BYTES + TAG_BYTES], secret[32:]
    cipher = AES.new(_key(), AES.MODE_GCM, nonce=nonce)
    cipher.update(job.bytes)
    return cipher.decrypt_and_verify(text, tag).decode()
