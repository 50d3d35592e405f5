// htmx comes with the panel's own scripts; it may neither evaluate text nor add styles to the page.
window.htmx.config.allowEval = false;
window.htmx.config.includeIndicatorStyles = false;

// What opens the filters of a list is a link that leads nowhere: a keyboard must reach it too.
document.addEventListener("DOMContentLoaded", () => {
  document.querySelectorAll("#changelist a:not([href])").forEach((opener) => {
    opener.setAttribute("role", "button");
    opener.tabIndex = 0;
    opener.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      opener.click();
    });
  });
});
