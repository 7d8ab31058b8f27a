/** The jobs that a page shows: the newest, further pages of older ones, and what happens to them. */

import { ask } from "./api.js";
import { follow } from "./events.js";

/** @typedef {Record<string, any>} Job */

const PAGE = 20;
/** Batches that one answer of the API can have. */
const MOST_BATCHES = 1_000;
const OPEN = ["queued", "planning", "running", "reducing"];

/**
 * When a job was submitted, in milliseconds: texts of times do not sort, since some have no fraction.
 * @param {Job} job
 */
function time(job) {
  return Date.parse(job.created_at);
}

/** @param {Job} job */
export function isOpen(job) {
  return OPEN.includes(job.status);
}

/**
 * Whether the result of a job can be looked at and published.
 * @param {Job} job
 */
export function hasResult(job) {
  return job.status === "completed" && job.result === "available" && job.rows.accepted > 0;
}

/** @param {string} source @param {object} dialect @param {boolean} publish @param {string} idempotencyKey @returns {Promise<Job>} */
export function submit(source, dialect, publish, idempotencyKey) {
  return ask("jobs", { method: "POST", headers: { "Idempotency-Key": idempotencyKey }, json: { source, dialect, publish } });
}

/** @type {Record<string, (job: Job) => Promise<Job>>} What the API does to a job; each answers with the job. */
export const acts = {
  cancel: async (job) => {
    const now = await ask(`jobs/${job.id}`);
    return isOpen(now) ? ask(`jobs/${job.id}`, { method: "DELETE" }) : now; // of an ended job, DELETE removes the result
  },
  retry: (job) => ask(`jobs/${job.id}/retry`, { method: "POST" }),
  publish: (job) => ask(`jobs/${job.id}/publish`, { method: "POST" }),
};

/**
 * The batches of a job; none if one answer could not have all of them.
 * @param {Job} job
 * @param {AbortSignal} signal
 * @returns {Promise<Record<string, any>[]>}
 */
export async function askBatches(job, signal) {
  if (job.batches.total > MOST_BATCHES) return [];
  return (await ask(`jobs/${job.id}/batches`, { params: { limit: MOST_BATCHES }, signal })).items;
}

/** The list of jobs. Event `change`: it is another one now, or a job of it is. */
export class Jobs extends EventTarget {
  constructor() {
    super();
    /** @type {Map<string, Job>} */
    this.known = new Map();
    /** @type {Map<string, number>} When a job was last told of, by the clock of the page. */
    this.told = new Map();
    /** @type {string | null} */
    this.cursor = null;
    /** When the oldest listed job was submitted; 0 if all jobs are listed. */
    this.oldest = 0;
    this.isLoaded = false;
  }

  /** The listed jobs, newest first; open jobs and the published one are always among them. */
  get list() {
    const listed = [...this.known.values()].filter((job) => time(job) >= this.oldest || isOpen(job) || job.published);
    return listed.sort((a, b) => time(b) - time(a));
  }

  /**
   * Reads the newest jobs.
   * @param {AbortSignal} [signal]
   */
  async load(signal) {
    await this.#read(null, signal);
  }

  /** Reads the next page of older jobs. */
  async more() {
    if (this.cursor) await this.#read(this.cursor);
  }

  /**
   * Sends a request that answers with a job, and takes that job; returns the job as it is known then.
   * @param {() => Promise<Job>} request
   * @returns {Promise<Job>}
   */
  async ask(request) {
    const asked = performance.now();
    const job = await request();
    this.#putAnswer(job, asked);
    this.dispatchEvent(new Event("change"));
    return this.known.get(job.id) ?? job;
  }

  /**
   * Follows all jobs until the signal aborts.
   * @param {AbortSignal} signal
   */
  async follow(signal) {
    let isFirst = true;
    await follow((name, data) => {
      if (name === "job") this.#tell(data);
      if (name === "removed") this.#drop(data.id);
      if (name === "snapshot" && !isFirst) this.load(signal).catch(() => {}); // the banner tells
      isFirst = false;
    }, signal);
  }

  /** @param {string | null} cursor @param {AbortSignal} [signal] */
  async #read(cursor, signal) {
    const asked = performance.now();
    const { items, next_cursor: next } = await ask("jobs", { params: { limit: PAGE, cursor }, signal });
    for (const job of items) this.#putAnswer(job, asked);
    if (cursor || !this.isLoaded) {
      this.cursor = next;
      this.oldest = next ? time(items[items.length - 1]) : 0;
    }
    this.isLoaded = true;
    this.dispatchEvent(new Event("change"));
  }

  /** @param {Job} job */
  #tell(job) {
    this.told.set(job.id, performance.now());
    this.#put(job);
    this.dispatchEvent(new Event("change"));
  }

  /**
   * An event that came after the request was sent is newer than its answer.
   * @param {Job} job
   * @param {number} asked
   */
  #putAnswer(job, asked) {
    if ((this.told.get(job.id) ?? 0) < asked) this.#put(job);
  }

  /** @param {Job} job */
  #put(job) {
    if (job.published) for (const [id, other] of this.known) if (other.published && id !== job.id) this.known.set(id, { ...other, published: false });
    this.known.set(job.id, job);
  }

  /** @param {string} id */
  #drop(id) {
    this.known.delete(id);
    this.dispatchEvent(new Event("change"));
  }
}
