"use strict";
// Plots in SVG. A plot is drawn anew, as wide as its place, whenever that or the rows change.

const SVG = "http://www.w3.org/2000/svg";
const tip = document.getElementById("tip");

function svgNode(name, attributes, parent, text) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function node(name, attributes, parent, text) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function brief(value) {
  const size = Math.abs(value);
  for (const [unit, name] of [[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (size >= unit) return String(+(value / unit).toPrecision(4)) + name;
  return String(+value.toPrecision(4));
}

// A scale from values to pixels, with ticks at round numbers; logarithmic where values say so.
function makeScale(values, from, to, log) {
  let low = Math.min(...values), high = Math.max(...values);
  if (log) { low = Math.log10(low); high = Math.log10(high); }
  const room = (high - low) * 0.07 || (log ? 0.3 : Math.abs(high) * 0.05 || 1);
  low -= room; high += room;
  const scale = (value) => from + ((log ? Math.log10(value) : value) - low) / (high - low) * (to - from);
  const ticks = [];
  if (log) {
    const steps = high - low > 2.2 ? [1] : [1, 2, 5];
    for (let power = Math.floor(low); power <= high; power++)
      for (const step of steps) ticks.push(step * 10 ** power);
  } else {
    const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 2.5, 5, 10].find((n) => n * power >= raw) * power;
    for (let at = Math.ceil(low / step) * step; at <= high; at += step) ticks.push(+at.toPrecision(12));
  }
  const first = log ? 10 ** low : low, last = log ? 10 ** high : high;
  return { scale, ticks: ticks.filter((tick) => tick >= first && tick <= last), first, last };
}

function frame(place, x, y, label) {
  const height = Math.max(260, Math.min(360, place.clientWidth * 0.62));
  const width = Math.max(260, place.clientWidth);
  const box = { left: 52, right: width - 12, top: 24, bottom: height - 42 };
  const svg = svgNode("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": label });
  x = { ...x, ...makeScale(x.values, box.left, box.right, x.log) };
  y = { ...y, ...makeScale(y.values, box.bottom, box.top, y.log) };
  let free = -Infinity;
  for (const tick of x.ticks) {
    const at = x.scale(tick);
    svgNode("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }, svg);
    const text = x.text(tick), wide = text.length * 7;
    if (at - wide / 2 < free) continue;
    svgNode("text", { x: at, y: box.bottom + 16, "text-anchor": "middle" }, svg, text);
    free = at + wide / 2 + 6;
  }
  for (const tick of y.ticks) {
    const at = y.scale(tick);
    svgNode("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }, svg);
    svgNode("text", { x: box.left - 6, y: at + 4, "text-anchor": "end" }, svg, y.text(tick));
  }
  svgNode("text", { x: (box.left + box.right) / 2, y: height - 6, "text-anchor": "middle" }, svg, x.title);
  svgNode("text", { x: 2, y: 13 }, svg, y.title);
  place.replaceChildren(svg);
  return { svg, x, y, box };
}

// Points that can be hovered over, clicked, and walked through with the arrow keys.
function drawPoints(plot, points, choose) {
  const order = [...points].sort((a, b) => a.x - b.x || a.y - b.y);
  order.forEach((point, index) => {
    const circle = svgNode("circle", {
      class: "point" + (point.chosen ? " chosen" : ""), r: 6, fill: point.color, tabindex: index ? -1 : 0, role: "button",
      "aria-label": point.text.replaceAll("\n", ", "), "data-row": point.row,
      cx: plot.x.scale(point.x), cy: plot.y.scale(point.y),
    }, plot.svg);
    const show = () => showTip(circle, point.text);
    circle.addEventListener("mouseenter", show);
    circle.addEventListener("focus", show);
    circle.addEventListener("mouseleave", hideTip);
    circle.addEventListener("blur", hideTip);
    circle.addEventListener("click", () => choose(point.row));
    circle.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 }[event.key];
      if (event.key === "Enter" || event.key === " ") choose(point.row);
      else if (event.key === "Escape") hideTip();
      else if (step) {
        const all = plot.svg.querySelectorAll(".point");
        all[(index + step + all.length) % all.length].focus();
      } else return;
      event.preventDefault();
    });
  });
}

