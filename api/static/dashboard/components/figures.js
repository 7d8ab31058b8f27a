/** The key figures: each with its change against the earlier period, and its course over the months. */

import { fill, h } from "../lib/dom.js";
import { change, day, money, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { sparkline } from "./sparkline.js";

/** @typedef {Record<string, any>} Row */

/** The measures in their order; they are measures of `/query`, too. */
export const FIGURES = ["revenue", "transactions", "average_ticket", "sales", "rentals"];
const MONEY = ["revenue", "average_ticket"];

/**
 * @param {Row} summary The row of the metric summary, with its comparison.
 * @param {string | null} currency
 * @param {string} begins The first day of the data if it begins within the earlier period: then no change means anything.
 */
export function figures(summary, currency, begins) {
  const tiles = FIGURES.map((name) => h("div", { class: "figure", "data-figure": name },
    h("dt", { class: "figure__name" }, t(`column.${name}`)),
    h("dd", { class: "figure__value" }, MONEY.includes(name) ? money(summary[name], currency) : number(summary[name])),
    h("dd", { class: "figure__change" }, !begins && changeOf(summary[`${name}_change_pct`])),
    h("dd", { class: "figure__course" })));
  return h("section", { class: "stack", "aria-label": t("results.figures") }, h("dl", { class: "figures" }, tiles), h("p", { class: "muted small" }, basis(summary, begins)));
}

/**
 * Adds the course over the months to the figures that are shown.
 * @param {HTMLElement} place
 * @param {Row[]} months Rows of `/query?group_by=month`.
 */
export function addCourses(place, months) {
  for (const name of FIGURES) {
    const course = place.querySelector(`[data-figure="${name}"] .figure__course`);
    if (course) fill(course, sparkline(months.map((row) => Number(row[name] ?? 0))));
  }
}

/** @param {number | null | undefined} percent */
function changeOf(percent) {
  if (percent === null || percent === undefined) return h("span", { class: "muted" }, t("results.no_change"));
  const direction = percent > 0 ? "up" : percent < 0 ? "down" : "same";
  return h("span", { class: `change change--${direction}` }, change(percent));
}

/**
 * What the changes are measured against.
 * @param {Row} summary
 * @param {string} begins
 */
function basis(summary, begins) {
  const period = t("results.period", { first: day(summary.first_date), last: day(summary.last_date) });
  if (begins) return `${period} ${t("results.begins", { first: day(begins) })}`;
  if (!summary.first_date_before) return `${period} ${t("results.nothing_before")}`;
  return `${period} ${t("results.compared", { first: day(summary.first_date_before), last: day(summary.last_date_before) })}`;
}
