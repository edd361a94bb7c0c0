// The page: the parts put together, what is selected, where the film is, which key does what.

const MOST_OPENED = 4000; // units and groups that are opened at once

class Page {
  constructor({ recording, scene, arms }, values) {
    this.recording = recording;
    this.story = new Story(recording, scene);
    this.story.addValues(values);
    this.geometry = new Geometry(scene);
    this.step = 0;
    this.selected = null;
    this.side = "inspector";
    this.following = true;
    this.colour = "kind";
    document.title = `${recording.title} · dynagrad`;
    setText(byId("title"), recording.title);
    this.graph = new Graph(byId("drawing"), this.story, this.geometry, this);
    this.source = new Source(this.story, this);
    this.inspector = new Inspector(byId("inspector"), this.story, this);
    this.compare = new Compare(byId("inspector"), this.story, this, arms);
    this.timeline = new Timeline(this.story, this);
    this.search = new Search(this.story, this);
    this.ready = true;
    this.buttons();
    document.addEventListener("keydown", (event) => this.key(event));
    this.forPaper();
    this.begin();
  }

  /** Opens where there is most to see: at the error, or where the first backward begins, or at the end. */
  begin() {
    const error = this.story.fatalStep();
    const first = this.recording.rounds.find((round) => round.backward);
    const start = error >= 0 ? error : first ? first.backward[0] : this.story.last;
    this.graph.step = start;
    for (const unit of this.story.unitsOfStep(start)) this.openIfSmall(this.story.scene.units[unit].g);
    this.banner(this.story.steps[start]);
    this.graph.fit(true);
    const [unit] = this.story.unitsOfStep(start);
    if (unit !== undefined) this.graph.beginAt(this.geometry.unitBox(unit));
    this.goToStep(start);
  }

  /** Opens what hides the first thing to be seen, unless that is more than can be drawn at once. */
  openIfSmall(group) {
    let held = 0;
    for (let g = group; g !== null; g = this.geometry.groups[g].parent) held += this.geometry.open[g] ? 0 : this.geometry.groups[g].units.length + this.geometry.groups[g].groups.length;
    if (held <= MOST_OPENED) this.openAround(group);
  }

  addValues(values) {
    if (!values.length || this.story.values.size) return;
    this.story.addValues(values);
    this.graph.refresh();
    if (this.side === "inspector") this.inspector.show(this.selected, this.step);
  }

  // The film.

  goToStep(k, playing = false) {
    if (!playing && this.timeline.timer) this.timeline.stop();
    this.step = Math.min(Math.max(k, 0), this.story.last);
    const step = this.story.steps[this.step];
    this.graph.show(this.step);
    this.banner(step);
    if (this.following) this.followStep();
    this.source.show(step);
    this.timeline.show(this.step);
    if (this.side === "inspector") this.inspector.show(this.selected, this.step);
  }

  followStep() {
    const [first = this.root(), ...others] = this.story.unitsOfStep(this.step);
    if (first === undefined) return;
    const box = others.reduce((all, unit) => around(all, this.geometry.unitBox(unit)), this.geometry.unitBox(first));
    this.graph.reveal(this.graph.fits(box) ? box : this.geometry.unitBox(first));
  }

  /** Where the backward of this round began, if it has begun: what a step that has no place of its own is about. */
  root() {
    const begin = this.recording.rounds[this.story.roundOf(this.step)]?.backward?.[0];
    return begin <= this.step ? this.story.unitsOfStep(begin)[0] : undefined;
  }

  banner(step) {
    const node = byId("banner");
    const kind = step?.kind;
    node.hidden = kind !== "error" && kind !== "limit";
    mark(node, "limit", kind === "limit");
    if (!node.hidden) node.replaceChildren(element("strong", {}, kind === "error" ? step.type ?? "Error" : "Limit"), " ", firstLine(step.message));
  }

  // What is selected.

  select(selected) {
    this.selected = selected;
    this.graph.selected = selected;
    this.source.mark(selected?.unit === undefined ? null : this.story.steps[this.unit(selected).op ?? this.unit(selected).s]?.at);
    this.graph.refresh();
    this.showSide("inspector");
  }

