// What the page says in sentences: a step, a unit, why a gradient is None.

function sayStep(story, k) {
  const step = story.steps[k];
  if (!step) return "Nothing was recorded: the program ran without making a tensor.";
  const say = SAYINGS[step.kind];
  return say ? say(story, step, k) : step.message ?? step.kind.replaceAll("_", " ");
}

const SAYINGS = {
  op: sayOperation,
  backward_begin(story, step, k) {
    return `Backward begins at ${listed((step.roots ?? []).map((t) => story.called(t, k)))}, with the gradient that is handed in: 1 unless another was given.`;
  },
  node: sayNode,
  accumulate(story, step, k) {
    const name = story.called(step.tensor, k);
    const had = step.before === null || step.before === undefined;
    return had
      ? `AccumulateGrad: ${name}.grad was None and is now the gradient that arrived.`
      : `AccumulateGrad adds to ${name}.grad: gradients accumulate, they are not replaced.`;
  },
  free(story, step) {
    return `${nodeName(story, step.node)} has run: what it saved is freed${step.bytes ? ` (${bytes(step.bytes)})` : ""}.`;
  },
  hook(story, step, k) {
    const tensor = story.hookedTensor(step);
    const where = step.node !== undefined ? ` on ${nodeName(story, step.node)}` : "";
    const on = tensor === null ? where : ` on ${story.called(tensor, k)}`;
    return `A ${step.hook ? `${step.hook.replaceAll("_", " ")} ` : ""}hook runs${on}${step.name ? `: ${step.name}` : ""}.${step.replaced ? " It replaced the gradient." : ""}`;
  },
  backward_end(story, step, k) {
    const kinds = story.steps.slice(story.backwardBefore(k), k).map((one) => one.kind);
    const gave = kinds.includes("accumulate") ? "the leaves have their gradients" : "the gradients are returned, and no .grad has changed";
    return `Backward is done: ${gave}. ${kinds.includes("free") ? "The graph is used up." : "The graph is kept: another backward may go through it."}`;
  },
  note: (story, step, k) => `${step.tensor === undefined || step.tensor === null ? "" : `${story.called(step.tensor, k)}: `}${step.message ?? step.what ?? ""}`,
  names: (story, step, k) => sayNames(story, step, k) || "Names change.",
  error: (story, step, k) => `${step.type ?? "An error"} is raised here${k === story.fatalStep() ? " and ends the program" : ""}.`,
  limit: () => "The recording stops here: its limit was reached.",
};

function sayOperation(story, step, k) {
  const inputs = listed((step.inputs ?? []).map((one) => inputName(story, one, k)));
  const outputs = listed((step.outputs ?? []).map((t) => resultName(story, t, k)));
  const node = story.nodes.get(step.node);
  const undrawn = story.unitOfStep.has(k) ? "" : " It is not drawn: nothing reads it.";
  if (!inputs || !(step.inputs ?? []).some((one) => typeof one === "number")) {
    return `${step.name} makes ${outputs}.${undrawn}${sayNames(story, step, k, true)}`;
  }
  if (step.detached) {
    return `${step.name} makes ${outputs} with the memory of ${inputs} and no history. ${sayRecorded(story, step, node)}`;
  }
  const verb = step.inplace ? `writes into ${outputs}, now at version ${story.versionAt(step.outputs[0], k)}` : `makes ${outputs}`;
  const taken = (step.inputs ?? []).filter((one) => !(step.outputs ?? []).includes(one));
  const takes = taken.length ? `takes ${inputs} and ${verb}` : verb;
  return `${step.name} ${takes}. ${sayRecorded(story, step, node)}${undrawn}${sayNames(story, step, k, true)}`;
}

function sayRecorded(story, step, node) {
  if (node) return `Recorded as ${node.name}.`;
  if (step.detached) return `Not recorded: ${step.name} cuts the graph here, and no gradient passes.`;
  if (step.grad_mode === false) return "Not recorded: gradients are switched off here.";
  const asked = (step.inputs ?? []).some((one) => story.tensors.get(one)?.requires_grad);
  return asked ? "Not recorded: its result has no gradient." : "Not recorded: no input requires a gradient.";
}

/** Names in a row, at most six of them. */
function listed(names, most = 6) {
  return names.length > most ? `${names.slice(0, most - 1).join(", ")} and ${names.length - most + 1} more` : names.join(", ");
}

