/** The table of live workers. */

import { fill, h } from "../lib/dom.js";
import { duration, moment } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { heartbeatOf, workOf } from "../lib/system.js";
import { table } from "./table.js";

/** @typedef {import("../lib/system.js").Worker} Worker */
/** @typedef {import("../lib/system.js").State} State */
/** @typedef {Map<string, import("../lib/system.js").Job>} Jobs */

/**
 * Shows the workers; a table that is there keeps its place and its focus, and gets other rows.
 * @param {HTMLElement} place
 * @param {State} state
 * @param {Jobs} jobs
 */
export function showWorkers(place, state, jobs) {
  const shown = place.querySelector("tbody");
  if (!state.workers.length) {
    fill(place, h("p", { class: "muted" }, t("system.no_worker_why")));
    return;
  }
  const drawn = table(t("system.figure.workers"), columns(state, jobs), state.workers);
  const rows = drawn.querySelector("tbody");
  if (shown && rows) shown.replaceWith(rows);
  else fill(place, drawn);
}

/** @param {State} state @param {Jobs} jobs @returns {import("./table.js").Column[]} */
function columns(state, jobs) {
  return [
    { label: t("system.worker"), show: (/** @type {Worker} */ worker) => h("span", { class: "name", title: worker.id }, `${worker.host} · ${worker.pid}`) },
    { label: t("system.heartbeat"), show: (worker) => heartbeat(worker, state.lease_ms) },
    { label: t("system.work"), show: (worker) => work(workOf(worker, jobs)) },
    { label: t("system.runs"), show: (worker) => age(worker) },
  ];
}

/** @param {Worker} worker @param {number} leaseMs */
function heartbeat(worker, leaseMs) {
  const isLate = worker.lease_ms_left < leaseMs / 2;
  return h("span", { class: `beat${isLate ? " beat--late" : ""}` }, heartbeatOf(worker, leaseMs));
}

/** @param {Worker} worker */
function age({ started_at: start }) {
  return h("span", { class: "brief", title: moment(start) }, duration(Math.max(Date.now() - Date.parse(start), 0) / 1_000));
}

/** @param {string[]} lines */
function work(lines) {
  return lines.length ? h("ul", { class: "work" }, lines.map((line) => h("li", {}, line))) : h("span", { class: "muted" }, t("system.idle"));
}
