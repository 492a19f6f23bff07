"""Dosimetry tables: their form, what is left out of sums, hostile files."""

from __future__ import annotations

import pytest

from sinfonietta.dicom.radiation.tables import NotATable, read

HEAD = "person_group,person,quantity,unit,value\n"


def test_sums_by_group_and_quantity() -> None:
    rows = "worker,W1,Hp(10),uSv,40\nworker,W2,Hp(10),mSv,0.06\ncarer,C1,Effective dose,mSv,0.1\npatient,,E,mSv,5\n"
    lines = read((HEAD + rows).encode()).lines
    assert [(one.group, one.quantity, one.unit, one.count) for one in lines] == [
        ("patient", "E", "mSv", 1), ("worker", "Hp(10)", "mSv", 2), ("carer", "Effective dose", "mSv", 1)
    ]  # fmt: skip
    worker = lines[1]
    assert (worker.total, worker.mean) == (pytest.approx(0.1), pytest.approx(0.05))
    assert (worker.lowest, worker.highest) == (pytest.approx(0.04), pytest.approx(0.06))


def test_semicolons_decimal_commas_columns_in_any_order_and_a_mark_at_the_beginning() -> None:
    text = "\ufeffValue;Unit;Person Group;Quantity;Note\n0,25;mSv;public;H*(10);über dem Zaun\n"
    for encoding in ("utf-8", "latin-1"):
        content = (
            text.encode(encoding, "ignore") if encoding == "utf-8" else text.removeprefix("\ufeff").encode("latin-1")
        )
        (row,) = read(content).rows
        assert (row.value, row.group, row.note) == (0.25, "public", "über dem Zaun")


@pytest.mark.parametrize(
    "line",
    ["worker,,Hp(10),rem,4", "worker,,Hp(10),mSv,", "worker,,Hp(10),mSv,n.d.", "worker,,Hp(10),mSv,-1",
     "worker,,Hp(10),mSv,inf", "worker,,Hp(10),mSv,1_0", "robot,,Hp(10),mSv,4", "worker"],
)  # fmt: skip
def test_what_is_not_understood_is_left_out(line: str) -> None:
    table = read((HEAD + line + "\n").encode())
    assert table.lines == []
    assert len(table.left_out) == 1


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"a,b\n1,2\n", b"person_group,unit\n", b"\xff\xfe\x00", b'"' * 1000, b"," * 100_000]
)
def test_other_files_are_no_tables(content: bytes) -> None:
    with pytest.raises(NotATable):
        read(content)


def test_a_long_table_ends_somewhere() -> None:
    assert len(read((HEAD + "worker,,Hp(10),mSv,1\n" * 50_000).encode()).rows) == 20_000
    with pytest.raises(NotATable):
        read(HEAD.encode() + b"worker," + b"x" * 200_000 + b",q,mSv,1\n")
