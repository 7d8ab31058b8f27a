/** One line about the job that runs now, with its result so far to look at. */

import { h } from "../lib/dom.js";
import { number } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/**
 * @param {Record<string, any>} job
 * @param {boolean} isShown Whether the page shows its result so far.
 * @param {{show: () => void, leave: () => void}} actions
 */
export function runningLine(job, isShown, actions) {
  const percent = Math.floor(job.progress * 100);
  const button = isShown
    ? h("button", { class: "button button--small", type: "button", onclick: actions.leave }, t("running.leave"))
    : h("button", { class: "button button--small", type: "button", onclick: actions.show }, t("running.show"));
  return h("div", { class: `running row${isShown ? " running--shown" : ""}` },
    h("progress", { max: 100, value: percent, "aria-label": t("running.progress") }),
    h("span", {}, t(isShown ? "running.partial" : "running.job", { source: job.source, percent: number(percent) })),
    job.rows.accepted > 0 && button);
}
