// The page that checks a picture: dropped, pasted or chosen, it is sent at once.

const form = document.querySelector("[data-verify]");
const input = form.querySelector("input[type=file]");

const send = () => {
  if (!input.files.length) return;
  form.querySelector("[data-busy]").hidden = false;
  form.setAttribute("aria-busy", "true");
  form.submit();
};

const take = (file) => {
  if (!file) return;
  const holder = new DataTransfer();
  holder.items.add(file);
  input.files = holder.files;
  send();
};

input.addEventListener("change", send);

document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer?.types.includes("Files")) return;
  // Without this the browser would leave the page and open the file.
  event.preventDefault();
  form.classList.add("is-over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("is-over");
});
document.addEventListener("drop", (event) => {
  if (!event.dataTransfer?.files.length) return;
  event.preventDefault();
  form.classList.remove("is-over");
  take(event.dataTransfer.files[0]);
});
document.addEventListener("paste", (event) => {
  take([...(event.clipboardData?.files ?? [])].find((file) => file.type.startsWith("image/")));
});

// Somebody who came back with the browser's button may send the same picture again.
window.addEventListener("pageshow", () => {
  form.querySelector("[data-busy]").hidden = true;
  form.removeAttribute("aria-busy");
});

document.querySelector("[data-answer]")?.focus();