function inputName(story, input, k) {
  if (typeof input === "number") return story.called(input, k - 1);
  if (input && typeof input === "object" && "number" in input) return number(input.number);
  if (input && typeof input === "object" && "text" in input) return shortened(String(input.text), 40);
  return input === null ? "None" : shortened(typeof input === "string" ? input : JSON.stringify(input), 40);
}

function resultName(story, tensor, k) {
  const about = story.tensors.get(tensor);
  const [label, named] = story.labelAt(tensor, k);
  return named && label ? `${label} (${sizeInWords(about)})` : `a tensor without a name (${about ? sizeInWords(about) : "unknown"})`;
}

function sizeInWords(about) {
  return about.shape.length ? shapeText(about.shape) : "a single number";
}

/** What happened to names: the tensor that lost one is the one that a reader overlooks. */
function sayNames(story, step, k, onlyLost = false) {
  const changes = Array.isArray(step.names) ? step.names : step.names ? [step.names] : [];
  const said = [];
  for (const change of changes) {
    for (const [name, tensor] of Object.entries(change.bind ?? {})) {
      const before = loserOf(story, name, tensor, k);
      if (before !== null) said.push(`The tensor that was called ${name} is now unnamed.`);
      else if (!onlyLost) said.push(`${name} now names ${story.called(tensor, k)}.`);
    }
    if (!onlyLost) for (const name of change.unbind ?? []) said.push(`The name ${name} is gone.`);
  }
  return said.length ? ` ${said.slice(0, 4).join(" ")}` : "";
}

function loserOf(story, name, winner, k) {
  for (const [tensor, history] of story.losers?.get(k) ?? findLosers(story, k)) {
    if (tensor !== winner && history.includes(name)) return tensor;
  }
  return null;
}

/** The tensors that lose a name in step `k`, with the names that they lose; found once for all steps. */
function findLosers(story, k) {
  story.losers = new Map();
  for (const [tensor, history] of story.names) {
    history.forEach(({ step, names }, i) => {
      const lost = (history[i - 1]?.names ?? []).filter((name) => !names.includes(name));
      if (lost.length) listIn(story.losers, step).push([tensor, lost]);
    });
  }
  return story.losers.get(k) ?? [];
}

function sayNode(story, step) {
  const node = story.nodes.get(step.node);
  const targets = (step.outgoing ?? []).map(([to]) => nodeName(story, to));
  const on = targets.length ? ` and sends gradients on to ${listed(targets)}` : "";
  const summed = (step.summed ?? []).length
    ? ` Gradients that met at ${step.summed.map((n) => nodeName(story, n)).join(", ")} were summed.`
    : "";
  return `${node?.name ?? "A node"} runs: it takes the gradient of its result${on}.${summed}`;
}

function nodeName(story, id) {
  const node = story.nodes.get(id);
  if (!node) return `node ${id}`;
  return node.leaf !== undefined && node.leaf !== null ? `${node.name} of ${story.called(node.leaf, story.last)}` : node.name;
}

/** Why `.grad` is None, in the terms of the three rules that decide it. */
function whyNone(story, tensor, k) {
  const about = story.tensors.get(tensor);
  if (!about) return "";
  if (about.kind === "gradient") return "A gradient is a tensor like any other; it has no gradient of its own here.";
  const cleared = story.clearedAt(tensor, k);
  if (cleared !== null) return `None: it was set to None in step ${cleared + 1}.`;
  if (!about.requires_grad) return "None: requires_grad is False, so backward computes no gradient for it.";
  if (about.is_leaf === false) {
    return about.retains_grad
      ? "None so far: backward has not come here."
      : "None: it is not a leaf. Its gradient flows through and is let go; call retain_grad() before backward to keep it.";
  }
  return "None so far: no backward has reached it by this step.";
}

/** A unit in one line, for those who do not see it. */
function sayUnit(story, u, k) {
  const unit = story.scene.units[u];
  const boxes = unit.boxes
    .map(([tensor, version, kind]) => {
      const about = story.tensors.get(tensor);
      return `${kind} ${story.called(tensor, k)}${version ? ` at version ${version}` : ""}, shape ${about ? shapeText(about.shape) : "unknown"}`;
    })
    .join("; ");
  const at = story.steps[unit.op ?? unit.s]?.at;
  const where = at ? `, ${story.place(at)}` : "";
  if (!unit.sign) return `${boxes}${where}`;
  const recorded = unit.node === null ? "not recorded" : story.stateOf(unit.node, k) === "freed" ? "freed" : "recorded";
  return `operation ${unit.sign} ${unit.name}, ${recorded}, makes ${boxes}${where}`;
}
