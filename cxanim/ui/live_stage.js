// Camera and puppet side by side: frames go out as JPEG, or to this very machine as the camera gives them, and the
// puppet's pictures come back, over a WebSocket of the page's own; where none can pass, over the calls that Gradio itself
// makes, one at a time. The formats are live_route's.
// Frames are sent as they are until for so long the one before was never gone yet, or so many in a row cannot be read.
const LATE_MS = 2000, UNREADABLE = 10;
const UNDER_WAY = 3, LONGEST_PX = 480, QUALITY = 0.8, OPEN_MS = 5000, RETRIES_S = [1, 2, 4, 8], LONGEST_RECORDING_S = 570;
const STATES = ["", "waiting", "calibrating", "following", "frozen"], ANSWER_BYTES = 33, MIRRORED = 128;
const WORDS = {
  waiting: "Nobody is seen: the puppet rests", calibrating: "Look straight and relax for a second",
  following: "It follows you", frozen: "Frozen", "": "",
};
const IS_HERE = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const REFUSED = {
  NotAllowedError: "The camera is not allowed. Allow it in the address bar of the browser, then press Start again.",
  NotFoundError: "No camera was found. Plug one in, then press Start again.",
  NotReadableError: "The camera cannot be opened: another program or tab has it. Close that, then press Start again.",
};
const LOST = "The connection is lost. Press Start to try again.";
const find = (selector) => element.querySelector(selector);
const [puppet, taken] = ["canvas", "canvas"].map((name) => document.createElement(name));
puppet.className = "puppet";
find(".mine").append(puppet);

let ticket = null, stream = null, camera = null, starting = false;
let road = null, socket = null, timer = 0, retries = 0;  // `road` is where frames go; null until one is open
let number = 0, read = 0, newest = 0, finest = 0, underWay = 0, state = null, times = [], delays = [];
let recorder = null, asksToRecord = false, isHeld = false, commands = Promise.resolve();

function say(words, bad = false) {
  find(".say").textContent = words;
  find(".say").classList.toggle("bad", bad);
}

function show(running) {
  element.classList.toggle("running", running);
  find("[name=start]").textContent = running ? "Stop" : "Start the camera";
}

// The camera

