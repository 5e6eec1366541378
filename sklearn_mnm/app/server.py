"""The application, and a server for it."""

import logging
import socket
import threading
import webbrowser
from collections.abc import Callable, Collection
from ipaddress import ip_address
from numbers import Integral, Real
from typing import Any

from sklearn.utils.validation import check_is_fitted

from sklearn_mnm._tools.dependencies import import_optional
from sklearn_mnm.exceptions import InvalidInputError

logger = logging.getLogger("sklearn_mnm.app")

_MEGABYTE = 2**20
# Bytes of an address and headers: 5,000 letters of any script, escaped.
_LONGEST_HEAD = 96 * 1024


def check_packages() -> None:
    """Say what is missing before anything takes time.

    Raises
    ------
    MissingDependencyError
        If one of the packages of the extra ``app`` is not installed.
    """
    for module in ("starlette", "uvicorn", "python_multipart", "jinja2", "matplotlib"):
        import_optional(module, extra="app", purpose="The web page")


def create_app(
    encoder: Any,
    *,
    name: str = "model",
    studies: Any = None,
    max_upload_mb: float = 64,
    hosts: Collection[str] = (),
) -> Any:
    """Make the application, for servers of your own.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    name : str, default="model"
        What pages call the model.
    studies : Studies or None, default=None
        With peaks, of those that the encoder was fitted to. Pages then run ALE and MKDA of the
        studies whose texts fit a text best, through NiMARE. If None, they do not.
    max_upload_mb : float, default=64
        Size of uploaded files in units of 2**20 bytes, as sent. Once unpacked, maps may have 32
        million voxels.
    hosts : collection of str, default=()
        Names and addresses, without port, by which browsers may call the server, besides those
        of this computer for itself; ``"*"`` allows all. Others are refused, as a foreign site could
        use them to reach a server that only this computer can reach.

    Returns
    -------
    app : ASGI application
        For one process: uploaded maps are kept in its memory.

    Raises
    ------
    InvalidInputError
        If `encoder` is none or was fitted to arrays, `studies` are no Studies or none of them is
        known to the encoder, `max_upload_mb` is no number of at least a byte, or `hosts` are no
        names.
    MissingDependencyError
        If one of the packages of the extra ``app`` is not installed, or, with `studies`, NiMARE.
    """
    check_packages()
    from sklearn_mnm.app._guard import LOOPBACK, Guard
    from sklearn_mnm.app._questions import Model
    from sklearn_mnm.app._site import Site, make_starlette

    _check_encoder(encoder)
    if not isinstance(max_upload_mb, Real) or not 1 <= max_upload_mb * _MEGABYTE < float("inf"):
        raise InvalidInputError(
            f"max_upload_mb={max_upload_mb!r} must be a number above 0, of at least a byte."
        )
    if studies is not None:
        _check_studies(studies, encoder)
    site = Site(Model(encoder, name, studies), int(max_upload_mb * _MEGABYTE))
    return Guard(make_starlette(site), {*LOOPBACK, *_checked_hosts("hosts", hosts)})


