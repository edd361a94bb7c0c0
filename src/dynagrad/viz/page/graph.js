// The drawing: what of the scene lies in view, as SVG elements that are made when they come into view and dropped when
// they leave it. A step changes classes and texts of what is drawn; it places nothing.

const CROWDED = 900;
const NEAR = 12;
const LAYERS = ["groups", "edges", "flows", "units", "labels"];

class Graph extends View {
  constructor(root, story, geometry, page) {
    super(root, geometry);
    Object.assign(this, { story, page });
    this.selected = null;
    this.elements = new Map();
    this.world = drawn("g", { class: "world" });
    this.layers = Object.fromEntries(LAYERS.map((name) => [name, drawn("g", { class: name })]));
    this.crowd = drawn("path", { class: "crowd", d: "" });
    this.here = drawn("path", { class: "here" });
    this.world.append(this.layers.groups, this.crowd, this.here, this.layers.edges, this.layers.flows, this.layers.units, this.layers.labels);
    root.append(this.world);
    this.pointer();
    new ResizeObserver(() => this.render()).observe(root);
  }

  click(event) {
    const target = event.target.closest?.("[data-unit], [data-group], [data-edge]");
    if (!target) return this.page.select(null);
    if (target.dataset.group !== undefined) return this.page.toggleGroup(Number(target.dataset.group));
    if (target.dataset.edge !== undefined) return this.page.select({ kind: "edge", edge: target.dataset.edge });
    const part = event.target.closest("[data-part]")?.dataset.part ?? "unit";
    return this.page.select(this.partOf(Number(target.dataset.unit), part));
  }

  /** What a part of a unit stands for. */
  partOf(u, part) {
    const [what, index] = part.split(" ");
    const unit = this.story.scene.units[u];
    if (what === "box" || (what === "unit" && !unit.sign)) return { kind: "tensor", unit: u, box: Number(index ?? 0) };
    if (what === "tag") {
      const [tensor, version] = unit.tags[Number(index)];
      const [home, box] = this.story.holders.get(`${tensor}:${version}`) ?? [u, 0];
      return { kind: "tensor", unit: home, box, from: u };
    }
    if (what === "acc") return { kind: "accumulate", unit: u, box: Number(index) };
    return { kind: "operation", unit: u };
  }

  // Drawing.

  redraw() {
    for (const { nodes } of this.elements.values()) nodes.forEach((node) => node.remove());
    this.elements.clear();
    this.render();
  }

  render() {
    const { x, y, scale } = this.view;
    this.world.setAttribute("transform", `translate(${x.toFixed(2)} ${y.toFixed(2)}) scale(${scale.toFixed(4)})`);
    mark(this.root, "far", scale < 0.3);
    const found = this.inView();
    this.crowd.setAttribute("d", found.crowd ?? "");
    this.placeMark();
    const wanted = new Set();
    for (const [key, make] of found.wanted) {
      wanted.add(key);
      if (!this.elements.has(key)) this.elements.set(key, make());
    }
    for (const [key, { nodes }] of this.elements) {
      if (wanted.has(key)) continue;
      nodes.forEach((node) => node.remove());
      this.elements.delete(key);
    }
    for (const entry of this.elements.values()) if (entry.at < 0) this.update(entry);
    this.painted();
  }

  /** What lies in view: makers of elements by key; or, where that is too much to draw singly, one path for all. */
  inView() {
    const seen = this.window();
    const wanted = new Map();
    const rows = [];
    let units = 0;
    const stack = [[0, 0, 0, 0]];
    while (stack.length) {
      const [g, x, y, depth] = stack.pop();
      if (g) wanted.set(`g${g}`, () => this.groupElement(g, x, y, depth));
      if (!this.geometry.open[g]) continue;
      const plan = this.geometry.plan(g);
      const table = this.geometry.table(g);
      for (const r of this.rowsInView(this.geometry.groups[g].parts, plan, seen.top - y, seen.bottom - y)) {
        rows.push([g, x, y, r]);
        units += table[r].units.length + table[r].groups.length;
        for (const child of table[r].groups) {
          const [cx, cy] = this.geometry.groupPlace(child);
          const [w, h] = this.geometry.size(child);
          if (x + cx > seen.right || x + cx + w < seen.left || y + cy > seen.bottom || y + cy + h < seen.top) continue;
          stack.push([child, x + cx, y + cy, depth + 1]);
        }
      }
    }
    if (units > CROWDED) return { wanted: new Map(), crowd: this.crowdPath(rows) };
    for (const row of rows) this.rowInView(row, seen, wanted);
    return { wanted };
  }

