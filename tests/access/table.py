"""Who may what at every route of the URL table: one line a method.

A route or a method that is not here fails ``test_every_route``. Braces name things of the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.support.dicomweb import BOUNDARY, body_of
from tests.support.objects import dataset
from tests.support.world import EVERYBODY, NOBODY, ct

OK = 200
"""Any answer that is good (below 400)."""
Rule = dict[str, int]
STUDY = "1.3.6.1.4.1.5962.1.2.1.20040119072730.12322"
SERIES = "1.3.6.1.4.1.5962.1.3.1.1.20040119072730.12322"
INSTANCE = "1.3.6.1.4.1.5962.1.1.1.1.1.20040119072730.12322"
READ_TOKEN, WRITE_TOKEN = "owner's read token", "owner's write token"


def rule(otherwise: int, **by_role: int) -> Rule:
    """An answer for each role. The owner's tokens answer as the owner, unless they are named."""
    found = dict.fromkeys(EVERYBODY, otherwise) | by_role
    for token in (READ_TOKEN, WRITE_TOKEN):
        found[token] = by_role.get(token, found["owner"])
    return {NOBODY: 401} | found


def may(**by_role: int) -> Rule:
    """A thing of the owner's that does not exist for whom nothing is said of."""
    return rule(404, **by_role)


READS_ONLY = {READ_TOKEN: 403}
NO_SITE = {READ_TOKEN: 403, WRITE_TOKEN: 403}
# Nodes, by level. What is hidden from administrator and auditor is hidden like from any stranger.
READ = may(reader=OK, writer=OK, manager=OK, owner=OK)
WRITE = may(reader=403, writer=OK, manager=OK, owner=OK, **READS_ONLY)
MANAGE = may(reader=403, writer=403, manager=OK, owner=OK, **READS_ONLY)
OWNER = may(reader=403, writer=403, manager=403, owner=OK, **READS_ONLY)
# Lists and one's own account
ANYONE = rule(OK)
ANYONE_WRITES = rule(OK, **READS_ONLY)
ANYONE_ADMINISTERS = rule(OK, **NO_SITE)
# The site
ADMIN = rule(403, administrator=OK)
AUDITOR = rule(403, auditor=OK)
# Things of one account or group
OWN = may(owner=OK)
OWN_WRITE = may(owner=OK, **READS_ONLY)
OWN_AND_SITE = may(owner=OK, administrator=OK)
OWN_AND_SITE_WRITE = OWN_AND_SITE | READS_ONLY


@dataclass(frozen=True)
class Row:
    """One method of a route, and the answer of each role to it. ``costly``: the good answers are asked for once."""

    method: str
    url: str
    rule: Rule
    body: str | bytes = ""
    headers: dict[str, str] = field(default_factory=dict)
    costly: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.url}"


def json(method: str, url: str, rule: Rule, body: str = "") -> Row:
    return Row(method, f"/api/v1/{url}", rule, body)


def form(url: str, rule: Rule, body: str = "") -> Row:
    return Row("POST", f"/{url}", rule, body, {"Content-Type": "application/x-www-form-urlencoded"})


def page(url: str, rule: Rule, **more: Any) -> Row:
    return Row("GET", f"/{url}", rule, **more)


