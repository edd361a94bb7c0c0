// The inspector: what is known of the selected thing at the current step.

class Inspector {
  constructor(root, story, page) {
    Object.assign(this, { root, story, page });
  }

  show(selected, step) {
    this.step = step;
    const parts = selected ? this.about(selected) : this.nothing();
    this.root.replaceChildren(...parts.flat().filter(Boolean));
  }

  about(selected) {
    if (selected.kind === "tensor") return this.tensor(selected);
    if (selected.kind === "operation") return this.operation(selected.unit);
    if (selected.kind === "accumulate") return this.accumulate(selected);
    return this.edge(selected.edge);
  }

  head(kind, title, note) {
    return element("div", { class: "panel-head" }, icon(kind), element("h2", {}, title), element("span", { class: "note" }, note));
  }

  nothing() {
    const { story, step } = this;
    const about = story.steps[step];
    const units = story.unitsOfStep(step);
    return [
      about ? this.head("operation", "Step", `${step + 1} of ${story.steps.length}`) : null,
      element("p", {}, sayStep(story, step)),
      about?.kind === "error" || about?.kind === "limit" ? element("pre", { class: "message" }, about.message ?? "") : null,
      this.conflict(about),
      this.provenance(about?.at, about?.function),
      units.length ? element("h3", {}, "In this step") : null,
      this.links(units),
      about ? element("p", { class: "hint" }, "Select anything in the graph, or a line of the source, to see it here.") : null,
      ...(story.recording.notes ?? []).map((note) => element("p", { class: "hint" }, String(note))),
    ];
  }

  /** The lines of an error, with the part that each has in it. */
  conflict(step) {
    const lines = step?.kind === "error" ? step.lines ?? [] : [];
    if (!lines.length) return null;
    return element("ul", { class: "links" }, ...lines.map(([file, line, role]) => element("li", {},
      element("span", { class: "role" }, String(role ?? "")), " ",
      element("button", { type: "button", class: "link", onclick: () => this.page.showLine([file, line]) }, `line ${line}`), " ",
      element("code", {}, this.story.lineText([file, line])))));
  }

  tensor({ unit: u, box: b }) {
    const { story, step } = this;
    const unit = story.scene.units[u];
    const [tensor, version, kind] = unit.boxes[b];
    const about = story.tensors.get(tensor);
    const [label, named] = story.labelAt(tensor, step);
    const value = story.valueAt(tensor, version, step);
    const gradient = story.gradientAt(tensor, step);
    return [
      this.head(kind, named && label ? label : "unnamed", `${kind} · ${shapeText(about.shape)}`),
      element("div", { class: "pair" },
        this.values("Value", value, `value of ${label || "the tensor"}`),
        gradient
          ? this.values(gradient.kind === "grad" ? ".grad" : "Gradient", story.values.get(gradient.value), "gradient", true)
          : element("div", { class: "value" }, element("h3", {}, "Gradient"), element("p", { class: "none" }, whyNone(story, tensor, step)))),
      gradient?.kind === "grad" ? this.sums(tensor) : null,
      gradient?.kind === "flow" && about.is_leaf === false && !about.retains_grad
        ? element("p", { class: "hint" }, "This gradient flowed through; .grad stays None, for this is not a leaf.") : null,
      this.facts([
        ["dtype", about.dtype], ["requires_grad", about.requires_grad ? "True" : "False"], ["is_leaf", about.is_leaf ? "True" : "False"],
        ["version", story.versionAt(tensor, step) === version ? `${version}` : `${version}, overwritten: now ${story.versionAt(tensor, step)}`],
        about.retains_grad ? ["retains_grad", "True: backward keeps its gradient in .grad"] : null,
        about.view_of !== null && about.view_of !== undefined ? ["view of", story.called(about.view_of, step)] : null,
        ["made by", unit.sign ? `${unit.sign} ${unit.name}` : story.steps[unit.op]?.name ?? "before recording began"],
      ]),
      this.hooks(`tensor ${tensor}`),
      this.nameHistory(tensor),
      this.provenance(story.steps[unit.op ?? unit.s]?.at, story.steps[unit.op ?? unit.s]?.function),
      element("h3", {}, "Used by"),
      this.links((story.uses.get(tensor) ?? []).filter((i) => story.scene.units[i].s <= step)) ?? element("p", { class: "none" }, "nothing yet"),
    ];
  }