  /** The rows of a group between two heights: a stretch of each part. */
  *rowsInView(parts, plan, top, bottom) {
    let start = 0;
    for (const [count] of parts) {
      let low = start;
      let high = start + count;
      while (low < high) {
        const middle = (low + high) >> 1;
        if (plan.tops[middle] + plan.heights[middle] + 60 < top) low = middle + 1;
        else high = middle;
      }
      for (let r = low; r < start + count && plan.tops[r] <= bottom; r++) yield r;
      start += count;
    }
  }

  rowInView([g, x, y, r], seen, wanted) {
    const { geometry } = this;
    const row = geometry.table(g)[r];
    for (const u of row.units) {
      const unit = geometry.units[u];
      const [ux, uy] = geometry.unitPlace(unit);
      if (x + ux + unit.r + 30 < seen.left || x + ux - unit.l - 30 > seen.right) continue;
      wanted.set(`u${u}`, () => this.unitElement(u, x + ux, y + uy));
    }
    for (const s of row.segments) {
      const bundle = geometry.bundles(g).get(s);
      if (bundle === undefined) wanted.set(`s${g}.${s}`, () => this.segmentElement(g, s, x, y));
      else if (bundle[bundle.length >> 1] === s) wanted.set(`s${g}.${s}`, () => this.bundleElement(g, bundle, s, x, y));
    }
  }

  /** Rectangles for all that rows hold, as one path; rows that would fall on one pixel are drawn once. */
  crowdPath(rows) {
    const parts = [];
    let bottom = -Infinity;
    const least = 1.5 / this.view.scale;
    for (const [g, x, y, r] of rows) {
      const plan = this.geometry.plan(g);
      const row = this.geometry.table(g)[r];
      const top = plan.tops[r] + y;
      if (row.step > this.step || (top < bottom + least && top >= bottom)) continue;
      bottom = top;
      for (const u of row.units) {
        const { x: axis, l, r: right, h, s } = this.geometry.units[u];
        if (s <= this.step) parts.push(boxPath(x + plan.x(axis) - l, top, l + right, h));
      }
      for (const child of row.groups) {
        if (this.geometry.open[child] || this.geometry.groups[child].s > this.step) continue;
        parts.push(boxPath(x + this.geometry.groupPlace(child)[0], top, ...this.geometry.size(child)));
      }
    }
    this.crowdStep = this.step;
    return parts.join("");
  }

  /** In a crowd a step shows as a mark; the crowd itself grows once enough steps have gone by to be seen. */
  showInCrowd() {
    if (Math.abs(this.step - this.crowdStep) > this.story.steps.length / 200) return this.render();
    return this.placeMark();
  }

  placeMark() {
    const crowded = this.crowd.getAttribute("d") !== "";
    const [unit] = crowded ? [...(this.currents ?? [])] : [];
    mark(this.here, "shown", unit !== undefined);
    if (unit === undefined) return;
    const { x, y, width, height } = this.geometry.unitBox(unit);
    const rim = 5 / this.view.scale;
    this.here.setAttribute("d", boxPath(x - rim, y - rim, width + 2 * rim, height + 2 * rim));
    this.here.setAttribute("stroke-width", 2.5 / this.view.scale);
  }

  groupElement(g, x, y, depth) {
    const group = this.geometry.groups[g];
    const [w, h] = this.geometry.size(g);
    const opened = this.geometry.open[g];
    const node = drawn("g", {
      class: `group ${opened ? "open" : "closed"}`, "data-group": g, role: "button", tabindex: -1,
      "aria-expanded": String(opened), "aria-label": `${group.label}, ${group.note}`,
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    });
    const entry = { kind: "group", g, nodes: [node], at: -2, x };
    if (opened) {
      entry.frame = drawn("path", { class: "group-box" });
      node.append(entry.frame);
      entry.label = drawn("text", { class: "name group-label", "data-group": g, y: y + 20 }, `▾ ${group.label}`);
      this.layers.labels.append(entry.label);
      entry.nodes.push(entry.label);
    } else {
      node.append(
        drawn("path", { class: "group-box under", d: outline("intermediate", 4, 4, w, h, 10) }),
        drawn("path", { class: "group-box", d: outline("intermediate", 0, 0, w, h, 10) }),
        drawn("text", { class: "name", x: w / 2, y: 20 }, `▸ ${group.label}`),
        drawn("text", { class: "small", x: w / 2, y: 35 }, group.note),
      );
    }
    this.depthLayer(depth).append(node);
    return entry;
  }

