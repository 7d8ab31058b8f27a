/** Rejected rows: how many for each reason, the first of them, and all of them as a file. */

import { sentence } from "../lib/api.js";
import { h } from "../lib/dom.js";
import { download } from "../lib/download.js";
import { number } from "../lib/format.js";
import { language, t } from "../lib/i18n.js";
import { said } from "../lib/sentences.js";
import { table } from "./table.js";
import { tell } from "./toast.js";

/** @typedef {Record<string, any>} Row */

/** What the programs of the language open by a double click. */
const CSV = { format: "csv", bom: "true", ...(language === "fr" ? { delimiter: ";", decimal: "," } : {}) };

/** The columns of a table of rejected rows. */
function rejectColumns() {
  return [
    { label: t("row.line"), numeric: true, show: (/** @type {Row} */ row) => number(row.line) },
    { label: t("reject.reason"), show: (/** @type {Row} */ row) => t(`reason.${row.reason}`) },
    { label: t("reject.column"), show: (/** @type {Row} */ row) => row.column ?? "–" },
    { label: t("reject.value"), show: (/** @type {Row} */ row) => h("code", { class: "value", title: row.raw }, row.value || t("reject.nothing")) },
    { label: t("reject.expected"), show: (/** @type {Row} */ row) => said(row.expected) },
  ];
}

/**
 * The reasons of a job, each with its number and a bar.
 * @param {Record<string, number>} counts
 */
export function reasons(counts) {
  const most = Math.max(...Object.values(counts));
  const sorted = Object.entries(counts).sort(([, a], [, b]) => b - a);
  return h("dl", { class: "reasons" }, sorted.map(([reason, count]) => h("div", { class: "reason" },
    h("dt", {}, t(`reason.${reason}`)),
    h("dd", {}, h("progress", { class: "bar-line", max: most, value: count, "aria-hidden": "true" }), number(count)))));
}

/**
 * The first rejected rows of a job.
 * @param {Row[]} rows
 */
export function firstRejects(rows) {
  return table(t("check.rejects"), rejectColumns(), rows, "table--stacked");
}

/**
 * Buttons that save all kept rejects.
 * @param {Row} job
 */
export function rejectFiles(job) {
  const save = async (/** @type {Record<string, string>} */ params) => {
    try {
      await download(`jobs/${job.id}/rejects`, params);
    } catch (error) {
      tell(sentence(error), { isError: true });
    }
  };
  return h("div", { class: "row" },
    h("button", { class: "button button--small", type: "button", onclick: () => save(CSV) }, t("reject.csv")),
    h("button", { class: "button button--small", type: "button", onclick: () => save({ format: "xlsx" }) }, t("reject.xlsx")));
}
