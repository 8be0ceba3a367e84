"use strict";
// The page: filters, plots, layers and the table, all of the rows that pass the filters.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const columns = Object.fromEntries(data.columns.map((column) => [column.key, column]));
const axes = data.columns.filter((column) => column.better && data.rows.some((row) => row.values[column.key] !== null));
const names = ["network", "target", "goal", "folding"];
const kinds = names.filter((key) => new Set(data.rows.map((row) => row.values[key])).size > 1);
const coloured = kinds.includes("target") || !kinds.length ? "target" : kinds[0];
const colours = new Map([...new Set(data.rows.map((row) => row.values[coloured]))].map((name, n) => [name, `var(--c${n % 8})`]));
const state = { hidden: Object.fromEntries(names.map((key) => [key, new Set()])), least: null, chosen: null, sort: null, up: true };

const nameOf = (row) => names.filter((key) => key === "network" || kinds.includes(key) || key === "target").map((key) => row.values[key]).filter(Boolean).join(", ");
const passes = (row) => names.every((key) => !state.hidden[key].has(row.values[key])) &&
  (state.least === null || row.values.accuracy === null || row.values.accuracy >= state.least);
const visible = () => data.rows.filter(passes);

function describe(row, keys) {
  const lines = [...new Set(keys)].map((key) => `${columns[key].title}: ${row.texts[key]}`);
  return [nameOf(row), ...lines].join("\n");
}

function makeFilters() {
  for (const key of kinds) {
    const set = node("fieldset", {}, byId("filters"));
    node("legend", {}, set, columns[key].title);
    for (const value of new Set(data.rows.map((row) => row.values[key]))) {
      const label = node("label", {}, set);
      const box = node("input", { type: "checkbox", checked: "", "data-filter": key, value }, label);
      label.append(" " + (value || "none"));
      box.addEventListener("change", () => { state.hidden[key][box.checked ? "delete" : "add"](value); draw(); });
    }
  }
  if (!axes.some((axis) => axis.key === "accuracy")) return;
  const set = node("fieldset", {}, byId("filters"));
  node("legend", {}, set, "accuracy at least, %");
  const least = node("input", { type: "number", min: 0, max: 100, step: 0.5, id: "least", "aria-label": "accuracy at least, %" }, set);
  least.addEventListener("input", () => { state.least = least.value === "" ? null : least.value / 100; draw(); });
}

function makeAxes(id, first, second) {
  const pick = (name, wanted) => {
    const label = node("label", {}, byId(id + "-axes"), name + " ");
    const select = node("select", { id: `${id}-${name}` }, label);
    for (const axis of axes) node("option", { value: axis.key }, select, axis.title);
    select.value = (wanted.map((key) => axes.find((axis) => axis.key === key)).find(Boolean) || axes[0]).key;
    select.addEventListener("change", draw);
  };
  pick("across", first);
  pick("up", second);
}

function drawPlot(id, rows) {
  const [x, y] = ["across", "up"].map((name) => columns[byId(`${id}-${name}`).value]);
  const points = rows.filter((row) => row.values[x.key] !== null && row.values[y.key] !== null).map((row) => ({
    x: row.values[x.key], y: row.values[y.key], row: row.id, label: row.values.network, chosen: row.id === state.chosen,
    color: colours.get(row.values[coloured]), text: describe(row, [x.key, y.key, "accuracy", "luts", "frames_per_second"]),
  }));
  const axis = (column) => ({ title: column.title, less: column.better === "less",
    text: column.percent ? (value) => `${+(value * 100).toPrecision(4)}%` : brief });
  drawPareto(byId(id), points, axis(x), axis(y), legend(rows), choose);
}

const legend = (rows) => [...colours].filter(([name]) => rows.some((row) => row.values[coloured] === name));

function drawRoof(rows) {
  const select = byId("roof-target"), target = data.targets[select.value] || {};
  const shown = rows.filter((row) => row.values.target === select.value && row.macs && row.values.frames_per_second && row.stream_bytes);
  const clock = (row) => (row.values.fmax_mhz || row.values.clock_mhz) * 1e6;
  const points = shown.map((row) => ({
    x: row.macs / row.stream_bytes, y: row.macs * row.values.frames_per_second, row: row.id, chosen: row.id === state.chosen,
    color: colours.get(row.values[coloured]),
    text: describe(row, ["frames_per_second", "luts"]) + `\n${brief(row.macs * row.values.frames_per_second)} MACs/s` +
      ` of ${brief(row.units * clock(row))} that its arrays could do`,
  }));
  const flat = [];
  const full = shown.filter((row) => row.values.luts && target.luts).map((row) => row.units / row.values.luts * target.luts * clock(row));
  if (full.length) flat.push({ y: Math.max(...full), name: "all LUTs, as in the best design here" });
  const chosen = shown.find((row) => row.id === state.chosen) || shown[0];
  if (chosen) flat.push({ y: chosen.units * clock(chosen), name: `arrays of ${chosen.values.network}` });
  if (target.dsps && shown.length) flat.push({ y: target.dsps * Math.max(...shown.map(clock)), name: "a product a DSP block" });
  const slope = Math.max(...shown.map((row) => row.beat_bytes * clock(row)));
  drawRoofline(byId("roof"), points, { flat, slope }, legend(shown), choose);
}

