"""Dose sums as CSV: nothing in it is a formula."""

from __future__ import annotations

import csv
import io

import pytest

from sinfonietta.dicom.radiation.queries import Doses, PatientDose
from sinfonietta.dicom.radiation.sums import Summary
from sinfonietta.previews import doses


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_cells_that_begin_like_a_formula_get_an_apostrophe(begin: str) -> None:
    evil = begin + 'cmd|"/c calc"!A1'
    patient = PatientDose(evil, evil, "", {"1.2"}, [Summary("r", {}, {("Organ dose", evil): 1.5})])
    text = doses.as_csv(Doses([patient], {}, 1))
    (row,) = csv.DictReader(io.StringIO(text, newline=""))
    assert row["patient_id"] == row["issuer"] == row["of"] == "'" + evil
    assert (row["value"], row["unit"], row["studies"]) == ("1.5", "mGy", "1")


def test_numbers_stay_numbers() -> None:
    assert [doses.guarded(value) for value in (-1, 1.5, None, "", "a=b")] == [-1, 1.5, None, "", "a=b"]
