"""The load of the web page is measured on a server that runs."""

import pytest

pytest.importorskip("starlette")
pytest.importorskip("typer")
app_load = pytest.importorskip("benchmarks.speed.app_load")


def test_queries_are_known_and_differ():
    from itertools import islice

    texts = list(islice(app_load.queries(), 50))
    assert len(set(texts)) == 50
    assert texts == list(islice(app_load.queries(), 50))
