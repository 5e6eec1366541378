// In the frame of a map: tell where the slices cross and what is there, and go where the page asks.
"use strict";
(() => {
  const map = JSON.parse(document.getElementById("map").textContent);
  const here = document.getElementById("here");
  const [nX, nY, nZ] = map.shape;
  let brain, values, labels;

  // Bytes that were compressed, one for each voxel.
  const unpacked = async (text) => {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  const words = (place) => {
    const [x, y, z] = place.map((mm, axis) => Math.round((mm - map.origin[axis]) / map.size));
    const at = `(${place.join(", ")}) mm`;
    if (!values) return at;
    const isInside = x >= 0 && x < nX && y >= 0 && y < nY && z >= 0 && z < nZ;
    const voxel = (x * nY + y) * nZ + z;
    if (!isInside || !values[voxel]) return `${at}: outside the brain`;
    const value = map.lowest + (values[voxel] - 1) * map.step;
    // Of a label and one, whether it is near rather than there.
    const name = `${labels[voxel] % 2 ? "near " : ""}${map.names[labels[voxel] >> 1]}`;
    return `${at}: ${map.unit} ${value.toFixed(map.decimals)}, ${name}`;
  };

  const tell = (moved) => {
    const place = ["X", "Y", "Z"].map((axis) => Math.round(brain.coordinatesSlice[axis]));
    here.textContent = words(place);
    // Places of an open map are no secret, and the page around has no name here to send them to.
    parent.postMessage({ place, moved }, "*");
  };

  // As the script of the page that nilearn makes will call it, when all is loaded.
  const make = window.brainsprite;
  window.brainsprite = (options) => {
    brain = make({ ...options, onclick: () => tell(true) });
    tell(false);
    return brain;
  };

  window.addEventListener("message", (event) => {
    if (event.source !== parent || !brain || !Array.isArray(event.data?.place)) return;
    for (const [row, axis] of ["X", "Y", "Z"].entries()) {
      const slice = (event.data.place[row] - brain.affine[row][3]) / brain.affine[row][row] - 1;
      brain.numSlice[axis] = Math.min(Math.max(Math.round(slice), 0), brain.nbSlice[axis] - 1);
    }
    brain.init();
    brain.drawAll();
    tell(false);
  });

  Promise.all([unpacked(map.values), unpacked(map.labels)]).then(([differences, found]) => {
    for (let voxel = 1; voxel < differences.length; voxel++) {
      differences[voxel] += differences[voxel - 1];
    }
    [values, labels] = [differences, found];
    if (brain) here.textContent = words(["X", "Y", "Z"].map((axis) => Math.round(brain.coordinatesSlice[axis])));
  });
})();
