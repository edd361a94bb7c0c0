// Where things are while groups open and close. The layout itself was made once, when the page was written: opening a
// group only moves what is beside and below it, by maps that keep every order and never bring two boxes closer.

const CLOSED_HEIGHT = 46;
const BOX_HEIGHT = 38;
const PILL_HEIGHT = 28;
const STEM = 9;
const GROUP_PAD = 20;
const MOST_LINES = 6; // between two closed groups; more are drawn as one
const SINK_GAP = 3;
const SINK_HEIGHT = 18;

class Geometry {
  constructor(scene) {
    this.groups = scene.groups;
    this.units = scene.units;
    this.open = this.groups.map((group) => group.open);
    this.plans = new Map();
    this.tables = new Map();
    this.growths = new Map();
    this.bundled = new Map();
  }

  toggle(id, open = !this.open[id]) {
    if (id === 0 || this.open[id] === open) return;
    this.open[id] = open;
    this.growths.delete(id);
    this.bundled.clear();
    for (let at = this.groups[id].parent; at !== null; at = this.groups[at].parent) {
      this.plans.delete(at);
      this.growths.delete(at);
    }
  }

  size(id) {
    if (!this.open[id]) return [this.groups[id].cw, CLOSED_HEIGHT];
    const plan = this.plan(id);
    return [plan.width, plan.height];
  }

  firstSize(id) {
    const group = this.groups[id];
    return group.open ? [group.w, group.h] : [group.cw, CLOSED_HEIGHT];
  }

  /** What each row of a group holds: its units, its groups, the segments that touch it, the height of its units. */
  table(id) {
    let rows = this.tables.get(id);
    if (rows) return rows;
    const group = this.groups[id];
    rows = group.rows.map(() => ({ units: [], groups: [], segments: [], height: 0, step: Infinity }));
    for (const u of group.units) {
      const row = rows[this.units[u].row];
      row.units.push(u);
      row.height = Math.max(row.height, this.units[u].h);
      row.step = Math.min(row.step, this.units[u].s);
    }
    for (const g of group.groups) {
      const row = rows[this.groups[g].row];
      row.groups.push(g);
      row.step = Math.min(row.step, this.groups[g].s);
    }
    group.segments.forEach((segment, i) => {
      const from = Math.max(this.rowOf(segment[0]), 0);
      const to = segment[1][0] === "out" ? rows.length - 1 : this.rowOf(segment[1]);
      for (let r = Math.min(from, to); r <= Math.max(from, to); r++) rows[r]?.segments.push(i);
    });
    this.tables.set(id, rows);
    return rows;
  }

  /** For each segment of a group that is one of many between the same two closed groups, all of them. */
  bundles(id) {
    let bundles = this.bundled.get(id);
    if (bundles) return bundles;
    const ways = new Map();
    this.groups[id].segments.forEach(([tail, head], s) => {
      const closed = tail[0] === "group" && head[0] === "group" && !this.open[tail[1]] && !this.open[head[1]];
      if (closed) listIn(ways, `${tail[1]}>${head[1]}`).push(s);
    });
    bundles = new Map([...ways.values()].filter((way) => way.length > MOST_LINES).flatMap((way) => way.map((s) => [s, way])));
    this.bundled.set(id, bundles);
    return bundles;
  }

  rowOf([kind, number]) {
    return kind === "unit" ? this.units[number].row : kind === "group" ? this.groups[number].row : -1;
  }

  /** The frame of a group at a step, from where the group begins: that of an open one grows with what it holds. */
  frameAt(id, step) {
    const [width, height] = this.size(id);
    const growth = this.open[id] ? this.growth(id) : [];
    const now = growth[lastBefore(growth, step)];
    if (!now || now === growth.at(-1)) return { x: 0, width, height };
    const room = Math.max(width - labelWidth(this.groups[id]), 0);
    const left = (one) => Math.min(Math.max(one.left - GROUP_PAD, 0), room);
    const x = left(now);
    const right = Math.min(Math.max(now.right + GROUP_PAD, left(growth[0]) + labelWidth(this.groups[id])), width);
    return { x, width: right - x, height: Math.min(now.bottom + GROUP_PAD, height) };
  }

  /** How far what an open group holds has come to reach, at each step that makes it reach further. */
  growth(id) {
    let growth = this.growths.get(id);
    if (!growth) this.growths.set(id, (growth = running(this.reaches(id))));
    return growth;
  }

