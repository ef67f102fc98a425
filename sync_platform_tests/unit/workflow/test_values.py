from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_platform.workflow.values import restored, stored

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(
    JSON
    | st.decimals(allow_nan=False)
    | st.floats(allow_nan=False)
    | st.dates()
    | st.times()
    | st.uuids()
    | st.datetimes(timezones=st.just(UTC))
)
def test_a_value_comes_back_as_what_it_was(value: object) -> None:
    back = restored(stored(value).obj)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize(
    "value", [timedelta(1), b"x", {1, 2}, {"a": b"x"}, {"a": Decimal(1)}, [datetime.now(UTC)]]
)
def test_what_no_variable_can_be_is_refused_without_being_quoted(value: object) -> None:
    with pytest.raises(ValueError, match=f"a variable cannot be a {type(value).__name__}: cast it"):
        stored(value)


@pytest.mark.parametrize("value", [date(2026, 1, 1), time(1, 2), UUID(int=3), True, 1, 1.5])
def test_a_subclass_is_told_from_its_base(value: object) -> None:
    assert type(restored(stored(value).obj)) is type(value)
