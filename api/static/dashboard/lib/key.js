/** The API key: only in this tab, and only until it closes. */

const NAME = "api-key";

/** @returns {Record<string, string>} The headers that carry the key, if there is one. */
export function keyHeaders() {
  const key = sessionStorage.getItem(NAME);
  return key ? { "X-API-Key": key } : {};
}

export function hasKey() {
  return sessionStorage.getItem(NAME) !== null;
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(NAME, key);
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}

/** Tells when a call was refused for want of a key: `addEventListener("needed", ...)`. */
export const keyEvents = new EventTarget();
