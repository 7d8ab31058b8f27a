/** The API key: only in this tab, and only until it closes. */

const NAME = "api-key";

/** @returns {string | null} */
export function currentKey() {
  return sessionStorage.getItem(NAME);
}

/** @param {string} key */
export function keepKey(key) {
  sessionStorage.setItem(NAME, key);
}

export function forgetKey() {
  sessionStorage.removeItem(NAME);
}

/** @type {() => Promise<boolean>} */
let show = async () => false;
/** @type {Promise<boolean> | null} */
let asking = null;

/**
 * Sets how the user is asked for a key; the dialog says whether one was given.
 * @param {() => Promise<boolean>} dialog
 */
export function askWith(dialog) {
  show = dialog;
}

/** Asks the user for a key, once for all calls that wait for it; whether one was given. */
export function askForKey() {
  asking ??= show().finally(() => {
    asking = null;
  });
  return asking;
}
