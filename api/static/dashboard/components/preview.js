/** What a check has found: the first rows as they will be read, the first rejects, and notes. */

import { h } from "../lib/dom.js";
import { day, money, number } from "../lib/format.js";
import { language, t, tn } from "../lib/i18n.js";
import { said } from "../lib/sentences.js";
import { icon } from "./icons.js";
import { firstRejects } from "./rejects.js";
import { table } from "./table.js";

/** @typedef {import("../lib/sources.js").Check} Check */

/** The number of rejects from which on a check names no more. */
const MOST_REJECTS = 20;

/** @param {Check} check */
export function preview(check) {
  return h("div", { class: "stack preview" },
    check.rows.length > 0 && h("section", { class: "stack stack--close" }, h("h3", {}, t("check.rows")), rows(check)),
    check.rejects.length > 0 && h("section", { class: "stack stack--close" }, h("h3", {}, t("check.rejects")), firstRejects(check.rejects)),
    check.notes.length > 0 && h("section", { class: "stack stack--close" }, h("h3", {}, t("check.notes")), notes(check.notes)));
}

/** @param {Record<string, any>[]} all Notes of a check or of a job. */
export function notes(all) {
  return h("ul", { class: "notes" }, all.map((each) => h("li", {}, noteText(each))));
}

/**
 * A note in the language of the page; if that has no words for the API's message, which names more, it stands below.
 * @param {Record<string, any>} note
 */
export function noteText({ code, message, count }) {
  const original = said(message);
  const text = t(`note.${code}`, { n: number(count) });
  const isEnough = language === "en" || typeof original === "string" || text === `note.${code}`;
  return isEnough ? original : [h("p", {}, text), h("p", { class: "note__original" }, original)];
}

/**
 * How good the first rows are.
 * @param {Check} check
 */
export function verdict(check) {
  const count = check.rejects.length;
  if (count === 0 && check.rows.length) return h("p", { class: "verdict verdict--good" }, icon("check"), t("check.no_rejects"));
  if (check.rows.length === 0) return h("p", { class: "verdict verdict--bad" }, icon("warning"), t("check.no_rows"));
  const text = count < MOST_REJECTS ? tn("check.some_rejects", count) : t("check.many_rejects", { n: number(count) });
  return h("p", { class: "verdict" }, icon("warning"), text);
}

/** @param {Check} check */
function rows(check) {
  const { currency } = check.dialect;
  const columns = [
    { label: t("row.line"), numeric: true, show: (/** @type {any} */ row) => number(row.line) },
    { label: t("meaning.date"), show: (/** @type {any} */ row) => day(row.date) },
    { label: t("meaning.city"), show: (/** @type {any} */ row) => row.city },
    { label: t("meaning.type"), show: (/** @type {any} */ row) => t(`kind.${row.type}`) },
    { label: t("meaning.model"), show: (/** @type {any} */ row) => row.model },
    { label: t("meaning.price"), numeric: true, show: (/** @type {any} */ row) => money(row.price, currency) },
    { label: t("meaning.duration"), numeric: true, show: (/** @type {any} */ row) => number(row.duration) },
    { label: t("meaning.cost"), numeric: true, show: (/** @type {any} */ row) => money(row.cost, currency) },
  ];
  return table(t("check.rows"), columns, check.rows);
}
