/** The status of a job, as a word with a mark, and the remaining time and speed in words. */

import { h } from "../lib/dom.js";
import { duration, number } from "../lib/format.js";
import { t, tn } from "../lib/i18n.js";
import { isOpen } from "../lib/jobs.js";
import { said } from "../lib/sentences.js";
import { icon } from "./icons.js";

/** @typedef {Record<string, any>} Job */

const ICONS = /** @type {Record<string, "check" | "warning" | "close">} */ ({ completed: "check", failed: "warning", cancelled: "close" });

/** @param {Job} job */
export function badge(job) {
  const mark = isOpen(job) ? h("span", { class: "badge__dot" }) : icon(ICONS[job.status]);
  return h("span", { class: `badge badge--${isOpen(job) ? "open" : job.status}` }, mark, t(`status.${job.status}`));
}

/** Says that the results page shows the result of this job. */
export function publishedBadge() {
  return h("span", { class: "badge badge--published" }, t("status.published"));
}

/**
 * How far an open job is, and how fast.
 * @param {Job} job
 * @param {number} workers How many have one of its batches.
 */
export function pace(job, workers) {
  if (job.waits_for) return [t(`pace.waits.${job.waits_for}`)];
  if (job.status === "queued" || job.status === "planning") return [t(`pace.${job.status}`)];
  return [
    t("pace.percent", { percent: number(Math.floor(job.progress * 100)) }),
    tn("pace.rows", job.rows.read),
    job.rows_per_s !== null && t("pace.speed", { n: number(job.rows_per_s) }),
    job.eta_s !== null && t("pace.left", { time: duration(job.eta_s) }),
    workers > 0 && tn("pace.workers", workers),
    workers === 0 && job.rows.read === 0 && t("pace.no_worker"),
    job.batches.retried > 0 && tn("pace.retried", job.batches.retried),
  ].filter(Boolean);
}

/**
 * What an ended job has come to, in one sentence.
 * @param {Job} job
 */
export function outcome(job) {
  if (job.status === "failed") return said(job.error);
  if (job.status === "cancelled") return t("outcome.cancelled");
  return t("outcome.completed", { rows: tn("pace.rows", job.rows.read), rejected: tn("origin.rejects", job.rows.rejected), time: duration(job.duration_s) });
}
