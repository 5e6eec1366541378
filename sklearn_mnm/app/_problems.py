"""What users are told of errors."""

import re
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from sklearn_mnm.app._nifti import MapRefused
from sklearn_mnm.app._workers import TooBusy
from sklearn_mnm.exceptions import DownloadError, InvalidInputError

# Of Python, which users of a page do not give.
_ARGUMENT = re.compile(r"^(X|image_id=[0-9]+): ")


def told(error: Exception) -> tuple[int, str]:
    """Status and words of an error; nothing of what is not meant for users."""
    if isinstance(error, MapRefused):
        return error.status, str(error)
    if isinstance(error, InvalidInputError):
        return 400, _ARGUMENT.sub("", str(error))
    if isinstance(error, DownloadError):
        return 502, _ARGUMENT.sub("", str(error))
    if isinstance(error, TooBusy):
        return 503, "Too much is asked at the moment. Try again in a few seconds."
    if isinstance(error, HTTPException):
        ours = error.detail != HTTPStatus(error.status_code).phrase
        known = {404: "There is no such page.", 405: "This address is not for such requests."}
        words = error.detail if ours else known.get(error.status_code, error.detail)
        return error.status_code, words
    if isinstance(error, ClientDisconnect):
        return 400, "The connection ended early."
    return 500, "Something went wrong here; the log of the server tells more."
