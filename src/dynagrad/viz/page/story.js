// The recording as the page asks about it: what held at a step, looked up in lists sorted by step.

class Story {
  constructor(recording, scene) {
    this.recording = recording;
    this.scene = scene;
    this.steps = recording.steps;
    this.last = Math.max(this.steps.length - 1, 0);
    this.tensors = new Map(recording.tensors.map((tensor) => [tensor.id, tensor]));
    this.nodes = new Map(recording.nodes.map((node) => [node.id, node]));
    this.values = new Map();
    this.nodeUnit = new Map(Object.entries(scene.node_units).map(([node, unit]) => [Number(node), unit]));
    this.nodeLeaf = new Map(Object.entries(scene.node_leaves).map(([node, unit]) => [Number(node), unit]));
    this.leafUses = new Map(scene.leaf_uses.map(([node, sink, unit]) => [`${node}>${sink}`, unit]));
    this.arrived = new Map();
    this.landings = new Map();
    this.runs = new Set();
    this.cleared = new Map();
    this.hooked = new Map();
    this.landed = new Map();
    this.names = new Map();
    this.versions = new Map();
    this.numbers = new Map();
    this.holders = new Map();
    this.gradients = new Map();
    this.accumulated = new Map();
    this.ran = new Map();
    this.freed = new Map();
    this.flowed = new Map();
    this.lineUnits = new Map();
    this.uses = new Map();
    this.renamed = new Map();
    this.flowsOf = new Map();
    this.unitOfStep = new Map();
    this.readUnits();
    this.readFlows();
    this.readSteps();
  }

  readUnits() {
    this.scene.units.forEach((unit, u) => {
      if (unit.op !== null && !this.unitOfStep.has(unit.op)) this.unitOfStep.set(unit.op, u);
      const at = this.steps[unit.op ?? unit.s]?.at;
      if (at) listIn(this.lineUnits, at.join(":")).push(u);
      unit.boxes.forEach(([tensor, version], b) => {
        this.holders.set(`${tensor}:${version}`, [u, b]);
        listIn(this.versions, tensor).push({ step: unit.s, version });
      });
      for (const [tensor] of unit.tags) this.use(tensor, u);
    });
  }

  readFlows() {
    this.tailsOf = new Map();
    this.headsOf = new Map();
    this.segmentFlows = new Map();
    this.scene.flows.forEach(([tail, box, head, , route], f) => {
      this.use(this.scene.units[tail].boxes[box][0], head);
      listIn(this.flowsOf, head).push(f);
      listIn(this.flowsOf, tail).push(f);
      listIn(this.tailsOf, head).push(tail);
      listIn(this.headsOf, tail).push(head);
      for (const [group, segment] of route) listIn(this.segmentFlows, `${group}.${segment}`).push(f);
    });
  }

  use(tensor, unit) {
    const users = listIn(this.uses, tensor);
    if (users.at(-1) !== unit) users.push(unit);
  }

  readSteps() {
    const frames = new Map();
    const named = new Map();
    this.steps.forEach((step, k) => {
      this.readNames(step, k, frames, named);
      if (step.kind === "op") this.readNumbers(step, k);
      else if (step.kind === "node") this.readNode(step, k);
      else if (step.kind === "backward_begin") this.runs.clear();
      else if (step.kind === "accumulate") {
        this.readAccumulate(step, k);
      } else if (step.kind === "note" && step.what === "grad=" && step.message.endsWith("None")) {
        for (const tensor of [step.tensor, ...(step.others ?? [])]) listIn(this.cleared, tensor).push({ step: k });
      } else if (step.kind === "hook") {
        const on = this.hookedTensor(step);
        listIn(this.hooked, on === null ? `node ${step.node}` : `tensor ${on}`).push({ step: k, hook: step });
      } else if (step.kind === "free") listIn(this.freed, step.node).push({ step: k, bytes: step.bytes });
    });
  }

  unitBoxes(k) {
    const unit = this.unitOfStep.get(k);
    return unit === undefined ? [] : this.boxesOf(unit);
  }

  /** What an operation made, wherever it stands. */
  boxesOf(unit) {
    const { outs, boxes } = this.scene.units[unit];
    return outs?.some((place) => place !== unit) ? outs.flatMap((place) => this.scene.units[place].boxes) : boxes;
  }

