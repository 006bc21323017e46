// The picture of the expression editor while a slider moves. One picture is asked for at a time, and the next one for
// where the sliders are by then. When a slider is let go, an event of the page's own follows.
let asking = false, moved = false;

function sliders() {
  const values = {};
  document.querySelectorAll('[id^="slider-"] input[type=range]').forEach((slider) => {
    values[slider.closest('[id^="slider-"]').id.slice("slider-".length)] = slider.valueAsNumber;
  });
  return values;
}

async function show() {
  moved = true;
  if (asking) return;
  asking = true;
  try {
    while (moved) {
      moved = false;
      const figure = element.querySelector("figure[data-ticket]");
      if (!figure) break;
      const { ticket } = figure.dataset, source = await server.moving_picture({ ticket, sliders: sliders() });
      // The face may have been changed for another one meanwhile.
      if (source && figure.dataset.ticket === ticket) figure.querySelector("img").src = source;
    }
  } catch {
    // The event that follows says what went wrong.
  } finally {
    asking = false;
  }
}

document.addEventListener("input", (event) => {
  // What is typed into a number field is in its slider a moment later.
  if (event.target.closest('[id^="slider-"]')) setTimeout(show);
});
