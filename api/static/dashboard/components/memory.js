/** The memory of Redis: how full it is, and which jobs wait for it. */

import { h, svg } from "../lib/dom.js";
import { bytes, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/** @typedef {import("../lib/system.js").Memory} Memory */
/** @typedef {import("../lib/system.js").Job} Job */

/** @param {Memory} memory @param {Job[]} waiting Jobs that wait for memory. */
export function memoryParts(memory, waiting) {
  return [
    memory.maximum_bytes ? meter(memory, memory.maximum_bytes) : h("p", {}, t("system.no_maximum", { used: bytes(memory.used_bytes) })),
    h("h3", {}, t("system.waiting_jobs")),
    waiting.length === 0 && h("p", { class: "muted" }, t("system.nothing_waits")),
    waiting.length > 0 && h("ul", {}, waiting.map((job) => h("li", {}, job.source))),
  ];
}

/** @param {Memory} memory @param {number} maximum */
function meter(memory, maximum) {
  const percent = (/** @type {number} */ part) => (100 * part) / maximum;
  const used = Math.min(percent(memory.used_bytes), 100);
  const text = t("system.memory_used", { used: bytes(memory.used_bytes), maximum: bytes(maximum), percent: number(Math.ceil(used)) });
  const marks = [memory.claim_bytes, memory.commit_bytes].map((limit) => percent(limit ?? maximum));
  const isFull = used > marks[0];
  return h("div", { class: "stack memory" },
    h("p", {}, text),
    svg("svg", { class: `meter${isFull ? " meter--full" : ""}`, viewBox: "0 0 100 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      svg("rect", { class: "meter__all", width: 100, height: 1 }),
      svg("rect", { class: "meter__used", width: used, height: 1 }),
      marks.map((mark) => svg("line", { x1: mark, x2: mark, y1: 0, y2: 1 }))),
    h("p", { class: "muted small" }, t("system.memory_marks", { claim: number(marks[0]), commit: number(marks[1]) })));
}
