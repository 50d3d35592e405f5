// A job's page: newer news only, polling while the socket is silent, on to the result when done.

const POLL_MS = 3000;
const QUEUED_POLL_MS = 10000;

const page = document.getElementById("job");
const live = document.getElementById("job-live");
const status = () => document.getElementById("job-status");
const isFinished = (element) => !["queued", "running"].includes(element.dataset.state);

let socketIsUp = false;
let timer = 0;
let announced = "";
const sawItRunning = !isFinished(status());

const parse = (html) =>
  new DOMParser().parseFromString(html, "text/html").getElementById("job-status");

// Two rows of one version may still differ: a place in the queue has none of its own.
const isOlder = (next) => Number(next.dataset.version) < Number(status().dataset.version);

const announce = (element) => {
  const quarter = Math.floor(Number(element.dataset.percent) / 25);
  const key = `${element.dataset.headline} ${quarter}`;
  if (key === announced) return;
  announced = key;
  live.textContent = isFinished(element)
    ? element.dataset.headline
    : `${element.dataset.headline}, ${element.dataset.percent} percent`;
};

const settle = () => {
  const now = status();
  announce(now);
  page.classList.toggle("is-working", !isFinished(now));
  document.title = document.title.replace(/^[^·]*/, `${now.dataset.headline} `);
  if (!isFinished(now)) return;
  clearTimeout(timer);
  if (sawItRunning && now.dataset.result) window.location.replace(now.dataset.result);
};

const withFocusKept = (change) => {
  const focused = document.activeElement?.id;
  change();
  if (focused && document.activeElement?.id !== focused) {
    document.getElementById(focused)?.focus({ preventScroll: true });
  }
};

const poll = async () => {
  try {
    const answer = await fetch(page.dataset.statusUrl, {
      headers: { "HX-Request": "true" },
      credentials: "same-origin",
    });
    if (answer.redirected || answer.status === 404) {
      // Signed out, or the job is gone: the whole page says so better than a fragment.
      window.location.reload();
      return;
    }
    const next = answer.ok ? parse(await answer.text()) : null;
    if (next && !isOlder(next)) {
      withFocusKept(() => status().replaceWith(next));
      settle();
    }
  } catch {
    live.textContent = "The connection is lost. Trying again.";
  }
  schedule();
};

const schedule = () => {
  clearTimeout(timer);
  if (isFinished(status())) return;
  const queued = status().dataset.state === "queued";
  if (socketIsUp && !queued) return;
  timer = setTimeout(poll, socketIsUp ? QUEUED_POLL_MS : POLL_MS);
};

let focusedBefore = "";

page.addEventListener("htmx:wsOpen", () => {
  socketIsUp = true;
  schedule();
});
page.addEventListener("htmx:wsClose", () => {
  socketIsUp = false;
  schedule();
});
page.addEventListener("htmx:wsBeforeMessage", (event) => {
  const next = parse(event.detail.message);
  if (!next || isOlder(next)) event.preventDefault();
  focusedBefore = document.activeElement?.id ?? "";
});
page.addEventListener("htmx:wsAfterMessage", () => {
  if (focusedBefore) document.getElementById(focusedBefore)?.focus({ preventScroll: true });
  settle();
  schedule();
});
// A page that was put aside may have missed the end.
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState === "visible" && !isFinished(status())) poll();
});

schedule();
