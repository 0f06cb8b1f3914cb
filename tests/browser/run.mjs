// The console in a real browser: with and without script, in both themes, at several widths.
// usage: node run.mjs <folder with node_modules> <address of the example console> <folder for screenshots>
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import assert from "node:assert/strict";

const [modules, base, shots] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
const operator = `${base}/operator/`;
const customer = `${base}/customer/`;
mkdirSync(shots, { recursive: true });

const quiet = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
const executablePath = process.env.HOOKWIRE_CHROMIUM ?? "/usr/bin/chromium";
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox", ...quiet] });

const complaints = [];
async function open(options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  page.on("console", (message) => message.type() === "error" && complaints.push(`${page.url()}: ${message.text()}`));
  page.on("pageerror", (error) => complaints.push(`${page.url()}: ${error.message}`));
  page.on("request", (request) => request.url().startsWith(base) || request.url().startsWith("data:") || complaints.push(`${page.url()} loads ${request.url()}`));
  return page;
}

async function test(name, run) {
  await run();
  console.log(`ok: ${name}`);
}

const text = (page) => page.locator("main").innerText();
const press = (page, name) => page.getByRole("button", { name, exact: true }).click();

async function createEndpoint(page, url) {
  await page.goto(`${operator}endpoints`);
  await page.getByRole("link", { name: "New endpoint" }).click();
  await page.getByLabel("Tenant").fill("initech");
  await page.getByLabel("URL").fill("http://10.0.0.1/hooks");
  await press(page, "Create the endpoint");
  assert.match(await page.getByRole("alert").innerText(), /not allowed/);
  assert.equal(await page.getByLabel("URL").inputValue(), "http://10.0.0.1/hooks");
  await page.getByLabel("URL").fill(url);
  await page.getByLabel("Event types").fill("nothing.yet");
  await press(page, "Create the endpoint");
  const secret = await page.locator("#secret").innerText();
  assert.match(secret, /^whsec_/);
  return secret;
}

async function repair(page) {
  await page.goto(`${operator}overview`);
  const failing = page.locator("tr", { hasText: "initech" }).first();
  assert.match(await failing.innerText(), /failing/);
  await failing.getByRole("link").first().click();
  await page.locator("table a").first().click();
  const shown = await text(page);
  assert.match(shown, /404 Not Found/);
  assert.match(shown, /Check the URL/);
  assert.match(shown, /no such route: POST \/hooks/);
  await page.getByText("Request and response").first().click();
  assert.match(await text(page), /webhook-id: evt_[^]*content-type:/);
  await press(page, "Cancel");
  assert.match(await text(page), /It was cancelled\./);
  await press(page, "Resend");
  assert.match(await text(page), /The delivery is sent again\./);
}

async function work(page) {
  const secret = await createEndpoint(page, `${base}/hooks/initech/ok`);
  await page.getByRole("link", { name: /I have stored it/ }).click();
  assert.ok(!(await page.content()).includes(secret), "the secret is shown once");
  await press(page, "Send a test event");
  assert.match(await text(page), /hookwire\.test/);
  assert.match(await text(page), /204 No Content/);
  await page.locator("dd a").first().click();
  await page.getByText("Rotate the secret").click();
  await press(page, "Make a new secret");
  assert.notEqual(await page.locator("#secret").innerText(), secret);
  await page.getByRole("link", { name: /I have stored it/ }).click();
  await page.getByRole("link", { name: "Replay" }).click();
  await page.getByText("everything that it subscribes to").click();
  await press(page, "Count the events");
  assert.match(await text(page), /0 events would be sent\. Nothing has been sent yet\./);
  await repair(page);
  await page.goto(`${operator}audit`);
  assert.match(await text(page), /ann@hookwire\.example \(operator\)[^]*Send again[^]*Create an endpoint/);
}

