// Conveniences only: without this script every page works too.
"use strict";

// While an answer is on its way, say so; a second click would only ask again.
for (const form of document.querySelectorAll("form[data-busy]")) {
  form.addEventListener("submit", () => {
    form.querySelector(".status").textContent = form.dataset.busy;
    form.querySelector("button").disabled = true;
  });
}
// Also when the browser comes back to the page as it was left.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-busy]")) {
    form.querySelector(".status").textContent = "";
    form.querySelector("button").disabled = false;
  }
});

// Enter asks, with shift it begins a new line.
const text = document.querySelector("textarea[name=q]");
text?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    text.form.requestSubmit();
  }
});

// Files that are too large or too many need not be sent to learn it.
const file = document.querySelector("input[type=file]");
file?.addEventListener("change", () => {
  const size = [...file.files].reduce((sum, each) => sum + each.size, 0);
  const [limit, most] = [Number(file.dataset.maxBytes), Number(file.dataset.maxFiles)];
  const shown = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;
  let words = "";
  if (file.files.length > most) words = `These are ${file.files.length} files, and at most ${most} are taken.`;
  if (size > limit) words = `This is ${shown(size)}, and at most ${shown(limit)} are taken.`;
  file.setCustomValidity(words);
  file.reportValidity();
});

// A frame shows what a link says, and of the group of the link it is marked.
const shows = (link) => {
  link.closest("nav, table").querySelector("[aria-current]")?.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
};
// Not as a step of the history of the browser: the page keeps that.
for (const link of document.querySelectorAll("a[target=walk]")) {
  link.addEventListener("click", (event) => {
    event.preventDefault();
    document.querySelector("iframe[name=walk]").contentWindow.location.replace(link.href);
    shows(link);
  });
}

// What the map shows stands in the address of the page: view, place and least value.
const map = document.querySelector("iframe[name=map]");
if (map) {
  const form = document.querySelector("form.place");
  const first = form.elements.view.value;
  const PLACE = ["x", "y", "z"];
  const asked = () => new URLSearchParams(location.search);
  const views = [...document.querySelectorAll("a[data-view]")].map((tab) => tab.dataset.view);
  // As the server reads an address: of a view that there is not, the first one is shown as usual.
  const imageOf = (query) => {
    const view = query.get("view") || first;
    return views.includes(view) ? [view, query.get("threshold") || ""] : [first, ""];
  };
  // Address of what is in the frame, and where its slices cross, as it tells: browsers that go back
  // load what they had in it, whatever the address of the page says.
  let [loaded, at] = ["", []];
  let followed = location.search;
  let isDrawn = false;
  let waiting = 0;

  // Have the frame show what the address says. It paints other places and thresholds itself, but
  // knows the usual threshold only if that was asked for.
  const show = () => {
    const query = asked();
    const [view, threshold] = imageOf(query);
    const [viewThere, thresholdThere] = imageOf(new URLSearchParams(loaded));
    if (!isDrawn || view !== viewThere || (threshold === "" && thresholdThere !== "")) {
      isDrawn = false;
      query.set("view", view);
      if (threshold === "") query.delete("threshold");
      map.contentWindow.location.replace(`${location.pathname}/viewer?${query}`);
      return;
    }
    const wanted = PLACE.map((axis) => parseFloat(query.get(axis)));
    const place = wanted.every(Number.isFinite) ? wanted : at;
    map.contentWindow.postMessage({ place, threshold: threshold === "" ? null : Number(threshold) }, "*");
  };
  const follow = () => {
    if (location.search === followed) return;
    clearTimeout(waiting);
    followed = location.search;
    show();
    const query = asked();
    form.elements.view.value = query.get("view") || first;
    form.elements.threshold.value = query.get("threshold") || "";
    for (const tab of document.querySelectorAll("a[data-view]")) {
      if (tab.dataset.view === form.elements.view.value) shows(tab);
    }
  };
  const change = (given) => {
    const query = asked();
    for (const [name, value] of Object.entries(given)) {
      if (value === "") query.delete(name);
      else query.set(name, value);
    }
    return `${location.pathname}?${query}`;
  };
  const go = (given) => {
    history.pushState(null, "", change(given));
    follow();
  };

  for (const link of document.querySelectorAll("a[target=map]")) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      const { view, x, y, z } = link.dataset;
      // Least values are of one view.
      go(view === undefined ? { x, y, z } : { view, threshold: "" });
      if (view === undefined) map.scrollIntoView({ block: "nearest" });
    });
  }
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const typed = Object.fromEntries([...PLACE, "threshold"].map((name) => [name, form.elements[name].value]));
    if (!event.submitter?.hasAttribute("formaction")) return go(typed);
    delete typed.threshold;
    location.assign(`/place?${new URLSearchParams(typed)}`);
  });
  window.addEventListener("popstate", follow);
  // The frame tells where its slices cross, and whether somebody moved them.
  window.addEventListener("message", (event) => {
    if (event.source !== map.contentWindow || !Array.isArray(event.data?.place)) return;
    isDrawn = true;
    at = event.data.place;
    if (event.data.loaded !== loaded) {
      loaded = event.data.loaded;
      const asks = asked();
      const there = new URLSearchParams(loaded);
      const isOther = (axis) => asks.has(axis) && Number(asks.get(axis)) !== Number(there.get(axis) ?? NaN);
      if (String(imageOf(asks)) !== String(imageOf(there)) || PLACE.some(isOther)) return show();
    }
    const place = Object.fromEntries(PLACE.map((axis, row) => [axis, Number(event.data.place[row])]));
    for (const axis of PLACE) form.elements[axis].value = place[axis];
    if (!event.data.moved) return;
    // Browsers take a limited number of changes in a while, and a move is many.
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      history.replaceState(null, "", change(place));
      followed = location.search;
    }, 200);
  });
}
