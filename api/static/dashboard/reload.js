// A module that does not load, as when the network changes meanwhile, would leave the page empty: load it once more.
{
  addEventListener("error", ({ target }) => {
    const isModule = target instanceof HTMLScriptElement && target.type === "module";
    if (!isModule || sessionStorage.getItem("reloaded")) return;
    sessionStorage.setItem("reloaded", "yes"); // until the page has started: see components/shell.js
    location.reload();
  }, true);
}
