import pytest

from olmix.report import words
from olmix.report.words import MINUS, THIN


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (words.number(0.0428, 3), "0.0428"),
        (words.number(-1234.5, 3), f"{MINUS}1234"),
        (words.number(2.5e-7, 2), "2.5e-7"),
        (words.number(None), "–"),
        (words.fixed(-0.0001, 2), "0.00"),
        (words.fixed(-0.01, 2), f"{MINUS}0.01"),
        (words.signed(words.fixed(0.5, 1)), "+0.5"),
        (words.percent(0.1234), f"12.3{THIN}%"),
        (words.percent(0.00005), f"< 0.01{THIN}%"),
        (words.percent(0), f"0{THIN}%"),
        (words.count(950), "950"),
        (words.count(0.00114), "0"),
        (words.count(999_700), "1M"),
        (words.count(1_050_000), "1.05M"),
        (words.count(2.3e12), "2.3T"),
        (words.times(0.824), "0.82×"),
        (words.duration(0.42), "0.4 s"),
        (words.duration(100), "100 s"),
        (words.duration(3600), "60 min"),
        (words.duration(3600 * 1200), "1,200 h"),
        (words.listing(["a"]), "a"),
        (words.listing(["a", "b", "c"]), "a, b and c"),
        (words.listing(list("abcdef"), 2), "a, b and 4 more"),
        (words.plural(1, "leaf", "leaves"), "1 leaf"),
        (words.plural(1200, "run"), "1,200 runs"),
    ],
)
def test_numbers_read_as_people_write_them(shown, expected):
    assert shown == expected


@pytest.mark.parametrize("spread", [3.0, 0.5, 0.012, 1e-4])
def test_places_show_two_digits_of_the_spread(spread):
    places = words.places_for(spread)
    assert round(spread, places) == pytest.approx(spread, rel=0.05)
    assert places == 0 or abs(round(spread, places - 1) - spread) <= 0.5 * 10 ** (1 - places)
