/** The batches of a job as a strip of cells in the order of the file. */

import { fill, h } from "../lib/dom.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/** @typedef {Record<string, any>} Batch */

/** A cell stands for several batches if there are more than fit. */
const MOST_CELLS = 100;
/** The state of a cell is the first of these that one of its batches has. */
const TELLING = ["dead", "claimed", "waiting", "dropped", "done"];

/**
 * Shows the batches; before any are known, by the counts of the job.
 * @param {HTMLElement} place
 * @param {Record<string, any>} job
 * @param {Batch[]} batches
 */
export function drawStrip(place, job, batches) {
  const states = batches.length ? batches.map((batch) => batch.state) : counted(job.batches);
  const size = Math.ceil(states.length / MOST_CELLS) || 1;
  const cells = Array.from({ length: Math.ceil(states.length / size) }, (_, index) => stateOf(states.slice(index * size, (index + 1) * size)));
  place.setAttribute("aria-label", t("strip.label", { done: number(job.batches.done), total: number(job.batches.total) }));
  if (place.childElementCount !== cells.length) fill(place, cells.map(() => h("span", { class: "cell" })));
  cells.forEach((state, index) => (place.children[index].className = `cell cell--${state}`));
}

/** @param {string[]} states */
function stateOf(states) {
  return TELLING.find((state) => states.includes(state)) ?? "waiting";
}

/** @param {Record<string, number>} counts */
function counted({ total, done, dead }) {
  return Array.from({ length: total }, (_, index) => (index < done ? "done" : index < done + dead ? "dead" : "waiting"));
}
