/** What the results page asks of the API. */

import { ask } from "./api.js";
import { language } from "./i18n.js";

/** @typedef {import("./api.js").Params} Params */
/** @typedef {Record<string, any>} Row */

/**
 * The days of the data, whatever the filters.
 * @param {Params} result `job` and `partial`, or nothing for the published result.
 * @param {AbortSignal} signal
 * @returns {Promise<import("./periods.js").Range>}
 */
export async function askRange(result, signal) {
  const [whole] = (await ask("metrics/summary", { params: result, signal })).rows;
  return { first: whole.first_date ?? "", last: whole.last_date ?? "" };
}

/**
 * The names to choose from, whatever the filters.
 * @param {Params} result As in `askRange`.
 * @param {AbortSignal} signal
 */
export async function askNames(result, signal) {
  const call = { params: result, signal };
  const [cities, models] = await Promise.all([ask("cities", call), ask("models", call)]);
  return { cities: choices(cities, "city"), models: choices(models, "model") };
}

/**
 * Whether any job has completed: until then, no result can be published.
 * @param {AbortSignal} signal
 */
export async function isAnyCompleted(signal) {
  const { items } = await ask("jobs", { params: { status: "completed", limit: 1 }, signal });
  return items.length > 0;
}

/**
 * The catalogue of metrics, by name.
 * @param {AbortSignal} signal
 * @returns {Promise<Map<string, any>>}
 */
export async function askCatalogue(signal) {
  const { items } = await ask("metrics", { params: { lang: language }, signal });
  return new Map(items.map((/** @type {Row} */ metric) => [metric.name, metric]));
}

/**
 * The key figures with their comparison, and the job that they come from.
 * @param {Params} params
 * @param {string} compare
 * @param {AbortSignal} signal
 * @returns {Promise<{summary: Row, job: Row}>}
 */
export async function askFigures(params, compare, signal) {
  const answer = await ask("metrics/summary", { params: { ...params, compare }, signal });
  const job = await ask(`jobs/${answer.job_id}`, { signal });
  return { summary: answer.rows[0], job };
}

/**
 * The months of some measures.
 * @param {Params} params
 * @param {string[]} measures
 * @param {AbortSignal} signal
 * @returns {Promise<Row[]>}
 */
export async function askMonths(params, measures, signal) {
  const query = { group_by: "month", measures: measures.join(","), order: "month" };
  return (await ask("query", { params: { ...params, ...query }, signal })).rows;
}

/** @param {{items?: Row[], rows?: Row[]}} answer @param {string} name */
function choices(answer, name) {
  return (answer.items ?? answer.rows ?? []).map((row) => ({ name: row[name], count: row.transactions }));
}