  readNumbers(step, k) {
    for (const [tensor, value] of Object.entries(step.values ?? {})) {
      const box = this.unitBoxes(k).find((one) => one[0] === Number(tensor));
      const version = box ? box[1] : this.versionAt(Number(tensor), k);
      listIn(this.numbers, `${tensor}:${version}`).push({ step: k, value });
    }
  }

  readNode(step, k) {
    const again = this.runs.has(step.node); // a composed operation is one node here: what runs of it later is inside it
    this.runs.add(step.node);
    listIn(this.ran, step.node).push({ step: k });
    const u = this.nodeUnit.get(step.node);
    if (u === undefined) return;
    const { outs, boxes, node } = this.scene.units[u];
    if (!again && node === step.node) (outs ? outs.map((place) => this.scene.units[place].boxes[0]) : boxes).forEach((box, b) => {
      const tensor = box?.[0];
      if (tensor !== undefined && step.incoming?.[b] !== undefined && step.incoming[b] !== null) {
        listIn(this.gradients, tensor).push({ step: k, value: step.incoming[b] });
      }
    });
    for (const [to, output, value] of step.outgoing ?? []) {
      const tail = this.gradientGoesTo(step.node, to, output);
      if (tail === undefined) continue;
      listIn(this.flowed, `${tail}>${u}`).push({ step: k, value });
      if (!this.arrived.has(to)) this.arrived.set(to, new Set());
      this.arrived.get(to).add(tail);
    }
  }

  /** Where a gradient is added up: at the leaf as the graph used it, in however many versions. */
  readAccumulate(step, k) {
    listIn(this.accumulated, step.tensor).push({ step: k, before: step.before, added: step.added, after: step.after, gradient: step.gradient });
    const home = this.nodeLeaf.get(step.node) ?? this.holderAt(step.tensor, k);
    const units = [...(this.arrived.get(step.node) ?? this.some(home))];
    this.arrived.delete(step.node);
    this.landings.set(k, units);
    for (const u of units) listIn(this.landed, `${u}:${step.tensor}`).push({ step: k });
  }

  /** The unit that shows what a node hands its gradient to: of a leaf the version that its operation read, of many outputs one apart. */
  gradientGoesTo(node, to, output) {
    const unit = this.leafUses.get(`${node}>${to}`) ?? this.nodeUnit.get(to) ?? this.nodeLeaf.get(to);
    return unit === undefined ? undefined : this.scene.units[unit].outs?.[output] ?? unit;
  }

  readNames(step, k, frames, named) {
    const changes = Array.isArray(step.names) ? step.names : step.names ? [step.names] : [];
    for (const change of changes) {
      let frame = frames.get(change.frame);
      if (!frame) frames.set(change.frame, (frame = new Map()));
      for (const name of change.unbind ?? []) this.drop(frame, named, name, k);
      for (const [name, tensor] of Object.entries(change.bind ?? {})) {
        if (frame.get(name) === tensor) continue;
        this.drop(frame, named, name, k);
        frame.set(name, tensor);
        named.set(tensor, [...(named.get(tensor) ?? []), name]);
        this.note(tensor, named, k);
      }
    }
  }

  drop(frame, named, name, k) {
    if (!frame.has(name)) return;
    const tensor = frame.get(name);
    frame.delete(name);
    const names = named.get(tensor);
    named.set(tensor, names.toSpliced(names.indexOf(name), 1));
    this.note(tensor, named, k);
  }

  note(tensor, named, step) {
    listIn(this.renamed, step).push(tensor);
    const names = [...new Set(named.get(tensor))];
    const history = listIn(this.names, tensor);
    if (history.at(-1)?.step === step) history.at(-1).names = names;
    else history.push({ step, names });
  }

  // What held at a step.

  namesAt(tensor, k) {
    const history = this.names.get(tensor);
    return history?.[lastBefore(history, k)]?.names ?? [];
  }

