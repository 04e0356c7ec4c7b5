#!/usr/bin/env node
// First and by itself: an older Node does not get through the imports of the rest.
import './node-version.ts';

const { keepCompiledCode } = await import('./compiled-code.ts');
// biome-ignore lint/style/noProcessEnv: its children are told by it.
keepCompiledCode(process.argv[2], process.env);
// Imported only now, so that all of it is found compiled.
await import('./cli.ts');