PEER_USE = may(owner=OK, administrator=403, **READS_ONLY)
"""Nobody listens where the world's other node is said to be: who may ask it is told so (503)."""
ONE_STUDY = f'{{"study": "{STUDY}"}}'
NEW_PEER = '{"ae_title": "NEW", "host": "127.0.0.1", "port": 104, "account": "owner"}'
EXPORT = f'{{"form": "nifti", "study": "{STUDY}", "series": "{SERIES}", "into": "' + '{folder}"}'
HERE = '{"parent": "{folder}", "name": "new"}'
API = [
    json("GET", "openapi.json", ANYONE), json("GET", "docs", ANYONE),
    json("GET", "me", ANYONE), json("GET", "principals?q=a", ANYONE),
    json("GET", "tokens", ANYONE), json("POST", "tokens", ANYONE_ADMINISTERS, '{"name": "n"}'),
    json("GET", "tokens/{token}", OWN), json("DELETE", "tokens/{token}", OWN_AND_SITE_WRITE),
    json("GET", "groups", ANYONE), json("POST", "groups", ANYONE_WRITES, '{"name": "n"}'),
    json("GET", "groups/{group}", OWN_AND_SITE), json("DELETE", "groups/{group}", OWN_AND_SITE_WRITE),
    json("GET", "groups/{group}/members", OWN_AND_SITE),
    json("POST", "groups/{group}/members", OWN_AND_SITE_WRITE, '{"user": "reader"}'),
    json("GET", "groups/{group}/members/{owner_id}", OWN_AND_SITE),
    json("DELETE", "groups/{group}/members/{owner_id}", OWN_AND_SITE_WRITE),
    json("GET", "collections", ANYONE), json("POST", "collections", ANYONE_WRITES, '{"name": "n"}'),
    json("GET", "collections/{collection}", READ),
    json("PATCH", "collections/{collection}", MANAGE, '{"deidentification": "refuse"}'),
    json("PATCH", "collections/{collection}", WRITE, '{"description": "d"}'),
    json("DELETE", "collections/{collection}", MANAGE),
    json("GET", "collections/{collection}/owners", READ),
    json("PUT", "collections/{collection}/owners", OWNER, '["{owner_id}", "{reader_id}"]'),
    json("POST", "folders", WRITE, HERE), json("GET", "folders/{folder}", READ),
    json("PATCH", "folders/{folder}", WRITE, '{"name": "n"}'), json("DELETE", "folders/{folder}", WRITE),
    json("POST", "filesets", WRITE, HERE), json("GET", "filesets/{fileset}", READ),
    json("PATCH", "filesets/{fileset}", WRITE, '{"name": "n"}'), json("DELETE", "filesets/{fileset}", WRITE),
    json("GET", "files/{file}", READ), json("PATCH", "files/{file}", WRITE, '{"name": "n"}'),
    json("DELETE", "files/{file}", WRITE), json("GET", "files/{text}/content", READ),
    json("GET", "files/{file}/versions", READ), json("POST", "files/{text}/versions/1/restore", WRITE),
    json("GET", "files/{file}/preview", READ),
    json("GET", "files/{zip}/entries", READ), json("GET", "files/{zip}/entries/xanadu/note.txt", READ),
    json("POST", "files/{zip}/extract", WRITE), json("POST", "files/{zip}/extract", WRITE, '{"parent": "{folder}"}'),
    json("GET", "files/{struct}/radiotherapy", READ), json("GET", "files/{struct}/contours?plane=0", READ),
    json("GET", "files/{struct}/histogram", READ), json("GET", "files/{struct}/histogram.csv", READ),
    json("GET", "files/{dose}/dose?on={dose}&levels=1", READ), json("GET", "files/{dose}/dose.png?on={dose}", READ),
    json("GET", "files/{plan}/plan", READ), json("GET", "files/{plan}/plan/beams/1", READ),
    json("GET", "nodes?path=/Xanadu study/Xanadu folder", READ), json("GET", "nodes/{folder}", READ),
    json("GET", "nodes/{folder}/children", READ), json("PUT", "nodes/{folder}/files/new.txt", WRITE, "x"),
    json("GET", "nodes/{folder}/archive", READ), json("GET", "nodes/{folder}/manifest", READ),
    json("GET", "nodes/{folder}/grants", MANAGE | {READ_TOKEN: 403}),
    json("PUT", "nodes/{folder}/grants", MANAGE, '{"inherit": false, "grants": []}'),
    json("POST", "nodes/{text}/move", WRITE, '{"parent": "{collection}"}'),
    json("POST", "nodes/{text}/copy", WRITE, '{"parent": "{collection}"}'),
    json("POST", "nodes/{gone}/restore", WRITE, "{}"),
    json("GET", "nodes/{folder}/metadata", READ), json("PATCH", "nodes/{folder}/metadata", WRITE, '{"a": 1}'),
    json("GET", "search?q=xan", ANYONE), json("GET", "search?collection={folder}", READ),
    json("GET", "search/facets?q=xan", ANYONE), json("GET", "search.csv?q=xan", ANYONE),
    json("GET", "searches", ANYONE), json("POST", "searches", ANYONE_WRITES, '{"name": "n", "query": "q"}'),
    json("DELETE", "searches/{search}", OWN_WRITE),
    json("GET", "shared", ANYONE), json("GET", "trash", ANYONE), json("DELETE", "trash/{gone}", MANAGE),
    json("GET", "changes", ANYONE), json("GET", "jobs", ANYONE), json("GET", "jobs/{job}", OWN_AND_SITE),
    json("POST", "jobs/{job}/cancel", OWN_AND_SITE_WRITE),
    json("GET", "peers", ANYONE), json("POST", "peers", ADMIN, NEW_PEER), json("GET", "peers/{peer}", OWN_AND_SITE),
    json("DELETE", "peers/{peer}", ADMIN), json("POST", "peers/{peer}/echo", may(owner=503, administrator=503)),
    json("POST", "peers/{peer}/query", PEER_USE | {"owner": 503, WRITE_TOKEN: 503}, "{}"),
    json("POST", "peers/{peer}/send", PEER_USE, ONE_STUDY),
    json("POST", "peers/{peer}/fetch", PEER_USE, ONE_STUDY),
    json("POST", "peers/{peer}/mirror", PEER_USE, "{}"),
    json("GET", f"studies/archive?study={STUDY}", READ), json("POST", "exports", WRITE, EXPORT),
    json("PUT", "peers/{peer}/mirror", PEER_USE, '{"every_h": null}'),
    json("GET", "audit?node={folder}", MANAGE | {"auditor": OK}), json("GET", "audit", AUDITOR),
]  # fmt: skip


