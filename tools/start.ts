import path from 'node:path';
import { pathToFileURL } from 'node:url';

// `npm start`: the main job of the project, `banyan up` on the photo-printing system, in this very process.
const root = path.dirname(import.meta.dirname);
const commandLine = path.join(root, 'packages', 'banyan', 'src', 'main.ts');
process.argv.splice(1, 1, commandLine, 'up', '--dir', path.join(root, 'systems', 'photo-print'));
await import(pathToFileURL(commandLine).href);