  /** What stands in a tensor's box, and whether it is a name that the program uses now: what a module calls its parameter stays. */
  labelAt(tensor, k) {
    const names = this.namesAt(tensor, k);
    const about = this.tensors.get(tensor);
    const given = about?.name;
    if (given) return [shortened(given), true];
    if (names.length) return [shortened(names.slice(0, 2).join(", ") + (names.length > 2 ? " …" : "")), true];
    const of = about?.of;
    if (of !== undefined && of !== null && of !== tensor) {
      const [name, named] = this.labelAt(of, k);
      if (named && name) return [`${name}.grad`, true];
    }
    const history = this.names.get(tensor);
    return [history && history[0].step <= k ? "unnamed" : "", false];
  }

  /** A tensor in a sentence: its name, or what it is. */
  called(tensor, k) {
    const [label, named] = this.labelAt(tensor, k);
    const about = this.tensors.get(tensor);
    if (named && label) return label;
    return about ? `an unnamed tensor (${about.shape.length ? shapeText(about.shape) : "a number"})` : `tensor ${tensor}`;
  }

  versionAt(tensor, k) {
    const history = this.versions.get(tensor);
    return history?.[lastBefore(history, k)]?.version ?? 0;
  }

  valueAt(tensor, version, k) {
    const history = this.numbers.get(`${tensor}:${version}`);
    if (!history) return null;
    const i = lastBefore(history, k);
    return this.values.get(history[Math.max(i, 0)].value) ?? null;
  }

  /** The newest gradient that has flowed into a tensor, or what has been added up in a leaf's `.grad`. */
  gradientAt(tensor, k) {
    const sums = this.accumulated.get(tensor);
    const i = lastBefore(sums, k);
    if (i >= 0) return this.clearedAt(tensor, k) === null ? { ...sums[i], value: this.writtenSince(sums[i], k) ?? sums[i].after, kind: "grad" } : null;
    const flows = this.gradients.get(tensor);
    const j = lastBefore(flows, k);
    return j >= 0 ? { ...flows[j], kind: "flow" } : null;
  }

  /** The step in which `.grad` was last set to None, unless it has been filled since; else null. */
  clearedAt(tensor, k) {
    const clears = this.cleared.get(tensor);
    const i = lastBefore(clears, k);
    const sums = this.accumulated.get(tensor);
    return i >= 0 && clears[i].step > (sums?.[lastBefore(sums, k)]?.step ?? -1) ? clears[i].step : null;
  }

  /** The value of a `.grad` that was written to after a gradient was added: one that was set to zero in place. */
  writtenSince({ gradient, step }, k) {
    const history = this.versions.get(gradient);
    const last = history?.[lastBefore(history, k)];
    return last?.step > step ? this.numbers.get(`${gradient}:${last.version}`)?.at(-1).value : undefined;
  }

  /** The tensor that a hook was put on; null where it was put on a node. */
  hookedTensor(step) {
    if (step.tensor !== undefined && step.tensor !== null) return step.tensor;
    this.madeBy ??= new Map(this.recording.tensors.filter((one) => one.node !== null).map((one) => [one.node, one.id]).reverse());
    return step.hook === "tensor" ? this.madeBy.get(step.node) ?? null : null;
  }

  /** The hooks of `tensor 3` or `node 3` that have run by step `k`. */
  hooksAt(what, k) {
    const hooks = this.hooked.get(what);
    return hooks?.slice(0, lastBefore(hooks, k) + 1) ?? [];
  }

  stateOf(node, k) {
    if (node === null || node === undefined) return "";
    if (lastBefore(this.freed.get(node), k) >= 0) return "freed";
    if (lastBefore(this.ran.get(node), k) < 0) return "";
    return this.nodes.get(node)?.saved?.length ? "ran" : "freed"; // what saved nothing has nothing more to free
  }

  flowAt(tail, head, k) {
    const history = this.flowed.get(`${tail}>${head}`);
    return history?.[lastBefore(history, k)] ?? null;
  }

  /** The units that look different before and after step `k`. */
  *touched(k) {
    const step = this.steps[k];
    if (!step) return;
    for (const tensor of this.renamed.get(k) ?? []) yield* this.allHolders(tensor);
    yield* this.unitsOfStep(k);
    for (const tensor of step.kind === "op" ? (step.outputs ?? []) : []) yield* this.allHolders(tensor);
    for (const [to, output] of step.outgoing ?? []) yield* this.some(this.gradientGoesTo(step.node, to, output));
    if (step.tensor !== undefined && step.tensor !== null) for (const tensor of [step.tensor, ...(step.others ?? [])]) yield* this.allHolders(tensor);
  }

