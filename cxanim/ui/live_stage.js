// Camera and puppet side by side: frames go out as JPEG, and the puppet's pictures come back, over a WebSocket of the
// page's own; where none can pass, over the calls that Gradio itself makes, one at a time. The formats are live_route's.
const MOST_UNDER_WAY = 2, LONGEST_PX = 480, QUALITY = 0.8, OPEN_MS = 5000, RETRIES_S = [1, 2, 4, 8];
const STATES = ["", "waiting", "calibrating", "following", "frozen"], ANSWER_BYTES = 29;
const WORDS = {
  waiting: "No face is seen: the puppet rests", calibrating: "Look straight and relax for a second",
  following: "It follows you", frozen: "Frozen", "": "",
};
const REFUSED = {
  NotAllowedError: "The camera is not allowed. Allow it in the address bar of the browser, then press Start again.",
  NotFoundError: "No camera was found. Plug one in, then press Start again.",
  NotReadableError: "The camera cannot be opened: another program or tab has it. Close that, then press Start again.",
};
const find = (selector) => element.querySelector(selector);
const [video, puppet, taken] = ["video", "canvas", "canvas"].map((name) => document.createElement(name));
Object.assign(video, { muted: true, playsInline: true });
puppet.className = "puppet";
let stream = null, road = null, number = 0, underWay = 0, newest = -1, ticket = null, retries = 0, mirror = true;
let times = [], delays = [], said = ["", false], recorder = null;

function say(words, bad = false) {
  said = [words, bad];
  find(".say").textContent = words;
  find(".say").classList.toggle("bad", bad);
}

function arrange() {  // a new value draws the page's part anew: what runs is put back into it
  if (video.isConnected && puppet.isConnected) return;
  find(".camera").prepend(video);
  find(".mine").append(puppet);
  show(Boolean(stream));
  say(...said);
  if (stream) video.play();
}

function show(running) {
  element.classList.toggle("running", running);
  find("[name=start]").textContent = running ? "Stop" : "Start the camera";
}

async function start() {
  if (!ticket) return say("Choose a photo or a puppet first.", true);
  if (!navigator.mediaDevices) return say("Browsers give the camera to https and localhost alone. Open this page so.", true);
  try {
    const size = { width: { ideal: 480 }, height: { ideal: 360 }, frameRate: { ideal: 30 } };
    stream = await navigator.mediaDevices.getUserMedia({ video: size, audio: false });
  } catch (error) {
    return say(REFUSED[error.name] || `The camera cannot be opened (${error.name}).`, true);
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => stop("The camera was unplugged. Plug it in, then press Start again.", true));
  video.srcObject = stream;
  await video.play();
  show(true);
  retries = 0;
  connect();
  next();
}

function stop(words = "", bad = false) {
  if (recorder) record();
  if (stream) stream.getTracks().forEach((track) => track.stop());
  const before = road;
  [stream, road, video.srcObject] = [null, null, null];
  if (before) before.close();
  show(false);
  find(".figures").textContent = "";
  say(words, bad);
}

function connect() {
  [number, underWay, newest, times, delays] = [0, 0, -1, [], []];
  const place = new URL("live", document.baseURI);
  place.protocol = place.protocol.replace("http", "ws");
  place.search = new URLSearchParams({ ticket });
  const socket = new WebSocket(place), tooLong = setTimeout(() => socket.close(), OPEN_MS);
  let opened = false, refused = false;
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    [opened, retries] = [true, 0];
    clearTimeout(tooLong);
    road = { send: (head, frame) => socket.send(new Blob([head, frame])), close: () => socket.close(), words: "" };
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === "string") {
      refused = true;
      stop(JSON.parse(data).problem, true);
    } else take(data);
  };
  socket.onclose = () => {
    clearTimeout(tooLong);
    if (!stream || refused) return;
    road = null;
    if (!opened && !retries) return slowly();
    if (retries >= RETRIES_S.length) return stop("The connection is lost. Press Start to try again.", true);
    say("The connection is lost; trying again", true);
    setTimeout(() => stream && connect(), 1000 * RETRIES_S[retries++]);
  };
}

function slowly() {  // the same frames through Gradio, which takes its time
  road = {
    words: " (over the slow road: this connection lets no WebSocket pass)",
    close: () => {},
    send: async (head, frame) => {
      const view = new DataView(head), bytes = new Uint8Array(await frame.arrayBuffer());
      let text = "";
      bytes.forEach((byte) => { text += String.fromCharCode(byte); });
      const mine = road, time = view.getFloat64(4, true);
      try {
        const answer = await server.live_frame({ ticket, time_ms: time, frame: btoa(text) });
        if (road !== mine) return;
        if (answer.problem) return stop(answer.problem, true);
        const picture = Uint8Array.from(atob(answer.picture), (letter) => letter.charCodeAt(0));
        underWay--;
        paint(view.getUint32(0, true), time, STATES.indexOf(answer.state), new Blob([picture], { type: "image/jpeg" }));
      } catch {
        if (road === mine) stop("The connection is lost. Press Start to try again.", true);
      }
    },
  };
}

