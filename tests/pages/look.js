// Opens one page in Chromium without a network and prints as JSON what was seen.
//   node look.js CHROMIUM PAGE.html '{"width": 1400, "scheme": "light", "scripts": true, "picture": "x.png", "pdf": "x.pdf"}'
"use strict";
const fs = require("fs");
const { pathToFileURL } = require("url");
const { chromium } = require("playwright-core");

async function main(executablePath, file, wanted) {
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  const context = await browser.newContext({
    viewport: { width: wanted.width, height: 900 }, colorScheme: wanted.scheme, offline: true, acceptDownloads: true,
    javaScriptEnabled: wanted.scripts !== false,
  });
  const page = await context.newPage();
  const seen = { errors: [], requests: [] };
  page.on("console", (message) => message.type() === "error" && seen.errors.push(message.text()));
  page.on("pageerror", (error) => seen.errors.push(String(error)));
  page.on("dialog", (dialog) => { seen.errors.push("dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", (request) => /^(file|data|blob):/.test(request.url()) || seen.requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  seen.title = await page.title();
  if (wanted.scripts === false) {
    seen.text = await page.innerText("body");
  } else {
    await page.waitForSelector("html[data-drawn]", { state: "attached", timeout: 60000 });
    Object.assign(seen, await page.evaluate(`({
      drawn: document.documentElement.dataset.drawn,
      charts: document.querySelectorAll(".chart svg").length,
      marks: document.querySelectorAll(".chart svg path").length,
      figures: document.querySelectorAll("figure").length,
      width: document.documentElement.scrollWidth,
      faults: Array.from(document.querySelectorAll(".chart svg text")).map((text) => text.textContent)
        .filter((text) => /NaN|undefined|Infinity/.test(text)),
    })`));
    if (wanted.save) {
      const download = page.waitForEvent("download");
      await page.locator(wanted.save).first().click();
      seen.saved = fs.readFileSync(await (await download).path(), "utf8");
    }
    const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
    const found = await page.evaluate(`(() => { ${axe}; return axe.run(document); })()`);
    seen.violations = found.violations.map((each) => [each.impact, each.id, each.nodes.map((node) => node.html.slice(0, 150))]);
    seen.checked = found.passes.map((each) => each.id);
  }
  if (wanted.picture) await page.screenshot({ path: wanted.picture, fullPage: !wanted.top });
  if (wanted.pdf) await page.pdf({ path: wanted.pdf, preferCSSPageSize: true });
  await browser.close();
  process.stdout.write(JSON.stringify(seen));
}

main(process.argv[2], process.argv[3], JSON.parse(process.argv[4])).catch((error) => {
  console.error(error);
  process.exit(1);
});
