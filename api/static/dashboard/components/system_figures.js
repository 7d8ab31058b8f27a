/** The figures of the system page. */

import { h } from "../lib/dom.js";
import { duration, number } from "../lib/format.js";
import { t, tn } from "../lib/i18n.js";

/** @typedef {import("../lib/system.js").State} State */
/** @typedef {import("../lib/system.js").Job} Job */

const ENDED = ["completed", "failed", "cancelled"];

/** @param {State} state @param {Job[]} jobs */
export function systemFigures(state, jobs) {
  const { depths, workers } = state;
  const open = jobs.filter((job) => !ENDED.includes(job.status)).length;
  const busy = workers.filter((worker) => worker.working_on.length).length;
  return h("dl", { class: "figures" },
    figure("workers", number(workers.length), tn("system.busy", busy)),
    figure("open", number(open), tn("system.to_plan", depths.orchestrator)),
    figure("waiting", number(depths.waiting + depths.ready), tn("system.claimed", depths.claimed)),
    figure("oldest", duration(state.oldest_wait_s), t(state.oldest_wait_s === null ? "system.none_waits" : "system.since_planned")));
}

/** @param {string} name @param {string} value @param {string} detail */
function figure(name, value, detail) {
  return h("div", { class: "figure", "data-figure": name },
    h("dt", { class: "figure__name" }, t(`system.figure.${name}`)),
    h("dd", { class: "figure__value" }, value),
    h("dd", { class: "figure__change muted" }, detail));
}
