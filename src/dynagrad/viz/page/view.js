// What of the canvas is in view: shifting, zooming, fitting, by wheel, pointer and fingers. What is drawn there is not known here.

const LEAST = 0.02;
const READABLE = 0.8;
const MOST = 4;
const MARGIN = 30;

class View {
  constructor(root, geometry) {
    Object.assign(this, { root, geometry });
    this.view = { x: 0, y: 0, scale: 1 };
    this.step = 0;
  }

  get box() {
    return { width: this.root.clientWidth || 1, height: this.root.clientHeight || 1 };
  }

  /** What of the box nothing lies over: the tools stand at its right, the banner at its top. */
  get clear() {
    const box = this.root.getBoundingClientRect();
    const { left: right } = this.root.parentElement.querySelector(".graph-tools").getBoundingClientRect();
    const top = Math.max(byId("banner").getBoundingClientRect().bottom, box.top);
    return { top: top - box.top, width: Math.max(right - box.left, 1), height: Math.max(box.bottom - top, 1) };
  }

  setView(x, y, scale) {
    this.view = { x, y, scale: this.bounded(scale) };
    this.render();
  }

  /** A scale within what makes sense; all of a huge graph may still be looked at. */
  bounded(scale) {
    return scale < LEAST ? Math.max(scale, Math.min(LEAST, this.wholeScale())) : Math.min(scale, MOST);
  }

  wholeScale() {
    const { width, height } = this.clear;
    const { width: w, height: h } = this.geometry.extent(this.step);
    return Math.min((width - 2 * MARGIN) / Math.max(w, 1), (height - 2 * MARGIN) / Math.max(h, 1), 1.5);
  }

  zoom(factor, at = [this.box.width / 2, this.box.height / 2]) {
    const { x, y, scale } = this.view;
    const to = this.bounded(scale * factor);
    const [px, py] = at;
    this.setView(px - ((px - x) / scale) * to, py - ((py - y) / scale) * to, to);
  }

  /** All that is there in view; `readable` keeps letters readable and begins at the top instead. */
  fit(readable = false) {
    const { top: above, width, height } = this.clear;
    const { x, y, width: w, height: h } = this.geometry.extent(this.step);
    let scale = this.wholeScale();
    if (readable) scale = Math.max(scale, READABLE);
    const left = w * scale + 2 * MARGIN > width && readable ? MARGIN : (width - w * scale) / 2;
    const top = h * scale + 2 * MARGIN > height && readable ? MARGIN : (height - h * scale) / 2;
    this.setView(left - x * scale, above + top - y * scale, scale);
  }

  /** The view to begin with: a box in its middle and low, for what comes next is above, and no more empty room than must be. */
  beginAt({ x, y, width, height }) {
    const { scale } = this.view;
    const { top, width: across, height: down } = this.clear;
    const all = this.geometry.extent(this.step);
    const left = shiftWithin(across / 2 - (x + width / 2) * scale, all.x * scale, all.width * scale, across);
    const above = shiftWithin(down * 0.85 - (y + height) * scale, all.y * scale, all.height * scale, down);
    this.setView(left ?? this.view.x, above === null ? this.view.y : top + above, scale);
  }

  /** Moves a box of the canvas into view, and no further than that needs; to the middle where `centre` asks for it. */
  reveal({ x, y, width, height }, centre = false) {
    const { scale } = this.view;
    const { top, width: across, height: down } = this.clear;
    const dx = this.missing(x * scale + this.view.x, width * scale, across, centre);
    const dy = this.missing(y * scale + this.view.y - top, height * scale, down, centre);
    if (dx || dy) this.setView(this.view.x + dx, this.view.y + dy, scale);
  }

  fits({ width, height }) {
    return width * this.view.scale < this.clear.width - 24 && height * this.view.scale < this.clear.height - 24;
  }

  missing(start, size, room, centre) {
    const rim = Math.min(12, room / 20);
    if (start >= rim && start + size <= room - rim) return 0;
    if (centre || size > room - 2 * rim) return (room - size) / 2 - start;
    const ahead = Math.min(room / 4, (room - size) / 2);
    return start < rim ? ahead - start : room - ahead - size - start;
  }

  /** The part of the canvas to draw: what is in view and some around it. */
  window() {
    const { x, y, scale } = this.view;
    const { width, height } = this.box;
    const more = 0.3;
    return {
      left: (-x - width * more) / scale,
      right: (-x + width * (1 + more)) / scale,
      top: (-y - height * more) / scale,
      bottom: (-y + height * (1 + more)) / scale,
    };
  }

  pointer() {
    let drag = null;
    const touches = new Map();
    this.root.addEventListener("wheel", (event) => {
      event.preventDefault();
      if (event.shiftKey) this.setView(this.view.x - event.deltaY, this.view.y, this.view.scale);
      else this.zoom(Math.exp(-event.deltaY * (event.deltaMode ? 0.05 : 0.0016)), this.within(event));
    }, { passive: false });
    this.root.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      touches.set(event.pointerId, this.within(event));
      drag = { x: event.clientX, y: event.clientY, view: { ...this.view }, moved: touches.size > 1 };
    });
    this.root.addEventListener("pointermove", (event) => {
      if (touches.size === 2 && touches.has(event.pointerId)) return this.pinch(touches, event);
      if (!drag) return;
      const [dx, dy] = [event.clientX - drag.x, event.clientY - drag.y];
      if (!drag.moved && Math.hypot(dx, dy) < 4) return;
      if (!drag.moved) this.root.setPointerCapture(event.pointerId);
      drag.moved = true;
      this.setView(drag.view.x + dx, drag.view.y + dy, this.view.scale);
    });
    this.root.addEventListener("pointerup", (event) => {
      if (drag && !drag.moved) this.click(event);
      drag = null;
      touches.delete(event.pointerId);
    });
    for (const end of ["pointercancel", "lostpointercapture"]) {
      this.root.addEventListener(end, (event) => {
        drag = null;
        touches.delete(event.pointerId);
      });
    }
    this.root.addEventListener("dblclick", (event) => {
      const group = event.target.closest?.("[data-group]");
      if (group) event.preventDefault();
    });
  }

  /** Two fingers: what lay under them stays there. */
  pinch(touches, event) {
    const spread = ([[ax, ay], [bx, by]]) => Math.hypot(bx - ax, by - ay);
    const middle = ([[ax, ay], [bx, by]]) => [(ax + bx) / 2, (ay + by) / 2];
    const before = [...touches.values()];
    touches.set(event.pointerId, this.within(event));
    const now = [...touches.values()];
    const [[fromX, fromY], [toX, toY]] = [middle(before), middle(now)];
    Object.assign(this.view, { x: this.view.x + toX - fromX, y: this.view.y + toY - fromY });
    this.zoom(spread(now) / Math.max(spread(before), 1), [toX, toY]);
  }

  within(event) {
    const box = this.root.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** A shift along one axis towards a wish that shows as little as can be of what is beside the whole; null where the whole fits. */
function shiftWithin(wish, start, size, room) {
  if (size + 2 * MARGIN <= room) return null;
  return Math.min(Math.max(wish, room - MARGIN - start - size), MARGIN - start);
}
