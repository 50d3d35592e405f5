// The studio: files dropped, pasted or chosen; uploads with progress; faces that can be clicked.
//
// The address says what lies in the studio, and the server draws it. After each change #studio is
// read anew; what the server cannot know (a file that waits for its tick, an upload on its way)
// is kept here per slot and painted onto the new page.

const SLOTS = ["target", "source"];
const waiting = { target: null, source: null };

const root = () => document.getElementById("studio");
const dropOf = (slot) => document.querySelector(`[data-drop="${slot}"]`);
const say = (text) => {
  document.getElementById("studio-live").textContent = text;
};

// --- reading the page anew ------------------------------------------------------------------

let latest = 0;
let wholeUnderWay = 0;

const refresh = async (url, part = "#studio") => {
  latest += 1;
  const mine = latest;
  // The newest reading wins, so one that overtakes the whole page must bring the whole page.
  const selector = wholeUnderWay ? "#studio" : part;
  const whole = selector === "#studio" ? 1 : 0;
  wholeUnderWay += whole;
  try {
    const answer = await fetch(url, { credentials: "same-origin" });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== latest) return;
    const fresh = next.querySelector(selector);
    if (answer.ok && !answer.redirected && fresh) replace(selector, fresh);
    else window.location.assign(url);
  } catch {
    if (mine === latest) say("The connection is lost. Reload the page to go on.");
  } finally {
    wholeUnderWay -= whole;
  }
};

const replace = (selector, fresh) => {
  const open = [...root().querySelectorAll("[data-keep-open][open]")].map((it) => it.dataset.keepOpen);
  document.querySelector(selector).replaceWith(fresh);
  for (const name of open) {
    const details = root().querySelector(`[data-keep-open="${name}"]`);
    if (details) details.open = true;
  }
  window.htmx.process(fresh);
  SLOTS.forEach(paint);
  showSlides();
};

const go = async (url) => {
  window.history.pushState(null, "", url);
  await refresh(url);
};

window.addEventListener("popstate", () => refresh(window.location.href));
document.body.addEventListener("faces-found", () => refresh(window.location.href, "#plan"));

// --- one file per slot, from choosing to sent -------------------------------------------------

const fail = (slot, sentence) => {
  if (waiting[slot]?.preview) URL.revokeObjectURL(waiting[slot].preview);
  waiting[slot] = { error: sentence };
  paint(slot);
};

const take = (slot, file) => {
  const form = dropOf(slot);
  if (!form || !file) return;
  const megabytes = Number(form.dataset.maxMb);
  if (!file.type.startsWith("image/") && file.type) {
    fail(slot, "That is not a photo. Choose a JPEG, PNG, WebP, HEIC, AVIF or GIF file.");
    return;
  }
  if (file.size > megabytes * 1024 * 1024) {
    const size = (file.size / 1024 / 1024).toFixed(1);
    fail(slot, `This photo has ${size} MB; at most ${megabytes} MB can be sent. Export a smaller copy.`);
    return;
  }
  if (waiting[slot]?.preview) URL.revokeObjectURL(waiting[slot].preview);
  waiting[slot] = { file, preview: URL.createObjectURL(file) };
  paint(slot);
  sendWhenAllowed(slot);
};

const sendWhenAllowed = (slot) => {
  const state = waiting[slot];
  const consent = dropOf(slot)?.querySelector("[name=consent]");
  if (!state?.file || state.request || !consent) return;
  if (!consent.checked) {
    say("The photo is ready to be sent. Tick the box below it.");
    return;
  }
  send(slot, consent.value);
};

const send = (slot, consent) => {
  const form = dropOf(slot);
  const state = waiting[slot];
  const body = new FormData();
  body.set("csrfmiddlewaretoken", form.querySelector("[name=csrfmiddlewaretoken]").value);
  body.set("consent", consent);
  body.set("file", state.file);

  const request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.responseType = "json";
  request.upload.addEventListener("progress", (event) => {
    state.share = event.lengthComputable ? event.loaded / event.total : 0;
    paint(slot);
  });
  request.addEventListener("load", () => received(slot, request));
  request.addEventListener("error", () => {
    state.request = null;
    state.error = "The connection broke. Tick the box again to send the photo once more.";
    untick(slot);
    paint(slot);
  });
  state.request = request;
  state.share = 0;
  state.error = "";
  paint(slot);
  say("Sending the photo");
  request.send(body);
};