function showTip(at, text) {
  const box = at.getBoundingClientRect();
  tip.textContent = text;
  tip.hidden = false;
  const left = Math.min(box.right + 8, window.innerWidth - tip.offsetWidth - 8);
  const top = box.bottom + 8 + tip.offsetHeight > window.innerHeight ? box.top - tip.offsetHeight - 8 : box.bottom + 8;
  tip.style.left = Math.max(4, left) + "px";
  tip.style.top = Math.max(4, top) + "px";
}

function hideTip() { tip.hidden = true; }

function drawKey(place, entries) {
  const list = node("ul", { class: "key" });
  for (const [name, color] of entries) {
    const item = node("li", {}, list);
    node("i", { style: `background: ${color}` }, item);
    item.append(name);
  }
  place.append(list);
}

function spread(values) {
  return values.every((value) => value > 0) && Math.max(...values) > 30 * Math.min(...values);
}

// What no other point beats in both; `less` of each axis says which way is better.
function paretoFront(points, xLess, yLess) {
  const beats = (a, b) => {
    const x = xLess ? b.x - a.x : a.x - b.x, y = yLess ? b.y - a.y : a.y - b.y;
    return x >= 0 && y >= 0 && (x > 0 || y > 0);
  };
  return points.filter((b) => !points.some((a) => beats(a, b))).sort((a, b) => a.x - b.x || a.y - b.y);
}

function drawPareto(place, points, x, y, entries, choose) {
  if (!points.length) return place.replaceChildren(node("p", { class: "soft" }, null, "No design has both figures."));
  const xs = points.map((point) => point.x), ys = points.map((point) => point.y);
  const plot = frame(place, { ...x, values: xs, log: spread(xs) }, { ...y, values: ys, log: spread(ys) },
    `${y.title} against ${x.title}`);
  const front = paretoFront(points, x.less, y.less);
  const path = front.map((p, n) => `${n ? "L" : "M"}${plot.x.scale(p.x)} ${plot.y.scale(p.y)}`).join("");
  svgNode("path", { class: "front", d: path }, plot.svg);
  drawPoints(plot, points, choose);
  for (const point of front) {
    const at = plot.x.scale(point.x), end = at > plot.box.right - 70;
    svgNode("text", { x: at + (end ? -9 : 9), y: plot.y.scale(point.y) - 8, "text-anchor": end ? "end" : "start" }, plot.svg, point.label);
  }
  drawKey(place, entries);
}

// Multiply-accumulates a second against how many there are a byte of input and output.
function drawRoofline(place, points, roofs, entries, choose) {
  if (!points.length) return place.replaceChildren(node("p", { class: "soft" }, null, "No design to show."));
  const xs = points.map((point) => point.x);
  const low = Math.min(...xs) / 8, high = Math.max(...xs) * 8;
  const flat = roofs.flat.map((roof) => roof.y);
  const ys = [...points.map((point) => point.y), ...flat];
  const plot = frame(place,
    { values: [low, high], log: true, title: "MACs a byte in and out", text: brief },
    { values: ys, log: true, title: "MACs a second", text: brief }, "Roofline");
  const top = Math.max(...flat);
  const bend = top / roofs.slope, start = Math.max(plot.x.first, plot.y.first / roofs.slope);
  const line = (x1, y1, x2, y2) => svgNode("line", { class: "roof", x1: plot.x.scale(x1), y1: plot.y.scale(y1), x2: plot.x.scale(x2), y2: plot.y.scale(y2) }, plot.svg);
  if (start < bend) line(start, start * roofs.slope, Math.min(bend, plot.x.last), Math.min(bend, plot.x.last) * roofs.slope);
  for (const roof of roofs.flat) {
    line(Math.min(plot.x.last, Math.max(plot.x.first, roof.y / roofs.slope)), roof.y, plot.x.last, roof.y);
    svgNode("text", { x: plot.box.right - 4, y: plot.y.scale(roof.y) - 5, "text-anchor": "end" }, plot.svg, roof.name);
  }
  drawPoints(plot, points, choose);
  drawKey(place, entries);
}
