#!/usr/bin/env node
import { keepCompiledCode } from './compiled-code.ts';

// biome-ignore lint/style/noProcessEnv: its children are told by it.
keepCompiledCode(process.argv[2], process.env);
// Imported only now, so that all of it is found compiled.
await import('./cli.ts');
