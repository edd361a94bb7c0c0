// The legend: each mark and arrow with what it means, drawn by the same shapes and classes as the graph itself.

const LEGEND = [
  ["data", "Data", "A tensor that asks for no gradient. make_dot never shows it; it is part of the computation all the same."],
  ["parameter", "Parameter", "A leaf with requires_grad=True: backward fills its .grad."],
  ["intermediate", "Intermediate", "A result. It has a history where one of its inputs has one: requires_grad is contagious."],
  ["gradient", "Gradient", "A gradient. It points back up, the way that it flows. The small mark beside a box says that one has arrived there."],
  ["operation", "Operation", "Its mathematical sign, then the class of its node in the graph. Filled: recorded, waiting for backward. Hollow: backward has run it and freed what it saved."],
  ["unrecorded", "Not recorded", "An operation that made no node: no input requires a gradient, it ran under no_grad, or it is a detach."],
  ["foreign", "Not watched", "Computed inside a backward with create_graph=True, or before the recording began. Gradients pass through what was recorded there."],
  ["hook", "Hook", "A hook has run on this tensor or operation. Select it to see which, and whether it replaced the gradient."],
  ["sink", "AccumulateGrad", "What is AccumulateGrad? The last node before a leaf. It adds the gradient that arrives to .grad, and never replaces what is there."],
  ["tag", "A tag", "A tensor that is used in many places, or far away, is named at each use instead of being joined by long lines. Select it to go to its box."],
  ["edge", "Edge", "A tensor goes into an operation. What computes runs down; gradients come back up."],
  ["flow", "Gradient flow", "The gradient that went back along an edge. Where two meet, they are summed."],
  ["cut", "Cut edge", "detach: the same memory, no history. No gradient passes."],
  ["same", "In place", "The tensor itself is written to: the same tensor at a higher version (v1, v2, …). The box of an older version is pale."],
  ["group", "Group", "A module, a call, a loop or one of its iterations. It opens and closes by a click, or Enter."],
];

const KEYS = [
  ["← →", "step back and forth"], ["space", "play, pause"], ["Home End", "first and last step"], ["f b", "this round's forward and backward"],
  ["[ ]", "round before, next round"], ["e", "the error"], ["/", "search"], ["+ − 0", "zoom in, out, fit"], ["↑ ↓", "in the graph: along an edge"],
  ["Shift ← →", "in the graph: to its neighbour"], ["Enter", "in the graph: open a group, inspect"], ["o c", "open one more level, close all"], ["v", "follow the current step"], ["t", "light or dark"], ["Esc", "let go of the selection"], ["?", "this legend"],
];

function showLegend(root) {
  root.replaceChildren(
    element("div", { class: "panel-head" }, element("h2", {}, "Legend")),
    element("dl", { class: "legend" }, ...LEGEND.flatMap(([kind, title, text]) => [
      element("dt", {}, sample(kind), element("span", {}, title)), element("dd", {}, text)])),
    element("h3", {}, "Why is .grad None?"),
    element("ul", { class: "plain" },
      element("li", {}, "requires_grad is False: backward computes no gradient for it."),
      element("li", {}, "It is not a leaf: its gradient flows through and is let go, unless retain_grad() was called before."),
      element("li", {}, "No backward has come by yet, or detach or no_grad cut the way to it.")),
    element("h3", {}, "Keys"),
    element("dl", { class: "keys" }, ...KEYS.flatMap(([keys, text]) => [element("dt", {}, ...keys.split(" ").flatMap((key) => [element("kbd", {}, key), " "])), element("dd", {}, text)])),
  );
}

function sample(kind) {
  const draw = { operation: pillSample, unrecorded: pillSample, foreign: pillSample, hook: hookSample, sink: () => sinkElement(0, 8, 0), tag: tagSample, edge: lineSample, flow: lineSample, cut: lineSample, same: lineSample, group: groupSample }[kind] ?? boxSample;
  return drawn("svg", { class: "sample", viewBox: "-50 0 100 34", width: 88, height: 30, "aria-hidden": "true" }, draw(kind));
}

function boxSample(kind) {
  return drawn("g", { class: `tensor ${kind}` }, drawn("path", { class: "shape", d: outline(kind, -32, 3, 64, 28) }), drawn("text", { class: "name strong", x: 0, y: 22 }, { data: "x", parameter: "w", gradient: "w.grad" }[kind] ?? "y"));
}

function pillSample(kind) {
  return drawn("g", { class: `operation ${kind}` }, drawn("path", { class: "pill", d: outline("intermediate", -36, 4, 72, 26, 13) }),
    drawn("path", { class: "sign-field", d: outline("intermediate", -36, 4, 26, 26, 13) }), drawn("text", { class: "sign", x: -23, y: 22 }, kind === "foreign" ? "∂" : "×"), drawn("text", { class: "class", x: -4, y: 21 }, kind === "unrecorded" ? "mul" : "Mul…"));
}

function hookSample() {
  const ring = hookElement(-32, 8);
  mark(ring, "shown", true);
  return drawn("g", {}, boxSample("intermediate"), ring);
}

function tagSample() {
  return drawn("g", {}, drawn("path", { class: "stem", d: "M-4 17H24" }), drawn("g", { class: "tag tensor parameter" },
    drawn("path", { class: "shape", d: outline("parameter", -40, 7, 36, 20, 6) }), drawn("text", { class: "small ink", x: -22, y: 20.5 }, "w")));
}

function lineSample(kind) {
  const path = "M-30 3C-30 17 30 17 30 31";
  if (kind === "flow") return drawn("g", { class: "flow shown" }, drawn("path", { class: "line", d: path }), drawn("path", { class: "arrow", d: "M-30 2l-4.5 8h9Z" }));
  return drawn("g", { class: `edge ${kind}` }, drawn("path", { class: "line", d: path }), drawn("path", { class: "arrow", d: "M30 32l-3.6 -7h7.2Z" }),
    kind === "cut" ? drawn("path", { class: "cross", d: "M-5 12l10 10m0 -10l-10 10" }) : null);
}

function groupSample() {
  return drawn("g", { class: "group closed" }, drawn("path", { class: "group-box", d: outline("intermediate", -40, 3, 80, 28, 8) }), drawn("text", { class: "name", x: 0, y: 21 }, "▸ fc1"));
}