  unit(selected) {
    return this.story.scene.units[selected.unit];
  }

  /** Selects something wherever it is: opens the groups around it, and goes to its step where it is not there yet. */
  goTo(selected) {
    const unit = this.unit(selected);
    this.openAround(unit.g);
    if (unit.s > this.step) this.goToStep(unit.s);
    this.select(selected);
    this.graph.reveal(this.geometry.unitBox(selected.unit), true);
  }

  openAround(group) {
    const path = [];
    for (let at = group; at !== null; at = this.geometry.groups[at].parent) path.push(at);
    if (path.every((g) => this.geometry.open[g])) return;
    for (const g of path) this.geometry.toggle(g, true);
    this.graph.redraw();
  }

  toggleGroup(g) {
    const before = this.geometry.groupBox(g);
    this.geometry.toggle(g);
    const after = this.geometry.groupBox(g);
    const { scale } = this.graph.view;
    this.graph.view.x += (before.x + before.width / 2 - after.x - after.width / 2) * scale;
    this.graph.view.y += (before.y - after.y) * scale;
    this.graph.show(this.step);
    this.graph.redraw();
    this.graph.layers.groups.querySelector(`[data-group="${g}"]`)?.focus({ preventScroll: true });
  }

  showGroup(g) {
    this.openAround(this.geometry.groups[g].parent ?? 0);
    if (this.geometry.groups[g].s > this.step) this.goToStep(this.geometry.groups[g].s);
    this.graph.reveal(this.geometry.shownBox(g, this.step), true);
  }

  /** Opens one more level of groups, as far as what opens stays drawable; or closes all. */
  unfold() {
    const { geometry } = this;
    const closed = geometry.groups.flatMap((group, g) => (!geometry.open[g] && (group.parent === null || geometry.open[group.parent]) ? [g] : []));
    let room = MOST_OPENED;
    for (const g of closed) {
      room -= geometry.groups[g].units.length + geometry.groups[g].groups.length;
      if (room < 0) break;
      geometry.toggle(g, true);
    }
    this.regroup();
  }

  fold() {
    this.geometry.groups.forEach((_, g) => this.geometry.toggle(g, false));
    this.regroup();
  }

  regroup() {
    this.graph.show(this.step);
    this.graph.redraw();
    this.graph.fit(true);
    if (this.following) this.followStep();
  }

  selectLine(at) {
    this.source.mark(at);
    const units = this.story.lineUnits.get(at.join(":")) ?? [];
    this.setFound(new Set(units));
    const shown = units.filter((u) => this.story.scene.units[u].s <= this.step);
    const unit = shown.at(-1) ?? units[0];
    if (unit !== undefined) {
      const one = this.story.scene.units[unit];
      this.goTo(one.sign ? { kind: "operation", unit } : { kind: "tensor", unit, box: 0 });
    }
  }

  showLine(at) {
    this.source.mark(at);
  }

  setFound(found) {
    this.found = found;
    this.graph.refresh();
  }

  setOnly(onlyA, onlyB) {
    this.onlyA = onlyA;
    this.onlyB = onlyB;
    this.graph.refresh();
  }

  // The panel at the side.

  showSide(side) {
    if (this.side === "compare" && side !== "compare") this.setOnly(null, null);
    this.side = side;
    for (const id of ["compare", "legend"]) byId(id).setAttribute("aria-pressed", String(side === id));
    if (side === "compare") this.compare.begin(this.story.roundOf(this.step));
    else if (side === "legend") showLegend(byId("inspector"));
    else this.inspector.show(this.selected, this.step);
    byId("inspector").scrollTop = 0;
  }

  toggleSide(side) {
    this.showSide(this.side === side ? "inspector" : side);
  }

  // Colour by a number.

