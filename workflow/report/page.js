"use strict";

// Tables: sort by a column, filter rows, save what is shown.
const raw = (cell) => cell.dataset.value ?? cell.textContent.trim();

function compare(a, b) {
  // What is missing comes last, in either direction.
  const x = Number(a), y = Number(b);
  return a !== "" && b !== "" && !Number.isNaN(x) && !Number.isNaN(y) ? x - y : a.localeCompare(b, "en", { numeric: true });
}

function sortBy(table, header) {
  const index = header.cellIndex;
  const direction = header.getAttribute("aria-sort") === "ascending" ? "descending" : "ascending";
  for (const other of header.parentNode.cells) other.removeAttribute("aria-sort");
  header.setAttribute("aria-sort", direction);
  const body = table.tBodies[0];
  const totals = [...body.rows].filter((row) => row.classList.contains("total"));
  const rows = [...body.rows].filter((row) => !totals.includes(row)).map((row) => [raw(row.cells[index]), row]);
  rows.sort(([a], [b]) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    return direction === "ascending" ? compare(a, b) : compare(b, a);
  });
  body.append(...rows.map(([, row]) => row), ...totals);
}

function filterRows(box, table, count) {
  const wanted = box.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...table.tBodies[0].rows];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !wanted.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  count.textContent = shown === rows.length ? `${rows.length} rows` : `${shown} of ${rows.length} rows`;
}

function csv(table) {
  const quote = (text) => (/[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const header = [...table.tHead.rows[0].cells].map((cell) => cell.dataset.name);
  const rows = [...table.tBodies[0].rows].filter((row) => !row.hidden).map((row) => [...row.cells].map(raw));
  return [header, ...rows].map((row) => row.map(quote).join(",")).join("\n") + "\n";
}

function save(name, text) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

for (const block of document.querySelectorAll("[data-table]")) {
  const table = block.querySelector("table");
  for (const header of table.tHead.rows[0].cells) {
    header.querySelector("button").addEventListener("click", () => sortBy(table, header));
  }
  const box = block.querySelector("input");
  box.addEventListener("input", () => filterRows(box, table, block.querySelector(".count")));
  block.querySelector(".csv").addEventListener("click", () => save(`${block.dataset.table}.csv`, csv(table)));
}

// Figures: Plotly draws, the page's colours apply.
const views = JSON.parse(document.getElementById("figure-data").textContent);
const root = document.documentElement;
const colour = (name) => getComputedStyle(root).getPropertyValue(name).trim();

function themed(layout, width) {
  const axis = { gridcolor: colour("--grid"), linecolor: colour("--grid"), tickcolor: colour("--grid") };
  const legend = { bgcolor: "rgba(0,0,0,0)", ...layout.legend };
  return {
    ...layout,
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: getComputedStyle(document.body).fontFamily, size: width < NARROW ? 11.5 : 13, color: colour("--ink") },
    hoverlabel: { bgcolor: colour("--raised"), bordercolor: colour("--grid"), font: { color: colour("--ink") }, align: "left" },
    xaxis: { ...axis, ...layout.xaxis },
    yaxis: { ...axis, ...layout.yaxis },
    legend,
  };
}

// On a phone: no colour bar, whose numbers are in the cells, and room for a legend of many lines.
const NARROW = 560;

function fitted(view, width) {
  if (width >= NARROW) return view;
  for (const trace of view.data) if (trace.type === "heatmap") trace.showscale = false;
  const entries = view.data.filter((trace) => trace.name && trace.showlegend !== false).length;
  if (entries > 1) view.layout.height += 19 * entries;
  return view;
}

function draw(figure, width = figure.querySelector(".plot").clientWidth) {
  const plot = figure.querySelector(".plot");
  const chosen = figure.querySelector(".views select")?.value ?? 0;
  const view = fitted(structuredClone(views[figure.dataset.figure][chosen]), width);
  const options = { displaylogo: false, displayModeBar: false };
  return Plotly.react(plot, view.data, { ...themed(view.layout, width), width }, options).then(() => {
    // With a view box, a style sheet can shrink a drawing as a whole: paper may be narrower than the screen.
    for (const svg of plot.querySelectorAll(".main-svg")) {
      svg.setAttribute("viewBox", `0 0 ${svg.getAttribute("width")} ${svg.getAttribute("height")}`);
    }
  });
}

const drawn = [...document.querySelectorAll("[data-figure]")];
const drawAll = () => drawn.forEach((figure) => draw(figure));
for (const figure of drawn) figure.querySelector(".views select")?.addEventListener("change", () => draw(figure));
drawAll();

// A phone that hides its bars changes only the height.
let known = innerWidth, waiting = 0;
addEventListener("resize", () => {
  if (innerWidth === known) return;
  known = innerWidth;
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(drawAll);
});

// Drawn for paper, letters keep their size there. What is left to shrink, the style sheet shrinks.
const PAPER = 700;
addEventListener("beforeprint", () => {
  for (const figure of drawn) draw(figure, Math.min(PAPER, figure.querySelector(".plot").clientWidth));
});
addEventListener("afterprint", drawAll);

// Light and dark: the system's choice until the reader makes one.
const dark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
document.getElementById("theme").addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  drawAll();
});
dark.addEventListener("change", drawAll);

// Gallery: choose exhibits, one sound at a time, a line where it plays.
const exhibits = [...document.querySelectorAll(".exhibit")];
const choices = [...document.querySelectorAll("#gallery-choices select")];
function choose() {
  for (const exhibit of exhibits) {
    exhibit.hidden = !choices.every((choice) => !choice.value || exhibit.dataset[choice.dataset.key] === choice.value);
  }
  document.getElementById("gallery-count").textContent = `${exhibits.filter((one) => !one.hidden).length} of ${exhibits.length} samples`;
}
choices.forEach((choice) => choice.addEventListener("change", choose));
if (choices.length) choose();

const players = [...document.querySelectorAll("audio")];
for (const player of players) {
  const head = player.parentNode.querySelector(".head");
  const move = () => {
    head.style.left = `${(100 * player.currentTime) / (player.duration || 1)}%`;
    if (!player.paused) requestAnimationFrame(move);
  };
  player.addEventListener("play", () => {
    for (const other of players) if (other !== player) other.pause();
    head.style.opacity = 1;
    move();
  });
  player.addEventListener("ended", () => (head.style.opacity = 0));
}

// A link to a table opens it.
function reveal() {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
}
addEventListener("hashchange", reveal);
reveal();
