/** How a file is written: a choice for each part, with what the check found and why. */

import { fill, h } from "../lib/dom.js";
import { t } from "../lib/i18n.js";
import { said } from "../lib/sentences.js";

/** @typedef {import("../lib/sources.js").Given} Given */
/** @typedef {import("../lib/sources.js").Check} Check */

/** What a part has that the file does not show. */
const NONE = "none";
/** The values that each part can be given; the check chooses if none is. */
const PARTS = /** @type {[string, string[]][]} */ ([
  ["dates", ["ymd", "dmy", "mdy", "dmyy", "mdyy", "yymd"]],
  ["decimal", [".", ","]],
  ["delimiter", [",", ";", "\t", "|"]],
  ["encoding", ["utf-8", "cp1252"]],
  ["currency", ["EUR", "USD", "GBP", "CHF", NONE]],
]);
/** Names of values that could not be part of a key. */
const NAMES = /** @type {Record<string, string>} */ ({ ".": "point", ",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "utf-8": "utf8" });

export class DialectFields {
  /** @param {(part: string, value: string | number | undefined) => void} give */
  constructor(give) {
    this.give = give;
    /** @type {Record<string, any>} What was found last, by part. */
    this.found = {};
    /** @type {Record<string, string>} Why, by part; a check that is refused tells nothing new of other parts. */
    this.evidence = {};
    this.element = h("fieldset", { class: "parts" });
  }

  /**
   * @param {Given} given
   * @param {Check | null} check Null if the file could not be read.
   * @param {string} fault The part that the check asks for; empty if it asks for none.
   */
  show(given, check, fault) {
    for (const [part, value] of Object.entries(check?.dialect ?? {})) if (!(part in given)) this.found[part] = value;
    if (check) this.evidence = check.evidence;
    const focused = document.activeElement?.id;
    fill(this.element, h("legend", {}, t("check.dialect")), h("div", { class: "fields" },
      PARTS.map(([part, values]) => this.#choice(part, values, given, fault)), this.#header(given, fault)));
    if (focused && this.element.querySelector(`#${focused}`)) document.getElementById(focused)?.focus();
  }

  /** @param {string} part @param {string[]} values @param {Given} given @param {string} fault */
  #choice(part, values, given, fault) {
    const now = /** @type {Record<string, any>} */ (given)[part] ?? "";
    const found = this.found[part] === null ? NONE : this.found[part];
    const others = values.filter((value) => value === now || value !== found);
    const options = others.map((value) => h("option", { value, selected: value === now }, nameOf(part, value)));
    const judged = h("option", { value: "", selected: now === "" }, this.#judged(part));
    const field = h("select", { ...labels(part, fault), onchange: (/** @type {any} */ event) => this.give(part, event.target.value || undefined) }, judged, options);
    return frame(part, field, this.evidence);
  }

  /**
   * The line of the header.
   * @param {Given} given
   * @param {string} fault
   */
  #header(given, fault) {
    const give = (/** @type {any} */ event) => event.target.validity.valid && this.give("header", Number(event.target.value) || undefined);
    const found = this.found.header === undefined ? "" : String(this.found.header);
    return frame("header", h("input", { ...labels("header", fault), type: "number", min: 1, max: 1_000_000, placeholder: found, value: given.header ?? "", onchange: give }), this.evidence);
  }

  /** @param {string} part */
  #judged(part) {
    if (!(part in this.found)) return t("check.judge");
    return nameOf(part, this.found[part] ?? NONE);
  }
}

/** @param {string} part @param {HTMLElement} field @param {Record<string, string>} known */
function frame(part, field, known) {
  const evidence = known[part]?.replaceAll(/U\+(00A0|202F)/g, "\u00a0"); // spaces in amounts need no names here
  const why = evidence === "given" ? t("check.given") : evidence && said(evidence);
  return h("div", { class: "field" }, h("label", { for: `part-${part}` }, t(`part.${part}`)), field, h("p", { class: "field__why", id: `part-${part}-why` }, why));
}

/** @param {string} part @param {string} fault */
function labels(part, fault) {
  return { id: `part-${part}`, "aria-describedby": `part-${part}-why`, "aria-invalid": part === fault ? "true" : null };
}

/** @param {string} part @param {string} value */
function nameOf(part, value) {
  return t(`value.${part}_${NAMES[value] ?? value.toLowerCase()}`);
}
