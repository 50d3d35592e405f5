// The options of an engine: what means something only beside another choice is shown only then.
// Without this script all of them are shown, and what means nothing is not looked at.

const showMeaningful = (root) => {
  for (const part of root.querySelectorAll("[data-when-key]")) {
    const form = part.closest("form");
    if (!form) continue;
    const wanted = part.dataset.whenValues.split(" ").map((value) => ({ True: "1", False: "0" })[value] ?? value);
    const given = new FormData(form).getAll(part.dataset.whenKey);
    part.hidden = !given.some((value) => value !== "" && wanted.includes(value));
  }
};

document.addEventListener("change", () => showMeaningful(document));
document.addEventListener("htmx:load", () => showMeaningful(document));
showMeaningful(document);