  depthLayer(depth) {
    while (this.layers.groups.childNodes.length <= depth) this.layers.groups.append(drawn("g"));
    return this.layers.groups.childNodes[depth];
  }

  segmentElement(g, s, x, y) {
    const segment = this.geometry.groups[g].segments[s];
    const points = this.geometry.points(g, segment).map(([px, py]) => [x + px, y + py]);
    const path = curve(points);
    const [hx, hy] = points.at(-1);
    const [tx, ty] = points[0];
    const edge = drawn("g", { class: `edge${segment[3] & 1 ? " cut" : ""}${segment[3] & 2 ? " same" : ""}`, "data-edge": `${g}.${s}` },
      drawn("path", { class: "reach", d: path }), drawn("path", { class: "line", d: path }));
    if (segment[1][0] === "unit") edge.append(drawn("path", { class: "arrow", d: `M${hx} ${hy}l-3.6 -7h7.2Z` }));
    if (segment[3] & 1) edge.append(this.scissors(points));
    const flow = drawn("g", { class: "flow", "data-edge": `${g}.${s}` }, drawn("path", { class: "line", d: path }));
    if (segment[0][0] === "unit") flow.append(drawn("path", { class: "arrow", d: `M${tx} ${ty}l-4.5 8h9Z` }));
    this.layers.edges.append(edge);
    this.layers.flows.append(flow);
    return { kind: "segment", key: `${g}.${s}`, step: segment[2], nodes: [edge, flow], at: -2 };
  }

  /** Many tensors on the same way between two closed groups: one heavy line, with their number. */
  bundleElement(g, bundle, s, x, y) {
    const entry = this.segmentElement(g, s, x, y);
    const { segments } = this.geometry.groups[g];
    const [edge] = entry.nodes;
    const [[, from], [px, to]] = this.geometry.points(g, segments[s]).slice(-2);
    mark(edge, "bundle", true);
    edge.append(drawn("text", { class: "small", x: x + px + 8, y: y + (from + to) / 2 }, `×${bundle.length}`));
    return { ...entry, keys: bundle.map((one) => `${g}.${one}`), step: Math.min(...bundle.map((one) => segments[one][2])) };
  }

  scissors(points) {
    let best = [points[0], points[1]];
    for (let i = 1; i < points.length; i++) {
      const length = (pair) => Math.abs(pair[1][1] - pair[0][1]) + Math.abs(pair[1][0] - pair[0][0]);
      if (length([points[i - 1], points[i]]) > length(best)) best = [points[i - 1], points[i]];
    }
    const [[ax, ay], [bx, by]] = best;
    return drawn("path", { class: "cross", d: `M${(ax + bx) / 2 - 5} ${(ay + by) / 2 - 5}l10 10m0 -10l-10 10` });
  }

  unitElement(u, x, y) {
    const unit = this.geometry.units[u];
    const node = drawn("g", {
      class: "unit", "data-unit": u, role: "button", tabindex: -1,
      transform: `translate(${x.toFixed(1)} ${y.toFixed(1)})`,
    });
    const entry = { kind: "unit", u, nodes: [node], boxes: [], at: -2 };
    node.append(drawn("path", { class: "halo", d: outline("intermediate", -unit.l - 8, -8, unit.l + unit.r + 16, unit.h + 16, 14) }));
    entry.tags = unit.tags.map((tag, i) => {
      const parts = tagElements(unit, tag, i);
      node.append(...parts);
      return { home: this.story.holders.get(`${tag[0]}:${tag[1]}`)?.[0], flow: parts[1] };
    });
    if (unit.sign) node.append(...this.operationElements(unit, entry));
    const top = unit.sign ? unit.top + STEM : 0;
    unit.boxes.forEach((box, b) => {
      node.append(this.boxElement(unit, box, b, top, entry));
      if (isSink(box)) node.append((entry.boxes[b].sink = sinkElement(box[3], top + BOX_HEIGHT + SINK_GAP, b)));
    });
    this.layers.units.append(node);
    return entry;
  }

  operationElements(unit, entry) {
    const left = -unit.pill / 2;
    const field = signWidth(unit.sign);
    const stems = unit.boxes.map((box) =>
      drawn("path", { class: "stem", d: curve([[0, PILL_HEIGHT], [box[3], unit.top + STEM]]) }));
    entry.pill = drawn("g", { class: `operation${unit.node === null ? " unrecorded" : ""}`, "data-part": "unit" },
      drawn("path", { class: "pill", d: outline("intermediate", left, 0, unit.pill, PILL_HEIGHT, PILL_HEIGHT / 2) }),
      drawn("path", { class: "sign-field", d: outline("intermediate", left, 0, field, PILL_HEIGHT, PILL_HEIGHT / 2) }),
      drawn("text", { class: "sign", x: left + field / 2, y: 19 }, unit.sign),
      unit.name ? drawn("text", { class: "class", x: left + field + 6, y: 18 }, unit.name) : null,
      (entry.hook = hookElement(left + 4, 1)));
    return [...stems, entry.pill];
  }

