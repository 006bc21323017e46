// Draws a picture with the joints and bones of a figure, lets a person drag them, and keeps where they are as the
// component's value. Coordinates are the picture's pixels. Runs once, when the component is on the page.
const SVG = "http://www.w3.org/2000/svg";
const GRAB_PX = 26, POINT_PX = 6;
let state = null, grabbed = null, offset = [0, 0];

const find = (name) => element.querySelector(name);
const hypot = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function make(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  parent.appendChild(made);
  return made;
}

function pixel() {  // of the page, in the picture's
  const svg = find("svg");
  return svg.viewBox.baseVal.width / (svg.clientWidth || 400);
}

function draw() {
  const stage = find(".stage");
  if (!stage) return;
  stage.replaceChildren();
  element.classList.toggle("nothing", !state);
  find(".say").textContent = state ? state.words : "";
  if (!state) return;
  const [width, height] = state.picture;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": "The joints of the figure" }, stage);
  make("image", { href: state.image, width, height, preserveAspectRatio: "none" }, svg);
  const net = make("g", { class: "net" }, svg), points = make("g", { class: "points" }, svg), size = pixel();
  state.bones.forEach(() => make("path", {}, net));
  for (const name in state.joints) {
    const point = make("g", { class: "point", tabindex: 0, "data-name": name, role: "button" }, points);
    point.setAttribute("aria-label", name.replaceAll("_", " "));
    make("circle", { r: GRAB_PX * 0.6 * size, class: "grab" }, point);
    make("circle", { r: POINT_PX * size, class: "dot" }, point);
  }
  place();
}

function place() {  // what moves while a joint is dragged
  const size = pixel();
  find(".net").childNodes.forEach((path, i) => {
    const [a, b] = state.bones[i].map((name) => state.joints[name]);
    path.setAttribute("d", a && b ? `M${a[0]} ${a[1]}L${b[0]} ${b[1]}` : "");
    path.setAttribute("stroke-width", 2.5 * size);
  });
  element.querySelectorAll(".point").forEach((point) => {
    const name = point.dataset.name, [x, y] = state.joints[name];
    point.setAttribute("transform", `translate(${x} ${y})`);
    point.classList.toggle("placed", state.edited);
    point.classList.toggle("held", name === grabbed);
  });
  const own = /left|right/.test(grabbed) ? ": the figure's own, not yours" : "";
  find(".name").textContent = grabbed ? grabbed.replaceAll("_", " ") + own : "";
}

function keep() {
  state.edited = true;
  props.value = { ...state, joints: { ...state.joints } };
  queueMicrotask(() => { if (state && !find("svg")) draw(); });
}

function take() {
  if (grabbed) return;
  const value = props.value;
  state = value && value.joints ? structuredClone({ ...value }) : null;
  draw();
}

function at(event) {
  const svg = find("svg"), point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

function move(name, [x, y]) {
  const [width, height] = state.picture;
  state.joints[name] = [Math.min(width, Math.max(0, x)), Math.min(height, Math.max(0, y))];
  place();
}

element.addEventListener("pointerdown", (event) => {
  if (!state || !find("svg") || !find("svg").contains(event.target)) return;
  const here = at(event);
  let nearest = null, least = GRAB_PX * pixel();
  for (const name in state.joints) {
    const away = hypot(here, state.joints[name]);
    if (away < least) [nearest, least] = [name, away];
  }
  if (!nearest) return;
  event.preventDefault();
  offset = [state.joints[nearest][0] - here[0], state.joints[nearest][1] - here[1]];
  grabbed = nearest;
  find("svg").setPointerCapture(event.pointerId);
  place();
});
element.addEventListener("pointermove", (event) => {
  if (!grabbed) return;
  const here = at(event);
  move(grabbed, [here[0] + offset[0], here[1] + offset[1]]);
});
// A finger that holds a joint does not scroll the page; any other does.
element.addEventListener("touchstart", (event) => { if (grabbed) event.preventDefault(); }, { passive: false });
for (const end of ["pointerup", "pointercancel"]) {
  element.addEventListener(end, () => {
    if (!grabbed) return;
    grabbed = null;
    state.edited = true;
    place();
    keep();
  });
}
element.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const point = event.target.closest(".point");
  if (!state || !step || !point) return;
  event.preventDefault();
  const name = point.dataset.name, far = pixel() * (event.shiftKey ? 10 : 1);
  state.edited = true;
  move(name, [state.joints[name][0] + step[0] * far, state.joints[name][1] + step[1] * far]);
  keep();
  const again = find(`[data-name=${name}]`);
  if (again) again.focus();
});
element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!state || !button) return;
  if (button.name === "mirror") {  // left and right are easily mistaken: the figure's own are meant
    for (const name in state.joints) {
      if (!name.startsWith("left_")) continue;
      const other = name.replace("left_", "right_");
      [state.joints[name], state.joints[other]] = [state.joints[other], state.joints[name]];
    }
    state.edited = true;
    place();
    keep();
  } else if (button.name === "save") {
    const { joints, picture } = state, link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ joints, picture }, null, 1)], { type: "application/json" }));
    link.download = "joints.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
});
new ResizeObserver(() => { if (state && !grabbed) draw(); }).observe(element);
watch("value", take);
take();
