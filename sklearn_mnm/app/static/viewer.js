// In the frame of a map: paint it, tell where the slices cross and what is there, and show what the
// page asks for.
"use strict";
(() => {
  const told = (id) => JSON.parse(document.getElementById(id).textContent);
  const map = { ...told("alike"), ...told("map") };
  const here = document.getElementById("here");
  const [nX, nY, nZ] = map.shape;
  const AXES = ["X", "Y", "Z"];
  // What is asked for need not be the centre of a voxel.
  let place = map.place;
  let threshold = map.threshold;
  let brain, values, labels, inside;

  // Bytes that were compressed, one for each voxel.
  const unpacked = async (text) => {
    const packed = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  };

  // Of a level its middle; of the first, which often is 0 alone, and of the last their ends.
  const ends = { 0: map.lowest, [map.last]: map.highest };
  const valueOf = (level) => ends[level] ?? map.start + (level + 0.5) * map.width;
  // What the server says is shown to the voxel, what is typed here to the level.
  const isShown = (level) =>
    threshold === map.threshold ? level >= map.nBelow : valueOf(level) >= threshold && valueOf(level) > 0;

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
    const name = nameAt(place);
    if (!inGrid(inside, voxel)) return `${at}: outside the brain${name === map.names[0] ? "" : `, ${name}`}`;
    const value = `${map.unit} ${valueOf(inGrid(values, voxel)).toFixed(map.decimals)}`;
    const centre = centreOf(voxel);
    const isCentre = centre.every((mm, axis) => mm === place[axis]);
    return `${at}: ${value}${isCentre ? "" : ` in the voxel of (${centre.join(", ")})`}, ${name}`;
  };

  const tell = (moved) => {
    here.textContent = words();
    // Places of an open map are no secret, and the page around has no name here to send them to.
    parent.postMessage({ place, moved, loaded: location.search }, "*");
  };

  // Brainsprite draws the slice of a number, and reads coordinates of the next one. Nilearn takes
  // this into account from 0.14.1 on; pages of earlier versions show the slice beside that they name.
  const placed = (affine) => {
    if (Math.abs(affine[0][3] - map.origin[0]) > map.size / 2) return affine;
    return affine.map((row, axis) => row.map((entry, column) => (column === 3 ? entry - row[axis] : entry)));
  };
  const slicesOf = (affine, sizes) => {
    const centre = centreOf(voxelAt(place));
    const slices = AXES.map((axis, row) => {
      const slice = (centre[row] - affine[row][3]) / affine[row][row] - 1;
      return [axis, Math.min(Math.max(Math.round(slice), 0), sizes[axis] - 1)];
    });
    return Object.fromEntries(slices);
  };

  // All sagittal slices in one picture, rows of them, as brainsprite takes them; the scale of nilearn
  // from the threshold to the highest value.
  const paint = () => {
    if (!brain || !values) return;
    const { colorMap, overlay } = brain;
    const nShades = colorMap.canvas.width;
    const shades = new Uint32Array(colorMap.context.getImageData(0, 0, nShades, 1).data.buffer);
    const range = map.highest - threshold;
    const colours = Uint32Array.from({ length: map.last + 1 }, (_, level) => {
      if (!isShown(level)) return 0;
      const share = range > 0 ? (valueOf(level) - threshold) / range : 1;
      return shades[Math.min(Math.max(Math.round(share * (nShades - 1)), 0), nShades - 1)];
    });
    const context = overlay.sprite.getContext("2d");
    const picture = context.createImageData(overlay.sprite.width, overlay.sprite.height);
    const pixels = new Uint32Array(picture.data.buffer);
    for (let x = 0, voxel = 0; x < nX; x++) {
      const left = (x % brain.nbCol) * nY;
      const bottom = (Math.floor(x / brain.nbCol) + 1) * nZ - 1;
      for (let y = 0; y < nY; y++) {
        for (let z = 0; z < nZ; z++) pixels[(bottom - z) * picture.width + left + y] = colours[values[voxel++]];
      }
    }
    context.putImageData(picture, 0, 0);
    Object.assign(colorMap, { min: threshold, max: map.highest, hide: !colours[map.last] });
    brain.init();
    brain.drawAll();
  };

  // What is seen, where the page does not know it: at another threshold than its own.
  const said = document.getElementById("words");
  const asGiven = said.textContent;
  const describe = () => {
    const size = values.reduce((sum, level) => sum + isShown(level), 0) * map.size ** 3 / 1000;
    const volume = size >= 10 ? size.toFixed() : String(Number(size.toPrecision(2)));
    const least = Number(threshold.toPrecision(4));
    const [beside, alone] = map.highestWords;
    const words = size ? `${beside}; ${volume} cm³ of at least ${least}` : `nothing reaches ${least}; ${alone}`;
    said.textContent = threshold === map.threshold ? asGiven : `${map.unit}: ${words}`;
  };

  // At the ends of the scale brainsprite would write "3." for 3.
  window.displayFloat = (number, digits) => String(Number(Number(number).toFixed(digits)));

  // As the script of the page that nilearn makes will call it, when all is loaded.
  const make = window.brainsprite;
  window.brainsprite = (options) => {
    const onclick = () => {
      place = AXES.map((axis) => Math.round(brain.coordinatesSlice[axis]));
      tell(true);
    };
    // Painted over the picture of the brain, which is as large.
    const beneath = document.getElementById(options.sprite);
    const { id } = document.getElementById(options.overlay.sprite);
    const canvas = Object.assign(document.createElement("canvas"), { id, width: beneath.width, height: beneath.height });
    document.getElementById(id).replaceWith(canvas);
    const affine = placed(options.affine);
    const numSlice = slicesOf(affine, options.nbSlice);
    const colorMap = { ...options.colorMap, hide: true };
    brain = make({ ...options, affine, numSlice, colorMap, onclick });
    paint();
    tell(false);
    return brain;
  };

  window.addEventListener("message", (event) => {
    if (event.source !== parent || !brain || !Array.isArray(event.data?.place)) return;
    place = event.data.place.map(Number);
    brain.numSlice = slicesOf(brain.affine, brain.nbSlice);
    const before = threshold;
    threshold = event.data.threshold ?? map.threshold;
    if (values && threshold !== before) {
      describe();
      paint();
    } else {
      brain.init();
      brain.drawAll();
    }
    tell(false);
  });

  Promise.all([map.high, map.low, map.labels, map.inside].map(unpacked)).then(([high, low, ...found]) => {
    const levels = new Uint16Array(high.length);
    for (let voxel = 0, sum = 0; voxel < high.length; voxel++) {
      sum = (sum + high[voxel]) % 256;
      levels[voxel] = 256 * sum + low[voxel];
    }
    [labels, inside] = found;
    values = levels;
    describe();
    paint();
    if (brain) here.textContent = words();
  });
})();