  boxElement(unit, [tensor, version, kind, dx, width], b, top, entry) {
    const drop = kind === "gradient" ? 3 : 0;
    const name = drawn("text", { class: "name", x: dx, y: top + 16 + drop });
    const second = drawn("text", { class: "small", x: dx, y: top + 30 + drop / 2 });
    const chip = drawn("path", { class: "chip", d: `M${dx + width / 2 + 5} ${top + BOX_HEIGHT / 2}l7 -7l7 7v8h-14Z` });
    const node = drawn("g", { class: `tensor ${kind}`, "data-part": `box ${b}` },
      drawn("path", { class: "shape", d: outline(kind, dx - width / 2, top, width, BOX_HEIGHT) }), name, second, chip);
    const hook = hookElement(dx - width / 2, top);
    node.append(hook);
    entry.boxes.push({ tensor, version, node, name, second, chip, hook, top, drop });
    return node;
  }

  // What a step changes.

  show(step) {
    const before = this.step;
    const ago = this.currents ?? [];
    const groupsAgo = this.currentGroups ?? [];
    this.step = step;
    this.currents = new Set(this.story.unitsOfStep(step));
    const around = [...this.currents].map((u) => this.geometry.closedAround(this.geometry.units[u].g));
    this.currentGroups = new Set(around.filter((g) => g !== null));
    if (this.crowd.getAttribute("d")) return this.showInCrowd();
    if (Math.abs(step - before) > NEAR) for (const entry of this.elements.values()) this.update(entry);
    else this.updateBetween(before, step, new Set([...ago, ...this.currents]), new Set([...groupsAgo, ...this.currentGroups]));
    return this.painted();
  }

  /** Updates what the steps between two near ones touch, and nothing else. */
  updateBetween(from, to, units, groups) {
    for (let k = Math.min(from, to); k <= Math.max(from, to); k++) for (const u of this.story.touched(k)) units.add(u);
    const keys = new Set([...groups].map((g) => `g${g}`));
    for (const u of units) {
      keys.add(`u${u}`);
      for (let g = this.geometry.units[u].g; g; g = this.geometry.groups[g].parent) keys.add(`g${g}`);
      for (const f of this.story.flowsOf.get(u) ?? []) {
        for (const [g, s] of this.story.scene.flows[f][4]) {
          const bundle = this.geometry.bundles(g).get(s);
          keys.add(`s${g}.${bundle ? bundle[bundle.length >> 1] : s}`).add(`g${g}`);
        }
      }
    }
    for (const key of keys) {
      const entry = this.elements.get(key);
      if (entry) this.update(entry);
    }
  }

  painted() {
    if (this.page.ready) this.page.paint();
  }

  update(entry) {
    entry.at = this.step;
    if (entry.kind === "unit") this.updateUnit(entry);
    else if (entry.kind === "segment") this.updateSegment(entry);
    else this.updateGroup(entry);
  }

  updateGroup({ g, nodes, x, frame, label }) {
    const group = this.geometry.groups[g];
    const [node] = nodes;
    for (const one of nodes) mark(one, "future", group.s > this.step);
    if (frame) {
      const box = this.geometry.frameAt(g, this.step);
      frame.setAttribute("d", outline("intermediate", box.x, 0, box.width, box.height, 12));
      label.setAttribute("x", (x + box.x + 14).toFixed(1));
    }
    mark(node, "current", this.currentGroups?.has(g));
  }

  updateSegment({ key, keys = [key], step, nodes: [edge, flow] }) {
    const { story } = this;
    mark(edge, "future", step > this.step);
    const flows = keys.flatMap((one) => story.segmentFlows.get(one) ?? []);
    let flowing = false;
    let now = false;
    for (const f of flows) {
      const [tail, , head] = story.scene.flows[f];
      const at = story.flowAt(tail, head, this.step);
      flowing ||= at !== null;
      now ||= at?.step === this.step;
    }
    mark(flow, "shown", flowing);
    mark(flow, "now", now);
    mark(edge, "selected", this.selected?.kind === "edge" && this.selected.edge === key);
  }

