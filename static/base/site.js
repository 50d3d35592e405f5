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

// The button in the dialog belongs to the form and says "confirm" itself; a form that is sent
// without it, before this script is here, is answered with the same question as a page.
document.addEventListener("submit", (event) => {
  const dialog = document.getElementById("confirm");
  if (!dialog || !event.target.matches("[data-confirm]")) return;
  if (event.submitter?.matches("[data-confirm-yes]")) return;
  event.preventDefault();
  dialog.showModal();
});

// Times are shown in the reader's zone from the next page on, which is the server's to write.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone) {
  const secure = location.protocol === "https:" ? "; Secure" : "";
  // A cookie for /faces/ is not sent to /faces.
  const path = document.body.dataset.root.replace(/(.)\/$/, "$1");
  document.cookie = `zone=${zone}; Path=${path}; Max-Age=31536000; SameSite=Lax${secure}`;
}
