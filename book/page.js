// What the pages of mdBook lack: for those who do not use a mouse or do not see the screen, and for those whose machine is
// another one than that which is shown. Without this file every word is still there, folded away.
(() => {
    'use strict';
    // Its button is a label, on which aria-label and aria-expanded mean nothing.
    document.getElementById('mdbook-sidebar-toggle')?.setAttribute('role', 'button');

    // A block that is wider than the page scrolls; the keyboard reaches it only if it can be focused.
    const reachable = () => {
        for (const block of document.querySelectorAll('main pre code, main .table-wrapper')) {
            if (block.scrollWidth > block.clientWidth) {
                block.tabIndex = 0;
            } else {
                block.removeAttribute('tabindex');
            }
        }
    };
    reachable();
    window.addEventListener('resize', reachable);
    // All at once are opened before printing: one look is enough for them.
    let asked = false;
    document.addEventListener('toggle', () => {
        if (!asked) {
            asked = true;
            requestAnimationFrame(() => {
                asked = false;
                reachable();
            });
        }
    }, true);

    // The reader chooses a machine: what it said takes the place of what is shown, wherever that is something else.
    const kept = 'explore-machine';
    const remembered = () => {
        try {
            return localStorage.getItem(kept);
        } catch {
            return null;
        }
    };
    const remember = key => {
        try {
            localStorage.setItem(kept, key);
        } catch {
            // A browser that keeps nothing: the choice holds for this page.
        }
    };
    const show = key => {
        for (const told of document.querySelectorAll('main .told')) {
            const others = [...told.querySelectorAll(':scope > details[data-keys]')];
            const chosen = others.find(one => one.dataset.keys.split(' ').includes(key));
            told.classList.toggle('elsewhere', chosen !== undefined);
            for (const one of others) {
                one.classList.toggle('chosen', one === chosen);
                one.open = one === chosen;
            }
        }
        reachable();
    };
    for (const place of document.querySelectorAll('main .machine[data-keys]')) {
        const keys = place.dataset.keys.split(' ');
        if (keys.length < 2) {
            continue;
        }
        const choice = document.createElement('select');
        choice.setAttribute('aria-label', place.dataset.label);
        choice.append(...keys.map(key => new Option(key, key)));
        choice.addEventListener('change', () => {
            remember(choice.value);
            show(choice.value);
        });
        place.replaceChildren(choice);
        if (keys.includes(remembered())) {
            choice.value = remembered();
        }
    }
    if (remembered()) {
        show(remembered());
    }

    // A question is answered before its answer is opened: choosing an option opens it, and marks the choice by what the kernel
    // did on the machine that is shown.
    const held = answer => {
        const told = answer.querySelector('.told.elsewhere > details.chosen > ol, .told.elsewhere > details.chosen ol')
            ?? answer.querySelector('ol');
        const options = [...told?.querySelectorAll(':scope > li') ?? []];
        return options.findIndex(one => [...one.querySelectorAll('strong')].some(mark => /^\[.+\]$/.test(mark.textContent)));
    };
    document.querySelectorAll('main .predict').forEach((question, number) => {
        const options = [...question.querySelectorAll(':scope > ol > li')];
        const answer = question.querySelector(':scope > details:last-of-type');
        if (!answer || held(answer) < 0) {
            return;
        }
        for (const [at, option] of options.entries()) {
            const label = document.createElement('label');
            const choice = document.createElement('input');
            choice.type = 'radio';
            choice.name = `predict-${number}`;
            label.append(choice, ' ', ...option.childNodes);
            option.replaceChildren(label);
            choice.addEventListener('change', () => {
                question.querySelectorAll('.mark').forEach(mark => mark.remove());
                const mark = document.createElement('span');
                mark.className = 'mark';
                mark.textContent = at === held(answer) ? ' ✓' : ' ✗';
                label.append(mark);
                answer.open = true;
            });
        }
    });

    // On paper nothing can be opened. System calls stay folded: they would be most of the paper.
    let folded = [];
    window.addEventListener('beforeprint', () => {
        folded = [...document.querySelectorAll('main details:not([open], .asked, .asked *)')];
        folded.forEach(one => {
            one.open = true;
        });
    });
    window.addEventListener('afterprint', () => {
        folded.forEach(one => {
            one.open = false;
        });
    });

    // mdBook's button copies the whole block. What one wants to paste is what was typed, without its output or prompt.
    const typed = code => {
        const lines = Number(/\btyped-(\d+)\b/.exec(code.className)?.[1] ?? 0);
        return code.textContent.split('\n').slice(0, lines).map(line => line.replace(/^(?:(?:outside|inside)[#$]|>) /, '')).join('\n');
    };
    const copy = async text => {
        if (navigator.clipboard) {
            return navigator.clipboard.writeText(text);
        }
        // A page that came by http from another machine has no clipboard of its own.
        const field = document.createElement('textarea');
        field.value = text;
        document.body.append(field);
        field.select();
        document.execCommand('copy');
        field.remove();
    };
    document.addEventListener('click', event => {
        const button = event.target.closest?.('.clip-button');
        const code = button?.closest('pre')?.querySelector('code[class*="typed-"]');
        if (code) {
            event.stopImmediatePropagation();
            copy(typed(code)).then(() => {
                button.firstElementChild?.replaceChildren('✓');
                button.classList.add('tooltipped');
            });
        }
    }, true);
})();
