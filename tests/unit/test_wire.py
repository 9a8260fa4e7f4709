from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rttp_cli.errors import RttpError
from rttp_cli.wire import Pulse, build, encodings, tables, values
from rttp_cli.wire.documents import load


def test_a_pulse_reads_back_what_was_built() -> None:
    pulse = build({"kind": "stream", "seq_id": 9, "flags": ["FEC"], "fec_repair": 4, "fragment_count": 8}, b"abc")
    assert pulse.fields["fec_repair"] == 4
    assert (pulse.header_length, pulse.payload, pulse.tag) == (74, b"abc", b"")
    assert Pulse.parse(pulse.data).to_json() == pulse.to_json() | {"ground": "rules"}


@given(st.binary(max_size=300))
def test_any_bytes_are_a_pulse_that_can_be_shown(data: bytes) -> None:
    pulse = Pulse.parse(data)
    document = pulse.to_json()
    assert document["length"] == len(data)
    if pulse.reject is None:
        assert pulse.data[: pulse.header_length] + pulse.payload + pulse.tag == data
    for row, value in pulse.rows():
        values.meaning(row, value)
        if not isinstance(value, str) or value.isprintable():
            assert values.parse(row, values.to_json(row, value)) == value


@given(st.text(max_size=100))
def test_any_text_is_bytes_or_refused_by_name(text: str) -> None:
    try:
        assert isinstance(encodings.decode(text), bytes)
    except RttpError as error:
        assert error.slug == "bad-encoding"


@given(st.binary(max_size=300))
def test_any_input_splits_or_is_refused_by_name(data: bytes) -> None:
    try:
        assert all(isinstance(d, bytes) for d in encodings.split(data))
    except RttpError as error:
        assert error.slug == "bad-encoding"


@given(st.text(max_size=200))
def test_any_document_loads_or_is_refused_by_name(text: str) -> None:
    try:
        assert all(isinstance(d, dict) for d in load(text, "x"))
    except RttpError as error:
        assert error.slug == "bad-document"


@given(st.sampled_from([r for t in tables.layouts() for r in t["fields"]]), st.text(max_size=50) | st.integers())
def test_any_value_fits_its_field_or_is_refused_by_name(row: Any, value: object) -> None:
    try:
        parsed = values.parse(row, value)
    except RttpError as error:
        assert error.slug in ("bad-value", "unknown-name")
    else:
        if isinstance(parsed, int):
            assert 0 <= parsed < 1 << 8 * row["size"]
        else:
            assert len(parsed) <= row["size"]


@pytest.mark.parametrize("value", [True, False, None])
def test_yaml_booleans_and_nulls_are_no_numbers(value: object) -> None:
    with pytest.raises(RttpError) as error:
        build({"seq_id": value})
    assert error.value.slug == "bad-value"


def test_the_context_of_an_unknown_dialect_is_named() -> None:
    with pytest.raises(RttpError) as error:
        Pulse.parse(b"", "rttp2")
    assert "rttp1" in error.value.hint
