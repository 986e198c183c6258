// Search in Chinese. The index of mdBook knows words that spaces part, and Chinese has none; but the texts lie in it, too.
// A query with such characters is looked for in them as it is. Everything else is left to the index.
(() => {
    'use strict';
    const AROUND = 60;
    if (!window.elasticlunr) {
        return;
    }
    const load = window.elasticlunr.Index.load.bind(window.elasticlunr.Index);
    const count = (text, word) => text.toLowerCase().split(word).length - 1;
    const cut = (body, word) => {
        const at = Math.max(0, body.toLowerCase().indexOf(word));
        return body.slice(Math.max(0, at - AROUND), at + AROUND);
    };
    const find = (docs, query) => {
        const words = query.toLowerCase().split(/\s+/).filter(Boolean);
        const score = doc => {
            const of = words.map(word => count(doc.title, word) * 10 + count(doc.body, word));
            return of.every(Boolean) ? of.reduce((sum, one) => sum + one, 0) : 0;
        };
        return Object.keys(docs)
            .map(ref => ({ ref, score: score(docs[ref]), doc: { ...docs[ref], body: cut(docs[ref].body, words[0]) } }))
            .filter(result => result.score > 0)
            .sort((a, b) => b.score - a.score);
    };
    window.elasticlunr.Index.load = json => {
        const index = load(json);
        const search = index.search.bind(index);
        index.search = (query, options) =>
            /\p{Script=Han}/u.test(query) ? find(json.documentStore.docs, query) : search(query, options);
        return index;
    };
})();
