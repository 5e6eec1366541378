"""Estimators whose parts may be None, which stands for a default part."""

from collections.abc import Callable
from typing import Any, ClassVar


class DefaultParts:
    """Mixin, before ``BaseEstimator``: parts that are None have the parameters of the default.

    ``get_params`` lists them as ``part__parameter``, and ``set_params`` makes the default part
    before it changes it: so a search finds them, and an estimator without parts stays one when it
    is cloned.
    """

    #: What makes the default of each part, by the name of its parameter.
    _default_parts: ClassVar[dict[str, Callable[[], Any]]] = {}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Get the parameters.

        Parameters
        ----------
        deep : bool, default=True
            Whether to give those of the parts, too, as ``part__parameter``; of a part that is None
            those of the default.

        Returns
        -------
        params : dict of str to object
        """
        params: dict[str, Any] = super().get_params(deep=deep)  # type: ignore[misc]
        if deep:
            for name, make in self._default_parts.items():
                if params[name] is None:
                    inner = make().get_params()
                    params |= {f"{name}__{parameter}": inner[parameter] for parameter in inner}
        return params

    def set_params(self, **params: Any) -> Any:
        """Set parameters.

        Parameters
        ----------
        **params
            Also those of parts, as ``part__parameter``; a part that is None becomes the default
            one first.

        Returns
        -------
        self : estimator
        """
        for name, make in self._default_parts.items():
            is_changed = any(parameter.startswith(f"{name}__") for parameter in params)
            if is_changed and params.get(name, getattr(self, name)) is None:
                params[name] = make()
        return super().set_params(**params)  # type: ignore[misc]

    def _validate_params(self) -> None:
        """Check parts, too: what is wrong with them is told before anything is fitted."""
        super()._validate_params()  # type: ignore[misc]
        for name in self._default_parts:
            # None, and parts of other makers, have no such check.
            getattr(getattr(self, name), "_validate_params", lambda: None)()

    def _part(self, name: str) -> Any:
        """Return a part as it was given, or the default one."""
        part = getattr(self, name)
        return self._default_parts[name]() if part is None else part
