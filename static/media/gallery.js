// Ticking several photos and asking once before they are deleted.

const form = document.getElementById("gallery-form");

if (form) {
  const bar = form.querySelector("[data-select-bar]");
  const text = form.querySelector("[data-select-text]");
  const none = form.querySelector("[data-select-none]");
  const remove = form.querySelector("[data-select-delete]");
  const dialog = form.querySelector("[data-confirm-dialog]");
  const hint = text.textContent;
  const words = (count) => (count === 1 ? "1 photo" : `${count} photos`);
  const ticked = () => form.querySelectorAll("input[name=ids]:checked").length;

  const paint = () => {
    const count = ticked();
    bar.classList.toggle("is-active", count > 0);
    none.hidden = count === 0;
    remove.disabled = count === 0;
    text.textContent = count ? `${words(count)} ticked` : hint;
  };

  form.addEventListener("change", paint);
  // The boxes are cleared only after this event.
  form.addEventListener("reset", () => setTimeout(paint));
  form.addEventListener("submit", (event) => {
    if (event.submitter?.matches("[data-confirm-yes]")) return;
    event.preventDefault();
    form.querySelector("[data-confirm-title]").textContent = `Delete ${words(ticked())}?`;
    dialog.showModal();
  });
  // A page that comes back from the browser's cache keeps its ticks.
  window.addEventListener("pageshow", paint);
  paint();
}
