"""The command that lists the clusters of a map, with anatomical names."""

from pathlib import Path
from typing import Annotated

import typer

from sklearn_mnm.cli._output import Json
from sklearn_mnm.cli._queries import PValues, read_map, show_records

CLUSTERS_EXAMPLES = (
    "mnm clusters contrast.nii.gz --threshold 3.1",
    "mnm clusters contrast.nii.gz --threshold 3.1 --two-sided --min-volume 0.2 --json",
)


def clusters(
    image: Annotated[Path, typer.Argument(help="Statistical map in MNI152 space, 3D.")],
    threshold: Annotated[
        float, typer.Option("--threshold", help="Values of at least this form clusters.")
    ],
    two_sided: Annotated[
        bool, typer.Option("--two-sided", help="Also those of at most its negative.")
    ] = False,
    min_volume: Annotated[
        float, typer.Option("--min-volume", help="Leave out smaller ones, in cm³.")
    ] = 0.0,
    k: Annotated[
        int | None, typer.Option("-k", min=1, help="How many of each sign; default: all.")
    ] = None,
    subpeaks: Annotated[
        bool, typer.Option("--subpeaks", help="Also further peaks, up to three a cluster.")
    ] = False,
    p_values: PValues = False,
    as_json: Json = False,
) -> None:
    """List the clusters of a brain map: peak in mm, value, volume in cm³, anatomical names."""
    from sklearn_mnm.brain import cluster_table

    table = cluster_table(
        read_map(image, None, p_values),
        threshold,
        two_sided=two_sided,
        k=k,
        min_volume=min_volume,
        subpeaks=subpeaks,
    )
    show_records(table, as_json)
