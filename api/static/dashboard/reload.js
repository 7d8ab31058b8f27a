// A module or texts that do not load, as while the network changes, would leave the page empty: load it again, a few times.
{
  const PAUSES_MS = [0, 300, 1000, 3000];
  let isFailed = false;
  const loadAgain = () => {
    const reloads = Number(sessionStorage.getItem("reloads"));
    if (isFailed || document.body?.dataset.started !== undefined || reloads >= PAUSES_MS.length) return;
    isFailed = true;
    sessionStorage.setItem("reloads", String(reloads + 1)); // until the page has started: see components/shell.js
    setTimeout(() => location.reload(), PAUSES_MS[reloads]);
  };
  addEventListener("error", ({ target }) => {
    if (target === window || (target instanceof HTMLScriptElement && target.type === "module")) loadAgain();
  }, true);
  addEventListener("unhandledrejection", loadAgain);
}