def tus(method: str, url: str, rule: Rule, body: str = "", **headers: str) -> Row:
    said = {name.replace("_", "-"): value for name, value in headers.items()} | {"Tus-Resumable": "1.0.0"}
    return Row(method, f"/api/v1/uploads/{url}", rule, body, {"Content-Type": "application/offset+octet-stream"} | said)


TUS = [
    tus("POST", "", WRITE, Upload_Length="3", Upload_Metadata="filename bg==,parent {folder:base64}"),
    tus("OPTIONS", "", ANYONE), tus("OPTIONS", "{upload}", ANYONE), tus("HEAD", "{upload}", OWN),
    tus("PATCH", "{upload}", OWN_WRITE, "ab", Upload_Offset="0"), tus("DELETE", "{upload}", OWN_WRITE),
]  # fmt: skip


BESIDE = rule(409, writer=OK, manager=OK, owner=OK, **{READ_TOKEN: 409})
"""STOW-RS answers 409 where nothing could be stored; it says so of what is hidden as of what may only be read."""
HIDDEN_ROOT = {"stranger": 404, "administrator": 404, "auditor": 404}


def _dicomweb(root: str, reads: Rule, lists: Rule, stores: Rule, deletes: Rule, beside: Rule) -> list[Row]:
    study = f"{root}studies/{STUDY}"
    series = f"{study}/series/{SERIES}"
    instance = f"{series}/instances/{INSTANCE}"
    parts = {"Content-Type": f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'}
    parts |= {"Accept": "application/dicom+json"}
    found = [page(f"{root}{level}", lists) for level in ("studies", "series", "instances")]
    found += [page(f"{study}/{level}", lists) for level in ("series", "instances")]
    found += [page(f"{series}/instances", lists)]
    found += [page(url, reads) for url in (study, series, instance)]
    found += [page(f"{url}/metadata", reads) for url in (study, series, instance)]
    found += [page(f"{instance}/{what}", reads) for what in ("frames/1", "bulk/7FE00010")]
    found += [page(f"{url}/{what}", reads) for url in (study, series, instance) for what in ("bulkdata", "pixeldata")]
    uids = f"studyUID={STUDY}&seriesUID={SERIES}&objectUID={INSTANCE}"
    found += [page(f"{root}wado?requestType=WADO&contentType=application/dicom&{uids}", reads)]
    found += [page(root, lists), Row("OPTIONS", f"/{root}", lists), page(f"{root}capabilities", lists)]
    found += [Row("DELETE", f"/{url}", deletes, costly=True) for url in (study, series, instance)]
    pictures = ("rendered", "thumbnail", "frames/1/rendered", "frames/1/thumbnail")
    found += [page(f"{instance}/{what}", reads, costly=True) for what in pictures]
    found += [
        page(f"{url}/{what}", reads, costly=True) for url in (study, series) for what in ("rendered", "thumbnail")
    ]
    stored = [f"/{root}studies", f"/{study}"]
    found += [Row("POST", url, stores, body_of(ct()), parts, costly=True) for url in stored]
    return [*found, Row("POST", f"/{root}beside/studies", beside, body_of(ct()), parts)]


DICOMWEB = _dicomweb("dicomweb/", READ, ANYONE, ANYONE_WRITES, WRITE, BESIDE)
IN_COLLECTION = _dicomweb("dicomweb/collections/{collection}/", READ, READ, WRITE, WRITE, BESIDE | HIDDEN_ROOT)
IN_FOLDER = _dicomweb("dicomweb/folders/{folder}/", READ, READ, WRITE, WRITE, BESIDE | HIDDEN_ROOT)

PAGES = [
    page("", ANYONE), page("shared", ANYONE), form("collections", ANYONE_WRITES, "name=n"),
    page("home", ANYONE), page("news", ANYONE), page("help", ANYONE),
    page("nodes/{collection}/news", READ), form("nodes/{folder}/star", READ | READS_ONLY, "on=yes"),
    form("nodes/{folder}/opened", READ | READS_ONLY),
    page("nodes/{folder}", READ), page("nodes/{file}", READ), form("nodes/{folder}/inside", WRITE, "name=n"),
    form("nodes/{folder}/rename", WRITE, "name=n"), form("nodes/{collection}/describe", WRITE, "description=d"),
    page("nodes/{folder}/share", MANAGE), form("nodes/{folder}/share", MANAGE, "inherit=yes"),
    page("nodes/{folder}/share/find?q=a", READ), form("nodes/{collection}/owners", MANAGE, "add=reader"),
    form("nodes/{folder}/metadata", WRITE, "key=a&value=1"),
    page("search", ANYONE), page("search?q=xan", ANYONE), page("search?q=x&in={folder}", READ),
    page("search/form?words=xan&type=file", ANYONE), page("search/counts?q=xan", ANYONE),
    page("search.csv?q=xan", ANYONE), form("searches", ANYONE_WRITES, "name=n&q=q"),
    form("searches/{search}/forget", OWN_WRITE),
    form("selection/trash", WRITE, "id={text}"), form("selection/move", WRITE, "id={text}&target={collection}"),
    form("selection/copy", WRITE, "id={text}&target={collection}"), form("selection/restore", WRITE, "id={gone}"),
    form("selection/purge", MANAGE, "id={gone}"),
    form("selection/put-back", WRITE, "id={text}&to={collection}&out_of={folder}"),
    page("selection/pick?id={text}&in={folder}&action=move", READ),
    page("selection/download?id={text}", rule(422, reader=OK, writer=OK, manager=OK, owner=OK)),
    page("files/{text}/shown", READ), page("files/{picture}/shown/image", READ, costly=True),
    page("files/{picture}/content", READ), page("files/{file}/image.png", READ, costly=True),
    page("nodes/{struct}", READ), page("nodes/{plan}", READ), page("nodes/{dose}", READ),
    page("files/{file}/tags", READ), form("files/{text}/versions/1/restore", WRITE),
    page("files/{zip}/entries", READ), page("files/{zip}/entries/0", READ), form("files/{zip}/entries/0", READ),
    page("files/{zip}/entries/0/show", READ), page("files/{zip}/unpack", READ),
    form("files/{zip}/unpack", WRITE, "parent={folder}&name=n"), page("jobs/{job}/unpacking", OWN_AND_SITE),
    page("trash", ANYONE), page("studies", ANYONE), page(f"studies/{STUDY}", READ), page("patient?id=1CT1", READ),
    page(f"exports/pick?form=nifti&study={STUDY}&in={{folder}}", READ),
    form("exports", WRITE, f"form=nifti&study={STUDY}&series={SERIES}&target={{folder}}"),
    page("notices", ANYONE), page("notices/bell", ANYONE), form("notices/read", ANYONE_WRITES),
    form("notices/wishes", ANYONE_WRITES, "page=shared"),
    page("jobs", ANYONE), form("jobs/{job}/cancel", OWN_AND_SITE_WRITE),
    page("dicom-nodes", ANYONE), form("dicom-nodes", ADMIN, "ae_title=NEW&host=127.0.0.1&port=104&account=owner"),
    page("dicom-nodes/{peer}", OWN_AND_SITE), form("dicom-nodes/{peer}/echo", OWN_AND_SITE),
    form("dicom-nodes/{peer}/remove", ADMIN), form("dicom-nodes/{peer}/fetch", PEER_USE, f"study={STUDY}"),
    form("dicom-nodes/{peer}/mirror", PEER_USE), form("dicom-nodes/{peer}/schedule", PEER_USE, "every_h=6"),
    form("dicom-nodes/send", PEER_USE, "to={peer}&study=" + STUDY),
    page("account", ANYONE), form("account/profile", ANYONE_ADMINISTERS, "full_name=n"),
    form("account/password", ANYONE_ADMINISTERS, "old={password}&new=another-long-one"),
    form("account/sessions", ANYONE_ADMINISTERS), form("account/tokens", ANYONE_ADMINISTERS, "name=n&scope=read"),
    form("account/tokens/{token}/revoke", OWN_AND_SITE_WRITE),
    page("groups", ANYONE), form("groups", ANYONE_WRITES, "name=n"), page("groups/{group}", OWN_AND_SITE),
    page("people?q=a", ANYONE),
    form("groups/{group}", OWN_AND_SITE_WRITE, "user=reader"), form("groups/{group}/delete", OWN_AND_SITE_WRITE),
    form("groups/{group}/members/{owner_id}/remove", OWN_AND_SITE_WRITE),
    page("users", ADMIN), form("users", ADMIN, "name=new"), page("users/{reader_id}", ADMIN),
    form("users/{reader_id}", ADMIN, "what=active"), form("sign-out", ANYONE),
    page("viewer/", ANYONE), page("viewer/viewer", ANYONE),
]  # fmt: skip
CT_SERIES = str(dataset("CT/ct_009").SeriesInstanceUID)
SPOT = "image={slice}&frame=0"
OBJECTS = [
    *(json("GET", f"files/{{{name}}}/preview/{kind}", READ) for name, kind in (
        ("report", "report"), ("report", "irradiation"), ("document", "document"), ("segments", "segments"),
        ("pet", "suv"),
    )),
    json("GET", "nodes/{collection}/doses", READ), json("GET", "nodes/{collection}/doses.csv", READ),
    page("files/{report}/report?at=0", READ), page("files/{report}/irradiation", READ),
    page("files/{document}/document", READ), page("files/{segments}/segments.png?on=1&" + SPOT, READ, costly=True),
    page("files/{pet}/fusion?over=" + CT_SERIES, READ), page("files/{pet}/fused.png?" + SPOT, READ, costly=True),
    page("files/{pet}/value?row=1&column=1", READ, costly=True),
    page("nodes/{report}", READ), page("nodes/{document}", READ), page("nodes/{segments}", READ, costly=True),
    page("nodes/{pet}", READ, costly=True),
    page("doses", ANYONE), page("doses?in={collection}", READ), page("doses.csv", ANYONE),
    page("doses.csv?in={collection}", READ),
]  # fmt: skip

TABLE = {
    "api": API,
    "tus": TUS,
    "dicomweb": DICOMWEB,
    "collections": IN_COLLECTION,
    "folders": IN_FOLDER,
    "pages": PAGES,
    "objects": OBJECTS,
}
OPEN = {"/healthz", "/readyz", "/sign-in"}
