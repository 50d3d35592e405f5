// Before and after as one picture with a divider. A range input is the divider, so mouse, touch,
// keyboard and screen readers all work it. Without this script both pictures stand side by side.

const enliven = (box) => {
  const range = document.createElement("input");
  range.type = "range";
  range.className = "compare-range";
  range.min = "0";
  range.max = "100";
  range.step = "1";
  range.value = "50";
  range.setAttribute("aria-label", "Slide between before and after");

  const handle = document.createElement("span");
  handle.className = "compare-handle";
  handle.setAttribute("aria-hidden", "true");

  const paint = () => {
    box.style.setProperty("--split", `${range.value}%`);
    range.setAttribute("aria-valuetext", `${range.value} % before, ${100 - range.value} % after`);
  };
  range.addEventListener("input", paint);

  // The thumb of a native slider stops short of the edges, so pointers are followed here.
  const follow = (event) => {
    const { left, width } = box.getBoundingClientRect();
    const share = (event.clientX - left) / width;
    range.value = String(Math.round(100 * Math.min(1, Math.max(0, share))));
    paint();
  };
  range.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    range.focus({ focusVisible: false });
    range.setPointerCapture(event.pointerId);
    follow(event);
  });
  range.addEventListener("pointermove", (event) => {
    if (range.hasPointerCapture(event.pointerId)) follow(event);
  });

  box.append(range, handle);
  box.classList.add("is-live");
  paint();
};

document.querySelectorAll("[data-compare]").forEach(enliven);
