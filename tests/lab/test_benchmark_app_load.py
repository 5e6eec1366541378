"""The load of the web page is measured on a server that runs, and so is its patience."""

import re
import sys

import pytest

pytest.importorskip("starlette")
pytest.importorskip("typer")
app_load = pytest.importorskip("benchmarks.speed.app_load")


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_few_queries_are_timed(monkeypatch):
    monkeypatch.setattr(app_load, "N_WARMING", 4)
    result = app_load.measure(20, 2, ["page", "json"], ["upload"])
    assert {kind: len(times) for kind, times in result["seconds"].items()} == {
        "page": 20,
        "json": 20,
        "upload": 10,
    }
    assert all(time > 0 for times in result["seconds"].values() for time in times)
    # A model and torch are in memory, and that it is there does not add up.
    assert len(result["memory"]) == 11
    assert all(200 < value < 3000 for value in result["memory"])
    text = app_load.report(result, 20, 2)
    assert re.search(r"\| page \| \d+ \| \d+ \| \d+ \| \d+ \|", text)


@pytest.mark.skipif(sys.platform != "linux", reason="the server is killed")
def test_slow_clients_and_a_server_that_is_killed_are_tried(monkeypatch):
    app_patience = pytest.importorskip("benchmarks.robustness.app_patience")
    monkeypatch.setattr(app_patience, "LONGEST", 30)
    assert app_patience.unfinished_heads().count("closed after") == 3
    assert app_patience.addresses_in_the_log() == "1 line, 0 with the address"
    assert app_patience.killed(times=1).startswith("1 uploads, 1 reports; files left: none")
