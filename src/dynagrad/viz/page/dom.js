// Making elements. Text goes in as text, never as markup: what a program says cannot become part of the page.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element with attributes and children; a string child becomes a text node, null and undefined nothing. */
function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** The same for SVG. */
function drawn(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

function byId(id) {
  return document.getElementById(id);
}

/** Marks or unmarks without touching an element that is right already. */
function mark(node, name, on) {
  if (node.classList.contains(name) !== Boolean(on)) node.classList.toggle(name, Boolean(on));
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The index of the last entry of a sorted list whose `step` is at most `step`; -1 if none. */
function lastBefore(list, step) {
  let low = 0;
  let high = list ? list.length : 0;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle].step <= step) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The list kept in `map` under `key`, made where there is none. */
function listIn(map, key) {
  let list = map.get(key);
  if (!list) map.set(key, (list = []));
  return list;
}

function number(x, digits = 4) {
  if (x === null || x === undefined) return "–";
  if (typeof x !== "number") return String(x);
  if (x !== 0 && (Math.abs(x) >= 1e5 || Math.abs(x) < 1e-4)) return x.toExponential(2).replace("-", "−");
  return String(Number(x.toPrecision(digits + 1))).replace("-", "−");
}

function bytes(n) {
  if (n < 1024) return `${n} byte${n === 1 ? "" : "s"}`;
  return n < 1 << 20 ? `${number(n / 1024, 2)} KiB` : `${number(n / (1 << 20), 2)} MiB`;
}

function duration(ns) {
  if (ns < 1000) return `${Math.round(ns)} ns`;
  return ns < 1e6 ? `${number(ns / 1e3, 2)} µs` : `${number(ns / 1e6, 2)} ms`;
}

function shapeText(shape) {
  return shape.length ? shape.join("×") : "()";
}

function shortened(text, limit = 30) {
  const line = text.split(/\s+/).join(" ").trim();
  if ([...line].length <= limit) return line;
  const tail = Math.floor(limit / 3);
  const letters = [...line];
  return `${letters.slice(0, limit - tail - 1).join("")}…${letters.slice(-tail).join("")}`;
}
