// Two rounds side by side: which operations both ran, which only one did, and which numbers changed.

const MOST_CELLS = 4e6;

class Compare {
  constructor(root, story, page, known) {
    Object.assign(this, { root, story, page, known });
  }

  /** Begins with a round and the one before it. */
  begin(round) {
    this.b = Math.min(Math.max(round, 1), this.story.recording.rounds.length - 1);
    this.a = Math.max(this.b - 1, 0);
    this.show();
  }

  show() {
    const [first, second] = [this.operations(this.a), this.operations(this.b)];
    const rows = aligned(first, second);
    const onlyA = rows.filter((row) => !row[1]).map((row) => row[0]);
    const onlyB = rows.filter((row) => !row[0]).map((row) => row[1]);
    this.page.setOnly(new Set(onlyA.map((one) => one.unit)), new Set(onlyB.map((one) => one.unit)));
    this.root.replaceChildren(
      element("div", { class: "panel-head" }, element("h2", {}, "Compare rounds"), this.choice("a"), this.choice("b")),
      element("p", {}, this.inWords(rows, onlyA, onlyB)),
      ...this.parted(onlyA, onlyB),
      element("h3", {}, "Gradients after backward"),
      this.gradients(),
      element("h3", {}, "Operations"),
      element("p", { class: "hint" }, "Each with its line and its result: a number, or the norm of a tensor; ", element("span", { class: "differing" }, "in orange"), " where the rounds differ."),
      this.table(rows),
    );
  }

  choice(side) {
    const select = element("select", { "aria-label": side === "a" ? "First round" : "Second round", class: `side-${side}`, onchange: () => {
      this[side] = Number(select.value);
      this.show();
    } }, ...this.story.recording.rounds.map((_, i) => element("option", { value: i, selected: i === this[side] }, `round ${i + 1}`)));
    return select;
  }

  operations(round) {
    const { story } = this;
    const list = [];
    story.steps.forEach((step, k) => {
      if (step.kind !== "op" || step.round !== round || !story.unitOfStep.has(k)) return;
      const unit = story.unitOfStep.get(k);
      list.push({ key: `${step.name}@${(step.at ?? []).join(":")}`, step: k, unit, name: story.scene.units[unit].sign || step.name, at: step.at, value: this.norm(unit, k) });
    });
    return list;
  }

  norm(unit, k) {
    const box = this.story.scene.units[unit].boxes[0];
    const value = box && this.story.valueAt(box[0], box[1], k);
    return value ? (typeof value.data === "number" ? value.data : value.stats?.norm ?? null) : null;
  }

  inWords(rows, onlyA, onlyB) {
    const both = rows.length - onlyA.length - onlyB.length;
    const changed = rows.filter(([x, y]) => x && y && x.value !== y.value).length;
    if (!onlyA.length && !onlyB.length) return `Both rounds ran the same ${both} operations; ${changed} of their results differ.`;
    return `${both} operations are in both rounds. Round ${this.a + 1} ran ${onlyA.length} that round ${this.b + 1} did not, round ${this.b + 1} ran ${onlyB.length} that round ${this.a + 1} did not. ${changed} common results differ.`;
  }

  /** Where the rounds parted: arms of conditions that only one of them entered, and other lines that only one ran. */
  parted(onlyA, onlyB) {
    const sides = [[this.a, this.b, onlyA, "a"], [this.b, this.a, onlyB, "b"]];
    const found = sides.flatMap(([round, other, only, side]) => this.alone(only, other).map((line) => ({ ...line, round, side })));
    return [["Branches taken", found.filter((one) => one.arm)], ["Lines that only one round ran", found.filter((one) => !one.arm)]]
      .filter(([, list]) => list.length)
      .flatMap(([title, list]) => [element("h3", {}, title), element("ul", { class: "links" }, ...list.map((one) => this.lineOfOne(one)))]);
  }

  /** The lines of operations that the other round never came to, each with the arm that it did not enter, if there is one. */
  alone(only, other) {
    const ran = new Map(this.operations(other).filter((one) => one.at).map((one) => [one.at.join(":"), one.at]));
    const entered = new Set([...ran.values()].flatMap(([file, line]) => this.arms(file, line).map((arm) => `${file}:${arm}`)));
    const lines = new Map(only.filter((one) => one.at && !ran.has(one.at.join(":"))).map((one) => [one.at.join(":"), one.at]));
    return [...lines.values()].map((at) => ({ at, arm: this.arms(...at).find((arm) => !entered.has(`${at[0]}:${arm}`)) }));
  }

  arms(file, line) {
    const known = this.known?.[file];
    return known ? armsHolding(known, line) : armsAround(this.story.linesOf(file), line);
  }

  lineOfOne({ at, arm, round, side }) {
    const { story } = this;
    return element("li", { class: `side-${side}` }, `only round ${round + 1}: `,
      element("button", { type: "button", class: "link", onclick: () => this.page.selectLine(at) }, `line ${at[1]}`), " ", element("code", {}, story.lineText(at)),
      arm ? element("span", { class: "under" }, `in line ${arm}: `, element("code", {}, story.lineText([at[0], arm]))) : null);
  }

