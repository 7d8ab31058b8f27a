/** The periods that a user chooses by name. They are those of the data, not of today: a file may be years old. */

/** @typedef {{from: string, to: string}} Period Months, `YYYY-MM`; empty for no bound. */
/** @typedef {{first: string, last: string}} Range The first and the last day of the data. */

export const PRESETS = ["all", "year", "twelve", "quarter"];
/** A period that is none of them. */
export const OWN = "own";
const DAY_MS = 86_400_000;

/**
 * @param {string} preset One of PRESETS.
 * @param {Range} range
 * @returns {Period}
 */
export function periodOf(preset, range) {
  const last = range.last.slice(0, 7);
  switch (preset) {
    case "year":
      return { from: `${last.slice(0, 4)}-01`, to: last };
    case "twelve":
      return { from: monthsBefore(last, 11), to: last };
    case "quarter":
      return { from: firstOfQuarter(last), to: last };
    default:
      return { from: "", to: "" };
  }
}

/**
 * The name of a period.
 * @param {Period} period
 * @param {Range} range
 */
export function presetOf(period, range) {
  return PRESETS.find((preset) => {
    const { from, to } = periodOf(preset, range);
    return from === period.from && to === period.to;
  }) ?? OWN;
}

/**
 * All months of the data.
 * @param {Range} range
 */
export function monthsOf({ first, last }) {
  const from = numberOf(first);
  return Array.from({ length: numberOf(last) - from + 1 }, (_, index) => nameOf(from + index));
}

/**
 * Whether the data has the whole period that the shown one is compared with; a twentieth of it may be missing, since data
 * seldom begins on the first day of a year.
 * @param {Period} period
 * @param {string} compare `year`, or the period of equal length just before.
 * @param {Range} shown The first and the last day with a transaction, within the period.
 * @param {string} firstOfData The first day with a transaction at all.
 */
export function hasWholeBefore({ from, to }, compare, shown, firstOfData) {
  const start = daysTo(from ? from.padEnd(10, "-01") : shown.first);
  const length = daysTo(to ? lastDayOf(to) : shown.last) - start + 1;
  const before = compare === "year" ? daysTo(yearBefore(dayAt(start))) : start - length;
  return daysTo(firstOfData) - before <= length / 20;
}

/** @param {string} month @param {number} count */
function monthsBefore(month, count) {
  return nameOf(numberOf(month) - count);
}

/** @param {string} month */
function firstOfQuarter(month) {
  return nameOf(Math.floor(numberOf(month) / 3) * 3);
}

/**
 * Months since January of the year 0.
 * @param {string} day `YYYY-MM` or `YYYY-MM-DD`.
 */
function numberOf(day) {
  return Number(day.slice(0, 4)) * 12 + Number(day.slice(5, 7)) - 1;
}

/** @param {number} number As `numberOf` counts. */
function nameOf(number) {
  return `${String(Math.floor(number / 12)).padStart(4, "0")}-${String((number % 12) + 1).padStart(2, "0")}`;
}

/**
 * Days since 1970.
 * @param {string} day
 */
function daysTo(day) {
  return Date.parse(day) / DAY_MS;
}

/** @param {number} days Since 1970. */
function dayAt(days) {
  return new Date(days * DAY_MS).toISOString().slice(0, 10);
}

/** @param {string} to A month, or a day. */
function lastDayOf(to) {
  return to.length === 7 ? dayAt(daysTo(`${nameOf(numberOf(to) + 1)}-01`) - 1) : to;
}

/** @param {string} day */
function yearBefore(day) {
  const rest = day.slice(4) === "-02-29" ? "-02-28" : day.slice(4);
  return `${String(Number(day.slice(0, 4)) - 1).padStart(4, "0")}${rest}`;
}
