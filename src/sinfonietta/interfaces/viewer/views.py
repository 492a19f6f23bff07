"""Hand out the viewer's files to people who are signed in."""

from __future__ import annotations

from functools import partial

from csp.constants import SELF
from csp.decorators import csp_replace
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from sinfonietta.common.errors import NotFound, Unavailable
from sinfonietta.interfaces.http import access
from sinfonietta.interfaces.http.encodings import takes_gzip
from sinfonietta.interfaces.viewer import files

# Where OHIF needs more than the portal: decoders are WebAssembly; the decoders of JPEG-LS and JPEG 2000, and the arrays
# (ndarray) through which segmentations are read, make functions from text, of names and numbers of their own, never of
# a file's; styles are set from script; results are loaded from blob: and data:; a PDF is shown by the browser's
# plug-in. No script stands in a page, and it may speak to this site alone. A worker obeys the policy of its own script.
POLICY = {
    "script-src": [SELF, "'unsafe-eval'"],
    "worker-src": [SELF, "blob:"],
    "style-src": [SELF, "'unsafe-inline'"],
    "connect-src": [SELF, "blob:", "data:"],
    "object-src": [SELF],
}


@access.signed_in
@require_safe
def serve(request: HttpRequest, path: str = "") -> HttpResponseBase:
    """A file of the viewer, or its start page for an address inside the application.

    Raises NotFound for a file that does not exist and Unavailable when the viewer was not installed.
    """
    table = files.table()
    if not table:
        raise Unavailable("The viewer is not installed here. In a checkout, scripts/setup.py installs it.")
    file = table.get(path)
    if file is None:
        if files.looks_like_file(path):
            raise NotFound
        file = table[files.START_PAGE]
    return csp_replace(POLICY)(partial(_respond, file=file))(request)


def _respond(request: HttpRequest, file: files.ViewerFile) -> HttpResponseBase:
    headers = {
        "Cache-Control": "private, max-age=31536000, immutable" if file.unchanging else "private, no-cache",
        "ETag": file.etag,
        "Vary": "Accept-Encoding",
    }
    unchanged = get_conditional_response(request, etag=file.etag)
    if unchanged is not None:
        return HttpResponse(status=unchanged.status_code, headers=headers)
    if not file.compressed:
        return FileResponse(file.path.open("rb"), content_type=file.media_type, headers=headers)
    if takes_gzip(request):
        headers["Content-Encoding"] = "gzip"
        return FileResponse(file.path.open("rb"), content_type=file.media_type, headers=headers)
    return HttpResponse(file.plain(), content_type=file.media_type, headers=headers)
