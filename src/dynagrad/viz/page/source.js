// The source: every line, the current one lit, with how many operations each made.

const WORDS = /^(?:and|as|assert|async|await|break|class|continue|def|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)$/;
const PIECES = /(#.*)|("(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?)|([A-Za-z_]\w*)|(\d[\w.]*)|(\s+|.)/g;
const LONG = 30; // letters that a narrow panel shows of a line

class Source {
  constructor(story, page) {
    Object.assign(this, { story, page });
    this.root = byId("code");
    this.files = byId("files");
    this.file = -1;
    this.lines = [];
    story.recording.sources.forEach((source, i) => this.files.append(element("option", { value: i }, source.file.split(/[\\/]/).at(-1))));
    this.files.hidden = story.recording.sources.length < 2;
    this.files.addEventListener("change", () => this.open(Number(this.files.value)));
    this.root.addEventListener("click", (event) => this.click(event));
    this.root.addEventListener("keydown", (event) => this.key(event));
    if (story.recording.sources.length) this.open(0);
    else this.root.replaceChildren(element("p", { class: "hint" }, "No line made a tensor."));
  }

  open(file) {
    if (this.file === file || !this.story.recording.sources[file]) return;
    this.file = file;
    this.files.value = file;
    let long = "";
    this.lines = this.story.linesOf(file).map((text, i) => {
      const spans = highlighted(text, long);
      long = spans.long;
      return this.line(text, i + 1, spans.nodes);
    });
    this.root.replaceChildren(...this.lines);
  }

  line(text, at, spans) {
    const units = this.story.lineUnits.get(`${this.file}:${at}`) ?? [];
    const count = units.filter((u) => this.story.scene.units[u].sign).length || units.length;
    const label = count ? `${count} node${count === 1 ? "" : "s"} made here` : null;
    return element("div", { class: `line${count ? " linked" : ""}`, "data-line": at, role: "listitem", tabindex: count ? -1 : null },
      element("span", { class: "number", "aria-hidden": "true" }, String(at)),
      element("span", { class: "made", title: label, "aria-label": label }, count ? String(count) : ""),
      element("span", { class: "text", title: text.length > LONG ? text.trim() : null }, ...spans, text ? null : " "));
  }

  click(event) {
    const line = event.target.closest("[data-line]");
    if (line) this.page.selectLine([this.file, Number(line.dataset.line)]);
  }

  key(event) {
    if (event.key !== "Enter" && event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
    const linked = this.lines.filter((line) => line.classList.contains("linked"));
    const i = linked.indexOf(document.activeElement);
    if (event.key === "Enter" && i >= 0) this.page.selectLine([this.file, Number(linked[i].dataset.line)]);
    else linked[Math.min(Math.max(i + (event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0), 0), linked.length - 1)]?.focus();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Lights the line of a step; for an error, both lines of the conflict. */
  show(step) {
    const at = step?.at;
    if (at) this.open(at[0]);
    this.lit?.classList.remove("current");
    this.lit?.removeAttribute("aria-current");
    this.lit = at && at[0] === this.file ? this.lines[at[1] - 1] : null;
    if (this.lit) {
      this.lit.classList.add("current");
      this.lit.setAttribute("aria-current", "true");
      this.intoView(this.lit);
    }
    this.showConflict(step?.kind === "error" ? step.lines ?? [] : []);
  }

  showConflict(lines) {
    for (const { line, role } of this.conflict ?? []) {
      line.classList.remove("conflict");
      role?.remove();
    }
    this.conflict = lines.filter(([file]) => file === this.file).map(([, at, text]) => {
      const line = this.lines[at - 1];
      if (!line) return null;
      line.classList.add("conflict");
      const role = text ? element("span", { class: "role" }, String(text)) : null;
      if (role) line.append(role);
      return { line, role };
    }).filter(Boolean);
    if (this.conflict.length) this.intoView(this.conflict.at(-1).line);
  }

  mark(at) {
    this.chosen?.classList.remove("chosen");
    if (at) this.open(at[0]);
    this.chosen = at ? this.lines[at[1] - 1] : null;
    this.chosen?.classList.add("chosen");
    if (this.chosen) this.intoView(this.chosen);
  }

  intoView(line) {
    const top = line.offsetTop - this.root.offsetTop;
    const { scrollTop, clientHeight } = this.root;
    if (top < scrollTop + 40 || top > scrollTop + clientHeight - 60) this.root.scrollTop = top - clientHeight / 3;
  }
}

/** A line's text in spans; `long` is the quote of a string that runs over lines. */
function highlighted(text, long) {
  const nodes = [];
  let rest = text;
  if (long) {
    const end = text.indexOf(long);
    const upTo = end < 0 ? text.length : end + 3;
    nodes.push(element("span", { class: "string" }, text.slice(0, upTo)));
    rest = text.slice(upTo);
    if (end < 0) return { nodes, long };
  }
  const opens = rest.match(/"""|'''/);
  let after = "";
  if (opens && !rest.slice(0, opens.index).includes("#")) {
    const end = rest.indexOf(opens[0], opens.index + 3);
    if (end < 0) {
      after = rest.slice(opens.index);
      rest = rest.slice(0, opens.index);
    }
  }
  for (const [piece, comment, string, word, digits] of rest.matchAll(PIECES)) {
    const kind = comment ? "comment" : string ? "string" : word && WORDS.test(word) ? "word" : digits ? "digits" : null;
    nodes.push(kind ? element("span", { class: kind }, piece) : piece);
  }
  if (after) nodes.push(element("span", { class: "string" }, after));
  return { nodes, long: after ? opens[0] : "" };
}
