"use strict";
// Everything works without this script. It keeps lists fresh, copies texts, and knows some keys.
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  // Exact times in the reader's own time zone, beside UTC.
  const localTimes = (within) => all("time", within).forEach((time) => {
    const date = new Date(time.dateTime);
    if (!Number.isNaN(date.getTime())) time.title += " · " + date.toLocaleString();
  });
  localTimes(document);

  // Live parts: read the page again and replace them, while nothing in them has the focus.
  const REFRESH_MS = 5000;
  const shown = [];
  const refresh = async () => {
    const parts = all("[data-live]");
    const busy = document.hidden || parts.some((part) => part.contains(document.activeElement) || part.querySelector(":checked, details[open]")) || !getSelection().isCollapsed;
    if (parts.length === 0 || busy) return;
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    all("[data-live]", fresh).forEach((part, place) => {
      if (!parts[place] || shown[place] === part.innerHTML) return;
      shown[place] = part.innerHTML;
      parts[place].replaceWith(document.adoptNode(part));
      localTimes(part);
    });
  };
  if (!new URLSearchParams(location.search).has("after")) {
    setInterval(() => refresh().catch(() => {}), REFRESH_MS);
  }

  // The exact text of a file: a page may show it laid out, or only a part of it.
  const load = async (url) => {
    const answer = await fetch(url);
    if (!answer.ok || answer.redirected) throw new Error("not loaded");
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await answer.arrayBuffer());
  };
  // Copy buttons. On plain http there is no clipboard API: the text is copied the old way, which needs a selection.
  const copy = async (node, url) => {
    const loading = url && load(url);
    if (loading) {
      // Safari allows copying only while it handles the click, so the text is promised before it is loaded.
      const blob = (text) => new Blob([text], { type: "text/plain" });
      try {
        return await navigator.clipboard.write([new ClipboardItem({ "text/plain": loading.then(blob) })]);
      } catch { /* The older ways follow. */ }
    }
    const text = loading ? await loading : node.textContent;
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const set = (event) => { event.clipboardData.setData("text/plain", text); event.preventDefault(); };
      getSelection().selectAllChildren(node);
      document.addEventListener("copy", set);
      const done = document.execCommand("copy");
      document.removeEventListener("copy", set);
      if (!done) throw new Error("not copied");
    }
  };
  all("[data-copy]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const { copy: id, raw } = button.dataset;
      button.textContent = await copy(document.getElementById(id), raw).then(() => "Copied", () => "Not copied");
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  });

  // A notice is about the change that was just made: a reload must not show it again.
  const address = new URL(location.href);
  if (address.searchParams.has("done")) {
    address.searchParams.delete("done");
    history.replaceState(null, "", address);
  }

  // Keys.
  const step = (by) => {
    const links = all("tbody tr").map((row) => row.querySelector("a")).filter(Boolean);
    const here = links.indexOf(document.activeElement);
    const next = links[here < 0 ? 0 : Math.min(Math.max(here + by, 0), links.length - 1)];
    if (next) next.focus();
  };
  const keys = {
    "/": () => document.querySelector("[data-filter]")?.focus(),
    j: () => step(1),
    k: () => step(-1),
    r: () => document.querySelector("[data-resend]")?.focus(),
    "?": () => document.getElementById("keys").showModal(),
  };
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key]();
  });
})();
