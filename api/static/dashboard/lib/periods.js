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

/** @param {string} month @param {number} count */
function monthsBefore(month, count) {
  const number = Number(month.slice(0, 4)) * 12 + Number(month.slice(5)) - 1 - count;
  return name(Math.floor(number / 12), (number % 12) + 1);
}

/** @param {string} month */
function firstOfQuarter(month) {
  return name(Number(month.slice(0, 4)), Math.floor((Number(month.slice(5)) - 1) / 3) * 3 + 1);
}

/** @param {number} year @param {number} month */
function name(year, month) {
  return `${String(year).padStart(4, "0")}-${String(month).padStart(2, "0")}`;
}
