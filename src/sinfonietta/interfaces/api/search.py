"""The shapes of searches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from rest_framework import serializers

from sinfonietta.interfaces.api.serializers import AnyNodeShape, S, Strict
from sinfonietta.interfaces.api.shapes import Shape, nodes
from sinfonietta.search.facets import Facets
from sinfonietta.search.language import LONGEST
from sinfonietta.search.models import SavedSearch
from sinfonietta.search.queries import Hit

FILTERS = ("type", "modality", "study_date")


class Question(S):
    q = serializers.CharField(
        max_length=LONGEST, default="", allow_blank=True, help_text="The language of searches, see the docs"
    )
    type = serializers.CharField(max_length=200, required=False, help_text="As `type:` in `q`; commas part several")
    collection = serializers.UUIDField(required=False, help_text="Below this collection, folder or fileset")
    modality = serializers.CharField(max_length=200, required=False, help_text="Commas part several")
    study_date = serializers.CharField(max_length=50, required=False, help_text="2024, 2020..2022, 20200101-20201231")


class Asked(Question):
    limit = serializers.IntegerField(min_value=1, max_value=200, default=50)
    cursor = serializers.CharField(max_length=2000, required=False)


class HitShape(AnyNodeShape):
    highlights = serializers.ListField(
        child=serializers.CharField(), help_text="HTML: passages, the words in `<mark>`, all else escaped"
    )


class ResultsShape(S):
    results = HitShape(many=True)
    next = serializers.CharField(allow_null=True)
    relaxed = serializers.BooleanField(help_text="Nothing has the words; these have them inside their names")
    did_you_mean = serializers.ListField(child=serializers.CharField(), help_text="Searches that would find something")


class FacetValueShape(S):
    value = serializers.CharField(help_text="What the field takes; of a collection, its id")
    label = serializers.CharField()  # type: ignore[assignment]
    count = serializers.IntegerField()


class FacetsShape(S):
    total = serializers.IntegerField()
    capped = serializers.BooleanField(help_text="There are more; the newest so many were counted")
    facets = serializers.DictField(child=FacetValueShape(many=True))


class NewSavedSearch(Strict):
    name = serializers.CharField(max_length=150)
    query = serializers.CharField(max_length=LONGEST)


class SavedSearchShape(S):
    id = serializers.UUIDField()
    name = serializers.CharField()
    query = serializers.CharField()
    url = serializers.CharField()
    results = serializers.CharField(help_text="URL that asks it")
    created = serializers.DateTimeField()


def question(asked: dict[str, Any]) -> dict[str, Any]:
    """What the use cases take of the query parameters."""
    filters = {name: asked[name] for name in FILTERS if asked.get(name)}
    return {"q": asked["q"], "within": asked.get("collection"), "filters": filters}


def hits(found: Sequence[Hit]) -> list[Shape]:
    """Nodes with their passages."""
    shapes = nodes([hit.entry for hit in found])
    return [shape | {"highlights": hit.highlights} for shape, hit in zip(shapes, found, strict=True)]


def facets(found: Facets) -> Shape:
    """Counts by field."""
    values = {name: [vars(value) for value in of] for name, of in found.values.items()}
    return {"total": found.total, "capped": found.capped, "facets": values}


def saved(one: SavedSearch) -> Shape:
    """A search that is kept."""
    return {
        "id": str(one.uid), "name": one.name, "query": one.query, "url": f"/api/v1/searches/{one.uid}",
        "results": "/api/v1/search?" + urlencode({"q": one.query}), "created": one.created,
    }  # fmt: skip
