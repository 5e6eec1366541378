"""From the records of runs to a table: means, spread, paired differences."""

from typing import Any

import numpy as np
from scipy import stats

from benchmarks.common.protocol import POOL_SIZE, RANKS
from benchmarks.models import MODELS

RETRIEVAL = tuple(
    f"{direction} {name}"
    for direction in ("t2b", "b2t")
    for name in (*(f"R@{k}" for k in RANKS), "MM")
)
CORRECTED = tuple(f"{direction} R@10 corrected" for direction in ("t2b", "b2t"))
MAPS = ("map corr", "map Dice")
RETRIEVAL_MAIN = ("t2b R@10", "b2t R@10")
MAIN = (*RETRIEVAL_MAIN, *MAPS)
OURS = "ours"
COST = ("fit s", "fit CPU s", "peak GiB")


def summarise(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Summarise records of several models on the same folds.

    Parameters
    ----------
    records : list of dict
        As ``worker.run`` returns them.

    Returns
    -------
    summary : dict
        ``folds``; ``references``, the best baseline for retrieval (mean of the two R@10) and for
        map prediction (voxel correlation); ``models``, by name: for each score its ``mean``, its
        standard deviation over folds ``sd`` and ``difference``, the mean paired difference to
        the reference and the half-width of its 95 % t interval over folds.
    """
    by_model: dict[str, dict[int, dict]] = {}
    for record in records:
        by_model.setdefault(record["model"], {})[record["fold"]] = record
    folds = sorted({record["fold"] for record in records})
    for name, runs in by_model.items():
        if sorted(runs) != folds:
            raise ValueError(f"{name} has the folds {sorted(runs)}, others have {folds}.")
    values = {
        name: {
            score: np.array([runs[fold]["scores"][score] for fold in folds])
            for score in (*RETRIEVAL, *CORRECTED, *MAPS)
            if score in runs[folds[0]]["scores"]
        }
        for name, runs in by_model.items()
    }
    retrieval_bar = _best_baseline(values, ("t2b R@10", "b2t R@10"))
    map_bar = _best_baseline(values, ("map corr",))
    models = {}
    for name, runs in by_model.items():
        scores = {}
        for score, value in values[name].items():
            bar = map_bar if score in MAPS else retrieval_bar
            scores[score] = {
                "mean": float(value.mean()),
                "sd": float(value.std(ddof=1)) if len(folds) > 1 else None,
                "difference": None
                if bar in (None, name)
                else paired_interval(value - values[bar][score]),
            }
        models[name] = {
            "title": MODELS[name].title,
            "scores": scores,
            "fit_seconds": float(np.mean([run["fit_seconds"] for run in runs.values()])),
            "fit_cpu_seconds": float(np.mean([run["fit_cpu_seconds"] for run in runs.values()])),
            "peak_gib": max(run["peak_gib"] for run in runs.values()),
        }
    references = {"retrieval": retrieval_bar, "map prediction": map_bar}
    return {
        "folds": folds,
        "references": references,
        "models": models,
        "ours minus others": _contrasts(values),
    }


def markdown(summary: dict[str, Any]) -> str:
    """Write the summary as three Markdown tables: retrieval, differences, map prediction."""
    models = summary["models"]
    parts = []
    retrieving = {name: m for name, m in models.items() if RETRIEVAL[0] in m["scores"]}
    predicting = {name: m for name, m in models.items() if MAPS[0] in m["scores"]}
    if retrieving:
        rows = [[m["title"], *_means(m, RETRIEVAL, 1), *_cost(m)] for m in retrieving.values()]
        parts.append(markdown_table(["model", *map(heading, RETRIEVAL), *COST], rows, 1))
        chance = [100 * k / POOL_SIZE for k in RANKS] + [50.0]
        cells = " | ".join(f"{value:.1f}" for value in chance * 2)
        parts[-1] += f"\n| chance | {cells} | | | |"
        parts.append(_differences(summary, "retrieval", retrieving, RETRIEVAL, 1))
        headers = ["model", *(f"{heading(s)} by CSLS" for s in ("t2b R@10", "b2t R@10"))]
        rows = [[m["title"], *_means(m, CORRECTED, 1)] for m in retrieving.values()]
        parts.append(
            "With test-time correction of hubness (CSLS, k = 10, over the pool).\n\n"
            + markdown_table(headers, rows, 1)
        )
    if predicting:
        rows = [
            [m["title"], *_means(m, MAPS, 3), *_differences_of(m, MAPS, 3), *_cost(m)]
            for m in predicting.values()
        ]
        bar = summary["references"]["map prediction"]
        against = f"Differences to {models[bar]['title']}." if bar else ""
        header = ["model", "correlation", "Dice", "Δ correlation", "Δ Dice", *COST]
        parts.append(f"Map prediction. {against}\n\n{markdown_table(header, rows, 1)}")
    parts.append(_differences_to_others(summary))
    return "\n\n".join(part for part in parts if part)


def _best_baseline(values: dict[str, dict[str, np.ndarray]], scores: tuple[str, ...]) -> str | None:
    means = {
        name: np.mean([value[score].mean() for score in scores])
        for name, value in values.items()
        if MODELS[name].is_baseline and all(score in value for score in scores)
    }
    return max(means, key=lambda name: means[name]) if means else None


def _contrasts(values: dict[str, dict[str, np.ndarray]]) -> dict[str, dict[str, Any]]:
    """Paired differences of the default embedder to each other model, in the main scores."""
    ours = values.get(OURS, {})
    return {
        name: {
            score: paired_interval(ours[score] - value[score])
            for score in MAIN
            if score in value and score in ours
        }
        for name, value in values.items()
        if name != OURS and ours
    }


def paired_interval(differences: np.ndarray) -> dict[str, float | None]:
    """Mean of paired differences and half-width of its 95 % t interval, None for one fold."""
    n_folds = len(differences)
    half_width = None
    if n_folds > 1:
        error = differences.std(ddof=1) / np.sqrt(n_folds)
        half_width = float(stats.t.ppf(0.975, n_folds - 1) * error)
    return {"mean": float(differences.mean()), "half_width": half_width}


def _differences(
    summary: dict[str, Any], kind: str, models: dict, scores: tuple[str, ...], digits: int
) -> str:
    bar = summary["references"][kind]
    rows = [
        [m["title"], *_differences_of(m, scores, digits)]
        for name, m in models.items()
        if name != bar
    ]
    if bar is None or not rows:
        return ""
    title = summary["models"][bar]["title"]
    return f"Differences to {title}.\n\n{markdown_table(['model', *map(heading, scores)], rows, 1)}"


def _differences_to_others(summary: dict[str, Any]) -> str:
    contrasts = summary["ours minus others"]
    if not contrasts:
        return ""
    rows = []
    for name, differences in contrasts.items():
        cells = []
        for score in MAIN:
            digits = 3 if score in MAPS else 1
            cells.append(interval(differences[score], digits) if score in differences else "")
        rows.append([summary["models"][name]["title"], *cells])
    title = summary["models"][OURS]["title"]
    header = ["other model", *map(heading, RETRIEVAL_MAIN), *MAPS]
    return f"{title} minus each other model.\n\n{markdown_table(header, rows, 1)}"


def _means(model: dict, scores: tuple[str, ...], digits: int) -> list[str]:
    cells = []
    for score in scores:
        value = model["scores"][score]
        spread = "" if value["sd"] is None else f" ± {value['sd']:.{digits}f}"
        cells.append(f"{value['mean']:.{digits}f}{spread}")
    return cells


def _differences_of(model: dict, scores: tuple[str, ...], digits: int) -> list[str]:
    return [interval(model["scores"][score]["difference"], digits) for score in scores]


def interval(difference: dict[str, float | None] | None, digits: int) -> str:
    """Write what `paired_interval` gives; nothing for None."""
    if difference is None:
        return ""
    mean, half = difference["mean"], difference["half_width"]
    if half is None:
        return f"{mean:+.{digits}f}"
    return f"{mean:+.{digits}f} [{mean - half:+.{digits}f}, {mean + half:+.{digits}f}]"


def _cost(model: dict) -> list[str]:
    seconds, cpu_seconds = model["fit_seconds"], model["fit_cpu_seconds"]
    return [f"{seconds:.0f}", f"{cpu_seconds:.0f}", f"{model['peak_gib']:.1f}"]


def heading(score: str) -> str:
    """Name a score as tables do."""
    return score.replace("t2b", "t→b").replace("b2t", "b→t")


def markdown_table(header: list[str], rows: list[list[str]], n_left: int) -> str:
    """Write a Markdown table whose first columns are aligned to the left."""
    rule = ["---"] * n_left + ["---:"] * (len(header) - n_left)
    return "\n".join("| " + " | ".join(row) + " |" for row in [header, rule, *rows])
