/** The theme of the page: as the system has it, unless the user has chosen one. */

const system = matchMedia("(prefers-color-scheme: dark)");

/** Event `change`: the page has another theme now. */
export const themes = new EventTarget();

/** @returns {"light" | "dark"} */
export function theme() {
  const chosen = document.documentElement.dataset.theme;
  if (chosen === "light" || chosen === "dark") return chosen;
  return system.matches ? "dark" : "light";
}

/** Changes to the other theme and keeps it. */
export function toggleTheme() {
  const other = theme() === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = other;
  localStorage.setItem("theme", other);
  themes.dispatchEvent(new Event("change"));
}

system.addEventListener("change", () => {
  if (!document.documentElement.dataset.theme) themes.dispatchEvent(new Event("change"));
});
