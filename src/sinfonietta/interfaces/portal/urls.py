"""The pages."""

from __future__ import annotations

from django.urls import path

from sinfonietta.interfaces.portal.views import account, actions, browse, dicom, files, people, sharing, sign_in, trash

app_name = "portal"
urlpatterns = [
    path("", browse.start, name="start"),
    path("sign-in", sign_in.sign_in, name="sign-in"),
    path("sign-out", sign_in.sign_out, name="sign-out"),
    path("shared", browse.shared, name="shared"),
    path("collections", browse.create_collection, name="create-collection"),
    path("nodes/<uuid:uid>", browse.node, name="node"),
    path("nodes/<uuid:uid>/inside", browse.create_inside, name="create-inside"),
    path("nodes/<uuid:uid>/rename", browse.rename, name="rename"),
    path("nodes/<uuid:uid>/describe", browse.describe, name="describe"),
    path("nodes/<uuid:uid>/share", sharing.share, name="share"),
    path("nodes/<uuid:uid>/share/find", sharing.find, name="share-find"),
    path("nodes/<uuid:uid>/owners", sharing.set_owners, name="owners"),
    path("nodes/<uuid:uid>/metadata", files.set_metadata, name="metadata"),
    path("selection/trash", actions.trash, name="selection-trash"),
    path("selection/move", actions.move, name="selection-move"),
    path("selection/copy", actions.copy, name="selection-copy"),
    path("selection/restore", actions.restore, name="selection-restore"),
    path("selection/purge", actions.purge, name="selection-purge"),
    path("selection/pick", actions.pick, name="selection-pick"),
    path("selection/download", actions.download, name="selection-download"),
    path("files/<uuid:uid>/content", files.content, name="content"),
    path("files/<uuid:uid>/image.png", dicom.image, name="image"),
    path("files/<uuid:uid>/tags", dicom.tag_list, name="tags"),
    path("files/<uuid:uid>/versions/<int:number>/restore", files.restore_version, name="restore-version"),
    path("trash", trash.trash, name="trash"),
    path("studies", dicom.studies, name="studies"),
    path("studies/<str:study_uid>", dicom.study, name="study"),
    path("jobs", account.jobs, name="jobs"),
    path("jobs/<uuid:uid>/cancel", account.cancel_job, name="cancel-job"),
    path("account", account.account, name="account"),
    path("account/profile", account.set_profile, name="set-profile"),
    path("account/password", account.set_password, name="set-password"),
    path("account/sessions", account.end_sessions, name="end-sessions"),
    path("account/tokens", account.create_token, name="create-token"),
    path("account/tokens/<uuid:uid>/revoke", account.revoke_token, name="revoke-token"),
    path("groups", people.groups, name="groups"),
    path("groups/<uuid:uid>", people.group, name="group"),
    path("groups/<uuid:uid>/delete", people.delete_group, name="delete-group"),
    path("groups/<uuid:uid>/members/<uuid:user>/remove", people.remove_member, name="remove-member"),
    path("people", people.find, name="people"),
    path("users", people.users, name="users"),
    path("users/<uuid:uid>", people.user, name="user"),
]
