import { render } from 'preact';
import { followLinks } from './router.ts';
import { App } from './shell/app.tsx';
import { listenToKeys } from './shell/keyboard.ts';
import { watchSystem } from './shell/system.ts';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/shell.css';
import './style/pages.css';

followLinks();
listenToKeys();
watchSystem();
render(<App />, document.body);
