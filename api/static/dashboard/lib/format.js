/** Numbers, money and days in the form of the language. A value of null is a dash. */

import { language, t } from "./i18n.js";

const LOCALE = language === "fr" ? "fr-FR" : "en-GB";
const NONE = "–";
/** That of charts, too; `Intl` writes a hyphen. */
const MINUS = "\u2212";
/** @typedef {string | number | null | undefined} Value */

/** @type {Map<string, Intl.NumberFormat>} */
const formats = new Map();

/** @param {Intl.NumberFormatOptions} options */
function format(options) {
  const key = JSON.stringify(options);
  const known = formats.get(key) ?? new Intl.NumberFormat(LOCALE, options);
  formats.set(key, known);
  return known;
}

/** @param {Value} value @param {Intl.NumberFormatOptions} options */
function shown(value, options) {
  return value === null || value === undefined ? NONE : format(options).format(Number(value)).replace("-", MINUS);
}

/** @param {Value} value @param {number} [digits] */
export function number(value, digits = 0) {
  return shown(value, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/**
 * An amount with its cents; without a currency, as of a file that names none, it has no sign.
 * @param {Value} value
 * @param {string | null} currency
 */
export function money(value, currency) {
  return shown(value, { ...signOf(currency), minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/** @param {string | null} currency @returns {Intl.NumberFormatOptions} */
function signOf(currency) {
  return currency ? { style: "currency", currency } : {};
}

/**
 * A percentage, from a number such as 12.5.
 * @param {Value} value
 */
function percent(value) {
  return shown(part(value), { style: "percent", minimumFractionDigits: 2, maximumFractionDigits: 2 });
}

/**
 * A change in per cent, always with its sign.
 * @param {Value} value
 */
export function change(value) {
  return shown(part(value), { style: "percent", signDisplay: "exceptZero", minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** @param {Value} value */
function part(value) {
  return value === null || value === undefined ? null : Number(value) / 100;
}

const BYTE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"];

/**
 * A number of bytes, from `262144000`.
 * @param {number} count
 */
export function bytes(count) {
  const power = Math.min(count > 0 ? Math.floor(Math.log10(count) / 3) : 0, BYTE_UNITS.length - 1);
  return format({ style: "unit", unit: BYTE_UNITS[power], maximumSignificantDigits: 3 }).format(count / 1_000 ** power);
}

/** @type {[string, number][]} */
const LONG_UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60]];

/**
 * A duration in its largest unit; seconds below ten with a tenth.
 * @param {number | null} seconds
 */
export function duration(seconds) {
  if (seconds === null) return NONE;
  const found = LONG_UNITS.find(([, size]) => seconds >= size);
  if (!found) return `${number(seconds, seconds < 10 ? 1 : 0)}\u00a0s`;
  const [unit, size] = found;
  return format({ style: "unit", unit, maximumFractionDigits: 0 }).format(seconds / size);
}

/** @param {Intl.DateTimeFormatOptions} options */
const dates = (options) => new Intl.DateTimeFormat(LOCALE, options);
const MONTH = dates({ year: "numeric", month: "short", timeZone: "UTC" });
const DAY = dates({ dateStyle: "medium", timeZone: "UTC" });
const MOMENT = dates({ dateStyle: "medium", timeStyle: "short" });
const CLOCK = dates({ timeStyle: "medium" });

/**
 * A month, from `2024-03`.
 * @param {Value} value
 */
export function month(value) {
  return value ? MONTH.format(new Date(`${value}-01T00:00:00Z`)) : NONE;
}

/**
 * A day, from `2024-03-31`; in French, the first of a month is `1er`.
 * @param {Value} value
 */
export function day(value) {
  const text = value ? DAY.format(new Date(`${value}T00:00:00Z`)) : NONE;
  return language === "fr" ? text.replace(/^1 /, "1er ") : text;
}

/**
 * A moment in local time, from `2026-11-22T08:45:51Z`.
 * @param {Value} value
 */
export function moment(value) {
  return value ? MOMENT.format(new Date(value)) : NONE;
}

/**
 * The time of day, with seconds.
 * @param {Date} time
 */
export function clock(time) {
  return CLOCK.format(time);
}

/**
 * A cell of a table by its unit in the catalogue of metrics.
 * @param {Value} value
 * @param {string} unit
 * @param {string | null} currency
 */
export function cell(value, unit, currency) {
  if (value === null || value === undefined) return NONE;
  const known = BY_UNIT[unit];
  return known ? known(value, currency) : String(value);
}

/** @type {Record<string, (value: Value, currency: string | null) => string>} */
const BY_UNIT = {
  EUR: money,
  count: (value) => number(value),
  rank: (value) => number(value),
  "%": percent,
  months: (value) => shown(value, { maximumFractionDigits: 2 }),
  ratio: (value) => shown(value, { minimumFractionDigits: 2, maximumFractionDigits: 4 }),
  "YYYY-MM": month,
  "YYYY-MM-DD": day,
  "vente | location": (value) => t(`type.${value}`),
};

/**
 * Whether cells of this unit are numbers, which stand at the right.
 * @param {string} unit
 */
export function isNumeric(unit) {
  return ["EUR", "count", "rank", "%", "months", "ratio"].includes(unit);
}