// The page of the job that was started, when the job is done. Without script, the page is loaded again.
async function jobIsDone(page) {
  await page.waitForURL(/\/jobs\/\d+(\?|$)/);
  assert.match(await text(page), /The job has started\./);
  for (let tries = 0; !/\bdone\b/.test(await page.locator("h1").innerText()); tries += 1) {
    assert.ok(tries < 20, `the job is not done: ${await text(page)}`);
    await page.waitForTimeout(500);
    await page.reload();
  }
  return text(page);
}

// A replay and a change to all that match a filter: each is counted first, and then a job.
async function startJobs(page) {
  await page.goto(`${operator}endpoints?tenant=acme`);
  await page.locator("tbody a").first().click();
  await page.getByRole("link", { name: "Replay" }).click();
  await page.getByText("everything that it subscribes to").click();
  await page.getByLabel("Maximum number of deliveries").fill("1");
  await press(page, "Count the events");
  assert.match(await text(page), /1 event would be sent\. Nothing has been sent yet\./);
  await press(page, "Send them");
  assert.match(await jobIsDone(page), /1 delivery made/);
  await page.getByRole("link", { name: "The deliveries that it concerns" }).click();
  await page.locator("tbody a").first().waitFor();

  await page.goto(`${operator}deliveries?state=delivered&type=invoice.paid`);
  await page.getByRole("link", { name: "Send all that match again" }).click();
  assert.match(await text(page), /State\s+delivered\s+Event type\s+invoice\.paid/);
  await page.getByLabel("Maximum number of deliveries").fill("1");
  await press(page, "Start the job");
  assert.match(await jobIsDone(page), /1 delivery sent again/);
  await page.getByRole("link", { name: "All bulk jobs" }).click();
  assert.match(await text(page), /Send all that match again[^]*Replay/);
}

// A job that is so slow that it can be watched and stopped.
async function stopJob(page) {
  await page.goto(`${operator}deliveries?state=delivered`);
  await page.getByRole("link", { name: "Send all that match again" }).click();
  await page.getByLabel("Maximum number of deliveries").fill("1000000");
  await page.getByLabel("Deliveries in each second or minute").fill("1");
  await page.getByText("in each minute").click();
  await press(page, "Start the job");
  assert.match(await text(page), /running since/);
  await page.getByRole("progressbar").waitFor();
  await press(page, "Stop the job");
  assert.match(await text(page), /The job was stopped\./);
  assert.equal(await page.getByRole("button", { name: "Stop the job" }).count(), 0);
}

await test("an operator creates, tests, rotates, replays and repairs, with script", async () => work(await open()));
await test("the same without script", async () => work(await open({ javaScriptEnabled: false })));

await test("an operator replays and resends by jobs, with script", async () => startJobs(await open()));
await test("the same without script", async () => startJobs(await open({ javaScriptEnabled: false })));
await test("a slow job is watched and stopped", async () => stopJob(await open()));

await test("lists refresh themselves, texts are copied, keys work", async () => {
  const page = await open({ permissions: ["clipboard-read", "clipboard-write"] });
  await page.goto(`${operator}deliveries`);
  const first = await page.locator("tbody a").first().getAttribute("href");
  await page.waitForFunction((old) => document.querySelector("tbody a").getAttribute("href") !== old, first);
  await page.keyboard.press("j");
  assert.ok(await page.evaluate(() => document.activeElement.closest("tbody") !== null), "j goes to a row");
  await page.keyboard.press("/");
  assert.ok(await page.evaluate(() => document.activeElement.hasAttribute("data-filter")), "/ goes to the filter");
  await page.keyboard.press("Escape");
  await page.locator("h1").click();
  await page.keyboard.press("?");
  assert.ok(await page.locator("dialog[open]").isVisible());
  await page.keyboard.press("Escape");
  await page.locator("tbody a").first().click();
  await page.getByText("as a curl command").click();
  await page.locator("button[data-copy=curl]").click();
  await page.locator("button[data-copy=curl]", { hasText: "Copied" }).waitFor();
  assert.match(await page.evaluate(() => navigator.clipboard.readText()), /^curl 'http:\/\/127/);
  await page.locator("button[data-raw]").click();
  await page.locator("button[data-raw]", { hasText: "Copied" }).waitFor();
  const file = page.locator("a[download]");
  const exact = await file.evaluate(async (link) => (await fetch(link.href)).text());
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), exact, "the payload is copied as it is");
  const [saved] = await Promise.all([page.waitForEvent("download"), file.click()]);
  assert.equal(saved.suggestedFilename(), "payload.txt");
});

