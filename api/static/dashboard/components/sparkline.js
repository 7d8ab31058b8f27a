/** A line of a few pixels that shows how a figure went. */

import { svg } from "../lib/dom.js";

const WIDTH = 120;
const HEIGHT = 28;
const EDGE = 3;

/**
 * Null if there are fewer than two values: one point is no course.
 * @param {number[]} values
 */
export function sparkline(values) {
  if (values.length < 2) return null;
  const highest = Math.max(...values);
  const lowest = Math.min(0, ...values);
  const span = highest - lowest || 1;
  const points = values.map((value, place) => [
    EDGE + (place / (values.length - 1)) * (WIDTH - 2 * EDGE),
    HEIGHT - EDGE - ((value - lowest) / span) * (HEIGHT - 2 * EDGE),
  ]);
  const path = points.map(([x, y]) => `${x.toFixed(1)},${y.toFixed(1)}`).join(" ");
  const [x, y] = points[points.length - 1];
  return svg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" },
    svg("polyline", { points: path }), svg("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: 2.5 }));
}
