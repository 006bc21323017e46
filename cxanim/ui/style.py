"""How the app looks: theme, style sheet, header and the numbered steps."""

import html

import gradio as gr

PROMISE = "Pick a face, pick a motion, watch it move."
_MORE = "Photos, paintings and drawings come alive in seconds."
_FONTS = ["Inter", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif"]

_LOGO = """
<svg viewBox="0 0 64 64" width="44" height="44" aria-hidden="true">
  <g fill="none" stroke="currentColor" stroke-width="3" stroke-linecap="round">
    <path d="M12 10h40M32 5v10" />
    <path d="M16 10l4 24M48 10l-4 24M32 15v12" stroke-width="1.6" opacity=".65" />
  </g>
  <circle cx="32" cy="42" r="16" fill="currentColor" />
  <circle cx="26" cy="39" r="2.4" fill="var(--body-background-fill)" />
  <circle cx="38" cy="39" r="2.4" fill="var(--body-background-fill)" />
  <path d="M25 46c3 5 11 5 14 0" fill="none" stroke="var(--body-background-fill)" stroke-width="2.6"
    stroke-linecap="round" />
</svg>"""

CSS = """
.gradio-container { max-width: 1240px !important; width: 100% !important; margin: 0 auto !important; }
.gradio-container > main { width: 100%; }
.masthead { display: flex; align-items: center; gap: 14px; padding: 10px 4px 2px; }
.masthead svg, .masthead svg * { color: var(--primary-600) !important; }
.masthead svg { flex: none; width: 56px; height: 56px; }
.dark .masthead svg, .dark .masthead svg * { color: var(--primary-400) !important; }
.masthead h1 { margin: 0; font-size: 1.7rem; line-height: 1.15; letter-spacing: -.02em; }
.masthead p { margin: 3px 0 0; color: var(--body-text-color); font-size: 1.02rem; }
.masthead p span { color: var(--body-text-color-subdued); }
.html-container { padding: 0 !important; }
.block:has(> .html-container > .prose:empty) { display: none; }

.bench { gap: 20px !important; align-items: flex-start; }
.sheet { background: var(--background-fill-primary); border: 1px solid var(--border-color-primary);
  border-radius: 16px; padding: 18px 20px 20px; gap: 12px !important; box-shadow: 0 1px 3px rgb(0 0 0 / .05); }

.step { display: flex; flex-wrap: wrap; align-items: center; gap: 4px 10px; margin-top: 4px; }
.step b { flex: none; width: 26px; height: 26px; border-radius: 50%; display: grid; place-items: center;
  background: var(--primary-600); color: white; font-size: .85rem; }
.step span { font-weight: 650; font-size: 1.05rem; color: var(--body-text-color); }
.step small { color: var(--body-text-color-subdued); font-size: .88rem; }

.pills .wrap, .presets .wrap { gap: 8px; }
.presets label > input, .pills label > input { position: absolute; opacity: 0; }
.presets label > span, .pills label > span { margin: 0; }
.presets label:focus-within, .pills label:focus-within { outline: 2px solid var(--primary-400); outline-offset: 1px; }
.caption p { margin: 0; color: var(--body-text-color-subdued); font-size: .92rem; }
.controls > .form, .controls.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(230px, 1fr));
  background: none; border: 0; }
.controls > .form { grid-column: 1 / -1; gap: 4px 10px; }
.controls > .form > .block { border: 0 !important; }

.actions { gap: 10px !important; }
.actions button { font-weight: 650; }

.status { border-radius: 12px; padding: 12px 14px; background: var(--background-fill-secondary);
  border: 1px solid var(--border-color-primary); color: var(--body-text-color); }
.status strong { font-weight: 650; }
.status .words { margin-top: 4px; color: var(--body-text-color-subdued); font-size: .92rem;
  font-variant-numeric: tabular-nums; }
.status .terms { margin-top: 2px; font-size: .85rem; }
.status .bar { height: 8px; margin-top: 8px; border-radius: 4px; overflow: hidden;
  background: var(--border-color-primary); }
.status .bar i { display: block; height: 100%; border-radius: 4px; background: var(--primary-500);
  transition: width .4s linear; }
.status.failed { border-color: #d9485f; background: color-mix(in srgb, #d9485f 10%, var(--background-fill-primary)); }
.status.done { border-left: 4px solid var(--primary-500); }

.preview, .portrait { margin: 0; }
.preview { display: grid; grid-template-columns: 1fr 1fr 1fr; gap: 6px 0; }
.preview b { font-size: .85rem; font-weight: 600; text-align: center; }
.preview img { grid-column: 1 / -1; width: 100%; border-radius: 12px; display: block; }
.sketch { margin: 0; }
.sketch img { width: 100%; border-radius: 12px; display: block; }
.portrait { display: flex; align-items: center; gap: 14px; }
.credit { text-align: center; color: var(--body-text-color-subdued); font-size: .8rem; }
.portrait img { width: 96px; height: 96px; border-radius: 12px; }
figcaption { color: var(--body-text-color-subdued); font-size: .85rem; margin-top: 6px; }
/* Room for the row of sources, which Gradio lets hang out of a field of fixed height. */
.block:has(.source-selection) .video-container { height: calc(100% - 40px) !important; }
.block:has(.source-selection) .video-container .wrap { height: 100% !important; }

/* A box that hides its overflow would keep the picture from staying in view beside its sliders. */
.gradio-container { overflow: clip !important; }
.studio { align-items: flex-start; }
.stage { position: sticky; top: 8px; z-index: 50; background: var(--background-fill-primary); }
#editor-picture figure { margin: 0; }
#editor-picture img { width: 100%; aspect-ratio: 1; border-radius: 12px; display: block; }
#editor-picture .nobody { aspect-ratio: 1; border-radius: 12px; display: grid; place-items: center; padding: 20px;
  text-align: center; color: var(--body-text-color-subdued); background: var(--background-fill-secondary);
  border: 1px dashed var(--border-color-primary); }
.sliders { gap: 2px !important; }
.sliders h4 { margin: 4px 0 0; font-size: .95rem; }
.sliders h4 small { font-weight: 400; color: var(--body-text-color-subdued); }
.sliders .controls > .form, .sliders .controls.row { grid-template-columns: 1fr 1fr; gap: 0 14px; }
.sliders .wide { grid-column: 1 / -1; }
.sliders .block { padding: 3px 0 !important; }
.sliders .block label, .sliders .block .head span { font-size: .86rem; margin: 0; }
.sliders .block .head { gap: 4px; margin: 0; }
.sliders .block .head input[type=number] { width: 58px; min-width: 0; padding: 2px 4px; font-size: .82rem; }
.sliders .block .min_value, .sliders .block .max_value { display: none; }
.keyframes .wrap { flex-direction: column; gap: 6px; max-height: 260px; overflow-y: auto; flex-wrap: nowrap; }
.keyframes label { font-variant-numeric: tabular-nums; }
.tight { gap: 10px !important; align-items: flex-end; }
.stage .actions button { padding-inline: 8px; white-space: nowrap; }

@media (max-width: 640px) {
  .sheet { padding: 14px; }
  .masthead p { font-size: .92rem; }
  .stage { top: 0; padding-bottom: 6px; }
  .stage #editor-picture :is(img, .nobody) { width: min(100%, 38vh); margin: 0 auto; }
  .sliders .block .head input[type=number] { width: 48px; height: 24px; }
  .sliders .block .head button { display: none; }
  .result .block:has(video) { height: auto !important; }
}
"""


def theme() -> gr.themes.Base:
    """Calm paper, one warm accent; the system's own fonts, so that nothing is fetched."""
    return gr.themes.Soft(
        primary_hue=gr.themes.colors.rose,
        secondary_hue=gr.themes.colors.rose,
        neutral_hue=gr.themes.colors.stone,
        radius_size=gr.themes.sizes.radius_lg,
        font=_FONTS,
        font_mono=["ui-monospace", "monospace"],
    ).set(
        block_label_background_fill="*neutral_100",
        block_label_background_fill_dark="*neutral_700",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_200",
        block_title_background_fill="transparent",
        block_title_background_fill_dark="transparent",
        block_title_padding="0",
        block_title_text_color="*body_text_color",
        block_title_text_color_dark="*body_text_color",
        checkbox_label_background_fill_selected="*primary_100",
        checkbox_label_background_fill_selected_dark="*primary_900",
        checkbox_label_text_color_selected="*primary_800",
        checkbox_label_text_color_selected_dark="*primary_100",
        checkbox_label_border_color_selected="*primary_400",
        checkbox_label_border_color_selected_dark="*primary_500",
        checkbox_label_border_width="1px",
        body_background_fill="*neutral_50",
        background_fill_secondary="*neutral_50",
        block_background_fill="*neutral_50",
        block_background_fill_dark="*neutral_900",
        block_border_width="1px",
        block_border_width_dark="1px",
        block_shadow="none",
        checkbox_border_color="*neutral_400",
        checkbox_border_color_dark="*neutral_500",
        checkbox_border_width="1px",
    )


def header() -> None:
    """Name and promise."""
    gr.HTML(
        f'<header class="masthead">{_LOGO}<div><h1>cxanim</h1><p>{PROMISE} <span>{_MORE}</span></p></div></header>',
        padding=False,
    )


def step(number: int, title: str, words: str = "") -> None:
    """The heading of a numbered step."""
    more = f"<small>{html.escape(words)}</small>" if words else ""
    gr.HTML(f'<div class="step"><b>{number}</b><span>{html.escape(title)}</span>{more}</div>', padding=False)