  sums(tensor) {
    const { story, step } = this;
    const list = story.accumulated.get(tensor).filter((one) => one.step <= step).slice(-6);
    const norm = (id) => (id === null || id === undefined ? "None" : number(story.values.get(id)?.stats?.norm));
    return element("table", { class: "facts" }, element("caption", {}, ".grad adds up (norms)"),
      element("thead", {}, element("tr", {}, ...["step", "before", "added", "after"].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...list.map((one) => element("tr", {},
        element("td", {}, this.stepLink(one.step)), element("td", {}, norm(one.before)), element("td", {}, norm(one.added)), element("td", {}, norm(one.after))))));
  }

  operation(u) {
    const { story, step } = this;
    const unit = story.scene.units[u];
    const about = unit.op === null ? null : story.steps[unit.op];
    const node = story.nodes.get(unit.node);
    const state = { freed: "run by backward, then freed", ran: "run by backward" }[story.stateOf(unit.node, step)] ?? "recorded, waiting for backward";
    return [
      this.head("operation", unit.sign, unit.name || about.name),
      element("p", {}, about ? sayStep(story, unit.op) : "Computed where the recording did not look: inside a backward with create_graph=True, or before it began. Gradients pass through what was recorded there."),
      node?.formula ? element("div", { class: "formula" }, element("h3", {}, "Derivative"), element("p", {}, node.formula)) : null,
      about ? this.arguments(about) : null,
      node ? this.saved(node) : null,
      this.facts([
        about ? ["operation", about.name] : null, ["node", node?.name ?? "none"], node ? ["state", state] : null,
        about ? ["grad mode", about.grad_mode === false ? "off (no_grad)" : "on"] : null, about?.ns ? ["took", duration(about.ns)] : null,
        about?.inplace ? ["in place", "yes: the same tensor at a higher version"] : null,
      ]),
      this.provenance(about?.at, about?.function),
      this.runs(unit.node),
      this.hooks(`node ${unit.node}`),
      element("h3", {}, "Results"),
      this.links([u]),
    ];
  }

  arguments(step) {
    const { story } = this;
    const items = (step.inputs ?? []).map((input) => {
      if (typeof input !== "number") return element("li", {}, inputName(story, input, this.step));
      const unit = story.holderAt(input, Math.max(story.steps.indexOf(step) - 1, 0)) ?? story.holderAt(input, this.step);
      const text = this.sized(input);
      return element("li", {}, unit === undefined ? text : this.link(unit, text));
    });
    return items.length ? [element("h3", {}, "Inputs"), element("ol", { class: "links" }, ...items)] : null;
  }

  /** A tensor's name with its shape; what is called by its shape has said it already. */
  sized(tensor) {
    const called = this.story.called(tensor, this.step);
    const shape = shapeText(this.story.tensors.get(tensor).shape);
    return called.startsWith("an unnamed") ? called : `${called} · ${shape}`;
  }

  saved(node) {
    const { story } = this;
    const saved = node.saved ?? [];
    if (!saved.length) return element("p", { class: "hint" }, "Nothing is saved for backward.");
    const freed = story.stateOf(node.id, this.step) === "freed";
    return [
      element("h3", {}, freed ? "Saved for backward (freed)" : "Saved for backward"),
      element("ul", { class: `links${freed ? " gone" : ""}` }, ...saved.map((one) => {
        const tensor = story.tensors.get(one.tensor);
        const text = tensor ? this.sized(one.tensor) : String(one.value ?? "a value");
        const unit = tensor && story.holderAt(one.tensor, this.step);
        return element("li", {}, element("code", {}, one.name), " = ", unit === undefined || !tensor ? text : this.link(unit, text),
          one.bytes ? element("span", { class: "note" }, ` ${bytes(one.bytes)}`) : null);
      })),
    ];
  }

  runs(node) {
    const runs = (this.story.ran.get(node) ?? []).slice(0, 8);
    if (!runs.length) return null;
    return element("p", {}, "Backward runs it in ", ...runs.flatMap((one, i) => [i ? ", " : "", this.stepLink(one.step)]), ".");
  }

  accumulate({ unit: u, box: b }) {
    const { story, step } = this;
    const [tensor] = story.scene.units[u].boxes[b];
    const gradient = story.gradientAt(tensor, step);
    return [
      this.head("gradient", "AccumulateGrad", story.called(tensor, step)),
      element("p", {}, "The last node on the way back to a leaf. It adds the gradient that arrives to the leaf's .grad; it never replaces what is there, which is why a training loop sets gradients to zero."),
      gradient ? this.values(".grad", story.values.get(gradient.value), "gradient", true) : element("p", { class: "none" }, whyNone(story, tensor, step)),
      gradient?.kind === "grad" ? this.sums(tensor) : null,
      element("h3", {}, "Leaf"),
      this.links([u]),
    ];
  }

  edge(key) {
    const { story, step } = this;
    const flows = (story.segmentFlows.get(key) ?? []).map((f) => story.scene.flows[f]);
    if (!flows.length) return this.nothing();
    const [tail, box] = flows[0];
    const tensor = story.scene.units[tail].boxes[box][0];
    const gradients = flows.map(([t, , h]) => story.flowAt(t, h, step)).filter(Boolean);
    return [
      this.head("edge", "Edge", `${story.called(tensor, step)} → ${flows.map(([, , h]) => story.scene.units[h].name || story.scene.units[h].sign).slice(0, 3).join(", ")}`),
      gradients.length
        ? this.values("Gradient that flowed back", story.values.get(gradients[0].value), "gradient", true)
        : element("p", { class: "none" }, "No gradient has flowed back along this edge by this step."),
      element("h3", {}, "From and to"),
      this.links([...new Set(flows.flatMap(([t, , h]) => [t, h]))]),
    ];
  }

  // Pieces.

  values(title, value, label, gradient = false) {
    return element("div", { class: `value${gradient ? " gradient" : ""}` }, element("h3", {}, title),
      ...(value ? [heatMap(value, label), numbers(value), statistics(value)] : [element("p", { class: "none" }, "not recorded")]));
  }

  facts(rows) {
    return element("dl", { class: "facts" }, ...rows.filter(Boolean).flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  }

  hooks(what) {
    const ran = this.story.hooksAt(what, this.step).slice(-6);
    return ran.length
      ? [element("h3", {}, "Hooks that ran"), element("ul", { class: "links" }, ...ran.map(({ step, hook }) => element("li", {},
        `${(hook.hook ?? "").replaceAll("_", " ")} hook `, element("code", {}, hook.name ?? ""), " in ", this.stepLink(step), hook.replaced ? ": it replaced the gradient" : "")))]
      : null;
  }

  nameHistory(tensor) {
    const history = (this.story.names.get(tensor) ?? []).filter((one) => one.step <= this.step);
    if (history.length < 2) return null;
    return [
      element("h3", {}, "Names"),
      element("ol", { class: "links" }, ...history.slice(-6).map(({ step, names }) =>
        element("li", {}, names.length ? `called ${names.join(", ")} from ` : "unnamed from ", this.stepLink(step)))),
    ];
  }

  provenance(at, name) {
    if (!at) return null;
    const { story } = this;
    return element("button", { type: "button", class: "provenance", onclick: () => this.page.showLine(at) },
      element("span", {}, `${story.place(at)}${name && name !== "<module>" ? `, in ${name}` : ""}`), element("code", {}, story.lineText(at) || " "));
  }

  links(units) {
    const seen = [...new Set(units)].slice(0, 24);
    if (!seen.length) return null;
    return element("ul", { class: "links" }, ...seen.map((u) => {
      const unit = this.story.scene.units[u];
      const names = listed(this.story.boxesOf(u).map(([t]) => this.story.called(t, this.step)));
      return element("li", {}, this.link(u, unit.sign ? `${unit.sign} ${unit.name} → ${names}` : names));
    }), units.length > seen.length ? element("li", {}, `and ${units.length - seen.length} more`) : null);
  }

  link(u, text) {
    const unit = this.story.scene.units[u];
    const target = unit.sign ? { kind: "operation", unit: u } : { kind: "tensor", unit: u, box: 0 };
    return element("button", { type: "button", class: "link", onclick: () => this.page.goTo(target) }, text);
  }

  stepLink(step) {
    return element("button", { type: "button", class: "link", onclick: () => this.page.goToStep(step) }, `step ${step + 1}`);
  }
}

/** A small drawing of a kind's shape. */
function icon(kind) {
  const shape = kind === "operation"
    ? drawn("path", { class: "pill", d: outline("intermediate", 1, 4, 26, 14, 7) })
    : kind === "edge" ? drawn("path", { class: "line", d: "M2 18C14 18 14 4 26 4" })
    : drawn("path", { class: "shape", d: outline(kind, 1, 2, 26, 18, 5) });
  const wrap = drawn("g", { class: kind === "operation" || kind === "edge" ? kind : `tensor ${kind}` }, shape);
  return drawn("svg", { class: "icon", width: 28, height: 22, viewBox: "0 0 28 22", "aria-hidden": "true" }, wrap);
}

/** The rows of a value: its last dimension across, all others down. */
function matrix(value) {
  let data = value.data ?? value.thumbnail;
  if (data === null || data === undefined) return null;
  if (!Array.isArray(data)) data = [[data]];
  while (Array.isArray(data[0]) && Array.isArray(data[0][0])) data = data.flat();
  return Array.isArray(data[0]) ? data : [data];
}

function heatMap(value, label) {
  const rows = matrix(value);
  if (!rows?.length || !rows[0]?.length) return null;
  const cells = rows.flat().map((x) => (typeof x === "number" && Number.isFinite(x) ? x : typeof x === "boolean" ? Number(x) : null));
  const most = Math.max(...cells.map((x) => Math.abs(x ?? 0)), 1e-30);
  const [w, h] = [rows[0].length, rows.length];
  const canvas = element("canvas", { class: "heat", width: w, height: h, role: "img", "aria-label": `Heat map of the ${label}: ${summary(value)}` });
  const size = Math.max(Math.min(22, 210 / w, 150 / h), 1);
  canvas.style.width = `${w * size}px`;
  canvas.style.height = `${h * size}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(w, h);
  cells.forEach((x, i) => image.data.set(x === null ? [128, 128, 128, 255] : heat(x / most), 4 * i));
  context.putImageData(image, 0, 0);
  return canvas;
}

/** Blue below zero, orange above, as light as the panel at zero. */
function heat(x) {
  const end = x < 0 ? [38, 103, 184] : [217, 108, 18];
  const zero = document.documentElement.dataset.theme === "dark" ? [42, 48, 58] : [246, 245, 242];
  const share = Math.min(Math.abs(x), 1) ** 0.8;
  return [...zero.map((c, i) => Math.round(c + (end[i] - c) * share)), 255];
}

function numbers(value) {
  const rows = matrix(value);
  if (!rows || value.data === null || value.data === undefined) return element("p", { class: "hint" }, value.thumbnail ? "A thumbnail: the tensor is large." : "Only its statistics were kept.");
  const [most, across] = [8, 6];
  const cut = (row) => (row.length > across ? [...row.slice(0, across - 1), "…"] : row);
  const shown = rows.length > most ? [...rows.slice(0, most - 1), ["⋮"]] : rows;
  const cells = (row) => cut(row).map((x) => element("td", {}, typeof x === "number" ? number(x) : String(x)));
  return element("div", { class: "scroll" }, element("table", { class: "numbers" }, element("tbody", {}, ...shown.map((row) => element("tr", {}, ...cells(row))))));
}

function summary(value) {
  const s = value.stats;
  return s ? `smallest ${number(s.min)}, largest ${number(s.max)}, mean ${number(s.mean)}` : shapeText(value.shape);
}

function statistics(value) {
  const s = value.stats;
  if (!s || !value.shape?.length) return null;
  const odd = [s.nan ? `${s.nan} NaN` : "", s.inf ? `${s.inf} infinite` : ""].filter(Boolean).join(", ");
  return element("p", { class: "stats" }, `min ${number(s.min, 3)}  max ${number(s.max, 3)}  mean ${number(s.mean, 3)}  norm ${number(s.norm, 3)}`, odd ? element("strong", {}, `  ${odd}`) : null);
}