  /** What an open group holds, as rectangles with the steps at which they come. */
  reaches(id) {
    const group = this.groups[id];
    const reaches = [];
    for (const u of group.units) {
      const unit = this.units[u];
      const [x, y] = this.unitPlace(unit);
      reaches.push({ step: unit.s, left: x - unit.l, right: x + unit.r, top: y, bottom: y + unit.h });
    }
    for (const g of group.groups) {
      const [x, y] = this.groupPlace(g);
      const steps = this.open[g] ? this.growth(g).map((one) => one.step) : [];
      for (const step of steps.length ? steps : [this.groups[g].s]) {
        const frame = this.frameAt(g, step);
        reaches.push({ step, left: x + frame.x, right: x + frame.x + frame.width, top: y, bottom: y + frame.height });
      }
    }
    const plan = this.plan(id);
    for (const [tail, head, step, , bends] of group.segments) {
      const across = [this.endPoint(id, tail, true)[0], this.endPoint(id, head, false)[0], ...bends.map(([, x]) => plan.x(x))];
      const bottom = head[0] === "out" ? plan.height : 0;
      reaches.push({ step, left: Math.min(...across), right: Math.max(...across), top: Infinity, bottom });
    }
    return reaches.sort((a, b) => a.step - b.step);
  }

  /** The rows and the map of x of an open group, in the state that its inner groups are in. */
  plan(id) {
    let plan = this.plans.get(id);
    if (plan) return plan;
    const group = this.groups[id];
    const changed = group.groups.filter((g) => {
      const [w, h] = this.size(g);
      const [w0, h0] = this.firstSize(g);
      return w !== w0 || h !== h0;
    });
    plan = changed.length ? this.moved(group, id, changed) : this.unmoved(group);
    this.plans.set(id, plan);
    return plan;
  }

  unmoved(group) {
    const tops = group.rows.map((row) => row[0]);
    const heights = group.rows.map((row) => row[1]);
    return { width: group.w, height: group.h, tops, heights, x: (x) => x };
  }

  moved(group, id, changed) {
    const table = this.table(id);
    const touched = new Set(changed.map((g) => this.groups[g].row));
    const heights = group.rows.map(([, height], r) =>
      touched.has(r) ? Math.max(table[r].height, ...table[r].groups.map((g) => this.size(g)[1])) : height,
    );
    const tops = this.stacked(group, heights);
    const x = this.stretched(group, changed);
    const below = group.h - bottom(group.rows.map((row) => row[0]), group.rows.map((row) => row[1]));
    return { width: x(group.w), height: bottom(tops, heights) + below, tops, heights, x };
  }

  /** The tops of rows of changed heights: each part stacks its own with the gaps that it has, shelves move down. */
  stacked(group, heights) {
    const tops = [];
    let row = 0;
    let shelf = 0;
    let start = group.rows[0]?.[0] ?? 0;
    let low = start;
    let before = start;
    for (const [count, on] of group.parts) {
      if (on !== shelf) {
        const gap = group.rows[row][0] - before;
        [shelf, start] = [on, low + gap];
      }
      let y = start;
      for (let r = row; r < row + count; r++) {
        tops.push(y);
        low = Math.max(low, y + heights[r]);
        before = Math.max(before, group.rows[r][0] + group.rows[r][1]);
        if (r + 1 < row + count) y += heights[r] + group.rows[r + 1][0] - group.rows[r][0] - group.rows[r][1];
      }
      row += count;
    }
    return tops;
  }