def serve(
    encoder: Any,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    name: str = "model",
    studies: Any = None,
    max_upload_mb: float = 64,
    allowed_hosts: Collection[str] = (),
    open_browser: bool = False,
    tell: Callable[[str], None] | None = None,
) -> None:
    """Serve the web page until it is interrupted.

    Parameters
    ----------
    encoder : MNMEncoder
        Fitted to peaks or images.
    host : str, default="127.0.0.1"
        Address to listen at. The default is reached from this computer only; there is neither
        password nor encryption, so put a server that has them before it for anything else, of
        which the log warns.
    port : int, default=8000
        0 takes one that is free.
    name, studies, max_upload_mb
        See :func:`create_app`.
    allowed_hosts : collection of str, default=()
        Names and addresses by which it may be called, besides `host`; see :func:`create_app`.
    open_browser : bool, default=False
        Whether to show the page.
    tell : callable or None, default=None
        Called with the address of the page when the server is ready.

    Raises
    ------
    InvalidInputError
        If it cannot listen at `host` and `port`, or as :func:`create_app`.
    MissingDependencyError
        As :func:`create_app`.
    """
    check_packages()
    import matplotlib
    import uvicorn

    from sklearn_mnm.app._protocol import PatientProtocol

    # Figures go to browsers, so no display is needed.
    matplotlib.use("Agg")
    if not isinstance(host, str):
        raise InvalidInputError(f"host={host!r} must be the name or address to listen at.")
    hosts = [host, *_checked_hosts("allowed_hosts", allowed_hosts)]
    app = create_app(encoder, name=name, studies=studies, max_upload_mb=max_upload_mb, hosts=hosts)
    with _listening(host, port) as listener:
        if not _is_loopback(listener.getsockname()[0]):
            logger.warning(
                "host=%r can be reached from other computers, without password or encryption: "
                "whoever reaches it can ask the model and upload maps. Put a server that has "
                "them before it, or leave host out.",
                host,
            )
        address = _address(host, listener.getsockname()[1])
        config = uvicorn.Config(
            app,
            http=PatientProtocol,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            h11_max_incomplete_event_size=_LONGEST_HEAD,
            # Longer than it takes to look at a map.
            timeout_keep_alive=75,
            timeout_graceful_shutdown=3,
        )
        # Connections wait until the server takes them.
        if tell is not None:
            tell(address)
        if open_browser:
            threading.Thread(target=webbrowser.open, args=[address], daemon=True).start()
        uvicorn.Server(config).run(sockets=[listener])


def _check_encoder(encoder: Any) -> None:
    from sklearn_mnm.encoder import MNMEncoder

    if not isinstance(encoder, MNMEncoder):
        raise InvalidInputError(
            f"encoder is {encoder!r:.80}. Give an MNMEncoder; of an MNMDecoder that is encoder()."
        )
    check_is_fitted(encoder)


def _check_studies(studies: Any, encoder: Any) -> None:
    from sklearn_mnm.datasets import Studies
    from sklearn_mnm.datasets.nimare_meta import load_nimare

    if not isinstance(studies, Studies):
        raise InvalidInputError(
            f"studies is {studies!r:.80}. Give Studies, which load_studies makes of files."
        )
    known = set(encoder.neighbours_.ids) & set(studies.ids[studies.peak_counts > 0])
    if len(known) < 2:
        raise InvalidInputError(
            f"studies: {len(known)} of the {len(studies)} have peaks and are known to the model, "
            "and two or more are needed. Give those that it was fitted to."
        )
    load_nimare("Meta-analyses on the web page")


def _checked_hosts(name: str, hosts: Any) -> list[str]:
    # One string is a collection of letters.
    is_list = not isinstance(hosts, str) and isinstance(hosts, Collection)
    if not is_list or not all(isinstance(host, str) for host in hosts):
        raise InvalidInputError(
            f"{name}={hosts!r}: give a list of names and addresses, without ports."
        )
    return list(hosts)


def _listening(host: str, port: int) -> socket.socket:
    try:
        if not isinstance(port, Integral) or isinstance(port, bool) or not 0 <= port <= 65535:
            raise ValueError("ports are whole numbers from 0 to 65535")
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=256)
    except (OSError, ValueError) as error:  # the latter of names that cannot be encoded, too
        raise InvalidInputError(
            f"host={host!r}, port={port!r}: cannot listen there ({error}). Choose others; port 0 "
            "takes one that is free."
        ) from error


def _is_loopback(address: str) -> bool:
    """Whether an address that a socket listens at is of this computer alone."""
    found = ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (found if mapped is None else mapped).is_loopback


def _address(host: str, port: int) -> str:
    """Address at which a browser on this computer finds the page."""
    everywhere = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}
    name = everywhere.get(host, host)
    return f"http://{f'[{name}]' if ':' in name else name}:{port}/"
