// The timeline: the slider with a band for each round's forward and backward, and playing.

class Timeline {
  constructor(story, page) {
    Object.assign(this, { story, page });
    this.slider = byId("slider");
    this.slider.max = story.last;
    this.slider.addEventListener("input", () => this.page.goToStep(Number(this.slider.value)));
    this.timer = null;
    this.bands();
    this.controls();
  }

  bands() {
    const { story } = this;
    const total = Math.max(story.last, 1);
    const band = (from, to, kind) => {
      const node = element("span", { class: kind });
      node.style.left = `${(100 * from) / total}%`;
      node.style.width = `${(100 * Math.max(to - from, 0.4)) / total}%`;
      return node;
    };
    const rounds = story.recording.rounds;
    const shown = rounds.length > 400 ? rounds.filter((_, i) => i % Math.ceil(rounds.length / 400) === 0) : rounds;
    for (const { forward, backward } of shown) {
      if (forward) byId("bands").append(band(forward[0], forward[1], "forward"));
      if (backward) byId("bands").append(band(backward[0], backward[1], "backward"));
    }
    const error = story.errorStep();
    if (error >= 0) byId("bands").append(band(Math.max(error - total / 150, 0), error, "error"));
  }

  controls() {
    const { page, story } = this;
    const click = (id, does) => byId(id).addEventListener("click", does);
    click("first", () => page.goToStep(0));
    click("back", () => page.goToStep(page.step - 1));
    click("forth", () => page.goToStep(page.step + 1));
    click("last", () => page.goToStep(story.last));
    click("play", () => this.toggle());
    click("to-forward", () => this.toForward());
    click("to-backward", () => this.toBackward());
    click("round-before", () => this.toRound(story.roundOf(page.step) - 1));
    click("round-after", () => this.toRound(story.roundOf(page.step) + 1));
    click("to-error", () => this.toError());
    byId("to-error").hidden = story.errorStep() < 0;
    byId("rounds").append(...story.recording.rounds.map((round, i) => element("option", { value: i }, `${i + 1}`)));
    byId("rounds").addEventListener("change", () => this.toRound(Number(byId("rounds").value)));
    byId("speed").addEventListener("change", () => this.timer && (this.stop(), this.start()));
    this.disable();
  }

  /** Turns off what has nowhere to go: all of it where nothing was recorded. */
  disable() {
    const { rounds, steps } = this.story.recording;
    byId("to-backward").disabled = rounds.every((round) => !round.backward);
    byId("to-forward").disabled = rounds.every((round) => !round.forward);
    for (const id of ["play", "speed", "slider"]) byId(id).disabled = !steps.length;
    for (const id of ["rounds", "round-before", "round-after"]) byId(id).disabled = rounds.length < 2;
  }

  toForward() {
    const round = this.story.recording.rounds[this.story.roundOf(this.page.step)];
    if (round?.forward) this.page.goToStep(round.forward[0]);
  }

  /** The backward of this round; of the next round that has one where the steps are past it already. */
  toBackward() {
    const { rounds } = this.story.recording;
    const here = this.story.roundOf(this.page.step);
    const next = rounds.slice(here).find((round) => round.backward) ?? rounds.findLast((round) => round.backward);
    if (next) this.page.goToStep(next.backward[0]);
  }

  toRound(i) {
    const round = this.story.recording.rounds[Math.min(Math.max(i, 0), this.story.recording.rounds.length - 1)];
    const start = round?.forward?.[0] ?? round?.backward?.[0];
    if (start !== undefined) this.page.goToStep(start);
  }

  toError() {
    const error = this.story.errorStep();
    if (error >= 0) this.page.goToStep(error);
  }

  toggle() {
    if (this.timer) return this.stop();
    if (!this.story.steps.length) return undefined;
    if (this.page.step >= this.story.last) this.page.goToStep(0);
    return this.start();
  }

  start() {
    this.timer = setInterval(() => {
      if (this.page.step >= this.story.last) this.stop();
      else this.page.goToStep(this.page.step + 1, true);
    }, Number(byId("speed").value));
    this.label("❚❚", "Pause");
  }

  stop() {
    clearInterval(this.timer);
    this.timer = null;
    this.label("▶", "Play");
  }

  label(sign, text) {
    const button = byId("play");
    setText(button, sign);
    button.setAttribute("aria-label", text);
    button.title = `${text} (space)`;
  }

  show(step) {
    const { story } = this;
    this.slider.value = step;
    this.slider.setAttribute("aria-valuetext", `step ${step + 1} of ${story.steps.length}`);
    setText(byId("count"), `${Math.min(step + 1, story.steps.length)} / ${story.steps.length}`);
    const round = String(story.roundOf(step));
    if (byId("rounds").value !== round) byId("rounds").value = round;
    byId("back").disabled = byId("first").disabled = step <= 0;
    byId("forth").disabled = byId("last").disabled = step >= story.last;
    const phase = this.phase(step);
    byId("says").replaceChildren(phase ? element("span", { class: `phase ${phase}` }, phase) : "", sayStep(story, step));
  }

  /** The kind of a step in one word; what runs after the backward of its round, without being recorded, updates. */
  phase(k) {
    const step = this.story.steps[k];
    if (step?.kind !== "op") return PHASES[step?.kind];
    const { backward } = this.story.recording.rounds[step.round];
    return backward && k > backward[1] ? "update" : "forward";
  }
}

const PHASES = {
  backward_begin: "backward", node: "backward", accumulate: "backward", free: "backward", backward_end: "backward",
  hook: "backward", error: "error", limit: "limit", names: "names", note: "note",
};