  updateUnit(entry) {
    const unit = this.geometry.units[entry.u];
    const node = entry.nodes[0];
    const future = unit.s > this.step;
    mark(node, "future", future);
    node.setAttribute("aria-hidden", String(future));
    mark(node, "current", this.currents?.has(entry.u));
    mark(node, "wrong", this.currents?.has(entry.u) && this.story.steps[this.step].kind === "error");
    mark(node, "selected", this.selected?.unit === entry.u);
    mark(node, "found", this.page.found?.has(entry.u));
    mark(node, "only-a", this.page.onlyA?.has(entry.u));
    mark(node, "only-b", this.page.onlyB?.has(entry.u));
    if (future) return;
    if (entry.pill) {
      const state = this.story.stateOf(unit.node, this.step);
      mark(entry.pill, "ran", state === "ran");
      mark(entry.pill, "freed", state === "freed");
      mark(entry.hook, "shown", this.story.hooksAt(`node ${unit.node}`, this.step).length);
    }
    for (const box of entry.boxes) this.updateBox(box);
    for (const { home, flow } of entry.tags) {
      const at = this.story.flowAt(home, entry.u, this.step);
      mark(flow, "shown", at !== null);
      mark(flow, "now", at?.step === this.step);
    }
    for (const { sink, tensor } of entry.boxes) if (sink) mark(sink, "filled", this.story.hasLanded(entry.u, tensor, this.step));
    const label = sayUnit(this.story, entry.u, this.step);
    if (node.getAttribute("aria-label") !== label) node.setAttribute("aria-label", label);
  }

  updateBox({ tensor, version, node, name, second, chip, hook, top, drop }) {
    const { story, step } = this;
    const [label, named] = story.labelAt(tensor, step);
    const newest = story.versionAt(tensor, step) === version;
    setText(name, label);
    mark(name, "strong", named && newest);
    setText(second, this.secondLine(tensor, version, newest));
    second.setAttribute("y", top + (label ? 30 + drop / 2 : 23));
    mark(node, "old", !newest);
    mark(chip, "shown", newest && this.hasGradient(tensor));
    mark(hook, "shown", newest && story.hooksAt(`tensor ${tensor}`, step).length);
  }

  hasGradient(tensor) {
    return this.story.gradientAt(tensor, this.step) !== null;
  }

  secondLine(tensor, version, newest) {
    const about = this.story.tensors.get(tensor);
    const value = about.shape.length ? null : this.story.valueAt(tensor, version, this.step);
    const plain = typeof value?.data === "number" || typeof value?.data === "boolean" || typeof value?.data === "string";
    const text = plain ? (typeof value.data === "number" ? number(value.data) : String(value.data)) : shapeText(about.shape);
    return version || !newest ? `${text} · v${version}` : text;
  }

  refresh() {
    for (const entry of this.elements.values()) this.update(entry);
    this.painted();
  }
}

function boxPath(x, y, w, h) {
  return `M${x.toFixed(0)} ${y.toFixed(0)}h${w.toFixed(0)}v${h.toFixed(0)}h-${w.toFixed(0)}Z`;
}

function signWidth(sign) {
  return Math.max(PILL_HEIGHT, [...sign].length * 15 * 0.602 + 16);
}

function tagElements(unit, [, , kind, text, width, y], i) {
  const right = -unit.reach;
  const middle = y + 10;
  const reach = `M${right} ${middle}C${right + 8} ${middle} ${right + 5} ${unit.top / 2} ${-unit.pill / 2} ${unit.top / 2}`;
  return [
    drawn("path", { class: "stem", d: reach }),
    drawn("g", { class: "flow" }, drawn("path", { class: "line", d: reach }), drawn("path", { class: "arrow", d: `M${right} ${middle}l8 -4.5v9Z` })),
    drawn("g", { class: `tag tensor ${kind}`, "data-part": `tag ${i}` },
      drawn("path", { class: "shape", d: outline(kind, right - width, y, width, 20, 6) }),
      drawn("text", { class: "small ink", x: right - width / 2, y: y + 13.5 }, text)),
  ];
}

/** Where a hook has run: a small ring at the left top corner. */
function hookElement(x, y) {
  return drawn("g", { class: "hook" }, drawn("path", { class: "ring", d: outline("intermediate", x - 7, y - 7, 14, 14, 7) }), drawn("text", { class: "tiny", x, y: y + 3 }, "h"));
}

function sinkElement(x, y, b) {
  return drawn("g", { class: "sink", "data-part": `acc ${b}` },
    drawn("path", { class: "shape", d: outline("intermediate", x - 47, y, 94, SINK_HEIGHT, 9) }),
    drawn("text", { class: "tiny", x, y: y + 12.5 }, "AccumulateGrad"));
}
