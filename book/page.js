// What the pages of mdBook lack for those who do not use a mouse or do not see the screen.
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
})();
