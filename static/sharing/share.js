// The address of a new link: one press copies it. Without this script it is selected by hand.

const enliven = (box) => {
  const input = box.querySelector("input");
  const button = box.querySelector("[data-copy-button]");
  const said = box.querySelector("[data-copy-said]");

  const copy = async () => {
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
      said.textContent = "Copied.";
    } catch {
      // Over plain HTTP a page has no clipboard.
      said.textContent = "Selected: press Ctrl+C, or ⌘C.";
    }
  };

  button.addEventListener("click", copy);
  input.addEventListener("focus", () => input.select());
  button.hidden = false;
};

document.querySelectorAll("[data-copy]").forEach(enliven);
