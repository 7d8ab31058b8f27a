/** Draws a chart of the API with vega-embed, whose script is loaded when the first chart is drawn. */

import { ask } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { language, t } from "../lib/i18n.js";
import { theme } from "../lib/themes.js";

/** @typedef {import("../lib/api.js").Params} Params */
/** @typedef {{finalize: () => void, view: {addEventListener: Function}}} Drawn */
/** @typedef {(datum: Record<string, unknown>) => void} Pick */

const NARROWEST = 320;
const WIDEST = 2400;

/** @type {Promise<void> | null} */
let library = null;
/** @type {WeakMap<Element, Drawn>} */
const shown = new WeakMap();

/** Begins to load the script; a failure is forgotten, so that the next chart tries again. */
function loadLibrary() {
  library ??= load().catch((error) => {
    library = null;
    throw error;
  });
  return library;
}

function load() {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("../vega.js", import.meta.url).href;
    script.onload = () => resolve(undefined);
    script.onerror = () => reject(new Error(t("chart.no_library")));
    document.head.append(script);
  });
}

/**
 * Draws a chart into a place, or says there in a line why nothing is drawn. Returns the notes that belong to it.
 * @param {HTMLElement} place
 * @param {string} name
 * @param {{params: Params, height?: number, pick: Pick, signal: AbortSignal}} options
 * @returns {Promise<string>}
 */
export async function drawChart(place, name, { params, height, pick, signal }) {
  const width = Math.min(WIDEST, Math.max(NARROWEST, Math.floor(place.clientWidth)));
  const look = { width, height, theme: theme(), lang: language };
  const [spec] = await Promise.all([ask(`charts/${name}.json`, { params: { ...params, ...look }, signal }), loadLibrary()]);
  signal.throwIfAborted();
  const notes = joined(spec.title?.subtitle);
  const nothing = whyNothing(spec);
  if (nothing) {
    fill(place, h("p", { class: "chart__picture chart__nothing muted" }, nothing));
    return notes;
  }
  const label = `${joined(spec.title?.text)} ${notes}`.trim();
  // The card around the chart has its title, its notes and its space.
  delete spec.title;
  Object.assign(spec.config, { background: "transparent", padding: 4 });
  await embed(place, spec, label, pick);
  return notes;
}

/**
 * Joins the lines of a text. Each line but the last ends with a space.
 * @param {string | string[]} [lines]
 */
function joined(lines) {
  return [lines ?? []].flat().join("");
}

/**
 * What a specification says if it has nothing to draw: it is a text alone then.
 * @param {any} spec
 */
function whyNothing({ layer: [{ mark }, ...others] }) {
  return others.length === 0 && mark.type === "text" ? joined(mark.text) : "";
}

/** @param {HTMLElement} place @param {object} spec @param {string} label @param {Pick} pick */
async function embed(place, spec, label, pick) {
  const canvas = h("div", { class: "chart__picture", role: "img", "aria-label": label });
  const vegaEmbed = /** @type {any} */ (window).vegaEmbed;
  /** @type {Drawn} */
  const drawn = await vegaEmbed(canvas, spec, {
    actions: false,
    ast: true, // the content policy allows no eval
    defaultStyle: false, // nor style elements: styles/results.css has them
    tooltip: { disableDefaultStyle: true },
  });
  drawn.view.addEventListener("click", (/** @type {Event} */ _, /** @type {any} */ item) => item?.datum && pick(item.datum));
  shown.get(place)?.finalize();
  shown.set(place, drawn);
  fill(place, canvas);
}
