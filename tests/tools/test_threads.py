import threading

import numpy as np
import pytest
import torch
from scipy import linalg
from threadpoolctl import threadpool_info, threadpool_limits

from sklearn_mnm import HyperbolicBrainTextEmbedder
from sklearn_mnm._tools.threads import one_thread_if_small

SMALL, LARGE = 2000 * 2000, 2000 * 2000 + 1


def threads():
    """Threads of torch and of each BLAS, as the calling thread sees them."""
    blas = [pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"]
    assert blas
    return [torch.get_num_threads(), *blas]


@pytest.fixture(autouse=True)
def two_threads():
    before = torch.get_num_threads()
    with threadpool_limits(2, user_api="blas"):
        torch.set_num_threads(2)
        yield
    torch.set_num_threads(before)


def test_small_work_has_one_thread_and_large_work_all():
    assert set(threads()) == {2}
    with one_thread_if_small(SMALL):
        assert set(threads()) == {1}
    assert set(threads()) == {2}
    with one_thread_if_small(LARGE):
        assert set(threads()) == {2}


def test_threads_come_back_after_an_error_and_from_nested_work():
    def fail():
        with one_thread_if_small(SMALL):
            with one_thread_if_small(SMALL):
                assert set(threads()) == {1}
            assert set(threads()) == {1}
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert set(threads()) == {2}


def test_limits_of_the_user_stay_limits():
    with threadpool_limits(1, user_api="blas"):
        torch.set_num_threads(1)
        for n_entries in (SMALL, LARGE):
            with one_thread_if_small(n_entries):
                assert set(threads()) == {1}
            assert set(threads()) == {1}


def test_fits_in_two_python_threads_at_once_leave_all_threads_behind():
    first_in, second_in, first_out = (threading.Event() for _ in range(3))
    seen = {}

    def first():
        with one_thread_if_small(SMALL):
            first_in.set()
            assert second_in.wait(10)
            seen["first"] = torch.get_num_threads()
        first_out.set()

    def second():
        assert first_in.wait(10)
        with one_thread_if_small(SMALL):
            seen["second"] = torch.get_num_threads()
            second_in.set()
            assert first_out.wait(10)

    workers = [threading.Thread(target=work) for work in (first, second)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert seen == {"first": 1, "second": 1}
    assert set(threads()) == {2}
    with one_thread_if_small(SMALL):
        assert set(threads()) == {1}


def test_small_fits_factorise_and_train_with_one_thread(monkeypatch):
    factorising, training = [], []
    factorise = linalg.lapack.dpotrf

    def watched(*args, **kwargs):
        factorising.extend(threads()[1:])
        return factorise(*args, **kwargs)

    monkeypatch.setattr(linalg.lapack, "dpotrf", watched)
    random = np.random.default_rng(0)
    topics = random.dirichlet(np.full(6, 0.1), size=60)
    X, Y = (random.poisson(topics @ random.gamma(0.3, size=(6, n)) * 5) for n in (40, 20))
    embedder = HyperbolicBrainTextEmbedder(
        max_epochs=2,
        callbacks=[lambda record: training.append(torch.get_num_threads())],
        random_state=0,
    )
    embedder.fit(X, Y)
    assert set(factorising) == {1}
    assert training == [1, 1]
    assert set(threads()) == {2}
