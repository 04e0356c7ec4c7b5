import { createHash } from 'node:crypto';

/** Colours keep a contrast of at least 4.5 : 1 in both schemes (WCAG 2.2, 1.4.3); controls are at least 44 pixels high (2.5.5). */
export const pageStyle = `
:root { color-scheme: light dark; --ink: light-dark(#1d2320, #e6ebe7); --soft: light-dark(#57615b, #a3aea7);
  --paper: light-dark(#f3f6f3, #131816); --card: light-dark(#ffffff, #1b221f); --line: light-dark(#c9d1cb, #46524b);
  --accent: light-dark(#17663f, #7fd6a5); --on-accent: light-dark(#ffffff, #10201a); --bad: light-dark(#9f1d1d, #ffb0a8);
  --bad-paper: light-dark(#fdeeed, #3a1c1a); --note-paper: light-dark(#e9f4ed, #1d3027); }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-content: start center; background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
main { width: min(26rem, 100vw); padding: clamp(1.25rem, 8vh, 5rem) 1rem 1rem; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: 1.5rem; box-shadow: 0 .5rem 2rem rgb(0 0 0 / .06); }
.system { margin: 0 0 1rem; font-weight: 700; color: var(--accent); letter-spacing: .01em; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
p { margin: .5rem 0; }
.soft { color: var(--soft); }
form { margin: 1rem 0 0; }
label { display: block; margin: .9rem 0 .3rem; font-weight: 600; }
input[type=text], input[type=password] { width: 100%; min-height: 2.9rem; padding: .5rem .75rem; font: inherit; color: inherit;
  background: var(--paper); border: 1px solid var(--soft); border-radius: .6rem; }
fieldset { border: 0; padding: 0; margin: .5rem 0; }
legend { font-weight: 600; padding: 0; }
.choice { display: flex; gap: .6rem; align-items: center; min-height: 2.75rem; margin: 0; font-weight: 400; }
.choice input { width: 1.2rem; height: 1.2rem; margin: 0; accent-color: var(--accent); }
button { width: 100%; min-height: 2.9rem; margin-top: 1.1rem; padding: .5rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-accent); background: var(--accent); border: 1px solid var(--accent); border-radius: .6rem; }
button.quiet { margin-top: .6rem; color: var(--accent); background: transparent; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.notice { margin: 1rem 0 0; padding: .7rem .9rem; border-radius: .6rem; background: var(--note-paper); }
.notice.bad { color: var(--bad); background: var(--bad-paper); }
ul { padding-left: 1.2rem; margin: .5rem 0; }
ul.programs { list-style: none; padding: 0; }
ul.programs li { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center; justify-content: space-between;
  padding: .6rem 0; border-top: 1px solid var(--line); }
ul.programs form { margin: 0; }
ul.programs button { width: auto; margin: 0; }
@media (forced-colors: active) { button { border: 2px solid; } }
`;

/** For `style-src`, so that pages need no 'unsafe-inline'. */
export const pageStyleHash = `'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'`;
