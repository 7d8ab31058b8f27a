/** A table with numbers at the right and a caption for screen readers. If it is wide, it scrolls in its frame. */

import { h } from "../lib/dom.js";

/**
 * @typedef {object} Column
 * @property {string} label
 * @property {boolean} [numeric]
 * @property {(row: any) => (import("../lib/dom.js").Child)} show What a cell shows.
 */

/**
 * @param {string} caption
 * @param {Column[]} columns
 * @param {any[]} rows
 */
export function table(caption, columns, rows) {
  const head = columns.map((column) => h("th", { scope: "col", class: align(column) }, column.label));
  const body = rows.map((row) => h("tr", {}, columns.map((column) => h("td", { class: align(column) }, column.show(row)))));
  return h("div", { class: "table", role: "region", tabindex: "0", "aria-label": caption },
    h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body)));
}

/** @param {Column} column */
function align(column) {
  return column.numeric ? "numeric" : null;
}
