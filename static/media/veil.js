// A click fetches and shows one picture, another click veils it again.
document.addEventListener("click", (event) => {
  const veil = event.target.closest(".veil");
  if (!veil) return;
  const shown = veil.getAttribute("aria-pressed") !== "true";
  const image = veil.querySelector("img");
  if (shown && !image.src) image.src = image.dataset.src;
  veil.setAttribute("aria-pressed", String(shown));
  veil.setAttribute("aria-label", shown ? "Veil this picture" : "Show this picture");
});
