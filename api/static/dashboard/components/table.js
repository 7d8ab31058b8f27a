/** A table with numbers at the right and a caption for screen readers. If it is wide, it scrolls in its frame. */

import { h } from "../lib/dom.js";
import { endWithRow } from "./whole_rows.js";

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
 * @param {string} [look] A further class: `table--stacked` sets the cells of a row below each other on a small screen.
 */
export function table(caption, columns, rows, look = "") {
  const head = columns.map((column) => h("th", { scope: "col", class: align(column) }, column.label));
  const body = rows.map((row) => h("tr", {}, columns.map((column) => h("td", { class: align(column), "data-label": column.label }, column.show(row)))));
  const content = h("table", {}, h("caption", { class: "unseen" }, caption), h("thead", {}, h("tr", {}, head)), h("tbody", {}, body));
  const frame = h("div", { class: `table ${look}`.trim(), role: "region", tabindex: "0", "aria-label": caption }, content);
  endWithRow(frame, content, "tbody tr");
  return frame;
}

/** @param {Column} column */
function align(column) {
  return column.numeric ? "numeric" : null;
}