function next() {
  if (!stream) return;
  if (video.requestVideoFrameCallback) video.requestVideoFrameCallback(send);
  else requestAnimationFrame(send);
}

function send() {
  next();
  if (!road || underWay >= MOST_UNDER_WAY || !video.videoWidth) return;
  const scale = Math.min(1, LONGEST_PX / Math.max(video.videoWidth, video.videoHeight));
  taken.width = Math.round(video.videoWidth * scale);
  taken.height = Math.round(video.videoHeight * scale);
  const now = performance.now(), mine = ++number, way = road;
  taken.getContext("2d").drawImage(video, 0, 0, taken.width, taken.height);
  underWay++;
  taken.toBlob((frame) => {
    if (road !== way) return;
    const head = new ArrayBuffer(12), view = new DataView(head);
    view.setUint32(0, mine, true);
    view.setFloat64(4, now, true);
    way.send(head, frame);
  }, "image/jpeg", QUALITY);
}

function take(data) {
  underWay--;
  const view = new DataView(data);
  if (data.byteLength > ANSWER_BYTES) {
    const picture = new Blob([new Uint8Array(data, ANSWER_BYTES)], { type: "image/jpeg" });
    paint(view.getUint32(0, true), view.getFloat64(4, true), view.getUint8(12), picture);
  }
}

async function paint(which, sent, state, picture) {
  const image = await createImageBitmap(picture);
  if (which < newest || !stream) return;
  newest = which;
  if (puppet.width !== image.width) puppet.width = puppet.height = image.width;
  puppet.getContext("2d").drawImage(image, 0, 0);
  puppet.dataset.frame = which;
  element.classList.add("shown");
  const now = performance.now();
  times.push(now);
  delays.push(now - sent);
  times = times.filter((time) => now - time < 2000);
  delays = delays.slice(-times.length);
  const words = WORDS[STATES[state]] + (road ? road.words : "");
  if (words !== said[0]) say(words);
  if (times.length > 1 && which % 10 === 0) {
    const fps = (1000 * (times.length - 1)) / (now - times[0]), middle = [...delays].sort((a, b) => a - b)[delays.length >> 1];
    find(".figures").textContent = `${fps.toFixed(0)} pictures a second, ${middle.toFixed(0)} ms behind you`;
  }
}

const command = (name, value = null) => server.live_command({ ticket, name, value });

function keep(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

async function record() {
  const button = find("[name=record]");
  if (recorder) {
    recorder.stop();
    recorder = null;
    button.textContent = "Record";
    return;
  }
  const seen = puppet.captureStream(30);
  let sound = null;
  try {
    sound = await navigator.mediaDevices.getUserMedia({ audio: true });
    sound.getAudioTracks().forEach((track) => seen.addTrack(track));
  } catch {
    say("Recording without sound: the microphone is not allowed, or there is none.", true);
  }
  const parts = [];
  recorder = new MediaRecorder(seen, { mimeType: "video/webm", videoBitsPerSecond: 4e6 });
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = async () => {
    if (sound) sound.getTracks().forEach((track) => track.stop());
    say("Your recording is being made into an mp4");
    try {
      const { path } = await upload(new File(parts, "recording.webm", { type: "video/webm" }));
      props.value = { ...props.value, recording: path };
      queueMicrotask(arrange);
      trigger("submit");
      say("");
    } catch {
      say("The recording did not reach the server; here it is as the browser made it.", true);
      keep(new Blob(parts, { type: "video/webm" }), "recording.webm");
    }
  };
  recorder.start(1000);
  button.textContent = "Stop recording";
}

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
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
for (const [event, value] of [["pointerdown", true], ["pointerup", false], ["pointerleave", false]]) {
  element.addEventListener(event, ({ target }) => {
    const key = target.closest && target.closest("button[data-sliders]");
    if (key) command("press", value ? key.dataset.sliders : "");
  }, true);
}

function chosen() {
  arrange();
  const value = props.value || {};
  mirror = value.mirror !== false;
  element.classList.toggle("mirrored", mirror);
  find("img").src = value.picture || "";
  element.classList.toggle("ready", Boolean(value.ticket));
  if ((value.ticket || null) === ticket) return;
  const wasRunning = Boolean(stream);
  ticket = value.ticket || null;
  element.classList.remove("shown");
  if (wasRunning && road) road.close();
  if (wasRunning) ticket ? connect() : stop("Choose a photo or a puppet.");
  else say(ticket ? "Ready. Start the camera, look straight and relax." : "Choose a photo or a puppet.");
}
watch("value", chosen);
chosen();