  paint() {
    const what = this.colour;
    if (what === "kind" && !this.painted) return;
    const shown = [...this.graph.elements.values()].filter((entry) => entry.pill);
    const amounts = shown.map((entry) => (what === "kind" ? null : this.story.measure(this.geometry.units[entry.u], what, this.step)));
    this.painted = what !== "kind";
    const known = this.range(what);
    shown.forEach((entry, i) => {
      const pill = entry.pill.querySelector(".pill");
      const share = known && amounts[i] !== null ? strength(amounts[i], known) : null;
      pill.style.fill = share === null ? "" : `color-mix(in oklab, var(--accent) ${Math.round(8 + 80 * share)}%, var(--panel))`;
      mark(entry.pill, "coloured", share !== null);
      mark(entry.pill, "strong", share !== null && share > 0.55);
    });
  }

  /** The least and the greatest amount in the whole recording, so that colours mean the same at every step. */
  range(what) {
    if (what === "kind") return null;
    const k = what === "gradient" ? this.step : 0;
    if (this.ranged?.what === what && this.ranged.k === k) return this.ranged.range;
    const all = this.story.scene.units.map((unit) => (unit.sign && unit.op !== null ? this.story.measure(unit, what, this.story.last) : null)).filter((x) => x !== null && Number.isFinite(x));
    this.ranged = { what, k, range: all.length ? [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))] : null };
    return this.ranged.range;
  }

  setColour(what) {
    this.colour = what;
    byId("colour").value = what;
    const range = this.range(what);
    const say = { time: duration, bytes, gradient: (x) => number(x, 2) }[what];
    byId("scale").hidden = what === "kind";
    if (what !== "kind") {
      byId("scale").replaceChildren(...(range
        ? [element("span", {}, say(range[0])), element("i", { "aria-hidden": "true" }), element("span", {}, say(range[1]))]
        : [element("span", {}, "nothing to colour by")]));
    }
    this.paint();
  }

  // Buttons and keys.

  buttons() {
    const click = (id, does) => byId(id).addEventListener("click", does);
    click("zoom-in", () => this.graph.zoom(1.25));
    click("zoom-out", () => this.graph.zoom(0.8));
    click("fit", () => this.graph.fit());
    click("unfold", () => this.unfold());
    click("fold", () => this.fold());
    click("follow", () => this.setFollowing(!this.following));
    click("compare", () => this.toggleSide("compare"));
    click("legend", () => this.toggleSide("legend"));
    click("theme", () => this.toggleTheme());
    byId("compare").disabled = this.recording.rounds.length < 2;
    byId("colour").addEventListener("change", () => this.setColour(byId("colour").value));
    byId("export").addEventListener("change", () => {
      const format = byId("export").value;
      byId("export").value = "";
      if (format) exportPicture(byId("drawing"), this.recording.title, format);
    });
  }

  /** Printed, the page is light whatever it is on the screen. */
  forPaper() {
    let theme;
    addEventListener("beforeprint", () => {
      theme = document.documentElement.dataset.theme;
      setTheme("light");
    });
    addEventListener("afterprint", () => setTheme(theme));
  }

  setFollowing(on) {
    this.following = on;
    byId("follow").setAttribute("aria-pressed", String(on));
    if (on) this.followStep();
  }

  toggleTheme() {
    setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark");
    if (this.side === "inspector") this.inspector.show(this.selected, this.step);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest?.("input[type=search], select")) return;
    if (event.target.id === "slider" && /^(Arrow|Home|End|Page)/.test(event.key)) return;
    if (event.key === " " && event.target.closest?.("button")) return;
    if (this.graphKey(event)) return event.preventDefault();
    const does = this.keys[event.key];
    if (!does) return;
    event.preventDefault();
    does();
  }

  get keys() {
    const { timeline, graph, story } = this;
    return {
      ArrowRight: () => this.goToStep(this.step + 1), ArrowLeft: () => this.goToStep(this.step - 1),
      Home: () => this.goToStep(0), End: () => this.goToStep(story.last), " ": () => timeline.toggle(),
      f: () => timeline.toForward(), b: () => timeline.toBackward(), e: () => timeline.toError(),
      "[": () => timeline.toRound(story.roundOf(this.step) - 1), "]": () => timeline.toRound(story.roundOf(this.step) + 1),
      "/": () => byId("search").focus(), "+": () => graph.zoom(1.25), "=": () => graph.zoom(1.25), "-": () => graph.zoom(0.8),
      0: () => graph.fit(), o: () => this.unfold(), c: () => this.fold(), v: () => this.setFollowing(!this.following),
      t: () => this.toggleTheme(), "?": () => this.toggleSide("legend"), Escape: () => (this.setFound(new Set()), this.select(null)),
    };
  }

  /** Keys in the graph: along an edge, to a neighbour, open or inspect. Says whether the key was one of them. */
  graphKey(event) {
    if (!event.target.closest?.("#drawing")) return false;
    const at = event.target.closest("[data-unit], [data-group]");
    if (event.key === "Enter" && at?.dataset.group !== undefined) return this.toggleGroup(Number(at.dataset.group)), true;
    if (event.key === "Enter" && at) return this.select(this.graph.partOf(Number(at.dataset.unit), "unit")), true;
    const beside = event.shiftKey && (event.key === "ArrowLeft" || event.key === "ArrowRight");
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown" && !beside) return false;
    const unit = at?.dataset.unit === undefined ? null : Number(at.dataset.unit);
    if (unit === null) return this.focusFirst(event.key), true;
    const next = beside ? this.neighbour(unit, event.key === "ArrowRight" ? 1 : -1) : this.along(unit, event.key === "ArrowUp");
    if (next !== null) this.focusUnit(next);
    return true;
  }

  focusFirst() {
    const entry = [...this.graph.elements.values()].find((one) => one.kind === "unit" && this.geometry.units[one.u].s <= this.step);
    const current = this.story.unitsOfStep(this.step)[0];
    const unit = current !== undefined && this.geometry.closedAround(this.geometry.units[current].g) === null ? current : entry?.u;
    if (unit !== undefined) return this.focusUnit(unit);
    return this.graph.layers.groups.querySelector("[data-group]")?.focus({ preventScroll: true });
  }

  along(unit, up) {
    const list = ((up ? this.story.tailsOf : this.story.headsOf).get(unit) ?? []).filter((u) => this.story.scene.units[u].s <= this.step);
    return list[0] ?? null;
  }

  neighbour(unit, way) {
    const { units } = this.geometry;
    const near = units.map((one, u) => [one, u]).filter(([one]) => one.g === units[unit].g && one.row === units[unit].row && one.s <= this.step).sort((a, b) => a[0].x - b[0].x).map(([, u]) => u);
    return near[near.indexOf(unit) + way] ?? null;
  }

  focusUnit(unit) {
    this.openAround(this.geometry.units[unit].g);
    this.graph.reveal(this.geometry.unitBox(unit));
    const node = this.graph.elements.get(`u${unit}`)?.nodes[0];
    node?.focus({ preventScroll: true });
    this.select(this.graph.partOf(unit, "unit"));
  }
}

