/** Jobs that failed because batches are dead, each with its reason and a button to run it again. */

import { h } from "../lib/dom.js";
import { moment, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { said } from "../lib/sentences.js";

/** @typedef {import("../lib/system.js").Job} Job */

const MOST_SHOWN = 20;

/** @param {Job[]} dead @param {(job: Job) => Promise<void>} retry */
export function deadList(dead, retry) {
  if (!dead.length) return [h("p", { class: "muted" }, t("system.no_dead"))];
  return [
    h("ul", { class: "dead" }, dead.slice(0, MOST_SHOWN).map((job) => line(job, retry))),
    dead.length > MOST_SHOWN && h("p", {}, h("a", { href: "jobs" }, t("system.more_dead", { n: number(dead.length - MOST_SHOWN) }))),
  ];
}

/** @param {Job} job @param {(job: Job) => Promise<void>} retry */
function line(job, retry) {
  const button = /** @type {HTMLButtonElement} */ (h("button", { class: "button", type: "button", "aria-label": t("action.of", { action: t("action.retry"), source: job.source }), onclick: run }, t("action.retry")));
  async function run() {
    button.disabled = true;
    await retry(job);
    button.disabled = false;
  }
  return h("li", { class: "dead__job", "data-job": job.id },
    h("div", { class: "stack dead__text" },
      h("h3", {}, job.source),
      h("p", {}, said(job.error)),
      h("p", { class: "muted small" }, [t("system.dead_batches", { n: number(job.batches.dead), total: number(job.batches.total) }), moment(job.finished_at), t("origin.job", { id: job.id })].join(" · "))),
    button);
}
