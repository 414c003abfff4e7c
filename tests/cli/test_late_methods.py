"""Values whose methods are compiled late are what they would be otherwise."""

from __future__ import annotations

import dataclasses
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from bot.cli.late_methods import compile_late


def make_values() -> tuple[type, type]:
    @dataclass(frozen=True, slots=True, kw_only=True)
    class Value:
        number: int
        word: str = "word"
        unseen: list[int] = field(default_factory=list, compare=False, repr=False)

    @dataclass(order=True)
    class Ordered:
        number: int

    return Value, Ordered


@pytest.fixture
def restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataclasses, "_create_fn", getattr(dataclasses, "_create_fn", None), raising=False)


@pytest.mark.usefixtures("restored")
def test_a_value_is_what_it_would_be() -> None:
    """Compared, hashed, shown, replaced, ordered and guarded, a second time too."""
    early = make_values()
    compile_late()
    late = make_values()
    for value_type, ordered_type in (early, late):
        one, same = value_type(number=1), value_type(number=1, unseen=[1])
        for _time in range(2):
            assert one == same
            assert hash(one) == hash(same)
            assert one != replace(one, word="another")
            assert repr(one).endswith("Value(number=1, word='word')")
            assert ordered_type(1) < ordered_type(2) <= ordered_type(2)
            with pytest.raises(FrozenInstanceError, match="cannot assign to field 'number'"):
                one.number = 2
            with pytest.raises(FrozenInstanceError, match="cannot delete field 'word'"):
                del one.word
            with pytest.raises(TypeError):
                value_type(1)
            with pytest.raises(TypeError):
                hash(ordered_type(1))
    assert [repr(one(number=1)) for one in (early[0], late[0])] == [repr(early[0](number=1))] * 2


@pytest.mark.skipif(not hasattr(dataclasses, "_create_fn"), reason="from Python 3.13 on, they are compiled together")
def test_a_method_is_compiled_once_it_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only once."""
    compiled: list[str] = []
    make = dataclasses._create_fn  # type: ignore[attr-defined]

    def create(name: str, *how: object, **more: object) -> object:
        compiled.append(name)
        return make(name, *how, **more)

    monkeypatch.setattr(dataclasses, "_create_fn", create)
    compile_late()
    value, _ordered = make_values()
    assert compiled == []
    for _time in range(2):
        assert repr(value(number=1))
        assert value(number=1) == value(number=1)
    assert compiled == ["__init__", "__repr__", "__eq__"]


@pytest.mark.usefixtures("restored")
def test_a_python_that_makes_them_in_another_way_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is put in the place of what is not there."""
    monkeypatch.delattr(dataclasses, "_create_fn")
    compile_late()
    assert not hasattr(dataclasses, "_create_fn")
