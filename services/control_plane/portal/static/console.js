// What makes the console more pleasant. All of it works without, save copying.
"use strict";

function prepare(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
      button.textContent = "Copied";
    });
  }
  for (const part of root.querySelectorAll("[data-hide-with-script]")) part.hidden = true;
}

prepare(document);
document.querySelector(".mistakes")?.focus();
