from __future__ import annotations

import email.utils
import pathlib
import time

import pytest

from olmix.errors import UserError
from olmix.language_models.cost import Price
from olmix.language_models.ledger import generate_kept, key_of
from olmix.language_models.openai_backend import OpenAI, _retry_after
from olmix.language_models.requests import Length, Request, Sampling
from tests.language_models.endpoint import Endpoint, serving

LENGTH = Length(max_length=512)
SHORT = Sampling(max_new_tokens=32)


def echo(body: dict) -> str:
    return "echo " + (body["messages"][-1]["content"] if "messages" in body else body["prompt"])


def engine(endpoint: Endpoint, **settings):
    settings = {"attempts": 3, "pause_seconds": 0.01, "timeout_seconds": 10.0, **settings}
    return OpenAI(model="m", base_url=endpoint.url, **settings).load("m", None, LENGTH)


def requests(count: int) -> list[Request]:
    return [Request(id=str(n), prompt=f"question {n}") for n in range(count)]


def test_answers_come_back_in_order_with_the_key_in_the_header_and_never_in_the_config(monkeypatch):
    monkeypatch.setenv("SECRET_KEY", "abc")
    with serving(echo) as endpoint:
        answers = engine(endpoint, key_variable="SECRET_KEY").generate(requests(20), SHORT)
    assert [answer.text for answer in answers] == [f"echo question {n}" for n in range(20)]
    assert all(headers["Authorization"] == "Bearer abc" for headers in endpoint.headers)
    assert all(body["max_tokens"] == 32 and body["temperature"] == 0 for body in endpoint.bodies)
    assert len({body["seed"] for body in endpoint.bodies}) == 20


def test_completions_without_chat_and_system_with_it():
    with serving(echo) as endpoint:
        engine(endpoint, chat=False).generate(requests(1), SHORT)
        engine(endpoint).generate([Request(id="a", prompt="p", system="s")], SHORT)
    assert endpoint.bodies[0]["prompt"] == "question 0"
    assert endpoint.bodies[1]["messages"] == [{"role": "system", "content": "s"}, {"role": "user", "content": "p"}]


@pytest.mark.parametrize("trouble", ["429", "503", "nonsense", "empty", "cut"])
def test_what_may_pass_is_tried_again(trouble):
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: trouble if number <= 2 else ""
        assert engine(endpoint).generate(requests(1), SHORT)[0].text == "echo question 0"
    assert len(endpoint.bodies) == 3


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ("500", "HTTP 500"),
        ("nonsense", "not what the protocol promises"),
        ("empty", "0 choices where 1 were asked for"),
        ("slow", "no answer within 0.3 s"),
        ("trickle", "no answer within 0.3 s"),
        ("cut", "the connection broke"),
    ],
)
def test_an_endpoint_that_stays_bad_is_given_up_in_one_sentence(trouble, words):
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: trouble
        with pytest.raises(UserError, match=words):
            engine(endpoint, attempts=2, timeout_seconds=0.3).generate(requests(1), SHORT)
    assert len(endpoint.bodies) == 2


def test_an_endpoint_that_is_down_is_named():
    with serving(echo) as endpoint:
        url = endpoint.url
    with pytest.raises(UserError, match=f"{url}.*no connection"):
        OpenAI(model="m", base_url=url, attempts=2, pause_seconds=0.01).load("m", None, LENGTH).generate(
            requests(1), SHORT
        )


def test_a_refused_call_is_not_repeated():
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "401"
        words = r"refuses the call: HTTP 401: .*environment variable MY_KEY, which is not set\)"
        with pytest.raises(UserError, match=words):
            engine(endpoint, key_variable="MY_KEY").generate(requests(1), SHORT)
    assert len(endpoint.bodies) == 1


def test_the_pause_that_an_endpoint_asks_for_is_kept():
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "wait 0.4" if number == 1 else ""
        began = time.monotonic()
        engine(endpoint).generate(requests(1), SHORT)
        assert time.monotonic() - began >= 0.4
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize(("header", "low", "high"), [("2.5", 2.5, 2.5), ("", 0, 0), ("soon", 0, 0), ("-3", 0, 0)])
def test_pauses_are_numbers(header, low, high):
    assert low <= _retry_after({"retry-after": header}) <= high


