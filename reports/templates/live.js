"use strict";
// Asks how far runs are, and puts what has changed of this page in the place of what was there.
(() => {
  let last = null;
  const parts = ["status", "progress", "reports"];
  async function get(name) {
    const answer = await fetch(name, { cache: "no-store" });
    if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
    return answer.text();
  }
  async function ask() {
    const text = await get("progress.json");
    if (text !== last) {
      const page = await get("live");
      const read = new DOMParser().parseFromString(page, "text/html");
      for (const name of parts) {
        const here = document.getElementById(name), there = read.getElementById(name);
        if (here.innerHTML !== there.innerHTML) here.replaceChildren(...there.childNodes);
      }
      document.title = read.title;
      last = text;
    }
    document.getElementById("lost").hidden = true;
  }
  async function again() {
    try { await ask(); } catch { document.getElementById("lost").hidden = false; }
    setTimeout(again, 2000);
  }
  again();
})();
