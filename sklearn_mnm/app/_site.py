"""Addresses, and what is behind them."""

import asyncio
import gc
import json
import logging
import os
from collections.abc import Callable
from contextlib import asynccontextmanager
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

import sklearn_mnm
from sklearn_mnm.app._answers import (
    ANSWERS,
    Answer,
    Wish,
    encoded,
    maps_page,
    page,
    place_page,
    slug,
    static_files,
)
from sklearn_mnm.app._cache import BodyCache
from sklearn_mnm.app._meta import META_ANSWERS, NO_STUDIES, MetaQuestion, MetaWish
from sklearn_mnm.app._nifti import MapRefused, NothingPositive, read_map
from sklearn_mnm.app._problems import told
from sklearn_mnm.app._questions import MapQuestion, Model, TextQuestion
from sklearn_mnm.app._requests import asked_count, asked_place, asked_text
from sklearn_mnm.app._uploads import Upload, UploadedMaps, UploadReader
from sklearn_mnm.app._viewer import VIEWER_POLICY
from sklearn_mnm.app._workers import TooBusy, Workers
from sklearn_mnm.datasets.neurovault import fetch_neurovault_image
from sklearn_mnm.exceptions import DownloadError, InvalidInputError
from sklearn_mnm.model.text_regression import count_terms
from sklearn_mnm.report._facts import place_facts
from sklearn_mnm.text.terms import TermVectorizer

logger = logging.getLogger("sklearn_mnm.app")

_MAX_WAITING = 100
_MAX_ANALYSES = 8
# Results that are kept, so that no part of an answer runs one again; of some MB each.
_N_ANALYSES = 8
_CACHED_BYTES = 64 * 2**20
# Each takes 4 MB.
_N_UPLOADED = 20
# Files of a form, each of which may have two sides.
_N_FILES = 8
_EXAMPLES = (
    "reward anticipation",
    "n-back working memory",
    "fear of spiders",
    "finger tapping",
    "reading words aloud",
)
_API = "/api/"
_OTHER_SIDE = " To decode its negative side, ask for it beside the file, or multiply the map by -1."


