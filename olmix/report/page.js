// What makes the page answer: tooltips, sorting, the contents' current entry. Without it the page is still whole.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const tip = document.getElementById("tip");
const MINUS = "\u2212";

function digits(value, places) {
  const text = Math.abs(value).toFixed(places);
  return (value < 0 && Number(text) !== 0 ? MINUS : "") + text;
}

function showTip(words, x, y) {
  tip.textContent = words;
  tip.hidden = false;
  const box = tip.getBoundingClientRect();
  tip.style.left = Math.max(6, Math.min(x + 14, innerWidth - box.width - 6)) + "px";
  tip.style.top = (y + box.height + 24 > innerHeight ? y - box.height - 10 : y + 16) + "px";
}

function hideTip() { tip.hidden = true; }

// Cells and marks that carry words of their own.
document.addEventListener("pointermove", (event) => {
  if (event.target.closest("[data-plot]")) return;
  const holder = event.target.closest("[data-tip]");
  if (holder) showTip(holder.dataset.tip, event.clientX, event.clientY); else hideTip();
});
document.addEventListener("pointerleave", hideTip);
document.addEventListener("scroll", hideTip, { passive: true });

// Only what really scrolls needs to be reached by the keyboard.
for (const box of document.querySelectorAll(".scroll")) {
  if (box.scrollWidth <= box.clientWidth && !box.closest("details:not([open])")) box.removeAttribute("tabindex");
}

// Sorting: a button in every header that can sort.
for (const button of document.querySelectorAll("[data-sort]")) {
  button.addEventListener("click", () => {
    const head = button.closest("th"), table = head.closest("table"), column = Number(button.dataset.sort);
    const down = head.getAttribute("aria-sort") !== "descending" && head.classList.contains("number") || head.getAttribute("aria-sort") === "ascending";
    const key = (row) => row.cells[column].dataset.value ?? row.cells[column].textContent;
    const rows = [...table.tBodies[0].rows].map((row) => [key(row), row]);
    const numeric = rows.every(([k]) => k !== "" && !Number.isNaN(Number(k)));
    rows.sort(([a], [b]) => (numeric ? a - b : a.localeCompare(b)) * (down ? -1 : 1));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    table.tBodies[0].append(...rows.map(([, row]) => row));
  });
}

// Scatter plots: the nearest run. The axes are those of plot.py: both ends padded by 4 %.
function scatterAxis(scatter) {
  const all = [...scatter.predicted, ...scatter.observed];
  let low = Math.min(...all), high = Math.max(...all);
  if (high - low <= 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300)) {
    const half = (Math.abs(low) || 1) * 0.01;
    [low, high] = [low - half, high + half];
  }
  const room = 0.04 * (high - low);
  return [low - room, high - low + 2 * room];
}

function nearest(event, svg, points) {
  const box = svg.getBoundingClientRect();
  let found = null, least = 24 ** 2;
  points.forEach(([x, y], index) => {
    const distance = (box.left + x * box.width - event.clientX) ** 2 + (box.top + (1 - y) * box.height - event.clientY) ** 2;
    if (distance < least) [least, found] = [distance, index];
  });
  return found;
}

for (const plot of document.querySelectorAll('[data-plot^="scatter:"]')) {
  const scatter = data.scatters[plot.dataset.plot.slice(8)], svg = plot.querySelector(".frame > svg");
  const [low, size] = scatterAxis(scatter);
  const points = scatter.predicted.map((p, i) => [(p - low) / size, (scatter.observed[i] - low) / size]);
  const places = Math.min(Math.max(2 - Math.floor(Math.log10(size)), 0), 8);
  const ring = document.createElementNS("http://www.w3.org/2000/svg", "circle");
  ring.setAttribute("r", 5);
  ring.setAttribute("class", "pointer");
  plot.addEventListener("pointermove", (event) => {
    const index = nearest(event, svg, points);
    if (index === null) { ring.remove(); hideTip(); return; }
    ring.setAttribute("cx", 100 * points[index][0] + "%");
    ring.setAttribute("cy", 100 * (1 - points[index][1]) + "%");
    svg.append(ring);
    const name = data.runs[index] ?? "run " + (index + 1);
    showTip(`${name}: predicted ${digits(scatter.predicted[index], places)}, observed ${digits(scatter.observed[index], places)}`, event.clientX, event.clientY);
  });
  plot.addEventListener("pointerleave", () => { ring.remove(); hideTip(); });
}

// Loss curves: the one under the pointer comes forward.
for (const plot of document.querySelectorAll('[data-plot="curves"]')) {
  let lit = null;
  plot.addEventListener("pointermove", (event) => {
    const path = [[0, 0], [0, -4], [0, 4], [-4, 0], [4, 0]]
      .map(([x, y]) => document.elementFromPoint(event.clientX + x, event.clientY + y))
      .find((element) => element?.classList.contains("loss"));
    if (lit && lit !== path) lit.classList.remove("lit");
    lit = path ?? null;
    if (!lit) { hideTip(); return; }
    lit.classList.add("lit");
    showTip(lit.querySelector("title").textContent, event.clientX, event.clientY);
  });
  plot.addEventListener("pointerleave", () => { lit?.classList.remove("lit"); hideTip(); });
}

// The contents follow the reader.
const entries = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const visible = new Set();
const watch = new IntersectionObserver((changes) => {
  for (const change of changes) {
    if (change.isIntersecting) visible.add(change.target.id); else visible.delete(change.target.id);
  }
  const current = [...entries.keys()].find((id) => visible.has(id));
  for (const [id, link] of entries) {
    if (id === current) link.setAttribute("aria-current", "true"); else link.removeAttribute("aria-current");
  }
}, { rootMargin: "-10% 0px -50% 0px" });
for (const part of document.querySelectorAll("section")) watch.observe(part);

// Folded parts open for print.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
