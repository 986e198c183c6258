// The built book in a real browser.
//
//     node browse.mjs BOOK [SHOTS]     # BOOK has en/ and zh-CN/; pictures of some pages go into SHOTS
//
// Each claim is a check; what is false is printed, with the page. The exit code is 1 where anything is.
import { existsSync, readFileSync, readdirSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { extname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

// EXPLORE_PAGES=N looks at every Nth page only.
const EVERY = Number(process.env.EXPLORE_PAGES ?? 1);
const [book, shots] = process.argv.slice(2).map(path => resolve(path));
const LANGUAGES = ['en', 'zh-CN'];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml' };
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const failures = [];
let checks = 0;

function check(holds, what) {
    checks += 1;
    if (!holds) {
        failures.push(what);
        console.log(`FAILED ${what}`);
    }
}

// Not 404.html: it is what a server gives in place of others; see `missing`.
const pages = language => readdirSync(join(book, language)).filter(name => name.endsWith('.html') && name !== '404.html').sort();

async function serve() {
    const server = createServer((request, response) => {
        if (request.url === '/favicon.ico') {
            // What a browser asks for by itself where a page names none.
            response.writeHead(204).end();
            return;
        }
        const path = join(book, decodeURIComponent(new URL(request.url, 'http://x').pathname));
        try {
            response.setHeader('content-type', TYPES[extname(path)] ?? 'application/octet-stream');
            response.end(readFileSync(path));
        } catch {
            // As `explore book` does it.
            response.writeHead(404, { 'content-type': 'text/html' });
            const instead = join(book, path.slice(book.length).split('/')[1] ?? '', '404.html');
            response.end(existsSync(instead) ? readFileSync(instead) : '');
        }
    });
    await new Promise(ready => server.listen(0, '127.0.0.1', ready));
    return server;
}

// What a page says is wrong with it: errors of its scripts, and files that are not there.
function listen(page, name) {
    page.on('pageerror', error => check(false, `${name()}: ${error.message}`));
    page.on('console', message => check(message.type() !== 'error', `${name()}: ${message.text()}`));
    page.on('response', answer => check(answer.status() < 400, `${name()}: ${answer.status()} ${answer.url()}`));
}

async function everyPage(context, base, language) {
    const ids = new Map();
    const links = [];
    const page = await context.newPage();
    let looked = '';
    listen(page, () => looked);
    for (const name of pages(language)) {
        looked = `${language}/${name}`;
        await page.goto(`${base}/${language}/${name}`);
        ids.set(name, new Set(await page.$$eval('[id]', all => all.map(one => one.id))));
        const targets = await page.$$eval('a[href]', all => all.map(one => one.href));
        links.push(...targets.map(target => ({ name, target })));
        // print.html is all the others once more, toc.html is a frame of them.
        if (!['print.html', 'toc.html'].includes(name) && ids.size % EVERY === 0) {
            // What is folded away of the kernel would be most of the work, and is of one make: `calls` looks at it unfolded.
            await accessible(page, `${language}/${name}`, ['main .asked > .told']);
        }
    }
    await page.close();
    for (const { name, target } of links) {
        const url = new URL(target);
        if (!target.startsWith(`${base}/`)) {
            check(['https:', 'http:'].includes(url.protocol), `${language}/${name}: a link to ${target}`);
            continue;
        }
        const [to] = url.pathname.split('/').slice(-1);
        const file = to === '' ? 'index.html' : to;
        const anchor = decodeURIComponent(url.hash.slice(1));
        const isThere = extname(file) === '.html' ? ids.has(file) : readdirSync(join(book, language)).includes(file);
        check(isThere, `${language}/${name}: a link to ${file}, which is not there`);
        check(anchor === '' || !ids.has(file) || ids.get(file).has(anchor), `${language}/${name}: no #${anchor} in ${file}`);
    }
    console.log(`${language}: ${ids.size} pages, ${links.length} links`);
}

async function accessible(page, name, exclude = []) {
    await page.evaluate(axe);
    const found = await page.evaluate(exclude => window.axe.run({ include: [['html']], exclude: exclude.map(one => [one]) }, { resultTypes: ['violations'] }), exclude);
    for (const one of found.violations.filter(one => ['serious', 'critical'].includes(one.impact))) {
        const node = one.nodes[0];
        check(false, `${name}: axe ${one.id} (${one.impact}), ${one.nodes.length}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`);
    }
    checks += 1;
}

async function search(context, base, language, words) {
    const page = await context.newPage();
    listen(page, () => `${language}, searching`);
    await page.goto(`${base}/${language}/introduction.html`);
    for (const [word, file] of Object.entries(words)) {
        await page.keyboard.press('Escape');
        await page.keyboard.press('s');
        await page.waitForFunction(() => !document.getElementById('mdbook-searchbar-outer').classList.contains('searching'));
        await page.fill('#mdbook-searchbar', word);
        await page.press('#mdbook-searchbar', 'End');
        const found = await page.waitForFunction(
            () => document.querySelectorAll('#mdbook-searchresults a').length, null, { timeout: 5000 },
        ).catch(() => null);
        const hrefs = await page.$$eval('#mdbook-searchresults a', all => all.map(one => one.getAttribute('href')));
        check(found && hrefs.some(href => href.includes(file)), `${language}: searching ${word} finds ${file}; it finds ${hrefs}`);
        await page.fill('#mdbook-searchbar', '');
        await page.press('#mdbook-searchbar', 'End');
    }
    await page.close();
}

// A question is answered in the page: its answer is hidden, and opens by a click or by the keyboard alone.
async function questions(context, base, language) {
    const page = await context.newPage();
    await page.goto(`${base}/${language}/pid-namespace.html`);
    const holds = page.locator('main details', { has: page.locator('strong', { hasText: /\[.+\]/ }) });
    check(await holds.count() >= 3, `${language}: pid-namespace asks three questions`);
    for (const [number, open] of [[0, one => one.click()], [1, async one => {
        await one.focus();
        await page.keyboard.press('Enter');
    }]]) {
        const answer = holds.nth(number);
        const text = answer.locator('strong').first();
        check(!await text.isVisible(), `${language}: answer ${number} is hidden at first`);
        await open(answer.locator('summary').first());
        check(await text.isVisible(), `${language}: answer ${number} opens`);
    }
    await page.close();
}

async function sizes(browser, base, language) {
    for (const width of [360, 768, 1440]) {
        for (const colorScheme of ['light', 'dark']) {
            const context = await browser.newContext({ viewport: { width, height: 900 }, colorScheme });
            const page = await context.newPage();
            for (const name of ['pid-namespace', 'cgroup-hierarchy', 'six-stages', 'pictures', 'matrix', 'parity', 'tiers', 'introduction']) {
                const what = `${language}/${name} at ${width}, ${colorScheme}`;
                await page.goto(`${base}/${language}/${name}.html`);
                const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
                check(wide <= 0, `${what}: ${wide} px are beyond the edge`);
                // A table may be wider than the page if it can be scrolled by itself.
                const lost = await page.$$eval('main table, main pre, main img', all => all.filter(one => {
                    const box = one.getBoundingClientRect();
                    let scroller = one;
                    while (scroller && !['auto', 'scroll'].includes(getComputedStyle(scroller).overflowX)) {
                        scroller = scroller.parentElement;
                    }
                    return box.right > window.innerWidth + 1 && !scroller;
                }).length);
                check(lost === 0, `${what}: ${lost} tables or blocks end beyond the edge`);
                // Chinese breaks anywhere: what a comparison found would stand one sign above the other.
                const broken = await page.$$eval('main .told td:last-child', all => all.filter(one => {
                    const range = document.createRange();
                    range.selectNodeContents(one);
                    return new Set([...range.getClientRects()].map(line => Math.round(line.top))).size > 1;
                }).length);
                check(broken === 0, `${what}: ${broken} verdicts of a comparison are broken`);
                const [text, paper] = await page.evaluate(() => {
                    const style = getComputedStyle(document.body);
                    const light = color => color.match(/\d+/g).slice(0, 3).reduce((sum, one) => sum + Number(one), 0);
                    return [light(style.color), light(getComputedStyle(document.documentElement).backgroundColor)];
                });
                check(colorScheme === 'dark' ? text > paper : text < paper, `${what}: the colours are not ${colorScheme}`);
                if (colorScheme === 'dark') {
                    await accessible(page, what);
                }
                if (shots) {
                    await page.screenshot({ path: join(shots, `${language}-${name}-${width}-${colorScheme}.png`), fullPage: true });
                }
            }
            await context.close();
        }
    }
}

// Choosing an option of a question opens its answer, and marks the option as the kernel did.
async function choosing(context, base, language) {
    const page = await context.newPage();
    await page.goto(`${base}/${language}/pid-namespace.html`);
    const question = page.locator('main .predict').first();
    const marks = await question.locator(':scope > details:last-of-type ol > li').evaluateAll(all =>
        all.map(one => [...one.querySelectorAll('strong')].some(mark => /^\[.+\]$/.test(mark.textContent))));
    check(marks.filter(Boolean).length === 1, `${language}: one option of the first question holds; ${marks}`);
    for (const [at, holds] of marks.entries()) {
        await question.locator('input').nth(at).check();
        const shown = await question.locator(':scope > ol > li').nth(at).locator('.mark').textContent();
        check(shown.trim() === (holds ? '✓' : '✗'), `${language}: option ${at} is marked ${shown}`);
        check(await question.locator('.mark').count() === 1, `${language}: only the last choice is marked`);
    }
    check(await question.locator(':scope > details:last-of-type').evaluate(one => one.open), `${language}: the answer is open`);
    // By the keyboard alone: the arrow keys choose.
    const second = page.locator('main .predict').nth(1);
    await second.locator('input').first().focus();
    await page.keyboard.press('Space');
    check(await second.locator('.mark').count() === 1, `${language}: a question is answered by the keyboard`);
    await page.close();
}

// A reader of another kernel sees what that one has said, here and on the next page; and comes back.
async function machines(context, base, language) {
    const page = await context.newPage();
    listen(page, () => `${language}, choosing a machine`);
    await page.goto(`${base}/${language}/cgroup-hierarchy.html`);
    // What differs may stand in an answer.
    await page.$$eval('main details:not([data-keys])', all => all.forEach(one => {
        one.open = true;
    }));
    const choice = page.locator('main .machine select');
    const keys = await choice.locator('option').allTextContents();
    check(keys.length >= 3, `${language}: cgroup-hierarchy is recorded on ${keys}`);
    const visible = () => page.locator('main .told > pre:visible').count();
    const before = await visible();
    for (const key of keys.slice(1)) {
        await choice.selectOption(key);
        const chosen = page.locator(`main :not(.asked) > .told.elsewhere > details.chosen[data-keys~="${key}"]`);
        check(await chosen.count() > 0 && await chosen.first().locator('pre, ol').first().isVisible(), `${language}: what ${key} said is shown`);
        check(await visible() < before, `${language}: what is otherwise on ${key} is hidden`);
        check(await page.locator('main .told.elsewhere > details:visible:not(.chosen)').count() === 0, `${language}: only ${key}`);
        await accessible(page, `${language}/cgroup-hierarchy on ${key}`);
    }
    await page.goto(`${base}/${language}/bundle.html`);
    check(await page.locator('main .machine select').inputValue() === keys.at(-1), `${language}: the choice is remembered`);
    await page.locator('main .machine select').selectOption(keys[0]);
    check(await page.locator('main .told.elsewhere').count() === 0, `${language}: and taken back`);
    await page.close();
}

// What the kernel was asked unfolds under a block, each call linked to its manual page, and no page gets wider by it.
async function calls(browser, base, language) {
    for (const colorScheme of ['light', 'dark']) {
        const context = await browser.newContext({ viewport: { width: 360, height: 900 }, colorScheme });
        const page = await context.newPage();
        const what = `${language}/exec.html, calls, ${colorScheme}`;
        await page.goto(`${base}/${language}/exec.html`);
        for (const summary of await page.locator('main .asked > summary').all()) {
            await summary.focus();
            await page.keyboard.press('Enter');
        }
        const link = page.locator('main .asked a:visible', { hasText: /^pivot_root$/ }).first();
        check(await link.getAttribute('href') === 'https://man7.org/linux/man-pages/man2/pivot_root.2.html', `${what}: pivot_root is linked`);
        const bare = await page.$$eval('main .asked li', all => all.filter(one => !/\/man2\/\w+\.2\.html$/.test(one.querySelector('a')?.href)).length);
        check(bare === 0, `${what}: ${bare} calls have no manual page`);
        const foreign = await page.$$eval('main .asked li', all => all.map(one => one.lastChild.textContent).filter(why => !/\p{Script=Han}/u.test(why)));
        check(language === 'en' || foreign.length === 0, `${what}: not in its language: ${foreign.slice(0, 3)}`);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
        check(wide <= 0, `${what}: ${wide} px are beyond the edge`);
        await accessible(page, what);
        await context.close();
    }
}

// The button copies what was typed: no prompt, no output.
async function copying(browser, base, language) {
    const context = await browser.newContext({ permissions: ['clipboard-read', 'clipboard-write'] });
    const page = await context.newPage();
    await page.goto(`${base}/${language}/pid-namespace.html`);
    const block = page.locator('main pre', { has: page.locator('code[class*="typed-"]') }).first();
    await block.hover();
    await block.locator('.clip-button').click();
    const copied = await page.waitForFunction(() => navigator.clipboard.readText()).then(text => text.jsonValue());
    check(copied === 'echo "I am process $$, and my parent is process $PPID"', `${language}: copied is ${copied}`);
    await context.close();
}

// A page that is not there: the book's own, with its colours and a way back.
async function missing(context, base, language) {
    const page = await context.newPage();
    const failed = [];
    page.on('response', answer => answer.status() >= 400 && failed.push(answer.url()));
    await page.goto(`${base}/${language}/no/such/page.html`);
    check(failed.length === 1, `${language}: 404.html finds its files; not ${failed.slice(1)}`);
    check(await page.locator('main h1').isVisible(), `${language}: 404.html says what is wrong`);
    await accessible(page, `${language}/404.html`);
    await page.locator('main a[href*="introduction"]').first().click();
    check(page.url() === `${base}/${language}/introduction.html`, `${language}: 404.html leads to ${page.url()}`);
    await page.close();
}

// From a folder, and without scripts: every word of the page is there, answers included.
async function bare(browser, language) {
    const context = await browser.newContext({ javaScriptEnabled: false });
    const page = await context.newPage();
    listen(page, () => `${language}, from a folder: ${page.url()}`);
    const words = text => text.replace(/\s+/g, '');
    for (const name of pages(language).filter(name => !['toc.html', 'print.html'].includes(name))) {
        const file = join(book, language, name);
        await page.goto(pathToFileURL(file).href);
        const source = readFileSync(file, 'utf8').match(/<main>([\s\S]*)<\/main>/)[1];
        const shown = words(await page.textContent('main'));
        check(shown.length > 200 && words(source).length > shown.length, `${language}/${name}: the text is in the page`);
        check(await page.locator('main h1').first().isVisible(), `${language}/${name}: its title is seen without scripts`);
        check(await page.locator('nav iframe, nav a').count() > 0, `${language}/${name}: there is a way to the other pages`);
    }
    await page.goto(pathToFileURL(join(book, language, 'pid-namespace.html')).href);
    await page.locator('main .predict details summary').first().click();
    check(await page.locator('main .predict details p').first().isVisible(), `${language}: a hint opens without scripts`);
    await context.close();
}

async function print(context, base, language) {
    const page = await context.newPage();
    await page.goto(`${base}/${language}/pictures.html`);
    const pdf = await page.pdf();
    check(pdf.length > 20_000, `${language}: pictures.html is printed`);
    // On paper nothing can be opened: what is folded away is printed too.
    await page.goto(`${base}/${language}/pid-namespace.html`);
    // All but the system calls, which would be most of the paper.
    const answers = 'main details:not(.asked, .asked *)';
    const folded = () => page.$$eval(answers, all => all.filter(one => !one.open).length);
    const before = await folded();
    const seen = page.evaluate(answers => new Promise(done => addEventListener('beforeprint', () =>
        done([...document.querySelectorAll(answers)].filter(one => !one.open).length))), answers);
    await page.pdf();
    check(before > 5 && await seen === 0, `${language}: answers are printed`);
    check(await folded() === before, `${language}: and folded again`);
    // As wide as A4 without its margins: on paper nothing can be scrolled to, and processes have long commands.
    await page.setViewportSize({ width: 718, height: 900 });
    await page.emulateMedia({ media: 'print' });
    await page.goto(`${base}/${language}/seccomp.html`);
    const cut = await page.$$eval('main .told .table-wrapper', all => all.filter(one => one.scrollWidth > one.clientWidth + 1).length);
    check(cut === 0, `${language}: ${cut} comparisons end beyond the paper`);
    await page.close();
}

const profile = mkdtempSync(join(tmpdir(), 'browse-'));
const server = await serve();
const base = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: FLAGS, env: { ...process.env, HOME: profile } });
try {
    if (shots) {
        mkdirSync(shots, { recursive: true });
    }
    for (const language of LANGUAGES) {
        const context = await browser.newContext();
        // print.html is the whole book.
        context.setDefaultNavigationTimeout(180_000);
        await everyPage(context, base, language);
        await questions(context, base, language);
        await choosing(context, base, language);
        await machines(context, base, language);
        await missing(context, base, language);
        await copying(browser, base, language);
        await print(context, base, language);
        await context.close();
        await calls(browser, base, language);
        await sizes(browser, base, language);
        await bare(browser, language);
    }
    const context = await browser.newContext();
    await search(context, base, 'en', { whiteout: 'whiteout.html', overlayfs: 'union.html', pivot_root: 'pivot-root.html' });
    await search(context, base, 'zh-CN', { 删除标记: 'whiteout.html', 命名空间: 'namespaces.html', overlayfs: 'union.html' });
    await context.close();
} finally {
    await browser.close();
    server.close();
    rmSync(profile, { recursive: true, force: true });
}
console.log(`${checks} checks, ${failures.length} failed`);
process.exitCode = failures.length > 0 ? 1 : 0;
