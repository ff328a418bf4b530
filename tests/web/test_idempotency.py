"""What is remembered of requests that may come twice."""

from __future__ import annotations

import gc
import io
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import bottle
import pytest

from web.api.idempotency import Once
from web.problem import Problem
from web.roles import Caller, Role, set_caller

KIB = 1024


@contextmanager
def request(body: bytes, who: str = "session 1", key: str = "k") -> Iterator[None]:
    """Within it, a request with this body is at hand."""
    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/api/v1/jobs/7/rerun",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_IDEMPOTENCY_KEY": key,
        "wsgi.input": io.BytesIO(body),
    }
    set_caller(environ, Caller(Role.OPERATOR, who, "127.0.0.1"))
    bottle.request.bind(environ)
    try:
        yield
    finally:
        bottle.request.bind({})


def test_a_repetition_gets_the_same_answer_and_does_nothing() -> None:
    once, done = Once(), []

    def act() -> dict[str, int]:
        done.append(7)
        return {"id": 7}

    for _ in range(3):
        with request(b"{}"):
            assert once.run(act) == {"id": 7}
    assert done == [7]


def test_a_key_is_of_one_request_and_one_caller() -> None:
    once = Once()
    with request(b"{}"):
        once.run(lambda: {"id": 7})
    with request(b'{"hold": true}'), pytest.raises(Problem) as refused:
        once.run(lambda: {"id": 8})
    assert refused.value.status == 409
    with request(b'{"hold": true}', who="session 2"):
        assert once.run(lambda: {"id": 9}) == {"id": 9}


def test_large_bodies_are_not_kept() -> None:
    once = Once()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(40):
            with request(b"{}" + b" " * 90 * KIB, key=f"k{number}"):
                once.run(lambda: {"id": 7})
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 900 * KIB, grown
