// Search over names, operations, classes, groups and source lines.

class Search {
  constructor(story, page) {
    Object.assign(this, { story, page });
    this.field = byId("search");
    this.list = byId("found");
    this.at = -1;
    this.field.addEventListener("input", () => this.find(this.field.value));
    this.field.addEventListener("focus", () => this.field.value && this.find(this.field.value));
    this.field.addEventListener("blur", () => setTimeout(() => this.close(), 150));
    this.field.addEventListener("keydown", (event) => this.key(event));
  }

  /** What can be found, made when it is first asked for. */
  get entries() {
    this.known ??= [...this.units(), ...this.groups(), ...this.lines()];
    return this.known;
  }

  *units() {
    const { story } = this;
    for (const [u, unit] of story.scene.units.entries()) {
      const step = story.steps[unit.op ?? unit.s];
      const names = unit.boxes.flatMap(([t]) => [...new Set((story.names.get(t) ?? []).flatMap((one) => one.names))]);
      const given = unit.boxes.map(([t]) => story.tensors.get(t)?.name).filter(Boolean);
      const title = unit.sign ? `${unit.sign} ${unit.name}` : unit.boxes[0]?.[2] ?? "";
      const all = [...new Set([...names, ...given])].join(", ");
      const text = `${all} ${title} ${step?.name ?? ""}`.toLowerCase();
      const target = unit.sign ? { kind: "operation", unit: u } : { kind: "tensor", unit: u, box: 0 };
      yield { text, title: all ? `${all} · ${title}` : title, note: story.place(step?.at), target, unit: u };
    }
  }

  *groups() {
    for (const [g, group] of this.story.scene.groups.entries()) {
      if (g) yield { text: group.label.toLowerCase(), title: group.label, note: group.note, group: g };
    }
  }

  *lines() {
    const { story } = this;
    for (const [file, source] of story.recording.sources.entries()) {
      for (const [i, text] of story.linesOf(file).entries()) {
        if (text.trim()) yield { text: text.toLowerCase(), title: text.trim(), note: `${source.file.split(/[\\/]/).at(-1)}, line ${i + 1}`, line: [file, i + 1] };
      }
    }
  }

  find(query) {
    const words = query.toLowerCase().split(/\s+/).filter(Boolean);
    this.hits = words.length ? this.entries.filter((entry) => words.every((word) => entry.text.includes(word))) : [];
    this.page.setFound(new Set(this.hits.filter((hit) => hit.unit !== undefined).map((hit) => hit.unit)));
    this.at = this.hits.length ? 0 : -1;
    const shown = this.hits.slice(0, 40);
    this.list.replaceChildren(...shown.map((hit, i) => element("li", {
      role: "option", id: `hit-${i}`, "aria-selected": String(i === this.at), onpointerdown: (event) => (event.preventDefault(), this.take(i)),
    }, element("span", {}, hit.title), element("span", { class: "note" }, hit.note))));
    if (this.hits.length > shown.length) this.list.append(element("li", { class: "more", role: "presentation" }, `and ${this.hits.length - shown.length} more`));
    if (words.length && !shown.length) this.list.append(element("li", { class: "more", role: "presentation" }, "nothing found"));
    this.list.hidden = !words.length;
    this.field.setAttribute("aria-expanded", String(words.length > 0));
    this.point();
  }

  key(event) {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const count = Math.min(this.hits?.length ?? 0, 40);
      if (count) this.at = (this.at + (event.key === "ArrowDown" ? 1 : count - 1)) % count;
      this.point();
    } else if (event.key === "Enter") this.take(this.at);
    else if (event.key === "Escape") {
      this.field.value = "";
      this.find("");
      this.field.blur();
    } else return;
    event.preventDefault();
  }

  point() {
    for (const [i, node] of [...this.list.children].entries()) node.setAttribute("aria-selected", String(i === this.at));
    this.list.children[this.at]?.scrollIntoView?.({ block: "nearest" });
    if (this.at >= 0) this.field.setAttribute("aria-activedescendant", `hit-${this.at}`);
    else this.field.removeAttribute("aria-activedescendant");
  }

  take(i) {
    const hit = this.hits?.[i];
    if (!hit) return;
    if (hit.target) this.page.goTo(hit.target);
    else if (hit.group !== undefined) this.page.showGroup(hit.group);
    else this.page.selectLine(hit.line);
    this.close();
  }

  close() {
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }
}
