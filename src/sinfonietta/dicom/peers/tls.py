"""TLS between DICOM nodes (DICOM PS3.15 B, BCP 195)."""

from __future__ import annotations

import ssl

from django.conf import settings


def for_callers() -> ssl.SSLContext | None:
    """TLS of those who call us; None where the site has no certificate.

    With authorities (``dimse_tls_ca``) the other node must show a certificate too. Raises OSError, ssl.SSLError.
    """
    options = settings.OPTIONS
    if options.dimse_tls_certificate is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(options.dimse_tls_certificate, options.dimse_tls_key)
    if options.dimse_tls_ca:
        context.load_verify_locations(options.dimse_tls_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def for_calling() -> ssl.SSLContext:
    """TLS of our calls. The site's own authorities vouch for nodes, whose certificates seldom name a host; where the
    system's do, which vouch for anybody, the name must fit. Raises OSError, ssl.SSLError.
    """
    options = settings.OPTIONS
    context = ssl.create_default_context(cafile=options.dimse_tls_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = options.dimse_tls_ca is None
    if options.dimse_tls_certificate:
        context.load_cert_chain(options.dimse_tls_certificate, options.dimse_tls_key)
    return context