function drawLayers() {
  const row = data.rows[state.chosen], place = byId("layers");
  place.replaceChildren();
  byId("layers-of").textContent = row ? nameOf(row) : "";
  for (const text of row ? row.warnings : []) node("p", { class: "warning" }, place, `Warning: ${text}`);
  if (!row || !row.layers.length) return void node("p", { class: "soft" }, place, "Nothing is known of its layers.");
  const bars = node("div", { class: "bars" }, place);
  for (const [key, title] of [["busy", "clocks a frame"], ["luts", "LUT, estimated"], ["ffs", "FF, estimated"], ["dsps", "DSP"], ["block_rams", "memories"], ["macs", "MACs"], ["snr_db", "signal to noise, dB"]]) {
    const most = Math.max(...row.layers.map((layer) => layer[key] || 0));
    if (!(most > 0)) continue;
    node("h3", {}, bars, title);
    for (const layer of row.layers) {
      if (layer[key] === null) continue;
      node("span", {}, bars, layer.name);
      const bar = node("div", { class: "bar" + (layer[key] === most ? " most" : "") }, bars);
      node("i", { style: `width: ${70 * Math.max(layer[key] || 0, 0) / most}%` }, bar);
      node("span", {}, bar, (layer[key] || 0).toLocaleString("en"));
    }
  }
}

function change(row, column) {
  const before = row.baseline && row.baseline[column.key], now = row.values[column.key];
  if (!column.better || before === null || before === undefined || now === null || before === now) return null;
  const text = column.percent ? `${now > before ? "+" : ""}${((now - before) * 100).toFixed(2)} points`
    : before ? `${now > before ? "+" : ""}${(100 * (now - before) / before).toFixed(1)} %` : "new";
  return { text, better: (now < before) === (column.better === "less") };
}

function drawTable(rows) {
  const shown = data.columns.filter((column) => column.shown);
  const head = node("tr", {}, null);
  for (const column of shown) {
    const direction = state.sort === column.key ? (state.up ? "ascending" : "descending") : "none";
    const cell = node("th", { scope: "col", "aria-sort": direction, ...(column.number ? { class: "number" } : {}) }, head);
    const mark = { ascending: " \u25b2", descending: " \u25bc", none: "" }[direction];
    node("button", { type: "button", "data-sort": column.key }, cell, column.title + mark).addEventListener("click", () => {
      state.up = state.sort === column.key ? !state.up : true;
      state.sort = column.key;
      draw();
      byId("table").querySelector(`[data-sort="${column.key}"]`).focus();
    });
  }
  const sorted = [...rows];
  if (state.sort) sorted.sort((a, b) => {
    const [x, y] = [a.values[state.sort], b.values[state.sort]];
    if (x === null || y === null) return (x === null) - (y === null);
    return (x < y ? -1 : x > y ? 1 : 0) * (state.up ? 1 : -1);
  });
  const body = node("tbody", {}, null);
  for (const row of sorted) {
    const line = node("tr", { tabindex: 0, "data-row": row.id, ...(row.id === state.chosen ? { class: "chosen", "aria-selected": "true" } : {}) }, body);
    for (const column of shown) {
      const kept = column.key === "network" && row.folder;
      const cell = node("td", { class: column.number ? "number" : column.key === "error" ? "reason" : "" }, line, kept ? "" : row.texts[column.key]);
      if (kept) node("a", { href: `${row.folder.startsWith("/") ? "file://" : "./"}${encodeURI(row.folder)}/`, title: "the design's network and package" }, cell, row.texts.network);
      const moved = change(row, column);
      if (moved) node("span", { class: moved.better ? "better" : "worse" }, cell, ` (${moved.text})`);
    }
    line.addEventListener("click", () => choose(row.id));
    line.addEventListener("keydown", (event) => {
      if (event.key === "Enter") choose(row.id);
      else if (event.key === "ArrowDown" && line.nextSibling) line.nextSibling.focus();
      else if (event.key === "ArrowUp" && line.previousSibling) line.previousSibling.focus();
      else return;
      event.preventDefault();
    });
  }
  const top = node("thead", {}, null);
  top.append(head);
  byId("table").replaceChildren(top, body);
}

function choose(id) {
  const within = document.activeElement && document.activeElement.closest(".plot, table");
  const kept = within && document.activeElement.getAttribute("data-row") !== null ? within.id : null;
  state.chosen = id;
  draw();
  if (kept) byId(kept).querySelector(`[data-row="${id}"]`)?.focus();
}

function draw() {
  hideTip();
  const rows = visible();
  byId("count").textContent = `${rows.length} of ${data.rows.length} designs`;
  if (axes.length) for (const id of ["cost", "rate"]) drawPlot(id, rows);
  drawRoof(rows);
  drawLayers();
  drawTable(rows);
}

makeFilters();
if (axes.length) {
  makeAxes("cost", ["luts", "area_um2", "gates"].filter((key) => data.rows.every((row) => row.values[key] !== null || row.texts.error)).concat("luts"), ["accuracy", "frames_per_second"]);
  makeAxes("rate", ["luts", "area_um2", "gates"], ["frames_per_second", "latency_us"]);
}
for (const name of Object.keys(data.targets)) node("option", { value: name }, byId("roof-target"), name);
byId("roof-target").addEventListener("change", draw);
state.chosen = (data.rows.find((row) => !row.values.error) || { id: null }).id;
draw();
let width = window.innerWidth;
window.addEventListener("resize", () => { if (window.innerWidth !== width) { width = window.innerWidth; draw(); } });