const received = async (slot, request) => {
  const answer = request.response;
  if (request.status !== 201 || !answer?.id) {
    untick(slot);
    const reason = answer?.sentence ? `${answer.sentence} ${answer.remedy ?? ""}` : "";
    const fallback =
      request.status === 413
        ? "This photo is larger than the site takes. Export a smaller copy."
        : "The photo was not taken. Reload the page and try again.";
    fail(slot, (reason || fallback).trim());
    return;
  }
  URL.revokeObjectURL(waiting[slot].preview);
  waiting[slot] = null;
  say("The photo is here");
  const url = new URL(window.location.href);
  url.hash = "";
  url.pathname = root().dataset.url;
  if (slot === "target") {
    url.searchParams.set("target", answer.id);
    for (const name of [...url.searchParams.keys()]) {
      if (name.startsWith("map-")) url.searchParams.delete(name);
    }
  } else if (!url.searchParams.getAll("source").includes(answer.id)) {
    url.searchParams.append("source", answer.id);
  }
  await go(url.href);
};

const untick = (slot) => {
  const consent = dropOf(slot)?.querySelector("[name=consent]");
  if (consent) consent.checked = false;
};

const paint = (slot) => {
  const form = dropOf(slot);
  if (!form) return;
  const state = waiting[slot];
  const drawer = form.closest("details");
  if (drawer && state) drawer.open = true;
  const area = form.querySelector("[data-area]");
  const progress = form.querySelector("[data-progress]");
  const error = form.querySelector("[data-error]");
  const consent = form.querySelector("[data-consent]");

  let preview = area.querySelector(".drop-preview");
  if (state?.preview) {
    if (!preview) {
      preview = document.createElement("img");
      preview.className = "drop-preview";
      preview.alt = "The photo you chose";
      area.prepend(preview);
      // A format that this browser cannot show is sent all the same.
      preview.addEventListener("error", () => preview.remove(), { once: true });
    }
    if (preview.src !== state.preview) preview.src = state.preview;
  } else {
    preview?.remove();
  }
  area.classList.toggle("has-preview", Boolean(state?.preview));

  const percent = Math.round(100 * (state?.share ?? 0));
  progress.hidden = !state?.request;
  progress.querySelector("progress").value = percent;
  progress.querySelector("[data-progress-text]").textContent =
    percent < 100 ? `Sending, ${percent} %` : "Checking the photo";

  error.hidden = !state?.error;
  if (error.textContent !== (state?.error ?? "")) error.textContent = state?.error ?? "";
  consent.classList.toggle("is-wanted", Boolean(state?.file) && !state.request);
  consent.hidden = Boolean(state?.request);
};

// --- where files come from --------------------------------------------------------------------

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("[data-drop]");
  if (form && event.target.type === "file") take(form.dataset.drop, event.target.files[0]);
  if (form && event.target.name === "consent") sendWhenAllowed(form.dataset.drop);
});

const wellOf = (element) => element?.closest?.("[data-well]")?.dataset.well;

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  // Without this the browser would leave the page and open the file.
  event.preventDefault();
  const over = wellOf(event.target);
  event.dataTransfer.dropEffect = over ? "copy" : "none";
  markOver(over);
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) markOver(null);
});
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  markOver(null);
  const slot = wellOf(event.target);
  if (slot) take(dropOf(slot) ? slot : emptySlot(), event.dataTransfer.files[0]);
});
const markOver = (slot) => {
  for (const well of document.querySelectorAll("[data-well]")) {
    well.classList.toggle("is-over", well.dataset.well === slot && Boolean(dropOf(slot)));
  }
};

const emptySlot = () => (dropOf("target") ? "target" : "source");

document.addEventListener("paste", (event) => {
  const file = [...(event.clipboardData?.files ?? [])].find((it) => it.type.startsWith("image/"));
  if (!file) return;
  event.preventDefault();
  const focused = wellOf(document.activeElement);
  take(focused && dropOf(focused) ? focused : emptySlot(), file);
});