async function start() {
  if (starting) return;
  if (!ticket) return say("Choose a photo or a puppet first.", true);
  if (!navigator.mediaDevices) return say("Browsers give the camera to https and localhost alone. Open this page so.", true);
  starting = true;
  try {
    const size = { width: { ideal: 480 }, height: { ideal: 360 }, frameRate: { ideal: 30 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
    camera = filming(stream, find(".camera"), send);
  } catch (error) {
    return stop(REFUSED[error.name] || `The camera cannot be opened (${error.name}).`, true);
  } finally {
    starting = false;
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => stop("The camera was unplugged. Plug it in, then press Start again.", true));
  show(true);
  say("One moment: the puppet is being made ready");
  retries = 0;
  connect();
}

function stop(words = "", bad = false) {
  if (recorder) recorder.stop();
  drop();
  if (stream) stream.getTracks().forEach((track) => track.stop());
  if (camera) camera.close();
  stream = camera = null;
  show(false);
  find(".figures").textContent = "";
  say(words, bad);
}

function send(source, width, height) {  // a frame, or a video that shows it
  if (!stream || !road || underWay >= road.most) return;
  const head = new ArrayBuffer(16), view = new DataView(head), way = road;
  view.setUint32(0, ++number, true);
  view.setUint32(4, read, true);
  view.setFloat64(8, performance.now(), true);
  underWay++;
  if (way.takesPlain) sendPlain(way, head, source, width, height);
  else sendPressed(way, head, source, width, height);
}

async function sendPlain(way, head, source, ...size) {  // on one machine it costs more to press a frame than to carry it
  let frame = null;
  try {
    frame = new VideoFrame(source);
    const bytes = await plain(frame, head);
    way.unreadable = 0;
    if (road === way) way.send(bytes);
  } catch {  // a video may have none yet; where each fails, this browser or camera gives none that can be read so
    if (++way.unreadable >= UNREADABLE) way.takesPlain = false;
    if (road === way) sendPressed(way, head, frame || source, ...size);
  } finally {
    if (frame) frame.close();
  }
}

async function plain(frame, head) {
  const { width, height } = frame.visibleRect, lies = frame.rotation || frame.flip;
  const fits = Math.max(width, height) <= LONGEST_PX && !(width % 2) && !(height % 2) && !lies;
  if (!fits || !["I420", "NV12"].includes(frame.format)) throw new TypeError(`no plain frame: ${frame.format}`);
  const bytes = new Uint8Array(head.byteLength + 8 + frame.allocationSize()), view = new DataView(bytes.buffer, 16);
  bytes.set(new Uint8Array(head));
  new TextEncoder().encodeInto(frame.format, bytes.subarray(16));
  view.setUint16(4, width, true);
  view.setUint16(6, height, true);
  await frame.copyTo(bytes.subarray(24));
  return bytes;
}

function sendPressed(way, head, source, ...size) {
  const scale = Math.min(1, LONGEST_PX / Math.max(...size)), [width, height] = size.map((side) => Math.round(side * scale));
  if (taken.width !== width || taken.height !== height) [taken.width, taken.height] = [width, height];
  taken.getContext("2d", { alpha: false }).drawImage(source, 0, 0, width, height);
  taken.toBlob((frame) => { if (road === way) way.send(new Blob([head, frame])); }, "image/jpeg", QUALITY);
}

// The road

function drop() {  // whatever is open or about to be
  clearTimeout(timer);
  const [before, way] = [socket, road];
  socket = road = state = null;
  [underWay, times, delays, read, finest] = [0, [], [], number, 0];  // what was under way is not waited for any more
  find("[name=freeze]").setAttribute("aria-pressed", false);
  if (before) before.close();
  else if (way) command("leave");
}

function connect() {
  drop();
  const place = new URL("live", document.baseURI);
  place.protocol = place.protocol.replace("http", "ws");
  place.search = new URLSearchParams({ ticket, fps: stream.getVideoTracks()[0].getSettings().frameRate || "" });
  const mine = (socket = new WebSocket(place));
  let opened = false;
  mine.binaryType = "arraybuffer";
  timer = setTimeout(() => mine.close(), OPEN_MS);
  mine.onopen = () => {
    if (socket !== mine) return;
    clearTimeout(timer);
    opened = true;
    const takesPlain = IS_HERE && Boolean(window.VideoFrame);
    const way = (road = { most: UNDER_WAY, words: "", takesPlain, unreadable: 0 });
    let intime = performance.now();
    way.send = (message) => {
      const now = performance.now();
      if (mine.bufferedAmount <= LONGEST_PX * LONGEST_PX) intime = now;
      // "localhost" may be a tunnel; a machine that is busy for a moment is none.
      if (now - intime > LATE_MS) way.takesPlain = false;
      mine.send(message);
    };
  };
  mine.onmessage = ({ data }) => {
    if (socket !== mine) return;
    if (typeof data === "string") return stop(JSON.parse(data).problem, true);
    retries = 0;
    underWay--;
    const view = new DataView(data), mark = view.getUint8(12);
    read = Math.max(read, view.getUint32(0, true));
    if (data.byteLength === ANSWER_BYTES) return;
    const picture = new Uint8Array(data, ANSWER_BYTES);
    paint(view.getUint32(0, true), view.getFloat64(4, true), STATES[mark % MIRRORED], mark >= MIRRORED, picture);
  };
  mine.onclose = () => {
    if (socket !== mine) return;
    socket = null;
    drop();
    if (!opened && !retries) return slowly();
    if (retries >= RETRIES_S.length) return stop(LOST, true);
    say("The connection is lost; trying again", true);
    timer = setTimeout(connect, 1000 * RETRIES_S[retries++]);
  };
}

function slowly() {  // the same frames through Gradio, which takes its time
  const mine = (road = {
    most: 1,
    words: " (over the slow road: this connection lets no WebSocket pass)",
    send: async (message) => {
      const bytes = await message.arrayBuffer(), view = new DataView(bytes), time = view.getFloat64(8, true);
      let text = "";
      new Uint8Array(bytes, 16).forEach((byte) => { text += String.fromCharCode(byte); });
      try {
        const answer = await server.live_frame({ ticket, time_ms: time, frame: btoa(text) });
        if (road !== mine) return;
        if (answer.problem) return stop(answer.problem, true);
        underWay--;
        const picture = Uint8Array.from(atob(answer.picture), (letter) => letter.charCodeAt(0));
        paint(view.getUint32(0, true), time, answer.state, answer.mirrored, picture);
      } catch {
        if (road === mine) stop(LOST, true);
      }
    },
  });
}

async function decoded(bytes) {  // a Blob would first go to another process and back
  const type = "image/jpeg";
  if (window.ImageDecoder) {
    const decoder = new ImageDecoder({ type, data: bytes });
    try {
      return (await decoder.decode()).image;
    } finally {
      decoder.close();
    }
  }
  return createImageBitmap(new Blob([bytes], { type }));
}

async function paint(which, sent, does, mirrored, picture) {
  const image = await decoded(picture), size = image.displayWidth || image.width;
  if (which > newest && road) {
    newest = which;
    finest = Math.max(finest, size);  // a recording keeps its size where a busy machine sends fewer pixels for a while
    if (puppet.width !== finest) puppet.width = puppet.height = finest;
    puppet.getContext("2d").drawImage(image, 0, 0, finest, finest);
    camera.show();
    puppet.dataset.frame = which;
    element.classList.add("shown");
    element.classList.toggle("mirrored", mirrored);
    if (does !== state) say(WORDS[(state = does)] + road.words);
    figures(sent);
  }
  image.close();
}

function figures(sent) {
  const now = performance.now();
  times.push(now);
  delays.push(now - sent);
  times = times.filter((time) => now - time < 2000);
  delays = delays.slice(-times.length);
  if (times.length < 2 || newest % 10) return;
  const fps = (1000 * (times.length - 1)) / (now - times[0]), middle = [...delays].sort((a, b) => a - b)[delays.length >> 1];
  find(".figures").textContent = `${fps.toFixed(0)} pictures a second, ${middle.toFixed(0)} ms behind you`;
}

function command(name, value = null) {  // one after the other, as they were given
  const asked = { ticket, name, value };
  commands = commands.then(() => server.live_command(asked)).then((problem) => problem && say(problem, true)).catch(() => {});
}

// What is kept

function keep(source, name) {
  const link = document.createElement("a"), own = source instanceof Blob;
  link.href = own ? URL.createObjectURL(source) : source;
  link.download = name;
  link.click();
  if (own) setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function record() {
  if (recorder) return recorder.stop();
  if (asksToRecord) return;
  asksToRecord = true;
  const seen = puppet.captureStream(30), parts = [];
  let sound = null;
  try {
    sound = await navigator.mediaDevices.getUserMedia({ audio: true });
    sound.getAudioTracks().forEach((track) => seen.addTrack(track));
  } catch {
    say("Recording without sound: the microphone is not allowed, or there is none.", true);
  }
  asksToRecord = false;
  const end = () => seen.getTracks().forEach((track) => track.stop());
  if (!stream) return end();
  try {
    recorder = new MediaRecorder(seen, { videoBitsPerSecond: 4e6 });
  } catch {
    end();
    return say("This browser cannot record. Try Chrome, Edge or Firefox.", true);
  }
  const mine = recorder, tooLong = setTimeout(() => mine.state === "recording" && mine.stop(), 1000 * LONGEST_RECORDING_S);
  mine.ondataavailable = ({ data }) => parts.push(data);
  mine.onstop = () => {
    clearTimeout(tooLong);
    end();
    recorder = null;
    find("[name=record]").textContent = "Record";
    recorded(new Blob(parts, { type: mine.mimeType }));
  };
  mine.start(1000);
  find("[name=record]").textContent = "Stop recording";
}

async function recorded(film) {
  const ending = film.type.includes("mp4") ? "mp4" : "webm";
  find(".kept").textContent = "Your recording is being made ready";
  try {
    const { path } = await upload(new File([film], `recording.${ending}`, { type: film.type }));
    const answer = await server.live_recording({ ticket, path });
    if (answer.problem) throw new Error(answer.problem);
    keep(new URL(`gradio_api/file=${answer.path}`, document.baseURI), "recording.mp4");
    find(".kept").textContent = "Your recording is among your downloads: recording.mp4";
  } catch (error) {
    keep(film, `recording.${ending}`);
    find(".kept").textContent = `Your recording is among your downloads as the browser made it. ${error.message || ""}`;
  }
}

window.addEventListener("beforeunload", (event) => { if (recorder) event.preventDefault(); });
element.addEventListener("click", ({ target }) => {
  const button = target.closest("button");
  if (!button) return;
  if (button.name === "start") stream ? stop() : start();
  else if (button.name === "calibrate") command("calibrate");
  else if (button.name === "freeze") {
    const frozen = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", frozen);
    command("freeze", frozen);
  } else if (button.name === "snapshot") puppet.toBlob((blob) => keep(blob, "puppet.png"));
  else if (button.name === "record") record();
});
element.addEventListener("pointerdown", ({ target }) => {
  const key = target.closest("button[data-sliders]");
  if (!key) return;
  isHeld = true;
  command("press", key.dataset.sliders);
});
for (const end of ["pointerup", "pointercancel"]) {
  window.addEventListener(end, () => {
    if (isHeld) command("press", "");
    isHeld = false;
  });
}

function chosen() {
  const value = props.value || {};
  if ((value.ticket || null) === ticket) return;
  ticket = value.ticket || null;
  find("img").src = value.picture || "";
  element.classList.toggle("ready", Boolean(ticket));
  element.classList.remove("shown");
  if (stream) ticket ? connect() : stop("Choose a photo or a puppet.");
  else say(ticket ? "Ready. Start the camera, look straight and relax." : "Choose a photo or a puppet.");
}
watch("value", chosen);
show(false);
say("Choose a photo or a puppet.");
chosen();
