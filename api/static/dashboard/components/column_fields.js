/** What the columns of a file mean: for each meaning, a choice among the columns. */

import { fill, h } from "../lib/dom.js";
import { day, money, number } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/** @typedef {import("../lib/sources.js").Check} Check */
/** @typedef {Record<string, string | null>} Columns */
/** @typedef {{name: string, meaning: string | null}} Column */

const NEEDED = ["id", "date", "city", "type", "model", "price"];
const OPTIONAL = ["duration", "cost", "currency"];
/** Values of the choices that are no column. */
const UNUSED = "-";
const TEXT = "=";
/** Before the name of a column, so that no name looks like another choice. */
const NAMED = "n:";

/** The number of values that a column shows. */
const SAMPLES = 2;
/** @type {Record<string, (value: any, currency: string | null) => string>} How values are shown, by meaning; others are texts. */
const SHOWN = { date: day, type: (value) => t(`kind.${value}`), price: money, duration: (value) => number(value), cost: money };

export class ColumnFields {
  /** @param {(meaning: string, column: string | null | undefined) => void} give */
  constructor(give) {
    this.give = give;
    /** @type {string[]} */
    this.names = [];
    /** @type {Columns} What was found last, by meaning. */
    this.found = {};
    /** @type {Record<string, any>[]} The first rows as they were read last. */
    this.rows = [];
    /** @type {string | null} The sign of their amounts. */
    this.currency = null;
    this.element = h("fieldset", { class: "parts" });
  }

  /**
   * @param {Columns} given
   * @param {Check | null} check Null if the file could not be read.
   * @param {Column[]} columns Those to choose from if the check was refused for its columns.
   */
  show(given, check, columns) {
    const named = check ? check.columns : columns;
    if (check) {
      this.rows = check.rows;
      this.currency = check.dialect.currency;
      this.found = check.dialect.columns;
    }
    if (!check && columns.length) this.found = meant(columns);
    if (named.length) this.names = [...new Set(named.map((/** @type {Column} */ column) => column.name.trim()).filter(Boolean))];
    if (document.activeElement instanceof HTMLInputElement && this.element.contains(document.activeElement)) return; // it is being written in
    const focused = document.activeElement?.id;
    this.element.hidden = this.names.length < 2;
    fill(this.element, h("legend", {}, t("check.columns")), h("div", { class: "fields" }, [...NEEDED, ...OPTIONAL].map((meaning) => this.#field(meaning, given))));
    if (focused && this.element.querySelector(`#${focused}`)) document.getElementById(focused)?.focus();
  }

  /** @param {string} meaning @param {Columns} given */
  #field(meaning, given) {
    const now = meaning in given ? given[meaning] : this.found[meaning]?.trim() ?? "";
    const isText = now?.startsWith(TEXT) ?? false;
    const isMissing = now === "" && NEEDED.includes(meaning);
    const none = NEEDED.includes(meaning)
      ? isMissing && h("option", { value: "", selected: true }, t("check.choose"))
      : h("option", { value: UNUSED, selected: !now }, t("check.unused"));
    const options = this.names.map((name) => h("option", { value: `${NAMED}${name}`, selected: !isText && now === name }, name));
    const text = h("option", { value: TEXT, selected: isText }, t("check.text"));
    const field = h("select", { id: `column-${meaning}`, "aria-invalid": isMissing ? "true" : null, onchange: (/** @type {any} */ event) => this.#choose(meaning, event.target.value) }, none, options, text);
    return h("div", { class: "field" }, h("label", { for: `column-${meaning}` }, t(`meaning.${meaning}`)), field, isText ? this.#text(meaning, now ?? "") : this.#sample(meaning, Boolean(now)));
  }

  /**
   * The first values that the column has, as they are read; its place stays free if none is known.
   * @param {string} meaning
   * @param {boolean} isUsed
   */
  #sample(meaning, isUsed) {
    const read = this.rows.map((row) => row[meaning]).filter((value) => isUsed && value !== null && value !== undefined);
    const values = [...new Set(read.map((value) => SHOWN[meaning]?.(value, this.currency) ?? String(value)))].slice(0, SAMPLES).join(" · ");
    return h("p", { class: "field__sample", title: values || null }, values);
  }

  /**
   * The text that stands in every row.
   * @param {string} meaning
   * @param {string} now
   */
  #text(meaning, now) {
    const give = (/** @type {any} */ event) => this.give(meaning, TEXT + event.target.value);
    return h("input", { id: `text-${meaning}`, "aria-label": t("check.text_of", { meaning: t(`meaning.${meaning}`) }), maxlength: 199, value: now.slice(1), oninput: give });
  }

  /** @param {string} meaning @param {string} choice */
  #choose(meaning, choice) {
    if (choice === UNUSED) this.give(meaning, null);
    else this.give(meaning, choice === TEXT ? TEXT : choice.slice(NAMED.length));
    document.getElementById(`text-${meaning}`)?.focus();
  }
}

/**
 * The names of the columns whose meaning no other column has.
 * @param {Column[]} columns
 * @returns {Columns}
 */
function meant(columns) {
  const alone = columns.filter(({ meaning }) => meaning && columns.filter((other) => other.meaning === meaning).length === 1);
  return Object.fromEntries(alone.map(({ name, meaning }) => [meaning, name]));
}
