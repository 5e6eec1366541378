"""Images as AFNI and MINC write them, which nibabel reads and does not write."""

import numpy as np
from scipy.io import netcdf_file


def write_afni(folder, name, values, affine, *, space=None, view=2, labels=(), statistics=()):
    """Write .HEAD and .BRIK of values on axes parallel to those of the space; return the first."""
    maps = values if values.ndim == 4 else values[..., np.newaxis]
    n_maps = maps.shape[3]
    to_dicom = np.diag([-1.0, -1, 1]) @ affine[:3]  # right to left, front to back

    numbers = {
        "BRICK_TYPES": ("integer", [3] * n_maps),
        "BRICK_FLOAT_FACS": ("float", [0.0] * n_maps),
        "DATASET_RANK": ("integer", [3, n_maps, 0, 0, 0, 0, 0, 0]),
        "DATASET_DIMENSIONS": ("integer", [*maps.shape[:3], 0, 0]),
        "ORIENT_SPECIFIC": ("integer", [0 if affine[0, 0] < 0 else 1, 3, 4]),
        "ORIGIN": ("float", to_dicom[:, 3].tolist()),
        "DELTA": ("float", np.diag(to_dicom[:, :3]).tolist()),
        "IJK_TO_DICOM_REAL": ("float", to_dicom.ravel().tolist()),
        "SCENE_DATA": ("integer", [view, 11, 3, *[-999] * 5]),
    }
    if statistics:
        numbers["BRICK_STATAUX"] = ("float", [float(number) for number in statistics])
    words = {"BYTEORDER_STRING": "LSB_FIRST", "TEMPLATE_SPACE": space}
    words["BRICK_LABS"] = "~".join(labels) or None
    text = [
        f"\ntype = {kind}-attribute\nname = {key}\ncount = {len(row)}\n {' '.join(map(str, row))}\n"
        for key, (kind, row) in numbers.items()
    ]
    text += [
        f"\ntype = string-attribute\nname = {key}\ncount = {len(word) + 1}\n'{word}~\n"
        for key, word in words.items()
        if word is not None
    ]
    (folder / f"{name}.HEAD").write_text("".join(text))
    (folder / f"{name}.BRIK").write_bytes(np.asarray(maps, "<f4").tobytes(order="F"))
    return folder / f"{name}.HEAD"


def write_minc(path, values, affine):
    """Write MINC 1: z before y before x, and the maps of 4D values, its time, first of all."""
    file = netcdf_file(path, "w")
    names = ["zspace", "yspace", "xspace"]
    stored = values.T if values.ndim == 3 else np.moveaxis(values, 3, 0).transpose(0, 3, 2, 1)
    steps = {name: (affine[2 - n, 2 - n], affine[2 - n, 3]) for n, name in enumerate(names)}
    if values.ndim == 4:
        names, steps = ["time", *names], {"time": (2.0, 0.0), **steps}
    for name, size in zip(names, stored.shape, strict=True):
        file.createDimension(name, size)
        axis = file.createVariable(name, "d", ())
        axis.spacing = b"regular__"
        axis.step, axis.start = map(float, steps[name])
    image = file.createVariable("image", "f", tuple(names))
    image[:] = stored
    image.signtype = b"signed__"
    for name in ("image-max", "image-min"):
        file.createVariable(name, "d", ())
    file.close()
    return path