  /** The map of x: every stretch of the line grows by what the groups above it need, the neediest deciding. */
  stretched(group, changed) {
    const shrinks = changed.some((g) => this.size(g)[0] < this.firstSize(g)[0]);
    const spans = (shrinks ? group.groups : changed).map((g) => {
      const width = this.firstSize(g)[0];
      return [this.groups[g].x, this.groups[g].x + width, (this.size(g)[0] - width) / width];
    });
    if (shrinks) {
      for (const u of group.units) spans.push([this.units[u].x - this.units[u].l, this.units[u].x + this.units[u].r, 0]);
      if (group.parent !== null) spans.push([0, Math.min(labelWidth(group), group.w), 0]);
    }
    const events = spans.flatMap(([from, to, grows]) => [[from, grows, 1], [to, grows, -1]]).sort((a, b) => a[0] - b[0]);
    const xs = [0];
    const shifts = [0];
    const active = new Map();
    let at = 0;
    let shift = 0;
    for (const [x, grows, sign] of events) {
      if (x > at && active.size) shift += (x - at) * Math.max(...active.keys());
      at = Math.max(at, x);
      xs.push(at);
      shifts.push(shift);
      const count = (active.get(grows) ?? 0) + sign;
      if (count) active.set(grows, count);
      else active.delete(grows);
    }
    return (x) => {
      let low = 0;
      let high = xs.length - 1;
      if (x >= xs[high]) return x + shifts[high];
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (xs[middle] <= x) low = middle;
        else high = middle;
      }
      const span = xs[high] - xs[low];
      return x + shifts[low] + (span ? ((x - xs[low]) / span) * (shifts[high] - shifts[low]) : 0);
    };
  }

  /** The place of a unit in its group: its axis and its top. */
  unitPlace(unit) {
    const plan = this.plan(unit.g);
    const drop = unit.sign ? 0 : plan.heights[unit.row] - unit.h;
    return [plan.x(unit.x), plan.tops[unit.row] + drop];
  }

  /** The place of a group in the one around it: its left top corner. */
  groupPlace(id) {
    const group = this.groups[id];
    if (group.parent === null) return [0, 0];
    const plan = this.plan(group.parent);
    const width = this.size(id)[0];
    const before = this.firstSize(id)[0];
    const low = plan.x(group.x);
    const high = plan.x(group.x + before) - width;
    const middle = plan.x(group.x + before / 2) - width / 2;
    return [Math.min(Math.max(middle, low), Math.max(low, high)), plan.tops[group.row]];
  }

  /** Where a group lies on the canvas. */
  origin(id) {
    let [x, y] = [0, 0];
    for (let at = id; at !== null; at = this.groups[at].parent) {
      const [dx, dy] = this.groupPlace(at);
      x += dx;
      y += dy;
    }
    return [x, y];
  }

  /** The outermost closed group around group `id`, or null where all are open. */
  closedAround(id) {
    let closed = null;
    for (let at = id; at !== null; at = this.groups[at].parent) if (!this.open[at]) closed = at;
    return closed;
  }

  /** The rectangle on the canvas of a unit, or of the closed group that hides it. */
  unitBox(u) {
    const unit = this.units[u];
    const closed = this.closedAround(unit.g);
    if (closed !== null) return this.groupBox(closed);
    const [gx, gy] = this.origin(unit.g);
    const [x, y] = this.unitPlace(unit);
    return { x: gx + x - unit.l, y: gy + y, width: unit.l + unit.r, height: unit.h };
  }

  /** The box around all that is there at a step, groups as they are. */
  extent(step) {
    const growth = this.growth(0);
    const now = growth[lastBefore(growth, step)];
    if (now) return { x: now.left, y: now.top, width: now.right - now.left, height: now.bottom - now.top };
    const [width, height] = this.size(0);
    return { x: 0, y: 0, width, height };
  }

  /** What of a group is there at a step. */
  shownBox(id, step) {
    const [x, y] = this.origin(id);
    const frame = this.frameAt(id, step);
    return { x: x + frame.x, y, width: frame.width, height: frame.height };
  }

  groupBox(id) {
    const [x, y] = this.origin(id);
    const [width, height] = this.size(id);
    return { x, y, width, height };
  }

  portX(id, port, outward) {
    const ports = outward ? this.groups[id].outs : this.groups[id].ins;
    if (this.open[id]) return this.plan(id).x(ports[port]);
    const rank = this.groups[id].ranks[outward ? 1 : 0][port];
    return (this.groups[id].cw * (rank + 1)) / (ports.length + 1);
  }

  /** The points of a segment of group `id`, from its tail down to its head. */
  points(id, segment) {
    const plan = this.plan(id);
    const [tail, head, , , bends, offset] = segment;
    let [x, y, row] = this.endPoint(id, tail, true);
    const points = [[x, y]];
    if (row >= 0) points.push([x, Math.max(y, plan.tops[row] + plan.heights[row])]);
    for (const [r, at] of bends) {
      const bx = plan.x(at);
      points.push([bx, plan.tops[r]], [bx, plan.tops[r] + plan.heights[r]]);
    }
    [x, y, row] = this.endPoint(id, head, false);
    x += offset;
    if (row >= 0) points.push([x, Math.min(y, plan.tops[row])]);
    points.push([x, y]);
    return points;
  }

  endPoint(id, [kind, number, port], outward) {
    if (kind === "unit") {
      const unit = this.units[number];
      const [x, y] = this.unitPlace(unit);
      return outward ? [x + unit.boxes[port][3], y + this.outHeight(unit, port), unit.row] : [x, y, unit.row];
    }
    if (kind === "group") {
      const [x, y] = this.groupPlace(number);
      return [x + this.portX(number, port, outward), y + (outward ? this.size(number)[1] : 0), this.groups[number].row];
    }
    const plan = this.plan(id);
    const ports = kind === "in" ? this.groups[id].ins : this.groups[id].outs;
    return [plan.x(ports[number]), kind === "in" ? 0 : plan.height, -1];
  }

  /** From a unit's top to where edges leave a result: its bottom, however far tags and others hang down. */
  outHeight(unit, port) {
    return (unit.sign ? unit.top + STEM : 0) + BOX_HEIGHT + (isSink(unit.boxes[port]) ? SINK_GAP + SINK_HEIGHT : 0);
  }
}

