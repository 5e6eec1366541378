"""From peaks to activations of regions: `PeaksToRegions` and NiMARE's kernel with nilearn's masker.

Both are given the same table of peaks and the same image of 512 regions, learnt beforehand. NiMARE
takes a random sample of the studies, another in each repetition; its time is multiplied to the
whole corpus. That favours it: its kernel looks through all peaks for each study.
"""

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sides.corpus import is_quick, studies
from benchmarks.sides.measuring import Memory, clock, of_run, ratio, spread

HEADING = "Side by side: peaks to regions"
FWHM = 9.0
# Studies that NiMARE is given.
SAMPLE = 100


def prepare(folder: Path, quick: bool) -> None:
    """Write peaks, and regions at both resolutions."""
    from nilearn.image import resample_to_img

    from sklearn_mnm import PeaksToRegions
    from sklearn_mnm.brain.atlas import load_mask

    corpus = studies(quick)
    peaks = corpus.peaks[["x", "y", "z"]].reset_index(drop=True)
    peaks.insert(0, "id", np.asarray(corpus.ids)[corpus.study_index])
    peaks.to_pickle(folder / "peaks.pkl")
    n_regions = 20 if quick else 512
    regions = PeaksToRegions(n_regions=n_regions, resolution=4, fwhm=FWHM, random_state=0)
    image = regions.fit(corpus).labels_img_
    image.to_filename(folder / "regions-4mm.nii.gz")
    fine = resample_to_img(
        image, load_mask(resolution=2), interpolation="nearest", force_resample=True
    )
    fine.to_filename(folder / "regions-2mm.nii.gz")


def _ours(resolution: int) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        import nilearn.image  # noqa: F401  # imports are not timed
        import pandas as pd

        from sklearn_mnm import PeaksToRegions

        memory = Memory()
        peaks = pd.read_pickle(folder / "peaks.pkl")
        with clock() as spent:
            regions = PeaksToRegions(
                folder / f"regions-{resolution}mm.nii.gz", resolution=resolution, fwhm=FWHM
            )
            activations = regions.fit().transform(peaks)
        # The file is loaded before NiMARE's samples are compared with it.
        np.save(folder / f"ours-{resolution}mm.npy", activations)
        return {**spent, **memory.added(), "studies": len(activations)}

    return run


def _sampled(folder: Path, repetition: int) -> tuple[Any, np.ndarray, int]:
    """Peaks of random studies, their rows among all, and the number of all."""
    import pandas as pd

    peaks = pd.read_pickle(folder / "peaks.pkl")
    ids = peaks["id"].unique()
    size = 10 if is_quick(folder) else SAMPLE
    rows = np.random.default_rng(repetition).choice(len(ids), size, replace=False)
    # NiMARE sorts studies by id.
    rows = rows[np.argsort(ids[rows].astype(str))]
    return peaks[peaks["id"].isin(ids[rows])].astype({"id": str}), rows, len(ids)


def _fwhm_asked(resolution: int) -> float:
    """Return what to ask `ALEKernel` for to get a width of 9 mm.

    It divides by the square root of the volume of a voxel and multiplies by that of 2, which is
    the side of a voxel for 2 mm only.
    """
    return FWHM * (resolution / 2) ** 0.5


