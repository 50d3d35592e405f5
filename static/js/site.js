// What every page shares: the account menu, dialogs' close buttons, questions before deleting.

const menus = () => document.querySelectorAll("details[data-menu][open]");

document.addEventListener("click", (event) => {
  for (const menu of menus()) {
    if (!menu.contains(event.target)) menu.open = false;
  }
  event.target.closest("[data-close]")?.closest("dialog")?.close();
  // A click on the backdrop lands on the dialog itself.
  if (event.target instanceof HTMLDialogElement) event.target.close();
});

document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of menus()) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});

document.addEventListener("submit", (event) => {
  const dialog = document.getElementById("confirm");
  const form = event.target;
  if (!dialog || !form.matches("[data-confirm]") || form.dataset.confirmed) return;
  event.preventDefault();
  dialog.querySelector("[data-confirm-yes]").onclick = () => {
    form.dataset.confirmed = "yes";
    form.requestSubmit();
  };
  dialog.showModal();
});
