"""Months and years that stand for a range of days."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from sinfonietta.search.fields import Range, _when

DAYS = st.dates().map(lambda day: day.year * 10000 + day.month * 100 + day.day)


@given(DAYS | st.none(), DAYS | st.none(), DAYS)
def test_every_day_of_a_range_has_one_of_the_facts_that_it_is_looked_for_by(
    low: int | None, high: int | None, day: int
) -> None:
    wording = _when("date", Range(low, high))
    if wording and (low is None or low <= day) and (high is None or day <= high):
        facts = {f"=date_{day // 10000:04d}", f"=date_{day // 100:06d}"}
        asked = re.findall(r'"(=date_\d+)"(\*?)', wording) or re.findall(r"'(=date_\d+)'(:\*)?", wording)
        assert any(fact.startswith(said) if more else fact == said for fact in facts for said, more in asked)
    assert len(wording) < 3000
