import { createHash } from 'node:crypto';

/** Colours keep a contrast of at least 4.5 : 1 in both schemes (WCAG 2.2, 1.4.3). */
export const apiPageStyle = `
:root { color-scheme: light dark; --ink: light-dark(#1d2320, #e6ebe7); --soft: light-dark(#57615b, #a3aea7);
  --paper: light-dark(#fbfcfa, #131816); --card: light-dark(#ffffff, #1b221f); --line: light-dark(#dbe1dc, #35403a);
  --accent: light-dark(#17663f, #7fd6a5); --code: light-dark(#eef2ee, #0d1110); }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 16px/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
header, main, nav, footer { max-width: 62rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .75rem; }
h3 { font-size: 1.05rem; margin: 0; font-weight: 600; }
h4 { font-size: .95rem; margin: 1.25rem 0 .4rem; }
p { margin: .4rem 0; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.soft { color: var(--soft); }
.skip { position: absolute; left: -999rem; }
.skip:focus { position: static; }
nav ul { list-style: none; padding: 0; margin: .5rem 0; display: grid; gap: .1rem; }
nav a { display: flex; gap: .6rem; padding: .3rem .4rem; border-radius: .4rem; text-decoration: none; color: inherit; }
nav a:hover { background: var(--code); }
nav code { background: none; padding: 0; }
code, pre { font: .9em/1.5 ui-monospace, SFMono-Regular, Menlo, monospace; }
code { background: var(--code); border-radius: .3rem; padding: .1em .3em; }
pre { background: var(--code); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; margin: .4rem 0; white-space: pre-wrap; user-select: all; }
pre code { background: none; padding: 0; }
.method { display: inline-block; min-width: 4.2rem; font: 700 .8rem/1.6 ui-monospace, Menlo, monospace; color: var(--accent); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .8rem; padding: 1rem 1.1rem; margin: 0 0 1rem; }
.badge { display: inline-block; border: 1px solid var(--line); border-radius: 1rem; padding: 0 .6rem; font-size: .82rem; color: var(--soft); }
table { width: 100%; table-layout: fixed; border-collapse: collapse; font-size: .92rem; }
th, td { text-align: left; vertical-align: top; padding: .4rem .5rem .4rem 0; border-top: 1px solid var(--line); }
th { font-weight: 600; }
thead th { color: var(--soft); border-top: 0; font-size: .82rem; }
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) { width: 31%; }
footer { padding: 2rem 1rem 3rem; }
@media (max-width: 40rem) {
  thead { position: absolute; left: -999rem; }
  tr { display: block; border-top: 1px solid var(--line); padding: .4rem 0; }
  td:nth-child(n) { display: block; width: auto; border: 0; padding: .05rem 0; }
}
@media print { nav { display: none; } article { break-inside: avoid; } }
`;

/** For `style-src`, so that the page needs no 'unsafe-inline'. */
export const apiPageStyleHash = `'sha256-${createHash('sha256').update(apiPageStyle).digest('base64')}'`;