def test_pauses_are_dates():
    assert 3500 < _retry_after({"retry-after": email.utils.formatdate(time.time() + 3600, usegmt=True)}) <= 3600
    assert _retry_after({"retry-after": email.utils.formatdate(0, usegmt=True)}) == 0


def test_a_pause_is_never_longer_than_the_time_limit():
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "wait 3600" if number == 1 else ""
        engine(endpoint, timeout_seconds=0.5).generate(requests(1), SHORT)


def test_an_endpoint_that_ignores_the_number_of_samples_is_not_paid_again():
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "one choice"
        several = Sampling(temperature=1.0, samples=3, max_new_tokens=8)
        with pytest.raises(UserError, match=r"gives 1 of the 3 samples .*ignores `n`"):
            engine(endpoint).generate(requests(1), several)
    assert len(endpoint.bodies) == 1


def test_answers_that_could_not_be_read_are_on_the_bill():
    price = Price(input_per_million=0.0, output_per_million=1e6)
    with serving(echo) as endpoint:
        # Five tokens each, whatever they say: after two of them the third could end above the cap.
        endpoint.answer = lambda body: None  # type: ignore[assignment,return-value]
        with pytest.raises(UserError, match=r"\$10\.00 spent so far, cap_dollars=40"):
            engine(endpoint, price=price, cap_dollars=40.0, attempts=9).generate(requests(1), SHORT)
    assert len(endpoint.bodies) == 2


def test_a_bill_that_the_endpoint_does_not_state_is_taken_at_its_most():
    price = Price(input_per_million=0.0, output_per_million=1e6)
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "odd usage"
        one = engine(endpoint, price=price, cap_dollars=40.0)
        assert one.generate(requests(1), SHORT)[0].text == "fine"
    assert one.meter.spent == pytest.approx(32.0)


def test_answers_before_a_failure_are_kept_and_not_asked_again(tmp_path: pathlib.Path):
    with serving(echo) as endpoint:
        endpoint.trouble = lambda number: "400" if number == 5 else ""
        one_at_a_time = engine(endpoint, concurrency=1)
        keys = [key_of("m", request, SHORT, LENGTH) for request in requests(8)]
        with pytest.raises(UserError):
            generate_kept(one_at_a_time, keys, requests(8), SHORT, tmp_path / "book", 64, lambda *_: None)
        endpoint.trouble = lambda number: ""
        answers, known = generate_kept(one_at_a_time, keys, requests(8), SHORT, tmp_path / "book", 64, lambda *_: None)
    assert 4 <= known < 8  # Calls that were under way when the fifth failed may have come back.
    assert [answer.text for answer in answers] == [f"echo question {n}" for n in range(8)]
    assert len(endpoint.bodies) == 1 + 8


def test_nothing_is_called_when_the_estimate_is_above_the_cap():
    price = Price(input_per_million=1e4, output_per_million=1e4)
    with serving(echo) as endpoint:
        with pytest.raises(UserError, match=r"would cost up to \$\d.*nothing was called"):
            engine(endpoint, price=price, cap_dollars=1.0).generate(requests(50), SHORT)
        assert endpoint.bodies == []
        frugal = engine(endpoint, price=price, cap_dollars=1.0)
        frugal.generate(requests(1), SHORT)
        assert frugal.meter.spent == pytest.approx((10 + 5) * 1e4 / 1e6)


def test_a_price_without_a_cap_is_an_error():
    backend = OpenAI(
        model="m", base_url="http://127.0.0.1:1/v1", price=Price(input_per_million=1, output_per_million=1)
    )
    with pytest.raises(UserError, match="cap_dollars"):
        backend.check(None, LENGTH)


def test_a_prompt_that_leaves_no_room_is_an_error_before_any_call():
    with serving(echo) as endpoint, pytest.raises(UserError, match=r"length\.max_length is 512"):
        engine(endpoint).generate([Request(id="long", prompt="x" * 2000)], SHORT)
    assert endpoint.bodies == []