/** Whether an AccumulateGrad hangs below a box: gradients arrive at this version of a leaf. */
function isSink(box) {
  return (box[5] & 2) > 0;
}

/** Rectangles in order of their steps, each with all before it; those that add nothing are left out. */
function running(reaches) {
  const growth = [];
  let at = { step: -1, left: Infinity, right: -Infinity, top: Infinity, bottom: -Infinity };
  for (const one of reaches) {
    if (one.left >= at.left && one.right <= at.right && one.top >= at.top && one.bottom <= at.bottom) continue;
    const next = {
      step: one.step, left: Math.min(at.left, one.left), right: Math.max(at.right, one.right),
      top: Math.min(at.top, one.top), bottom: Math.max(at.bottom, one.bottom),
    };
    if (at.step === one.step) growth.pop();
    growth.push((at = next));
  }
  return growth;
}

/** The room that the label of an open group needs. */
function labelWidth(group) {
  return group.label.length * 7.3 + 60;
}

function bottom(tops, heights) {
  return tops.reduce((low, top, r) => Math.max(low, top + heights[r]), 0);
}

/** A path through points: straight down where it can be, else curves that leave and arrive upright. */
function curve(points) {
  let [x, y] = points[0];
  let path = `M${x.toFixed(1)} ${y.toFixed(1)}`;
  for (const [toX, toY] of points.slice(1)) {
    const middle = ((y + toY) / 2).toFixed(1);
    path +=
      Math.abs(toX - x) < 0.05
        ? `V${toY.toFixed(1)}`
        : `C${x.toFixed(1)} ${middle} ${toX.toFixed(1)} ${middle} ${toX.toFixed(1)} ${toY.toFixed(1)}`;
    [x, y] = [toX, toY];
  }
  return path;
}

/** The outline of a kind of tensor: data slants, a parameter has six corners, a gradient points back up. */
function outline(kind, x, y, w, h, radius = 8) {
  if (kind === "data") {
    const s = Math.min(9, h / 3);
    return `M${x + s} ${y}H${x + w}L${x + w - s} ${y + h}H${x}Z`;
  }
  if (kind === "parameter") {
    const s = Math.min(11, h / 2.4);
    return `M${x + s} ${y}H${x + w - s}L${x + w} ${y + h / 2}L${x + w - s} ${y + h}H${x + s}L${x} ${y + h / 2}Z`;
  }
  if (kind === "gradient") {
    const s = Math.min(9, h / 3);
    return `M${x} ${y + s}L${x + w / 2} ${y}L${x + w} ${y + s}V${y + h}H${x}Z`;
  }
  const r = Math.min(radius, h / 2);
  return (
    `M${x + r} ${y}h${w - 2 * r}a${r} ${r} 0 0 1 ${r} ${r}v${h - 2 * r}a${r} ${r} 0 0 1 -${r} ${r}` +
    `h-${w - 2 * r}a${r} ${r} 0 0 1 -${r} -${r}v-${h - 2 * r}a${r} ${r} 0 0 1 ${r} -${r}Z`
  );
}