class Site:
    """The pages of one model.

    Parameters
    ----------
    model : Model
    max_upload : int
        Bytes of an uploaded file.
    """

    def __init__(self, model: Model, max_upload: int) -> None:
        self.model, self.max_upload = model, max_upload
        self._thinkers = Workers(min(4, os.cpu_count() or 1), _MAX_WAITING)
        # Figures of matplotlib, which is for one thread, and slow: others need not wait for them.
        self._painter = Workers(1, _MAX_WAITING)
        # Meta-analyses take up to a GB: one at a time, and few wait.
        self._analyst = Workers(1, _MAX_ANALYSES)
        # What another server is waited for.
        self._elsewhere = Workers(1, _MAX_ANALYSES)
        self._analysis = lru_cache(_N_ANALYSES)(partial(MetaQuestion, model))
        self._cache = BodyCache(_CACHED_BYTES)
        self._reader = UploadReader(max_upload)
        self._uploaded = UploadedMaps(_N_UPLOADED)
        self._examples = _examples(model.encoder)
        self._is_failing = False

    def routes(self) -> list[Route]:
        """Addresses of all pages."""
        return [
            Route("/", self.home),
            Route("/text", self.text),
            Route("/text/{part}", self.text),
            Route("/place", self.place),
            Route("/meta", self.meta),
            Route("/meta/{part}", self.meta),
            Route("/map", self.upload, methods=["POST"]),
            Route("/maps", self.maps),
            Route("/map/{token}", self.map),
            Route("/map/{token}/{part}", self.map),
            Route("/api/encode", self.api_encode),
            Route("/api/place", self.api_place),
            Route("/api/decode", self.api_decode, methods=["POST"]),
            Route("/health", self.health),
            Route("/static/{name}", self.static),
        ]

    async def warm_up(self) -> None:
        """Answer a first text, which loads what later ones need."""
        try:
            question = TextQuestion(self.model, self._examples[0])
            await self._thinkers.run(ANSWERS["viewer"].make, question, str, Wish())
        except Exception:
            self._is_failing = True
            logger.exception("The first answer failed: the page may not be able to show maps.")
        # All that exists by now stays; nilearn has it searched for garbage with every map.
        gc.freeze()

    def close(self) -> None:
        """End the threads."""
        gc.unfreeze()
        self._thinkers.close()
        self._painter.close()
        self._analyst.close()
        self._elsewhere.close()

    async def home(self, request: Request) -> Response:
        """Show where to ask."""
        return Response(self._home(), media_type="text/html")

    async def text(self, request: Request) -> Response:
        """Answer a text."""
        text = asked_text(request, "q")
        question = TextQuestion(self.model, text)

        def link(part: str = "", **params: Any) -> str:
            return f"/text{'/' * bool(part)}{part}?{urlencode({'q': text, **params})}"

        return await self._answer(request, question, ("text", text), link)

    async def place(self, request: Request) -> Response:
        """Tell what is reported at a place."""
        place = asked_place(request)
        body = await self._thinkers.run(
            self._cache.get, ("place", place), lambda: place_page(self.model, place).encode()
        )
        return Response(body, media_type="text/html")

    async def meta(self, request: Request) -> Response:
        """Run a meta-analysis of studies whose texts fit a text."""
        if self.model.studies is None:
            raise HTTPException(404, NO_STUDIES)
        wish = MetaWish.from_address(asked_text(request, "q"), request.query_params)
        question = self._analysis(wish)

        def link(part: str = "", **params: Any) -> str:
            return f"/meta{'/' * bool(part)}{part}?{urlencode(wish.address | params)}"

        return await self._answer(
            request, question, ("meta", wish), link, META_ANSWERS, self._analyst
        )

    async def map(self, request: Request) -> Response:
        """Answer a map that was uploaded."""
        token = request.path_params["token"]
        question = self._kept(token)

        def link(part: str = "", **params: Any) -> str:
            return f"/map/{token}{'/' * bool(part)}{part}{'?' * bool(params)}{urlencode(params)}"

        return await self._answer(request, question, ("map", token), link)

    async def maps(self, request: Request) -> Response:
        """Show the words of several maps that were uploaded beside each other."""
        tokens = tuple(dict.fromkeys(request.query_params.getlist("map")))[: 2 * _N_FILES]
        if not tokens:
            raise InvalidInputError("There are no maps. Upload some.")
        questions = {f"/map/{token}": self._kept(token) for token in tokens}
        body = await self._thinkers.run(
            self._cache.get, ("maps", tokens), lambda: maps_page(self.model, questions).encode()
        )
        return Response(body, media_type="text/html")

    async def upload(self, request: Request) -> Response:
        """Take maps, and lead to the page of the only one, or to that of their words."""
        questions = await self._receive(request, _N_FILES)
        tokens = [self._uploaded.add(question) for question in questions]
        only = f"/map/{tokens[0]}"
        beside = f"/maps?{urlencode([('map', token) for token in tokens])}"
        return RedirectResponse(only if len(tokens) == 1 else beside, status_code=303)

    async def api_encode(self, request: Request) -> Response:
        """Answer a text, for programs."""
        text = asked_text(request, "text")
        k = asked_count(request)
        return await self._json(lambda: TextQuestion(self.model, text).facts(k))

    async def api_place(self, request: Request) -> Response:
        """Tell what is reported at a place, for programs."""
        place, k = asked_place(request), asked_count(request)
        return await self._json(
            lambda: place_facts(self.model.encoder, place, k, self.model.studies)
        )

    async def api_decode(self, request: Request) -> Response:
        """Answer a map, for programs; it is not kept."""
        k = asked_count(request)
        (question,) = await self._receive(request)
        return await self._json(lambda: question.facts(k))

    async def health(self, request: Request) -> Response:
        """Tell that the server is there and can answer, and with which model."""
        told = {
            "status": "failing" if self._is_failing else "ok",
            "model": self.model.name,
            "studies": len(self.model.row_of_study),
            "version": sklearn_mnm.__version__,
        }
        if self._is_failing:
            told["problem"] = "The first answer failed; the log of the server tells more."
        status = 503 if self._is_failing else 200
        return Response(encoded(told), status, media_type="application/json")

    async def static(self, request: Request) -> Response:
        """Give one of the files that pages use."""
        known = static_files()
        name = request.path_params["name"]
        if name not in known:
            raise HTTPException(404)
        body, media_type = known[name]
        return Response(body, media_type=media_type, headers={"Cache-Control": "max-age=300"})

    async def problem(self, request: Request, error: Exception) -> Response:
        """Say what went wrong, in words for users."""
        status, words = told(error)
        headers = dict(getattr(error, "headers", None) or {})
        if status == 503:
            headers["Retry-After"] = "5"
        if request.method == "POST":
            headers["Connection"] = "close"  # whatever else is being sent
        if request.url.path.startswith(_API):
            body, kind = json.dumps({"error": words}), "application/json"
        else:
            again = request.query_params.get("q", "") if request.url.path == "/meta" else ""
            body, kind = self._home(problem=words, status=status, meta_text=again), "text/html"
        return Response(body, status, headers, media_type=kind)

    def _home(self, problem: str | None = None, status: int = 200, meta_text: str = "") -> str:
        return page(
            "home.html.jinja",
            title="Brain maps from words, words from brain maps",
            model=self.model,
            examples=self._examples,
            max_upload=self.max_upload,
            max_files=_N_FILES,
            problem=problem,
            status=status,
            meta_text=meta_text if self.model.studies is not None else "",
            version=sklearn_mnm.__version__,
        )

    async def _answer(
        self,
        request: Request,
        question: Any,
        key: tuple[Any, ...],
        link: Callable[..., str],
        answers: dict[str, Answer] = ANSWERS,
        workers: Workers | None = None,
    ) -> Response:
        part = request.path_params.get("part", "")
        if part not in answers:
            raise HTTPException(404)
        answer = answers[part]
        wish = answer.heeded(Wish.from_address(request.query_params), question)

        def make() -> bytes:
            if part and not question.is_known:
                raise InvalidInputError("None of these words is known, so there is no map.")
            body = answer.make(question, link, wish)
            return body.encode() if isinstance(body, str) else body

        workers = workers or (self._painter if answer.draws else self._thinkers)
        body = await workers.run(self._cache.get, (*key, part, wish), make)
        headers = {}
        if part == "viewer":
            headers["Content-Security-Policy"] = VIEWER_POLICY
        if answer.download:
            view = f"_{wish.view}" if wish.view.isascii() and wish.view.isidentifier() else ""
            stem, _, ending = part.partition(".")
            name = f"{slug(question.heading)}_{stem}{view}.{ending}"
            headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(body, media_type=answer.media_type, headers=headers)

    def _kept(self, token: str) -> MapQuestion:
        question = self._uploaded.get(token)
        if question is None:
            raise HTTPException(
                404,
                f"This map is not here any more: the last {_N_UPLOADED} are kept, until the server "
                "stops. Upload it again.",
            )
        return question

    async def _receive(self, request: Request, max_files: int = 1) -> list[MapQuestion]:
        async with self._reader.receive(request, max_files) as uploads:
            if max_files == 1 and uploads[0].negative:
                raise InvalidInputError(
                    "negative: programs get one side of a map at a time. Leave it out, and "
                    "multiply the map by -1 for the other."
                )
            # One after the other, so that others have their turn between.
            found = []
            for upload in uploads:
                try:
                    if isinstance(upload.file, int):
                        found += await self._elsewhere.run(self._fetched, upload)
                        continue
                    found += await self._thinkers.run(self._sides, upload)
                except MapRefused as error:
                    which = f"{upload.name}: " if len(uploads) > 1 else ""
                    raise MapRefused(f"{which}{error}", error.status) from error
            return found

    def _fetched(self, upload: Upload) -> list[MapQuestion]:
        """Read a map of NeuroVault, with what is told of it there."""
        image = fetch_neurovault_image(upload.file)
        with image.path.open("rb") as file:
            questions = self._sides(upload._replace(file=file, name=image.name))
        for question in questions:
            question.notes = (*image.notes, *question.notes)
        return questions

    def _sides(self, upload: Upload) -> list[MapQuestion]:
        """Read a map, and its negative side if asked for; a side without anything is noted."""
        questions, refused = [], []
        for negative in (False, True)[: 1 + upload.negative]:
            upload.file.seek(0)
            name = f"{upload.name}, negative side (sign changed)" if negative else upload.name
            try:
                found = read_map(upload.file, self.model.grid, name=upload.name, negative=negative)
                questions.append(MapQuestion(self.model, found, name, upload.threshold))
            except MapRefused as error:
                refused.append(error)
        if not questions:
            reasons = " ".join(dict.fromkeys(map(str, refused)))
            is_other_left = isinstance(refused[0], NothingPositive) and not upload.negative
            advice = _OTHER_SIDE if is_other_left else ""
            raise MapRefused(reasons + advice, refused[0].status)
        for question in questions:
            question.notes = (*question.notes, *map(str, refused))
        return questions

    async def _json(self, facts: Callable[[], Any]) -> Response:
        body = await self._thinkers.run(lambda: encoded(facts()))
        return Response(body, media_type="application/json")


def make_starlette(site: Site) -> Starlette:
    """Put pages and their errors together."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> Any:
        warming = asyncio.create_task(site.warm_up())
        yield
        warming.cancel()
        site.close()

    kinds = (
        *(HTTPException, InvalidInputError, DownloadError, MapRefused, TooBusy, ClientDisconnect),
        Exception,
    )
    return Starlette(
        routes=site.routes(),
        lifespan=lifespan,
        exception_handlers=dict.fromkeys(kinds, site.problem),
    )


def _examples(encoder: Any) -> list[str]:
    """Texts to start with: ours as far as the model knows them, else its commonest terms."""
    if not isinstance(encoder.vectorizer_, TermVectorizer):
        return list(_EXAMPLES)
    known = count_terms(encoder.vectorizer_.transform(_EXAMPLES)) > 0
    if known.any():
        return [text for text, is_known in zip(_EXAMPLES, known, strict=True) if is_known]
    commonest = np.argsort(-encoder.term_counts_, kind="stable")[: len(_EXAMPLES)]
    return [str(term) for term in encoder.terms_[commonest]]
