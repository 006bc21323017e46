// Draws a picture with the outlines and the points of a face, lets a person drag them, and keeps where they are as the
// component's value. Coordinates are the picture's pixels. Runs once, when the component is on the page.
const SVG = "http://www.w3.org/2000/svg";
const GRAB_PX = 26, POINT_PX = 5;
let state = null, active = null, grabbed = null, zoomed = true, offset = [0, 0];
let seen = null;  // the part of the picture that is shown; it stands while points are moved

const find = (name) => element.querySelector(name);
const face = () => state.faces[active];
const hypot = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

function make(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const key in attributes) made.setAttribute(key, attributes[key]);
  parent.appendChild(made);
  return made;
}

// The solution of a small system of linear equations, columns of `right` at a time.
function solve(matrix, right) {
  const n = matrix.length, rows = matrix.map((row, i) => [...row, ...right[i]]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let k = i + 1; k < n; k++) if (Math.abs(rows[k][i]) > Math.abs(rows[pivot][i])) pivot = k;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let k = 0; k < n; k++) {
      if (k === i || !rows[i][i]) continue;
      const share = rows[k][i] / rows[i][i];
      for (let j = i; j < rows[k].length; j++) rows[k][j] -= share * rows[i][j];
    }
  }
  return rows.map((row, i) => row.slice(n).map((value) => value / (row[i] || 1e-12)));
}

// The similarity that takes the points `from` to `to` with the least squared error, as complex numbers: z -> a z + b.
function similarity(from, to) {
  const mean = (points) => points.reduce((sum, p) => [sum[0] + p[0] / points.length, sum[1] + p[1] / points.length], [0, 0]);
  const middle = mean(from), aim = mean(to);
  let real = 0, turn = 0, size = 0;
  from.forEach((p, i) => {
    const u = [p[0] - middle[0], p[1] - middle[1]], v = [to[i][0] - aim[0], to[i][1] - aim[1]];
    real += u[0] * v[0] + u[1] * v[1];
    turn += u[0] * v[1] - u[1] * v[0];
    size += u[0] * u[0] + u[1] * u[1];
  });
  const a = size > 1e-9 ? [real / size, turn / size] : [1, 0];
  return (p) => {
    const u = [p[0] - middle[0], p[1] - middle[1]];
    return [aim[0] + a[0] * u[0] - a[1] * u[1], aim[1] + a[1] * u[0] + a[0] * u[1]];
  };
}

// Where the points that nobody has placed go: those near the ones that somebody has go along, and a face that is seen
// nowhere in the picture goes as a whole first.
function follow() {
  const { points: start, seen } = face(), placed = state.by_hand.filter((name) => name in start);
  const from = placed.map((name) => start[name]), to = placed.map((name) => state.points[name]);
  const move = seen || !placed.length ? (p) => p : similarity(from, to);
  const moved = Object.fromEntries(Object.entries(start).map(([name, p]) => [name, move(p)]));
  const reach = 0.8 * hypot(moved.right_eye_outer, moved.left_eye_outer) || 1;
  const near = (a, b) => Math.exp(-hypot(a, b) / reach);
  const heads = placed.map((name) => moved[name]);
  const weights = placed.length ? solve(
    heads.map((a, i) => heads.map((b, k) => near(a, b) + (i === k ? 1e-9 : 0))),
    placed.map((name, i) => [to[i][0] - heads[i][0], to[i][1] - heads[i][1]]),
  ) : [];
  for (const name in start) {
    if (placed.includes(name)) continue;
    const p = [...moved[name]];
    heads.forEach((head, i) => {
      const share = near(head, moved[name]);
      p[0] += share * weights[i][0];
      p[1] += share * weights[i][1];
    });
    state.points[name] = p;
  }
}

// The thin-plate spline that takes the face's own points to where they are now (Bookstein 1989).
function bend() {
  const names = Object.keys(face().points), from = names.map((name) => face().points[name]);
  const unit = hypot(face().points.right_eye_outer, face().points.left_eye_outer) || 1;
  const kernel = (a, b) => { const r = hypot(a, b) / unit; return r > 0 ? r * r * Math.log(r) : 0; };
  const plane = (p) => [1, p[0] / unit, p[1] / unit];
  const matrix = from.map((a) => [...from.map((b) => kernel(a, b)), ...plane(a)]);
  for (let k = 0; k < 3; k++) matrix.push([...from.map((p) => plane(p)[k]), 0, 0, 0]);
  const weights = solve(matrix, [...names.map((name) => state.points[name]), [0, 0], [0, 0], [0, 0]]);
  return (p) => {
    const terms = [...from.map((b) => kernel(p, b)), ...plane(p)];
    return [0, 1].map((axis) => terms.reduce((sum, term, i) => sum + term * weights[i][axis], 0));
  };
}

function pixel() {  // of the page, in the picture's
  const svg = find("svg"), box = svg.viewBox.baseVal;
  return box.width / (svg.clientWidth || 400);
}

function view() {
  const [width, height] = state.picture;
  if (!zoomed) return [0, 0, width, height];
  const all = Object.values(face().points);
  const xs = all.map((p) => p[0]), ys = all.map((p) => p[1]);
  const middle = [(Math.min(...xs) + Math.max(...xs)) / 2, (Math.min(...ys) + Math.max(...ys)) / 2];
  const side = 1.7 * Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys));
  if (side >= Math.max(width, height)) return [0, 0, width, height];
  return [middle[0] - side / 2, middle[1] - side / 2, side, side];
}

