/** All that is known of a job: why it failed, its rejects, its notes, and how its file was read. */

import { ask, isAbort } from "../lib/api.js";
import { fill, h } from "../lib/dom.js";
import { bytes, moment, number } from "../lib/format.js";
import { t, tn } from "../lib/i18n.js";
import { isOpen } from "../lib/jobs.js";
import { said } from "../lib/sentences.js";
import { action, actionsOf } from "./job_actions.js";
import { notes } from "./preview.js";
import { firstRejects, reasons, rejectFiles } from "./rejects.js";
import { failure, skeleton } from "./states.js";

/** @typedef {Record<string, any>} Job */

const SHOWN_REJECTS = 20;

/**
 * Fills a place with what is known of a job; lists and events cut long notes, so the job is asked for.
 * @param {HTMLElement} place
 * @param {string} id
 * @param {import("./job_actions.js").Owner} owner
 * @param {AbortSignal} signal
 */
export async function showDetail(place, id, owner, signal) {
  if (!place.childElementCount) fill(place, skeleton(4));
  try {
    const job = await ask(`jobs/${id}`, { signal });
    const hasRejects = !isOpen(job) && job.rows.rejected > 0;
    const rejects = hasRejects ? await askRejects(id, signal) : [];
    fill(place, h("div", { class: "detail stack" }, why(job), facts(job, owner), ofRejects(job, rejects), ofNotes(job)));
  } catch (error) {
    if (!isAbort(error)) fill(place, failure(error, () => showDetail(place, id, owner, signal)));
  }
}

/**
 * The first rejects; none if they are gone with the result.
 * @param {string} id
 * @param {AbortSignal} signal
 */
async function askRejects(id, signal) {
  try {
    return (await ask(`jobs/${id}/rejects`, { params: { limit: SHOWN_REJECTS }, signal })).items;
  } catch (error) {
    if (/** @type {any} */ (error).status === 410) return [];
    throw error;
  }
}

/** @param {Job} job */
function why(job) {
  return job.error && h("div", { class: "failure" }, h("p", {}, said(job.error)), h("p", {}, t("detail.way_out")));
}

/** @param {Job} job @param {import("./job_actions.js").Owner} owner */
function facts(job, owner) {
  const { dialect } = job;
  const lines = [
    [t("detail.id"), h("code", {}, job.id)],
    [t("detail.started"), moment(job.started_at)],
    job.rows.read > 0 && [t("detail.accepted"), number(job.rows.accepted)],
    job.batches.total > 0 && [t("detail.batches"), batchesOf(job)],
    job.bytes.total > 0 && [t("detail.bytes"), bytes(job.bytes.total)],
    job.rows.read > 0 && job.rows_per_s !== null && [t("detail.speed"), t("pace.speed", { n: number(job.rows_per_s) })],
    dialect && [t("detail.dialect"), [t(`value.dates_${dialect.dates}`), dialect.encoding, dialect.currency].filter(Boolean).join(" · ")],
    job.result !== null && [t("detail.result"), t(`result.${job.result}`)],
  ];
  const known = /** @type {[string, Node | string][]} */ (lines.filter(Boolean));
  return h("div", { class: "row row--apart detail__head" },
    h("dl", { class: "facts" }, known.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)))),
    actionsOf(job).includes("report") && action("report", job, owner));
}

/** @param {Job} job */
function batchesOf({ batches: { done, total, retried } }) {
  const texts = [t("detail.batches_of", { done: number(done), total: number(total) }), retried > 0 && tn("pace.retried", retried)];
  return texts.filter(Boolean).join(", ");
}

/** @param {Job} job @param {Record<string, any>[]} rejects */
function ofRejects(job, rejects) {
  if (isOpen(job) || job.rows.read === 0) return null;
  if (job.rows.rejected === 0) return h("p", { class: "muted" }, t("detail.no_rejects"));
  return h("section", { class: "stack" },
    h("header", { class: "row row--apart" }, h("h3", {}, tn("origin.rejects", job.rows.rejected)), rejects.length > 0 && rejectFiles(job)),
    reasons(job.rejected_by_reason), rejects.length > 0 && firstRejects(rejects));
}

/** @param {Job} job */
function ofNotes(job) {
  return job.notes.length > 0 && h("section", { class: "stack stack--close" }, h("h3", {}, t("check.notes")), notes(job.notes));
}
