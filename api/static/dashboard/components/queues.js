/** The queues in the order in which a job passes them, each with what it holds. */

import { h } from "../lib/dom.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";

const QUEUES = ["orchestrator", "waiting", "ready", "claimed", "aggregator"];

/** @param {Record<string, number>} depths */
export function queueList(depths) {
  return h("ol", { class: "queues" }, QUEUES.map((queue) =>
    h("li", { class: "queue", "data-queue": queue },
      h("span", { class: "queue__name" }, t(`system.queue.${queue}`)),
      h("span", { class: "queue__depth" }, number(depths[queue])),
      h("span", { class: "muted small" }, t(`system.queue_why.${queue}`)))));
}