function line(points, closed) {
  return points.map((p, i) => `${i ? "L" : "M"}${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join("") + (closed ? "Z" : "");
}

function draw() {
  const stage = find(".stage");
  if (!stage) return;
  stage.replaceChildren();
  element.classList.toggle("nothing", !state);
  if (!state) return;
  find(".say").textContent = state.words;
  seen = seen || view();
  const svg = make("svg", { viewBox: seen.join(" "), role: "group", "aria-label": "The points of the face" }, stage);
  make("image", { href: state.image, width: state.picture[0], height: state.picture[1], preserveAspectRatio: "none" }, svg);
  state.faces.forEach((other, number) => {
    if (number === active) return;
    const outline = make("path", { d: line(other.outlines[0], true), class: "other", "data-face": number }, svg);
    make("title", {}, outline).textContent = "Choose this face";
  });
  const net = make("g", { class: "net" }, svg), points = make("g", { class: "points" }, svg);
  face().outlines.forEach(() => make("path", {}, net));
  const size = pixel();
  for (const name in face().points) {
    const point = make("g", { class: "point", tabindex: 0, "data-name": name, role: "button" }, points);
    point.setAttribute("aria-label", name.replaceAll("_", " "));
    make("circle", { r: GRAB_PX * 0.6 * size, class: "grab" }, point);
    make("circle", { r: POINT_PX * size, class: "dot" }, point);
  }
  place();
}

function place() {  // what moves while a point is dragged
  const bent = bend(), size = pixel();
  find(".net").childNodes.forEach((path, i) => {
    const outline = face().outlines[i];
    path.setAttribute("d", line(outline.map(bent), face().closed[i]));
    path.setAttribute("stroke-width", 1.6 * size);
  });
  element.querySelectorAll(".other").forEach((path) => path.setAttribute("stroke-width", 2 * size));
  element.querySelectorAll(".point").forEach((point) => {
    const name = point.dataset.name, [x, y] = state.points[name];
    point.setAttribute("transform", `translate(${x} ${y})`);
    point.classList.toggle("placed", state.by_hand.includes(name));
    point.classList.toggle("held", name === grabbed);
  });
  const own = /left|right/.test(grabbed) ? ": the subject's own, not yours" : "";
  find(".name").textContent = grabbed ? grabbed.replaceAll("_", " ") + own : "";
}

function keep() {
  state.edited = true;
  props.value = { ...state, points: { ...state.points }, by_hand: [...state.by_hand] };
  queueMicrotask(redrawnIfWiped);
}

function redrawnIfWiped() {
  if (state && !find("svg")) draw();
}

function choose(number) {
  [active, seen] = [number, null];
  state.active = number;
  state.points = structuredClone(face().points);
  state.by_hand = [];
  state.edited = false;
}

function take() {
  const value = props.value;
  if (grabbed) return;
  if (!value || !value.faces || !value.faces.length) state = null;
  else {
    if (!state || state.image !== value.image) [seen, zoomed] = [null, true];
    state = structuredClone({ ...value });
    active = state.active || 0;
  }
  draw();
}

function at(event) {
  const svg = find("svg"), point = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
  return [point.x, point.y];
}

function hold(name) {
  grabbed = name;
  if (!state.by_hand.includes(name)) state.by_hand.push(name);
}

function move(name, [x, y]) {
  const [width, height] = state.picture, room = 0.4 * Math.max(width, height);
  state.points[name] = [Math.min(width + room, Math.max(-room, x)), Math.min(height + room, Math.max(-room, y))];
  follow();
  place();
}

element.addEventListener("pointerdown", (event) => {
  if (!state || !find("svg") || !find("svg").contains(event.target)) return;
  const here = at(event);
  let nearest = null, least = GRAB_PX * pixel();
  for (const name in state.points) {
    const away = hypot(here, state.points[name]);
    if (away < least) [nearest, least] = [name, away];
  }
  if (!nearest) return;
  event.preventDefault();
  offset = [state.points[nearest][0] - here[0], state.points[nearest][1] - here[1]];
  hold(nearest);
  find("svg").setPointerCapture(event.pointerId);
  place();
});
element.addEventListener("pointermove", (event) => {
  if (!grabbed) return;
  const here = at(event);
  move(grabbed, [here[0] + offset[0], here[1] + offset[1]]);
});
// A finger that holds a point does not scroll the page; any other does.
element.addEventListener("touchstart", (event) => { if (grabbed) event.preventDefault(); }, { passive: false });
for (const end of ["pointerup", "pointercancel"]) {
  element.addEventListener(end, () => {
    if (!grabbed) return;
    grabbed = null;
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
  hold(name);
  move(name, [state.points[name][0] + step[0] * far, state.points[name][1] + step[1] * far]);
  grabbed = null;
  place();
  keep();
  const again = find(`[data-name=${name}]`);
  if (again) again.focus();
});
element.addEventListener("click", (event) => {
  if (!state) return;
  const other = event.target.closest(".other"), button = event.target.closest("button");
  if (other) {
    choose(Number(other.dataset.face));
    draw();
    keep();
    state.edited = props.value.edited = false;
    trigger("select");
  } else if (button && button.name === "zoom") {
    [seen, zoomed] = [null, !zoomed];
    draw();
  } else if (button && button.name === "reset") {
    choose(active);
    draw();
    keep();
    state.edited = false;
    props.value = { ...props.value, edited: false };
    queueMicrotask(redrawnIfWiped);
  } else if (button && button.name === "save") {
    const { points, by_hand, picture } = state, link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify({ points, by_hand, picture }, null, 1)], { type: "application/json" }));
    link.download = "face.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }
});
new ResizeObserver(() => { if (state && !grabbed) draw(); }).observe(element);
watch("value", take);
take();