/** The rectangle around two. */
function around(a, b) {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return { x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y };
}

function firstLine(text) {
  return (text ?? "").split("\n")[0];
}

/** How strong a colour stands for an amount between two bounds, on a scale of magnitudes where they lie far apart. */
function strength(x, [low, high]) {
  if (high <= low) return 0.5;
  const least = Math.max(low, high * 1e-5);
  if (low >= 0 && high / least > 50) return Math.log(Math.max(x, least) / least) / Math.log(high / least);
  return (x - low) / (high - low);
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
}

/** What the page carries in element `id`: JSON as it is, or compressed. */
async function readData(id) {
  const node = byId(id);
  if (node.type === "application/json") return JSON.parse(node.textContent);
  const packed = bytesOf(node.textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

setTheme(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const letters = atob(base64);
  const packed = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i++) packed[i] = letters.charCodeAt(i);
  return packed;
}

async function start() {
  const root = document.documentElement;
  const data = await readData("data");
  const numbers = readValues();
  const early = byId("values").type === "application/json" ? await numbers : [];
  window.dynagradPage = new Page(data, early);
  root.dataset.ready = "true";
  dynagradPage.addValues(await numbers);
  for (const id of ["data", "values"]) byId(id).remove();
  root.dataset.complete = "true";
}

/** The numbers; where there are many, only once the first picture is there. */
async function readValues() {
  if (byId("values").type !== "application/json") {
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
  }
  return readData("values");
}

start();
