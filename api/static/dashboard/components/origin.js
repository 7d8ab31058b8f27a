/** Where the figures come from, in one line that opens. */

import { h } from "../lib/dom.js";
import { moment, number } from "../lib/format.js";
import { t, tn } from "../lib/i18n.js";
import { noteText } from "./preview.js";

/** @param {Record<string, any>} job */
export function origin(job) {
  const facts = [t("origin.as_of", { moment: moment(job.finished_at ?? job.started_at) }), job.source, tn("origin.rows", job.rows.read), tn("origin.rejects", job.rows.rejected)];
  if (job.notes.length) facts.push(tn("origin.notes", job.notes.length));
  return h("div", {}, unpublished(job), h("details", { class: "origin" },
    h("summary", {}, facts.join(" · ")),
    h("div", { class: "stack origin__more" },
      h("p", { class: "muted" }, t("origin.job", { id: job.id })),
      h("ul", { class: "stack" }, job.notes.map((/** @type {any} */ note) => h("li", {}, noteText(note)))),
      h("ul", {}, Object.entries(job.rejected_by_reason).map(([reason, count]) => h("li", {}, t("origin.reason", { reason: t(`reason.${reason}`), n: number(/** @type {number} */ (count)) })))))));
}

/**
 * Says that others see another result, and leads there.
 * @param {Record<string, any>} job
 */
function unpublished(job) {
  if (job.status !== "completed" || job.published) return null;
  return h("p", { class: "origin__other" }, t("origin.unpublished"), " ", h("a", { href: "./" }, t("running.leave")));
}