def _nimare(resolution: int, by_hand: bool = False) -> Any:
    def run(folder: Path, repetition: int) -> dict[str, float]:
        from nilearn.maskers import NiftiLabelsMasker, NiftiMasker
        from nimare.meta.kernel import ALEKernel

        from sklearn_mnm.brain.atlas import load_atlas, load_mask

        memory = Memory()
        peaks, rows, n_studies = _sampled(folder, repetition)
        mask = load_mask(resolution=resolution)
        labels = folder / f"regions-{resolution}mm.nii.gz"
        kernel = ALEKernel(fwhm=_fwhm_asked(resolution))
        masker = NiftiMasker(mask).fit()
        regions = NiftiLabelsMasker(labels, strategy="sum", resampling_target=None)
        membership = load_atlas(labels, mask).membership

        def summed(peaks: Any) -> np.ndarray:
            if by_hand:
                maps = kernel.transform(peaks, masker=masker, return_type="sparse")
                return (maps @ membership).toarray()
            images = kernel.transform(peaks, masker=masker, return_type="image")
            return regions.transform(images)

        # What is made once, such as compiled code, counts once.
        with clock() as once:
            regions.fit()
            summed(peaks[peaks["id"] == peaks["id"].iloc[0]])
        with clock() as spent:
            activations = summed(peaks)
        ours = np.load(folder / f"ours-{resolution}mm.npy")[rows]
        compared = [np.corrcoef(pair)[0, 1] for pair in zip(activations, ours, strict=True)]
        whole = n_studies / len(rows)
        return {
            **{name: once[name] + seconds * whole for name, seconds in spent.items()},
            **memory.added(),
            "once": once["cpu"],
            "measured": spent["cpu"],
            "studies": len(rows),
            "correlation": np.median(compared),
            "low correlation": np.percentile(compared, 5),
            "mass": activations.sum() / ours.sum(),
        }

    return run


RUNS = {
    "ours, 4 mm": _ours(4),
    "NiMARE and nilearn, 4 mm": _nimare(4),
    "NiMARE, sparse maps summed by hand, 4 mm": _nimare(4, by_hand=True),
    "ours, 2 mm": _ours(2),
    "NiMARE and nilearn, 2 mm": _nimare(2),
    "NiMARE, sparse maps summed by hand, 2 mm": _nimare(2, by_hand=True),
}


def repetitions(quick: bool) -> int:
    """How often all of them run."""
    return 1 if quick else 3


def report(records: Any) -> str:
    """Tables of seconds, ratios, memory and agreement."""
    n_studies = int(of_run(records, "ours, 4 mm", "studies")[0])
    sample = int(of_run(records, "NiMARE and nilearn, 4 mm", "studies")[0])
    lines = [
        "| whole corpus | CPU s | wall s | CPU, times ours | wall, times ours | memory, MB "
        "| correlation with ours |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for run in RUNS:
        ours = f"ours, {run[-4:]}"
        cells = [spread(of_run(records, run, column)) for column in ("cpu", "wall")]
        if run == ours:
            cells += ["", "", spread(of_run(records, run, "added")), ""]
        else:
            cells += [spread(ratio(records, run, ours, column)) for column in ("cpu", "wall")]
            cells += [spread(of_run(records, run, "added"))]
            low = of_run(records, run, "low correlation").min()
            cells += [f"{np.median(of_run(records, run, 'correlation')):.3f} (5 %: {low:.2f})"]
        lines.append(f"| {run} | {' | '.join(cells)} |")
    table = "\n".join(lines)
    mass = np.median(of_run(records, "NiMARE and nilearn, 2 mm", "mass"))
    return f"""\
{n_studies:,} studies from one table of peaks to {FWHM:g} mm Gaussians summed over the same image of
regions. Ours is `PeaksToRegions(atlas=image).fit().transform(peaks)`, reading the image and making
the operator included. Theirs is `ALEKernel(fwhm=9).transform(...)` to images and one
`NiftiLabelsMasker(strategy="sum")` for all of them, {sample} random studies, whose time is
multiplied by {n_studies / sample:.0f} and added to that of a first study; this favours theirs, as
its kernel takes longer for a study the more there are. Imports and reading of peaks are not timed.
NiMARE's kernel has this width at 2 mm, its own resolution; at 4 mm it was asked for
{_fwhm_asked(4):.1f} mm to get 9. Memory is that of the process beyond imports: of all studies for
ours, of the sample for theirs.

{table}

Both sum the same Gaussians over the same voxels. Where those of two peaks of a study overlap, ours
adds them and NiMARE's takes the larger, and peaks outside the mask, within 10 mm, move to it in
ours: theirs holds {100 * mass:.0f} % of the sum of ours at 2 mm. Correlation is over the regions of
a study, median of the studies. The rows by hand leave nilearn out: NiMARE's sparse maps times the
regions, for those who write that themselves.
"""
