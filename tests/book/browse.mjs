// The built book in a real browser.
//
//     node browse.mjs BOOK [SHOTS]     # BOOK has en/ and zh-CN/; pictures of some pages go into SHOTS
//
// Each claim is a check; what is false is printed, with the page. The exit code is 1 where anything is.
import { readFileSync, readdirSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
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

// Not 404.html: it is for a server that gives it in place of others, and names its files from that server's root.
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
            response.writeHead(404).end();
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
            await accessible(page, `${language}/${name}`);
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

async function accessible(page, name) {
    await page.evaluate(axe);
    const found = await page.evaluate(() => window.axe.run(document, { resultTypes: ['violations'] }));
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
            for (const name of ['pid-namespace', 'pictures', 'matrix', 'parity', 'introduction']) {
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
                    await page.screenshot({ path: join(shots, `${language}-${name}-${width}-${colorScheme}.png`) });
                }
            }
            await context.close();
        }
    }
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
    await page.locator('main details summary').first().click();
    check(await page.locator('main details p').first().isVisible(), `${language}: a hint opens without scripts`);
    await context.close();
}

async function print(context, base, language) {
    const page = await context.newPage();
    await page.goto(`${base}/${language}/pictures.html`);
    const pdf = await page.pdf();
    check(pdf.length > 20_000, `${language}: pictures.html is printed`);
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
        await everyPage(context, base, language);
        await questions(context, base, language);
        await print(context, base, language);
        await context.close();
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
