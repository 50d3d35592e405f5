// The editor: a quick look after each move of a slider, and how much of it is still the person.
// Without this script the sliders and "Make it" work all the same.

const SETTLE_MS = 150;
const PENDING_MS = 1500;
const PAGE = 25;
const SLOW_SECONDS = 1.5;

const form = document.getElementById("editor");

if (document.querySelector("[data-pending]")) {
  setTimeout(() => window.location.reload(), PENDING_MS);
}

const signed = (percent) => (percent > 0 ? `+${percent}` : `${percent}`.replace("-", "\u2212"));

const enliven = () => {
  const part = (name) => form.querySelector(`[data-${name}]`);
  const view = part("view");
  const start = part("start");
  const result = part("result");
  const words = part("words");
  const make = part("make");
  const sliders = [...form.querySelectorAll("[data-slider]")].map((box) => ({
    key: box.dataset.slider,
    label: box.querySelector("label").textContent,
    input: box.querySelector("input"),
    output: box.querySelector("output"),
    reset: box.querySelector("[data-reset]"),
    given: box.querySelector("[data-given]"),
    ends: box.querySelector(".slider-ends"),
    // Where the slider stands when nothing is asked, what one percent is on it, and how it is said.
    middle: 0,
    unit: 1,
    say: signed,
  }));

  // The photo is shown as the quick look will cut it, so that nothing jumps when that comes.
  const frame = () => {
    const box = part("box");
    const [x1, y1, x2, y2] = ["x", "y", "width", "height"].map((name) => Number(box.getAttribute(name)));
    const { width, height } = start.viewBox.baseVal;
    const reach = 0.45 * Math.max(x2 - x1, y2 - y1);
    const left = Math.max(0, x1 - reach);
    const top = Math.max(0, y1 - 1.2 * reach);
    const right = Math.min(width, x2 + reach);
    const bottom = Math.min(height, y2 + reach);
    start.setAttribute("viewBox", `${left} ${top} ${right - left} ${bottom - top}`);
  };

  // --- what the page shows -------------------------------------------------------------------

  const isMoved = ({ input, middle }) => input.valueAsNumber !== middle;

  // The age in years as it is typed, where the age slider is not in years itself.
  const typed = form.querySelector("[data-years] input");

  const isNothing = () => !sliders.some(isMoved) && !(typed && !typed.disabled && typed.value);

  const at = ({ middle, unit }, percent) => middle + unit * percent;

  // The share of the slider's way at which a value lies.
  const share = ({ input }, value) => {
    const low = Number(input.min);
    return String(Math.min(1, Math.max(0, (value - low) / (Number(input.max) - low))));
  };

  const paint = () => {
    for (const slider of sliders) {
      if (slider.middle) slider.input.name = isMoved(slider) ? "target_age" : "";
      const value = slider.input.valueAsNumber;
      const text = slider.say(value);
      slider.output.textContent = text;
      slider.input.setAttribute("aria-valuetext", text);
      slider.input.parentElement.style.setProperty("--at", share(slider, value));
      slider.input.parentElement.style.setProperty("--zero", share(slider, slider.middle));
      slider.reset.hidden = !isMoved(slider);
    }
    make.disabled = isNothing();
  };

  const busy = (is) => {
    view.toggleAttribute("aria-busy", is);
    part("busy").hidden = !is;
  };

  const showStart = () => {
    start.removeAttribute("hidden");
    result.hidden = true;
    part("identity").hidden = true;
    for (const { given } of sliders) given.hidden = true;
  };

  const showIdentity = ({ similarity }) => {
    const box = part("identity");
    box.hidden = similarity === null;
    if (similarity === null) return;
    part("identity-number").textContent = similarity.toFixed(2);
    part("identity-bar").setAttribute("aria-valuenow", similarity.toFixed(2));
    part("identity-share").setAttribute("width", String(similarity));
  };

  const outcome = (answer) => {
    if (answer.verdict === "applied") return "Given as asked, and still you.";
    if (answer.verdict !== "reduced") return `${answer.reason} ${answer.remedy}`.trim();
    const asked = sliders.filter(isMoved);
    return asked
      .map((slider) => {
        const name = asked.length > 1 ? `${slider.label}: asked` : "Asked";
        const given = Math.round(at(slider, answer.applied[slider.key]));
        return `${name} ${slider.say(slider.input.valueAsNumber)}, this much keeps you you: ${slider.say(given)}.`;
      })
      .join(" ");
  };

  const show = (answer) => {
    part("before").src = answer.before;
    part("after").src = answer.after;
    const isMade = ["applied", "reduced"].includes(answer.verdict);
    start.toggleAttribute("hidden", isMade);
    result.hidden = !isMade;
    for (const slider of sliders) {
      const applied = answer.applied[slider.key] ?? 0;
      slider.given.hidden = answer.verdict !== "reduced" || !isMoved(slider);
      slider.given.style.setProperty("--given", share(slider, at(slider, applied)));
    }
    showIdentity(answer);
    words.textContent = outcome(answer);
  };

  // --- asking for a quick look: only the newest question counts --------------------------------

  let asking = null;
  let settling = 0;

  const send = (url, signal) =>
    fetch(url, {
      method: "POST",
      body: new FormData(form),
      headers: {
        Accept: "application/json",
        "X-CSRFToken": form.querySelector("[name=csrfmiddlewaretoken]").value,
      },
      credentials: "same-origin",
      signal,
    });

  const ask = async () => {
    asking?.abort();
    asking = null;
    if (isNothing()) {
      busy(false);
      showStart();
      words.textContent = "Move a slider to see what it does.";
      return;
    }
    const mine = new AbortController();
    asking = mine;
    busy(true);
    try {
      const answer = await send(form.dataset.previewUrl, mine.signal);
      if (answer.redirected) {
        // Signed out: the sign-in page says so better than a line of text.
        window.location.reload();
        return;
      }
      const said = await answer.json();
      if (mine !== asking) return;
      if (answer.ok) show(said);
      else refuse(`${said.sentence} ${said.remedy}`.trim());
    } catch {
      if (mine === asking) refuse("No quick look came back. You can make the picture all the same.");
    } finally {
      if (mine === asking) busy(false);
    }
  };

  const refuse = (sentence) => {
    showStart();
    words.textContent = sentence;
  };

  const askSoon = () => {
    clearTimeout(settling);
    settling = setTimeout(ask, SETTLE_MS);
  };

  // --- an engine that has to study the face first -------------------------------------------------

  const prepare = async () => {
    words.textContent = "Studying the face.";
    busy(true);
    try {
      const answer = await send(form.dataset.prepareUrl);
      if (!answer.ok || answer.redirected) return;
      const { years, years_at_full: reach, seconds } = await answer.json();
      if (seconds > SLOW_SECONDS) {
        part("pace").textContent = `A quick look takes about ${Math.round(seconds)} seconds here.`;
        part("pace").hidden = false;
      }
      if (years !== null && typed) scaleInYears(years, reach);
    } catch {
      // Quick looks come all the same, the first one later.
    } finally {
      busy(false);
      words.textContent = "";
    }
  };

  // The age in years instead of percent, from how old the face looks by an estimate.
  const scaleInYears = (years, reach) => {
    const slider = sliders.find(({ key }) => key === "age");
    const [low, high] = [Math.max(1, years - reach), Math.min(120, years + reach)];
    const wanted = typed.valueAsNumber || Math.round(years + (reach * slider.input.valueAsNumber) / 100);
    Object.assign(slider, { middle: years, unit: reach / 100, say: (value) => `${value} years` });
    Object.assign(slider.input, { min: low, max: high, step: 1, value: wanted, name: "" });
    const [younger, older] = slider.ends.children;
    younger.textContent = `${low} years`;
    older.textContent = `${high} years`;
    typed.disabled = true;
    part("years").hidden = true;
    part("looks").textContent = `Looks about ${years}. That is an estimate, and only sets this slider's scale.`;
    part("looks").hidden = false;
    paint();
  };

  // --- the sliders -------------------------------------------------------------------------------

  const move = (slider, value) => {
    slider.input.value = String(value);
    paint();
    askSoon();
  };

  for (const slider of sliders) {
    slider.input.addEventListener("input", paint);
    slider.input.addEventListener("change", askSoon);
    slider.input.addEventListener("dblclick", () => move(slider, slider.middle));
    slider.input.addEventListener("keydown", (event) => {
      const step = { PageUp: PAGE, PageDown: -PAGE }[event.key];
      if (!step) return;
      event.preventDefault();
      move(slider, slider.input.valueAsNumber + Math.round(step * slider.unit));
    });
    slider.reset.addEventListener("click", () => {
      move(slider, slider.middle);
      slider.input.focus();
    });
  }

  typed?.addEventListener("change", () => {
    paint();
    askSoon();
  });

  form.addEventListener("submit", () => {
    // After this event, so that the press itself still counts.
    setTimeout(() => {
      make.disabled = true;
    });
  });
  // A page that comes back from the browser's cache keeps where its sliders stood.
  window.addEventListener("pageshow", async (event) => {
    paint();
    if (form.dataset.prepareUrl && !event.persisted) await prepare();
    ask();
  });

  frame();
};

if (form) enliven();
