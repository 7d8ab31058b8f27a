/** Follows all jobs: tells when another result is published, and how far a job is that runs now. */

import { follow } from "../lib/events.js";

const MOST_OFTEN_MS = 1_000;
const OPEN = ["queued", "planning", "running", "reducing"];

/** @typedef {Record<string, any>} Job */
/**
 * @typedef {object} Listener
 * @property {(job: Job) => void} published A job's result is the published one.
 * @property {(job: Job | null) => void} running The newest open job, at most once a second; null if none is open.
 */

/**
 * Follows until the signal aborts.
 * @param {Listener} listener
 * @param {AbortSignal} signal
 */
export async function live(listener, signal) {
  /** @type {Map<string, Job>} */
  const open = new Map();
  const tellRunning = atMostOften(() => listener.running(newest([...open.values()])));
  await follow((name, data) => {
    if (name === "snapshot") open.clear();
    if (name === "removed") open.delete(data.id);
    if (name === "job") {
      if (OPEN.includes(data.status)) open.set(data.id, data);
      else open.delete(data.id);
      if (data.published) listener.published(data);
    }
    tellRunning();
  }, signal);
}

/** @param {Job[]} jobs @returns {Job | null} */
function newest(jobs) {
  return jobs.reduce((best, job) => (!best || job.created_at > best.created_at ? job : best), /** @type {Job | null} */ (null));
}

/**
 * Calls back soon after a call, and once for all calls until then.
 * @param {() => void} run
 */
function atMostOften(run) {
  let waits = false;
  return () => {
    if (waits) return;
    waits = true;
    setTimeout(() => {
      waits = false;
      run();
    }, MOST_OFTEN_MS);
  };
}
