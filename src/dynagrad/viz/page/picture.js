// Export: what is in view as an SVG file that needs no style sheet, or as a PNG at twice the size.

const PAINTED = ["stroke-width", "stroke-dasharray", "stroke-linecap", "stroke-linejoin", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];

function pictureOf(drawing, title) {
  const { clientWidth: width, clientHeight: height } = drawing;
  const copy = painted(drawing);
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) copy.setAttribute(name, value);
  const paper = getComputedStyle(document.documentElement).getPropertyValue("--canvas").trim();
  copy.prepend(drawn("title", {}, title), drawn("rect", { width, height, fill: hex(paper).colour }));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** A copy of what is shown, its style written into each element. */
function painted(node) {
  const copy = document.createElementNS(SVG, node.tagName);
  for (const name of ["d", "transform", "x", "y", "aria-label"]) if (node.hasAttribute(name)) copy.setAttribute(name, node.getAttribute(name));
  if (node.tagName === "text" || node.tagName === "path") {
    paint(copy, getComputedStyle(node));
  } else if (node.tagName === "g") {
    const { opacity } = getComputedStyle(node);
    if (opacity !== "1") copy.setAttribute("opacity", opacity);
  }
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.data);
    else if (isShown(child)) copy.append(...withHalo(painted(child), getComputedStyle(child)));
  }
  return copy;
}

function paint(copy, style) {
  for (const name of PAINTED) copy.setAttribute(name, style.getPropertyValue(name));
  for (const name of ["fill", "stroke"]) {
    const { colour, opacity } = hex(style.getPropertyValue(name));
    copy.setAttribute(name, colour);
    const share = opacity * Number(style.getPropertyValue(`${name}-opacity`));
    if (share < 1) copy.setAttribute(`${name}-opacity`, share.toFixed(3));
  }
}

/** A text and, before it, its halo as a text of its own: not every program that reads SVG knows paint-order. */
function withHalo(copy, style) {
  if (!style.paintOrder.startsWith("stroke") || copy.getAttribute("stroke") === "none") return [copy];
  const halo = copy.cloneNode(true);
  halo.setAttribute("fill", "none");
  halo.setAttribute("aria-hidden", "true");
  copy.setAttribute("stroke", "none");
  return [halo, copy];
}

const hexes = new Map([["none", { colour: "none", opacity: 1 }]]);

/** A colour as every program reads it: `#rrggbb`, or none where nothing would be seen, and how opaque it is. */
function hex(colour) {
  if (!hexes.has(colour)) hexes.set(colour, hexOf(colour));
  return hexes.get(colour);
}

function hexOf(colour) {
  const context = element("canvas", { width: 1, height: 1 }).getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
  const digits = [red, green, blue].map((part) => part.toString(16).padStart(2, "0")).join("");
  return { colour: alpha ? `#${digits}` : "none", opacity: alpha / 255 || 1 };
}

function isShown(node) {
  const style = getComputedStyle(node);
  const seen = style.display !== "none" && style.visibility !== "hidden" && style.opacity !== "0";
  return seen && (node.tagName !== "path" || paints(style.fill) || paints(style.stroke));
}

function paints(colour) {
  return hex(colour).colour !== "none";
}

async function exportPicture(drawing, title, format) {
  const { text, width, height } = pictureOf(drawing, title);
  const name = `${title.replace(/[^\w.-]+/g, "_") || "graph"}.${format}`;
  const file = new Blob([text], { type: "image/svg+xml" });
  download(format === "svg" ? file : await rastered(text, width, height), name);
}

async function rastered(text, width, height) {
  const image = new Image();
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
  await image.decode();
  const canvas = element("canvas", { width: 2 * width, height: 2 * height });
  canvas.getContext("2d").drawImage(image, 0, 0, 2 * width, 2 * height);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

function download(blob, name) {
  const link = element("a", { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
