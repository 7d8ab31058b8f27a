/** The filters of the results, and a chip for each that widens the view again. */

import { h } from "../lib/dom.js";
import { month } from "../lib/format.js";
import { t } from "../lib/i18n.js";
import { monthsOf, OWN, PRESETS, periodOf, presetOf } from "../lib/periods.js";
import { combobox } from "./combobox.js";
import { icon } from "./icons.js";

const TYPES = ["", "vente", "location"];
/** Whether the user has asked for the months of a period, which may also be one with a name. */
let showsMonths = false;
/** What the figures are compared with; by default the period just before. */
const PERIODS = ["", "year"];

/**
 * @typedef {object} Filters
 * @property {string[]} city
 * @property {string[]} model
 * @property {string} from
 * @property {string} to
 * @property {string} type
 * @property {string} compare
 */
/**
 * @typedef {object} Known What there is to choose from.
 * @property {import("./combobox.js").Choice[]} cities
 * @property {import("./combobox.js").Choice[]} models
 * @property {import("../lib/periods.js").Range} range
 */
/** @typedef {(changes: Partial<Filters>) => void} Change */

/**
 * @param {Filters} filters
 * @param {Known} known
 * @param {Change} change
 */
export function filterBar(filters, known, change) {
  return h("form", { class: "filters", "aria-label": t("filter.all"), onsubmit: (/** @type {Event} */ event) => event.preventDefault() },
    h("div", { class: "row" },
      combobox(t("filter.cities"), known.cities, filters.city, (city) => change({ city })),
      combobox(t("filter.models"), known.models, filters.model, (model) => change({ model })),
      periodChoice(filters, known.range, change),
      chosenPeriod(filters, known.range) === OWN && bounds(filters, known.range, change),
      choice(t("filter.type"), TYPES.map((type) => [type, t(`type.${type || "any"}`)]), filters.type, (type) => change({ type })),
      choice(t("filter.compare"), PERIODS.map((period) => [period, t(`compare.${period || "previous"}`)]), filters.compare, (compare) => change({ compare }))));
}

/**
 * @param {Filters} filters
 * @param {Change} change
 */
export function chips(filters, change) {
  const names = [
    ...filters.city.map((name) => chip(name, () => change({ city: filters.city.filter((other) => other !== name) }))),
    ...filters.model.map((name) => chip(name, () => change({ model: filters.model.filter((other) => other !== name) }))),
  ];
  if (filters.from || filters.to) names.push(chip(periodText(filters), () => change({ from: "", to: "" })));
  if (filters.type) names.push(chip(t(`type.${filters.type}`), () => change({ type: "" })));
  if (names.length > 1) {
    const none = { city: [], model: [], from: "", to: "", type: "" };
    names.push(h("button", { class: "button button--plain button--small", type: "button", onclick: () => change(none) }, t("filter.clear")));
  }
  return h("div", { class: "row chips" }, names);
}

/** @param {Filters} filters */
function periodText({ from, to }) {
  if (from === to) return shown(from);
  if (!to) return t("filter.since", { month: shown(from) });
  if (!from) return t("filter.until", { month: shown(to) });
  return `${shown(from)} – ${shown(to)}`;
}

/**
 * A month in words; a link may also have a day, which stays as it is.
 * @param {string} text
 */
function shown(text) {
  return /^\d{4}-\d{2}$/.test(text) ? month(text) : text;
}

/** @param {string} name @param {() => void} widen */
function chip(name, widen) {
  return h("button", { class: "chip", type: "button", "aria-label": t("filter.remove", { name }), onclick: widen }, name, icon("close"));
}

/** @param {Filters} filters @param {import("../lib/periods.js").Range} range @param {Change} change */
function periodChoice(filters, range, change) {
  const choices = /** @type {[string, string][]} */ ([...PRESETS, OWN].map((name) => [name, t(`period.${name}`)]));
  return choice(t("filter.period"), choices, chosenPeriod(filters, range), (name) => {
    showsMonths = name === OWN;
    change(showsMonths ? wholePeriod(filters, range) : periodOf(name, range));
  });
}

/**
 * The name of the period; a user who has asked for months has chosen one of their own.
 * @param {Filters} filters
 * @param {import("../lib/periods.js").Range} range
 */
function chosenPeriod(filters, range) {
  return showsMonths && (filters.from || filters.to) ? OWN : presetOf(filters, range);
}

/**
 * The months that are shown now, for the user to change.
 * @param {Filters} filters
 * @param {import("../lib/periods.js").Range} range
 */
function wholePeriod({ from, to }, range) {
  return { from: from || range.first.slice(0, 7), to: to || range.last.slice(0, 7) };
}

/** @param {Filters} filters @param {import("../lib/periods.js").Range} range @param {Change} change */
function bounds({ from, to }, range, change) {
  const months = monthsOf(range);
  return [
    bound([t("filter.from"), t("filter.from_none")], from, months.filter((each) => !to || each <= to.slice(0, 7)), (month) => change({ from: month })),
    bound([t("filter.to"), t("filter.to_none")], to, months.filter((each) => each >= from.slice(0, 7)), (month) => change({ to: month })),
  ];
}

/**
 * A choice of a month; what a link gives stays among the choices, also if it is a day or outside the data.
 * @param {string[]} texts The label, and the text of no bound.
 * @param {string} now
 * @param {string[]} months
 * @param {(month: string) => void} changed
 */
function bound([label, none], now, months, changed) {
  const values = months.includes(now) ? months : [now, ...months];
  return choice(label, values.map((value) => [value, value ? shown(value) : none]), now, changed);
}

/** @param {string} label @param {[string, string][]} choices Values and their texts. @param {string} now @param {(value: string) => void} changed */
function choice(label, choices, now, changed) {
  const options = choices.map(([value, text]) => h("option", { value, selected: value === now }, text));
  return h("select", { "aria-label": label, onchange: (/** @type {any} */ event) => changed(event.target.value) }, options);
}
