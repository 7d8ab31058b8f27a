/** Calls the API. Every failure is an ApiError with one sentence for the user. */

import { noteAway } from "./connection.js";
import { t } from "./i18n.js";
import { askForKey, currentKey } from "./key.js";

/** @typedef {Record<string, string | number | boolean | string[] | null | undefined>} Params */
/**
 * @typedef {object} Call
 * @property {string} [method] Defaults to GET.
 * @property {Params} [params]
 * @property {unknown} [json] What the body is as JSON.
 * @property {Record<string, string>} [headers]
 * @property {AbortSignal} [signal]
 */

export class ApiError extends Error {
  /**
   * @param {string} sentence
   * @param {number} status 0 if nothing answered.
   * @param {Record<string, any>} [problem] The JSON of the answer.
   */
  constructor(sentence, status, problem = {}) {
    super(sentence);
    this.status = status;
    this.problem = problem;
  }

  /** Whether the API or Redis is away: `connection` tells when it is back. */
  get isAway() {
    return this.status === 0 || this.status === 503;
  }
}

/**
 * The address of a call below `/api/v1`, with its parameters: `url("metrics/trend", {city: ["Paris"]})`.
 * @param {string} path
 * @param {Params} [params]
 */
export function url(path, params = {}) {
  const address = new URL(`api/v1/${path}`, document.baseURI);
  for (const [name, value] of Object.entries(params)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== null && each !== undefined && each !== "" && each !== false) address.searchParams.append(name, String(each));
    }
  }
  return address;
}

/**
 * Calls and returns the answer, whose body is not read yet.
 * @param {string} path
 * @param {Call} [call]
 */
export async function send(path, call = {}) {
  /** @type {RequestInit} */
  const request = { method: call.method ?? "GET", signal: call.signal };
  const headers = { ...call.headers };
  if (call.json !== undefined) {
    headers["Content-Type"] = "application/json";
    request.body = JSON.stringify(call.json);
  }
  return withKey(async (key) => {
    const response = await reach(url(path, call.params), { ...request, headers: { ...headers, ...key } });
    if (response.ok) return response;
    throw refusal(response.status, await response.json().catch(() => ({})));
  });
}

/**
 * Sends a request. If it is refused for want of a key, the user is asked for one, and it is sent again.
 * @template T
 * @param {(key: Record<string, string>) => Promise<T>} request Sends it with the header that carries the key.
 */
export async function withKey(request) {
  for (;;) {
    const key = currentKey();
    try {
      return await request(key ? { "X-API-Key": key } : {});
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 401)) throw error;
      if (key === currentKey() && !(await askForKey())) throw error;
    }
  }
}

/**
 * Calls and returns the JSON of the answer.
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<any>}
 */
export async function ask(path, call) {
  return (await send(path, call)).json();
}

/**
 * Whether an error only says that the call was given up.
 * @param {unknown} error
 */
export function isAbort(error) {
  return error instanceof DOMException && error.name === "AbortError";
}

/**
 * The sentence of any error.
 * @param {unknown} error
 */
export function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {URL} address @param {RequestInit} request */
async function reach(address, request) {
  try {
    return await fetch(address, request);
  } catch (error) {
    if (isAbort(error)) throw error;
    noteAway();
    throw new ApiError(t("error.offline"), 0);
  }
}

/**
 * The error of an answer that is not 2xx.
 * @param {number} status
 * @param {Record<string, any>} problem Its JSON.
 */
export function refusal(status, problem) {
  if (status === 503) noteAway();
  return new ApiError(problem.detail ?? t("error.status", { status }), status, problem);
}
