// The queue and the case page by keyboard, and pictures revealed in place. Without this file both
// work by their forms.
const OFF = "moderation-keys-off";

function isOn() {
  return localStorage.getItem(OFF) === null;
}

function isTyping(target) {
  return target.closest("textarea, select, input:not([type=radio]):not([type=checkbox])") !== null;
}

// --- pictures ------------------------------------------------------------------------------------
async function reveal(form) {
  const figure = form.closest("figure");
  const shown = figure.querySelector("img[data-shown]");
  const button = form.querySelector("button");
  const live = document.querySelector("[data-live]");
  const title = figure.querySelector("strong").textContent;
  if (shown) {
    shown.remove();
    figure.querySelector(".case-veil").hidden = false;
    say(button, "Reveal", `Reveal: ${title}`);
    live.textContent = `Veiled: ${title}`;
    return;
  }
  button.disabled = true;
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new FormData(form),
      headers: { Accept: "application/json" },
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const image = new Image();
    image.dataset.shown = "";
    image.alt = title;
    image.src = (await answer.json()).address;
    await image.decode();
    const veil = figure.querySelector(".case-veil");
    veil.hidden = true;
    veil.before(image);
    say(button, "Veil", `Veil: ${title}`);
    live.textContent = `Shown: ${title}`;
  } catch {
    live.textContent = "The picture could not be shown. Reload the page and try again.";
  }
  button.disabled = false;
}

function say(button, word, label) {
  button.firstChild.textContent = `${word} `;
  button.setAttribute("aria-label", label);
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("[data-reveal]")) return;
  event.preventDefault();
  reveal(event.target);
});

// Copies are looked for while the page is read already; without this its link does.
async function lookForCopies() {
  const link = document.querySelector("[data-copies]");
  if (!link) return;
  try {
    const page = await (await fetch(link.href)).text();
    const found = new DOMParser().parseFromString(page, "text/html").getElementById("copies");
    if (found) document.getElementById("copies").replaceWith(found);
  } catch {
    // The link is still there.
  }
}

// --- keys ----------------------------------------------------------------------------------------
document.addEventListener("keydown", (event) => {
  if (!isOn() || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
  if (event.key === "Escape") {
    document.querySelectorAll("[data-decide] input:checked").forEach((choice) => {
      choice.checked = false;
    });
    return;
  }
  if (!/^[a-z]$/i.test(event.key) || event.repeat) return;
  const key = event.key.toLowerCase() === "j" ? "n" : event.key.toLowerCase();
  const found = document.querySelector(`[data-key="${key}"]`);
  if (!found) return;
  if (found.matches("form")) {
    if (event.shiftKey) return;
    event.preventDefault();
    found.requestSubmit();
    return;
  }
  event.preventDefault();
  found.checked = true;
  const submit = found.form.querySelector("button[type=submit]");
  if (event.shiftKey && "quick" in found.dataset) found.form.requestSubmit(submit);
  else {
    submit.focus({ preventScroll: true });
    submit.scrollIntoView({ block: "nearest" });
  }
});

// --- one decision is sent once -------------------------------------------------------------------
document.addEventListener("submit", (event) => {
  if (event.target.matches("[data-reveal]")) return;
  if (!event.target.matches(".case form, .queue-head form")) return;
  if ("sent" in event.target.dataset) event.preventDefault();
  event.target.dataset.sent = "";
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

// --- the legend ----------------------------------------------------------------------------------
function showLegend() {
  const legend = document.querySelector("[data-keys]");
  if (!legend) return;
  const button = legend.querySelector("[data-keys-switch]");
  const write = () => {
    button.setAttribute("aria-pressed", String(isOn()));
    button.textContent = isOn() ? "Keys are on" : "Keys are off";
    document.body.classList.toggle("case-keys-off", !isOn());
  };
  button.addEventListener("click", () => {
    if (isOn()) localStorage.setItem(OFF, "");
    else localStorage.removeItem(OFF);
    write();
  });
  legend.hidden = false;
  write();
}

function begin() {
  showLegend();
  lookForCopies();
}

if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", begin);
else begin();
