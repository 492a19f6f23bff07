"""Makes the account of the comparison: ``python -m benchmarks.peer_account FOLDER DATABASE ACLS``.

Prints a token, and the collection that the account owns and stores in. Half of the other collections, each with an ACL
of its own, are granted to its group.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks import installation


def main() -> None:
    """Make it."""
    folder, database, acls = sys.argv[1], sys.argv[2], int(sys.argv[3])
    Path(folder).mkdir(parents=True, exist_ok=True)
    installation.start(folder, database)
    from sinfonietta.accounts import services as accounts
    from sinfonietta.accounts.actor import SYSTEM
    from sinfonietta.accounts.models import User
    from sinfonietta.library import services
    from sinfonietta.library.models import Level

    owner, _ = installation.person("owner")
    actor, secret = installation.person("bench")
    accounts.create_group(actor=SYSTEM, name="readers", members=[User.objects.get(pk=actor.user_id)])
    for number in range(acls):
        one = services.create_collection(actor=owner, name=f"Collection {number}")
        if number % 2:
            grants = [("group", "readers", Level.READ)]
            services.set_grants(actor=owner, uid=one.uid, inherit=False, grants=grants)
    target = services.create_collection(actor=actor, name="Images")
    print(secret, target.uid)


if __name__ == "__main__":
    main()
