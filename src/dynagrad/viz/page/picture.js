// Export: what is in view as an SVG file that needs no style sheet, or as a PNG at twice the size.

const PAINTED = ["fill", "stroke", "stroke-width", "stroke-dasharray", "stroke-linecap", "opacity", "font-family", "font-size", "font-weight", "text-anchor"];

function pictureOf(drawing, title) {
  const { clientWidth: width, clientHeight: height } = drawing;
  const copy = painted(drawing);
  for (const [name, value] of Object.entries({ xmlns: SVG, width, height, viewBox: `0 0 ${width} ${height}`, role: "img" })) copy.setAttribute(name, value);
  const paper = getComputedStyle(document.documentElement).getPropertyValue("--canvas").trim();
  copy.prepend(drawn("title", {}, title), drawn("rect", { width, height, fill: paper }));
  return { text: new XMLSerializer().serializeToString(copy), width, height };
}

/** A copy of what is shown, its style written into each element. */
function painted(node) {
  const copy = document.createElementNS(SVG, node.tagName);
  for (const name of ["d", "transform", "x", "y", "aria-label"]) if (node.hasAttribute(name)) copy.setAttribute(name, node.getAttribute(name));
  if (node.tagName === "text" || node.tagName === "path") {
    const style = getComputedStyle(node);
    for (const name of PAINTED) copy.setAttribute(name, style.getPropertyValue(name));
  } else if (node.tagName === "g") {
    const { opacity } = getComputedStyle(node);
    if (opacity !== "1") copy.setAttribute("opacity", opacity);
  }
  for (const child of node.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) copy.append(child.data);
    else if (isShown(child)) copy.append(painted(child));
  }
  return copy;
}

function isShown(node) {
  const style = getComputedStyle(node);
  return style.display !== "none" && style.visibility !== "hidden" && style.opacity !== "0";
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
