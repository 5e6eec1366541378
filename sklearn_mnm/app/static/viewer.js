// In the frame of a map: tell where the slices cross and what is there, and go where the page asks.
"use strict";
(() => {
  const map = JSON.parse(document.getElementById("map").textContent);
  const here = document.getElementById("here");
  const [nX, nY, nZ] = map.shape;
  const AXES = ["X", "Y", "Z"];
  // What is asked for need not be the centre of a voxel.
  let place = map.place;
  let brain, values, labels;

  // Bytes that were compressed, one for each voxel.
  const unpacked = async (text) => {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // Of two that are as near the even one, as in NumPy.
  const rounded = (number) => {
    const nearest = Math.round(number);
    return nearest - number === 0.5 && nearest % 2 ? nearest - 1 : nearest;
  };
  const voxelAt = (mm) => mm.map((value, axis) => rounded((value - map.origin[axis]) / map.size));
  const centreOf = (voxel) => voxel.map((row, axis) => map.origin[axis] + map.size * row);
  const inGrid = (grid, [x, y, z]) => {
    const isInside = x >= 0 && x < nX && y >= 0 && y < nY && z >= 0 && z < nZ;
    return isInside ? grid[(x * nY + y) * nZ + z] : 0;
  };

  // The rule of sklearn_mnm.brain.name_coordinates: the label of the voxel, or if that has none, or
  // one that others go before, the nearest of these; of several the most frequent.
  const nameAt = (mm) => {
    const voxel = voxelAt(mm);
    const own = inGrid(labels, voxel);
    if (map.isFront[own]) return map.names[own];
    const reach = Math.ceil(map.near / map.size + 0.5);
    const offsets = Array.from({ length: 2 * reach + 1 }, (_, row) => row - reach);
    const found = [];
    for (const x of offsets) for (const y of offsets) for (const z of offsets) {
      const other = [voxel[0] + x, voxel[1] + y, voxel[2] + z];
      const label = inGrid(labels, other);
      if (!map.isFront[label]) continue;
      const squares = centreOf(other).map((value, axis) => (value - mm[axis]) ** 2);
      const distance = Math.sqrt(squares[0] + squares[1] + squares[2]);
      if (distance <= map.near) found.push([distance, label]);
    }
    if (!found.length) return map.names[own];
    const least = Math.min(...found.map(([distance]) => distance));
    const counts = new Map();
    for (const [distance, label] of found) {
      if (distance <= least + map.equal) counts.set(label, (counts.get(label) ?? 0) + 1);
    }
    const [label] = [...counts].sort(([a, nA], [b, nB]) => nB - nA || a - b)[0];
    return `near ${map.names[label]}`;
  };

  const words = () => {
    const at = `(${place.join(", ")}) mm`;
    if (!values) return at;
    const voxel = voxelAt(place);
    const level = inGrid(values, voxel);
    const name = nameAt(place);
    if (!level) return `${at}: outside the brain${name === map.names[0] ? "" : `, ${name}`}`;
    const value = `${map.unit} ${(map.lowest + (level - 1) * map.step).toFixed(map.decimals)}`;
    const centre = centreOf(voxel);
    const isCentre = centre.every((mm, axis) => mm === place[axis]);
    return `${at}: ${value}${isCentre ? "" : ` in the voxel of (${centre.join(", ")})`}, ${name}`;
  };

  const tell = (moved) => {
    here.textContent = words();
    // Places of an open map are no secret, and the page around has no name here to send them to.
    parent.postMessage({ place, moved }, "*");
  };

  // Brainsprite draws the slice of a number, and reads coordinates of the next one. Nilearn takes
  // this into account from 0.14.1 on; pages of earlier versions show the slice beside that they name.
  const drawnWhereItIs = (options) => {
    if (Math.abs(options.affine[0][3] - map.origin[0]) > map.size / 2) return options;
    const affine = options.affine.map((row) => [...row]);
    const numSlice = { ...options.numSlice };
    for (const [row, axis] of AXES.entries()) {
      affine[row][3] -= affine[row][row];
      numSlice[axis] += 1;
    }
    return { ...options, affine, numSlice };
  };

  // As the script of the page that nilearn makes will call it, when all is loaded.
  const make = window.brainsprite;
  window.brainsprite = (options) => {
    const onclick = () => {
      place = AXES.map((axis) => Math.round(brain.coordinatesSlice[axis]));
      tell(true);
    };
    brain = make({ ...drawnWhereItIs(options), onclick });
    tell(false);
    return brain;
  };

  window.addEventListener("message", (event) => {
    if (event.source !== parent || !brain || !Array.isArray(event.data?.place)) return;
    place = event.data.place.map(Number);
    const centre = centreOf(voxelAt(place));
    for (const [row, axis] of AXES.entries()) {
      const slice = (centre[row] - brain.affine[row][3]) / brain.affine[row][row] - 1;
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
    if (brain) here.textContent = words();
  });
})();
