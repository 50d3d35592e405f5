// htmx comes with the panel's own scripts; it may neither evaluate text nor add styles to the page.
window.htmx.config.allowEval = false;
window.htmx.config.includeIndicatorStyles = false;
