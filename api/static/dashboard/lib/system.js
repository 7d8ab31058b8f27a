/** What the system page asks of the API, and what it concludes. */

import { ask } from "./api.js";
import { duration, number } from "./format.js";
import { t, tn } from "./i18n.js";

/** @typedef {Record<string, any>} Job */
/**
 * @typedef {object} Worker
 * @property {string} id
 * @property {string} host
 * @property {number} pid
 * @property {string} started_at
 * @property {number} lease_ms_left
 * @property {string[]} working_on Items as `job:generation:batch`.
 */
/**
 * @typedef {object} Memory
 * @property {number} used_bytes
 * @property {number | null} maximum_bytes
 * @property {number | null} claim_bytes
 * @property {number | null} commit_bytes
 */
/**
 * @typedef {object} State
 * @property {string} version
 * @property {number} lease_ms
 * @property {number | null} oldest_wait_s
 * @property {Memory} memory
 * @property {Worker[]} workers
 * @property {Record<string, number>} depths The depth of each queue.
 */
/** @typedef {{text: string, place: string}} Problem A sentence, and the id of the card that tells more. */

/** @param {AbortSignal} signal @returns {Promise<State>} */
export async function askState(signal) {
  const [system, workers, queues] = await Promise.all(["system", "workers", "queues"].map((path) => ask(path, { signal })));
  const depths = queues.items.map((/** @type {any} */ { queue, depth }) => [queue, depth]);
  return { ...system, workers: workers.items, depths: Object.fromEntries(depths) };
}

/**
 * Failed jobs with dead batches, the newest first.
 * @param {Job[]} jobs
 */
export function deadOf(jobs) {
  const dead = jobs.filter((job) => job.status === "failed" && job.batches.dead > 0);
  return dead.sort((one, other) => (one.finished_at < other.finished_at ? 1 : -1));
}

/**
 * Jobs that wait for memory, the oldest first.
 * @param {Job[]} jobs
 */
export function waitingOf(jobs) {
  return jobs.filter((job) => job.waits_for).sort((one, other) => (one.created_at > other.created_at ? 1 : -1));
}

/**
 * What somebody should look at.
 * @param {State} state
 * @param {Job[]} jobs
 * @returns {Problem[]}
 */
export function problemsOf(state, jobs) {
  const { used_bytes: used, claim_bytes: claim, commit_bytes: commit } = state.memory;
  const problems = [];
  if (!state.workers.length) problems.push({ text: t("system.no_worker"), place: "workers" });
  if (commit && used > commit) problems.push({ text: t("system.no_commits"), place: "memory" });
  else if (claim && used > claim) problems.push({ text: t("system.no_claims"), place: "memory" });
  const dead = deadOf(jobs).length;
  if (dead) problems.push({ text: tn("system.failed", dead), place: "dead" });
  return problems;
}

/**
 * What a worker maps, in a line for each job.
 * @param {Worker} worker
 * @param {Map<string, Job>} jobs
 */
export function workOf(worker, jobs) {
  /** @type {Map<string, string[]>} */
  const batches = new Map();
  for (const item of worker.working_on) {
    const [job, , batch] = item.split(":");
    batches.set(job, [...(batches.get(job) ?? []), number(Number(batch))]);
  }
  return [...batches].map(([job, names]) => tn("system.maps", names.length, { source: jobs.get(job)?.source ?? job, batches: list(names) }));
}

/**
 * How long ago a worker gave a sign of life.
 * @param {Worker} worker
 * @param {number} leaseMs
 */
export function heartbeatOf(worker, leaseMs) {
  return t("system.ago", { time: duration(Math.max(leaseMs - worker.lease_ms_left, 0) / 1_000) });
}

const MOST_NAMES = 4;

/** @param {string[]} names */
function list(names) {
  const more = names.length - MOST_NAMES;
  return more > 0 ? `${names.slice(0, MOST_NAMES).join(", ")} + ${number(more)}` : names.join(", ");
}