// --- the gallery's dialog and links within the studio -----------------------------------------

document.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const picker = event.target.closest("a[data-pick]");
  if (picker) {
    event.preventDefault();
    await window.htmx.ajax("GET", picker.href, { target: "#pick-body", swap: "innerHTML" });
    const dialog = document.getElementById("pick");
    if (!dialog.open) dialog.showModal();
    return;
  }
  const link = event.target.closest("a[data-studio-link]");
  if (link) {
    event.preventDefault();
    document.getElementById("pick").close();
    const well = wellOf(link);
    await go(link.href);
    if (well) document.querySelector(`[data-well="${well}"] :is(input:not([type=hidden]), a, summary)`)?.focus();
    return;
  }
  const face = event.target.closest("a[data-face]");
  if (face) {
    event.preventDefault();
    choose(face);
  }
});

// --- faces --------------------------------------------------------------------------------------

let active = "0";

const rowOf = (index) => document.querySelector(`[data-row="${index}"]`);

const choose = (face) => {
  if (face.dataset.slot === "target") {
    active = face.dataset.index;
    const row = rowOf(active);
    row?.scrollIntoView({ block: "nearest" });
    row?.querySelector("input:checked")?.focus({ preventScroll: true });
    return;
  }
  const input = (rowOf(active) ?? rowOf("0"))?.querySelector(`input[value="${face.dataset.face}"]`);
  if (!input) return;
  input.checked = true;
  input.dispatchEvent(new Event("change", { bubbles: true }));
  say("This face is chosen");
};

const showChosen = () => {
  const form = document.getElementById("swap-form");
  if (!form) return;
  const chosen = new Map(
    [...form.querySelectorAll("[data-row] input:checked")].map((it) => [it.name, it.value]),
  );
  const used = new Set(chosen.values());
  for (const face of document.querySelectorAll("a[data-face]")) {
    const isChosen =
      face.dataset.slot === "target"
        ? Boolean(chosen.get(`map-${face.dataset.index}`))
        : used.has(face.dataset.face);
    face.classList.toggle("is-chosen", isChosen);
  }
};

document.addEventListener("change", (event) => {
  const form = event.target.closest?.("#swap-form");
  if (!form) return;
  const row = event.target.closest("[data-row]");
  if (row) active = row.dataset.row;
  const query = new URLSearchParams(new FormData(form));
  query.delete("csrfmiddlewaretoken");
  window.history.replaceState(null, "", `${root().dataset.url}?${query}`);
  showChosen();
});

// --- settings with sliders ----------------------------------------------------------------------

const showSlide = (input) => {
  const share = (input.value - input.min) / (input.max - input.min);
  input.parentElement.style.setProperty("--at", share);
  input.closest(".slider").querySelector("[data-slide-value]").textContent = input.value;
};
const showSlides = () => {
  for (const input of document.querySelectorAll("[data-slide]")) showSlide(input);
};
document.addEventListener("input", (event) => {
  if (event.target.matches?.("[data-slide]")) showSlide(event.target);
});

const light = (event, on) => {
  const row = event.target.closest?.("[data-row]");
  const face = event.target.closest?.('a[data-slot="target"]');
  const index = row?.dataset.row ?? face?.dataset.index;
  if (index === undefined) return;
  rowOf(index)?.classList.toggle("is-lit", on);
  document.querySelector(`a[data-slot="target"][data-index="${index}"]`)?.classList.toggle("is-lit", on);
};
for (const [name, on] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]]) {
  document.addEventListener(name, (event) => light(event, on));
}

document.addEventListener("submit", (event) => {
  if (event.target.id !== "swap-form") return;
  const button = event.target.querySelector("[data-start]");
  // After this event, so that the press itself still counts.
  setTimeout(() => {
    button.disabled = true;
  });
});
window.addEventListener("pageshow", () => {
  const button = document.querySelector("[data-start]");
  if (button) button.disabled = false;
});

new MutationObserver(showChosen).observe(document.getElementById("main"), {
  childList: true,
  subtree: true,
});
SLOTS.forEach(paint);
showChosen();
showSlides();
