/** The periods that a user chooses by name. They are those of the data, not of today: a file may be years old. */

/** @typedef {{from: string, to: string}} Period Months, `YYYY-MM`; empty for no bound. */
/** @typedef {{first: string, last: string}} Range The first and the last day of the data. */

export const PRESETS = ["all", "year", "twelve", "quarter"];

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
 * The name of a period, `own` if it is none of them.
 * @param {Period} period
 * @param {Range} range
 */
export function presetOf(period, range) {
  return PRESETS.find((preset) => {
    const { from, to } = periodOf(preset, range);
    return from === period.from && to === period.to;
  }) ?? "own";
}

/**
 * All months of the data.
 * @param {Range} range
 */
export function monthsOf({ first, last }) {
  const from = numberOf(first);
  return Array.from({ length: numberOf(last) - from + 1 }, (_, index) => nameOf(from + index));
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
