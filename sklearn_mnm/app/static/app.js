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

// Files that are too large need not be sent to learn it.
const file = document.querySelector("input[type=file]");
file?.addEventListener("change", () => {
  const size = file.files.length ? file.files[0].size : 0;
  const limit = Number(file.dataset.maxBytes);
  const shown = (bytes) => `${Math.round(bytes / 2 ** 20)} MB`;
  const words = `The file has ${shown(size)}, and at most ${shown(limit)} are taken.`;
  file.setCustomValidity(size > limit ? words : "");
  file.reportValidity();
});

// Mark what a frame shows; regions and places keep the view that was chosen.
for (const link of document.querySelectorAll("a[target]:not([target=_blank])")) {
  link.addEventListener("click", () => {
    const group = link.closest("nav, table");
    if (link.dataset.x === undefined) {
      group.querySelector("[aria-current]")?.removeAttribute("aria-current");
      link.setAttribute("aria-current", "true");
    }
    if (link.dataset.view === undefined) return;
    document.querySelector(".place [name=view]").value = link.dataset.view;
    for (const region of document.querySelectorAll("a[data-x]")) {
      const address = new URL(region.href);
      address.searchParams.set("view", link.dataset.view);
      region.href = address;
    }
  });
}