  allHolders(tensor) {
    return (this.versions.get(tensor) ?? []).flatMap(({ version }) => this.some(this.holders.get(`${tensor}:${version}`)?.[0]));
  }

  addValues(values) {
    for (const value of values) this.values.set(value.id, value);
  }

  /** The units that step `k` is about. */
  unitsOfStep(k) {
    const step = this.steps[k];
    if (!step) return [];
    if (step.kind === "op") return this.some(this.unitOfStep.get(k));
    if (step.kind === "error") return this.conflicting(step, k);
    if (step.kind === "accumulate") return this.landings.get(k) ?? [];
    if (step.kind === "backward_begin") return (step.roots ?? []).flatMap((t) => this.some(this.holderAt(t, k)));
    if (step.tensor !== undefined && step.tensor !== null) return this.some(this.holderAt(step.tensor, k));
    if (step.node !== undefined) return this.some(this.nodeUnit.get(step.node) ?? this.nodeLeaf.get(step.node));
    return Object.keys(step.names ?? {}).length ? this.boundUnits(step, k) : [];
  }

  /** For each line of an error, the operation that it made last before it. */
  conflicting(step, k) {
    const last = ([file, line]) => (this.lineUnits.get(`${file}:${line}`) ?? []).findLast((u) => this.scene.units[u].s <= k);
    return [...new Set((step.lines ?? []).flatMap((at) => this.some(last(at))))];
  }

  boundUnits(step, k) {
    const changes = Array.isArray(step.names) ? step.names : [step.names];
    return changes.flatMap((change) => Object.values(change.bind ?? {}).flatMap((t) => this.some(this.holderAt(t, k))));
  }

  some(unit) {
    return unit === undefined ? [] : [unit];
  }

  holderAt(tensor, k) {
    return this.holders.get(`${tensor}:${this.versionAt(tensor, k)}`)?.[0];
  }

  /** Whether the AccumulateGrad below a tensor's box has run by step `k`. */
  hasLanded(unit, tensor, k) {
    return lastBefore(this.landed.get(`${unit}:${tensor}`), k) >= 0;
  }

  // Places in the film.

  /** Where the backward began that step `k` ends. */
  backwardBefore(k) {
    let depth = 1;
    let at = k;
    while (at > 0 && depth) {
      at -= 1;
      if (this.steps[at].kind === "backward_end") depth += 1;
      else if (this.steps[at].kind === "backward_begin") depth -= 1;
    }
    return at;
  }

  roundOf(k) {
    return this.steps[k]?.round ?? 0;
  }

  errorStep() {
    return this.steps.findIndex((step) => step.kind === "error");
  }

  /** The error that ended the program, if one did. */
  fatalStep() {
    return this.steps.findLastIndex((step, k) => step.kind === "error" && (step.ends ?? k === this.last));
  }

  measure(unit, what, k) {
    if (what === "time") return this.steps[unit.op]?.ns ?? null;
    const node = this.nodes.get(unit.node);
    if (!node) return null;
    if (what === "bytes") return node.bytes ?? (node.saved ?? []).reduce((sum, one) => sum + (one.bytes ?? 0), 0);
    const gradient = unit.boxes.map(([tensor]) => this.gradients.get(tensor)).find(Boolean);
    const at = gradient?.[lastBefore(gradient, k)];
    return at ? this.values.get(at.value)?.stats?.norm ?? null : null;
  }

  lineText(at) {
    if (!at) return "";
    return (this.linesOf(at[0])[at[1] - 1] ?? "").trim();
  }

  linesOf(file) {
    this.lines ??= this.recording.sources.map((source) => source.text.split(/\r\n|\r|\n/));
    return this.lines[file] ?? [];
  }

  place(at) {
    if (!at) return "";
    const file = this.recording.sources[at[0]]?.file ?? "";
    return `${file.split(/[\\/]/).at(-1)}, line ${at[1]}`;
  }
}
