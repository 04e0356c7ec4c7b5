import { render } from 'preact';
import { followLinks, path } from './router.ts';
import { App } from './shell/app.tsx';
import { listenToKeys } from './shell/keyboard.ts';
import { pageAt } from './shell/pages.ts';
import { watchSystem } from './shell/system.ts';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/shell.css';
import './style/pages.css';

followLinks();
listenToKeys();
watchSystem();
// Before the frame around it is drawn; if this fails, the page itself says so.
pageAt(path.value)
  ?.page.load()
  .catch(() => {});
render(<App />, document.body);
