// A click shows one picture, another click blurs it again.
document.addEventListener("click", (event) => {
  const veil = event.target.closest(".veil");
  if (!veil) return;
  const shown = veil.getAttribute("aria-pressed") !== "true";
  veil.setAttribute("aria-pressed", String(shown));
  veil.setAttribute("aria-label", shown ? "Blur this picture" : "Show this picture");
});
