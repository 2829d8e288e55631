// Keeps the page as it is on the server: fetches it again and again while somebody looks, and shows what has changed.
"use strict";
const INTERVAL = 3000; // ms
let shown = document.querySelector("main").outerHTML;
let waiting = 0;

function show(main) {
  const held = document.activeElement?.closest("main") ? document.activeElement : null;
  const place = held && [...document.querySelectorAll("main a, main summary")].indexOf(held);
  const old = document.querySelector("main");
  const opened = [...old.querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...old.querySelectorAll(".scroll")].map((one) => [one.scrollLeft, one.scrollTop]);
  const y = window.scrollY;
  old.replaceWith(main);
  main.querySelectorAll("details").forEach((one, i) => { one.open = opened[i] ?? false; });
  main.querySelectorAll(".scroll").forEach((one, i) => { [one.scrollLeft, one.scrollTop] = scrolled[i] ?? [0, 0]; });
  window.scrollTo(window.scrollX, y);
  if (held) document.querySelectorAll("main a, main summary")[place]?.focus({ preventScroll: true });
}

async function look() {
  try {
    const answer = await fetch(location.href, { cache: "no-store" });
    if (answer.status === 401) return location.reload();
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const main = page.querySelector("main");
    const selecting = document.getSelection()?.toString();
    if (answer.ok && main && !selecting && main.outerHTML !== shown) {
      shown = main.outerHTML;
      document.title = page.title;
      if (!document.querySelector("header form")) document.querySelector("header").replaceWith(page.querySelector("header"));
      show(main);
    }
  } catch {
    // The server is away for a moment: the next look tells.
  }
  wait();
}

function wait() {
  clearTimeout(waiting);
  if (!document.hidden) waiting = setTimeout(look, INTERVAL);
}

document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(waiting) : look()));
wait();