  gradients() {
    const names = new Map();
    const sums = (round) => {
      const found = new Map();
      this.story.steps.forEach((step, k) => {
        if (step.kind !== "accumulate" || step.round !== round) return;
        found.set(step.tensor, this.story.values.get(step.after)?.stats?.norm ?? null);
        if (!names.has(step.tensor)) names.set(step.tensor, this.story.called(step.tensor, k));
      });
      return found;
    };
    const [before, after] = [sums(this.a), sums(this.b)];
    const tensors = [...new Set([...before.keys(), ...after.keys()])].slice(0, 60);
    if (!tensors.length) return element("p", { class: "none" }, "Neither round ran backward.");
    return element("table", { class: "facts" },
      element("thead", {}, element("tr", {}, ...["norm of .grad", `round ${this.a + 1}`, `round ${this.b + 1}`].map((text) => element("th", { scope: "col" }, text)))),
      element("tbody", {}, ...tensors.map((t) => element("tr", {}, element("th", { scope: "row" }, names.get(t)), element("td", {}, number(before.get(t))), element("td", {}, number(after.get(t)))))));
  }

  table(rows) {
    const cell = (one, side) => element("td", { class: one ? `side-${side}` : "absent" }, one
      ? element("button", { type: "button", class: "link", onclick: () => this.page.goTo({ kind: "operation", unit: one.unit }) }, `${one.name} ${one.at ? `· ${one.at[1]}` : ""}`) : "—",
      one && one.value !== null ? element("span", { class: "note" }, ` ${number(one.value, 3)}`) : null);
    const shown = rows.slice(0, 200);
    return element("table", { class: "rounds" },
      element("thead", {}, element("tr", {}, element("th", { scope: "col" }, `round ${this.a + 1}`), element("th", { scope: "col" }, `round ${this.b + 1}`))),
      element("tbody", {}, ...shown.map(([x, y]) => element("tr", { class: !x || !y ? "differs" : x.value === y.value ? null : "changed" }, cell(x, "a"), cell(y, "b")))),
      rows.length > shown.length ? element("caption", {}, `the first ${shown.length} of ${rows.length}`) : null);
  }
}

/** The lines of the `if`, `elif`, `else`, `case` around a line, from the inside outwards, as far as its function. */
function armsHolding(known, line) {
  const around = known.filter(([, first, last]) => first <= line && line <= last).reverse();
  const border = around.findIndex(([head]) => head === null);
  return (border < 0 ? around : around.slice(0, border)).map(([head]) => head);
}

/** The same of a text that is no Python, a notebook's cell with commands in it for one: read by indentation. */
function armsAround(lines, line) {
  const arms = [];
  let depth = indent(lines[line - 1]);
  for (let i = line - 2; i >= 0 && depth > 0; i--) {
    if (indent(lines[i]) >= depth) continue;
    depth = indent(lines[i]);
    if (/^\s*(if|elif|else)\b/.test(lines[i])) arms.push(i + 1);
    else if (/^\s*(async\s+)?(def|class)\b/.test(lines[i])) break;
  }
  return arms;
}

/** How far a line is indented; a blank one or a comment as far as can be, so that it ends nothing. */
function indent(text = "") {
  return /^\s*(#|$)/.test(text) ? Infinity : text.search(/\S/);
}

/** Pairs of equal entries in order, a longest common subsequence; very long middles are paired by position. */
function aligned(first, second) {
  let start = 0;
  while (start < Math.min(first.length, second.length) && first[start].key === second[start].key) start++;
  let end = 0;
  while (end < Math.min(first.length, second.length) - start && first.at(-1 - end).key === second.at(-1 - end).key) end++;
  const head = first.slice(0, start).map((one, i) => [one, second[i]]);
  const tail = first.slice(first.length - end).map((one, i) => [one, second[second.length - end + i]]);
  return [...head, ...middle(first.slice(start, first.length - end), second.slice(start, second.length - end)), ...tail];
}

function middle(a, b) {
  if (a.length * b.length > MOST_CELLS) return [...a.map((one) => [one, null]), ...b.map((one) => [null, one])];
  const width = b.length + 1;
  const longest = new Uint16Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      longest[i * width + j] = a[i].key === b[j].key ? longest[(i + 1) * width + j + 1] + 1 : Math.max(longest[(i + 1) * width + j], longest[i * width + j + 1]);
    }
  }
  const rows = [];
  for (let [i, j] = [0, 0]; i < a.length || j < b.length; ) {
    if (i < a.length && j < b.length && a[i].key === b[j].key) rows.push([a[i++], b[j++]]);
    else if (j >= b.length || (i < a.length && longest[(i + 1) * width + j] >= longest[i * width + j + 1])) rows.push([a[i++], null]);
    else rows.push([null, b[j++]]);
  }
  return rows;
}
