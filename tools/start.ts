import path from 'node:path';
import { pathToFileURL } from 'node:url';

// `npm start`: the main job of the project, `banyan up` in the folder of the photo-printing system, in this very process.
const root = path.dirname(import.meta.dirname);
const commandLine = path.join(root, 'packages', 'banyan', 'src', 'main.ts');
process.chdir(path.join(root, 'systems', 'photo-print'));
process.argv.splice(1, 1, commandLine, 'up');
await import(pathToFileURL(commandLine).href);
