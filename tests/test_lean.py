"""Imports without looking for garbage: what was there before and after is as it was."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest

from olmix.lean import import_transformers, nothing_thrown_away


class Thing:
    """What weak references can name."""


def test_nothing_is_searched_in_the_block_and_what_stayed_goes_with_its_last_reference():
    assert gc.isenabled()
    with nothing_thrown_away():
        assert not gc.isenabled()
        kept = Thing()
    assert gc.isenabled()
    assert all(found is not kept for found in gc.get_objects())
    gone = weakref.ref(kept)
    del kept
    assert gone() is None


def test_a_circle_made_later_is_still_garbage():
    with nothing_thrown_away():
        pass
    later = Thing()
    later.itself = later  # type: ignore[attr-defined]
    gone = weakref.ref(later)
    del later
    gc.collect()
    assert gone() is None


def test_whoever_searches_for_nothing_goes_on_so_also_after_an_error():
    gc.disable()
    try:
        with pytest.raises(ImportError), nothing_thrown_away():
            raise ImportError
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_second_import_freezes_nothing():
    import_transformers()
    assert "transformers.modeling_utils" in sys.modules
    before, kept = gc.get_freeze_count(), Thing()
    import_transformers()
    assert gc.get_freeze_count() <= before
    assert any(found is kept for found in gc.get_objects())
