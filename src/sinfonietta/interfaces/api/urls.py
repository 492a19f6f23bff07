"""The routes of REST, version 1."""

from __future__ import annotations

from django.urls import path
from drf_spectacular.views import SpectacularJSONAPIView, SpectacularSwaggerSplitView

from sinfonietta.interfaces.api.views import collections, files, nodes, peers, people, previews, radiotherapy, work
from sinfonietta.interfaces.http.access import signed_in

app_name = "api"
urlpatterns = [
    path("openapi.json", signed_in(SpectacularJSONAPIView.as_view()), name="openapi"),
    path(
        "docs",
        signed_in(SpectacularSwaggerSplitView.as_view(url_name="api:openapi", template_name="api/docs.html")),
        name="docs",
    ),
    path("me", people.MeView.as_view()),
    path("principals", people.PrincipalsView.as_view()),
    path("tokens", people.TokensView.as_view()),
    path("tokens/<uuid:uid>", people.TokenView.as_view()),
    path("groups", people.GroupsView.as_view()),
    path("groups/<uuid:uid>", people.GroupView.as_view()),
    path("groups/<uuid:uid>/members", people.MembersView.as_view()),
    path("groups/<uuid:uid>/members/<uuid:user>", people.MemberView.as_view()),
    path("collections", collections.CollectionsView.as_view()),
    path("collections/<uuid:uid>", collections.CollectionView.as_view()),
    path("collections/<uuid:uid>/owners", collections.OwnersView.as_view()),
    path("folders", collections.NewFolderView.as_view()),
    path("folders/<uuid:uid>", collections.FolderView.as_view()),
    path("filesets", collections.NewFilesetView.as_view()),
    path("filesets/<uuid:uid>", collections.FilesetView.as_view()),
    path("files/<uuid:uid>", files.FileView.as_view()),
    path("files/<uuid:uid>/content", files.ContentView.as_view(), name="content"),
    path("files/<uuid:uid>/versions", files.VersionsView.as_view()),
    path("files/<uuid:uid>/versions/<int:number>/restore", files.RestoreVersionView.as_view()),
    path("files/<uuid:uid>/preview", previews.PreviewView.as_view()),
    path("files/<uuid:uid>/radiotherapy", radiotherapy.BelongingView.as_view()),
    path("files/<uuid:uid>/contours", radiotherapy.ContoursView.as_view()),
    path("files/<uuid:uid>/dose", radiotherapy.DoseView.as_view()),
    path("files/<uuid:uid>/dose.png", radiotherapy.DosePictureView.as_view()),
    path("files/<uuid:uid>/histogram", radiotherapy.HistogramView.as_view()),
    path("files/<uuid:uid>/histogram.csv", radiotherapy.HistogramCsvView.as_view()),
    path("files/<uuid:uid>/plan", radiotherapy.PlanView.as_view()),
    path("files/<uuid:uid>/plan/beams/<int:number>", radiotherapy.BeamView.as_view()),
    path("nodes", nodes.ByPathView.as_view()),
    path("nodes/<uuid:uid>", nodes.NodeView.as_view()),
    path("nodes/<uuid:uid>/children", nodes.ChildrenView.as_view()),
    path("nodes/<uuid:uid>/files/<path:name>", files.NamedFileView.as_view()),
    path("nodes/<uuid:uid>/archive", nodes.ArchiveView.as_view(), name="archive"),
    path("nodes/<uuid:uid>/manifest", nodes.ManifestView.as_view()),
    path("nodes/<uuid:uid>/grants", nodes.GrantsView.as_view()),
    path("nodes/<uuid:uid>/move", nodes.MoveView.as_view()),
    path("nodes/<uuid:uid>/copy", nodes.CopyView.as_view()),
    path("nodes/<uuid:uid>/restore", nodes.RestoreView.as_view()),
    path("nodes/<uuid:uid>/metadata", nodes.MetadataView.as_view()),
    path("shared", nodes.SharedView.as_view()),
    path("trash", nodes.TrashView.as_view()),
    path("trash/<uuid:uid>", nodes.PurgeView.as_view()),
    path("changes", nodes.ChangesView.as_view()),
    path("jobs", work.JobsView.as_view()),
    path("jobs/<uuid:uid>", work.JobView.as_view()),
    path("jobs/<uuid:uid>/cancel", work.CancelView.as_view()),
    path("peers", peers.PeersView.as_view()),
    path("peers/<uuid:uid>", peers.PeerView.as_view()),
    path("peers/<uuid:uid>/echo", peers.EchoView.as_view()),
    path("peers/<uuid:uid>/query", peers.QueryView.as_view()),
    path("peers/<uuid:uid>/send", peers.SendView.as_view()),
    path("peers/<uuid:uid>/fetch", peers.FetchView.as_view()),
    path("peers/<uuid:uid>/mirror", peers.MirrorView.as_view()),
    path("audit", work.AuditView.as_view()),
]
