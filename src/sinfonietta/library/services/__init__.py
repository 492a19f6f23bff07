"""Writes of the library: each one transaction, with its audit event and its line in the feed of changes."""

from sinfonietta.library.services.copying import Copied, copy
from sinfonietta.library.services.deletion import purge, restore, trash
from sinfonietta.library.services.desk import note_opened, star, unstar
from sinfonietta.library.services.files import (
    Filed,
    NewFile,
    file_new,
    file_version,
    free_names,
    restore_version,
    set_metadata,
    set_state,
)
from sinfonietta.library.services.place import move
from sinfonietta.library.services.sharing import set_grants, set_owners
from sinfonietta.library.services.tree import (
    create_collection,
    create_fileset,
    create_folder,
    ensure_folders,
    make_home,
    rename,
    update_collection,
)

__all__ = [
    "Copied",
    "Filed",
    "NewFile",
    "copy",
    "create_collection",
    "create_fileset",
    "create_folder",
    "ensure_folders",
    "file_new",
    "file_version",
    "free_names",
    "make_home",
    "move",
    "note_opened",
    "purge",
    "rename",
    "restore",
    "restore_version",
    "set_grants",
    "set_metadata",
    "set_owners",
    "set_state",
    "star",
    "trash",
    "unstar",
    "update_collection",
]