await test("a customer who follows every link sees nothing of others", async () => {
  const page = await open();
  const [seen, next] = [new Set(), [`${customer}overview`]];
  while (next.length > 0 && seen.size < 40) {
    const url = next.pop();
    if (seen.has(url)) continue;
    seen.add(url);
    const answer = await page.goto(url);
    assert.equal(answer.status(), 200, url);
    assert.doesNotMatch(await page.content(), /globex|initech/, url);
    const links = await page.locator("a:not([download])").evaluateAll((all) => all.map((link) => link.href.split("#")[0]));
    next.push(...links.filter((link) => link.startsWith(base)));
  }
  assert.ok(seen.size > 10);
});

// One page of each kind.
async function kinds() {
  const page = await open({ javaScriptEnabled: false });
  const first = async (list, selector) => {
    await page.goto(operator + list);
    return (await page.locator(selector).first().evaluate((link) => link.href)).slice(operator.length);
  };
  const endpoint = await first("endpoints", "tbody a");
  const failed = await first(await first("overview", "tbody a"), "table td[data-label='Event type'] a");
  const paths = ["overview", "endpoints", "endpoints/new", "deliveries", "failures", "failures?hours=1", "events", "events?tenant=acme", "types", "types?type=a.b&tenant=acme", "inbox", "overview?span=day", "audit", "jobs", "jobs/new?what=resend&state=delivered", "jobs/new?what=cancel&state=pending"];
  return [...paths, endpoint, `${endpoint}/replay`, `${endpoint}/diagnose`, await first("deliveries", "tbody a"), await first("jobs", "tbody a"), failed, await first("events?tenant=acme", "tbody a"), await first("inbox?state=delivered", "tbody a")];
}

await test("every page is accessible and fits, in both themes and at three widths", async () => {
  const pages = await kinds();
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [320, 768, 1280]) {
      // The policy of the pages forbids what axe does.
      const page = await open({ colorScheme, viewport: { width, height: 900 }, bypassCSP: true, reducedMotion: "reduce" });
      for (const path of pages) {
        await page.goto(operator + path);
        await page.evaluate(() => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
        await page.evaluate(axe);
        const found = await page.evaluate(() => globalThis.axe.run(document));
        const problems = found.violations.map((one) => `${one.id}: ${one.nodes[0].target}`);
        assert.deepEqual(problems, [], `${path}, ${colorScheme}, ${width}`);
        const tooWide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        assert.equal(tooWide, 0, `${path} is too wide at ${width}`);
        const isTable = await page.evaluate(() => [...document.querySelectorAll("table.rows thead")].every((head) => getComputedStyle(head).display === "table-header-group" && getComputedStyle(head).position === "static"));
        assert.ok(isTable || width < 640, `${path} has tables at ${width}`);
        const scrolls = await page.evaluate(() => [...document.querySelectorAll(".scroll")].filter((box) => box.scrollWidth > box.clientWidth).length);
        assert.equal(scrolls, 0, `${path} scrolls sideways at ${width}`);
        const kind = path.split("?")[0].replace(/[a-z]+_[0-9a-f]{32}/, "one").replaceAll("/", "-");
        await page.screenshot({ path: `${shots}/${kind}-${colorScheme}-${width}.png`, fullPage: true });
      }
      await page.context().close();
    }
  }
});

assert.deepEqual(complaints, [], "the browser reports errors, violations of the policy, or requests to other origins");
await browser.close();
