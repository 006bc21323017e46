// What the camera films: while the page is seen every frame is given to `take`, and shown in a screen. Where a browser gives frames themselves
// no video plays: each change of a page costs it a whole picture, so a frame is shown when the page says so, together
// with what was made of another, and alone only where nothing comes. Elsewhere a video shows frames, and gives them.
const NOTHING_CAME_MS = 120;

function filming(stream, screen, take) {
  return window.MediaStreamTrackProcessor ? framed(stream, screen, take) : played(stream, screen, take);
}

function framed(stream, screen, take) {
  const canvas = document.createElement("canvas"), pen = canvas.getContext("2d", { alpha: false });
  const [track] = stream.getVideoTracks();
  const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
  let newest = null, together = 0;
  screen.prepend(canvas);
  function draw() {
    if (!newest) return;
    const { displayWidth: width, displayHeight: height } = newest;
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    pen.drawImage(newest, 0, 0);
    newest.close();
    newest = null;
  }
  (async () => {
    for (;;) {
      const { done, value } = await reader.read().catch(() => ({ done: true }));  // its track tells that it ended
      if (done) return;
      if (newest) newest.close();
      newest = value;
      if (document.hidden) continue;
      take(value, value.displayWidth, value.displayHeight);
      if (performance.now() - together > NOTHING_CAME_MS) draw();
    }
  })();
  return {
    show() {
      together = performance.now();
      draw();
    },
    close() {
      reader.cancel().catch(() => {});
      if (newest) newest.close();
      canvas.remove();
    },
  };
}

function played(stream, screen, take) {
  const video = Object.assign(document.createElement("video"), { muted: true, playsInline: true, srcObject: stream });
  const next = (video.requestVideoFrameCallback || requestAnimationFrame).bind(video.requestVideoFrameCallback ? video : window);
  let open = true;
  screen.prepend(video);
  function look() {
    if (!open) return;
    next(look);
    if (video.videoWidth) take(video, video.videoWidth, video.videoHeight);
  }
  next(look);
  video.play().catch((error) => { if (error.name !== "AbortError") throw error; });  // stopped before it began
  return {
    show() {},
    close() {
      open = false;
      video.srcObject = null;
      video.remove();
    },
  };
}
