export interface Import {
  readonly specifier: string;
  /** 1 for the first line. */
  readonly line: number;
}

const blockComment = /^[ \t]*\/\*[\s\S]*?\*\//gm;
const lineComment = /^[ \t]*\/\/.*$/gm;
const staticImport = /^[ \t]*(?:import|export)\b[^'"`;]*?\bfrom\s*(['"])(?<specifier>[^'"\n]+)\1/gm;
const bareImport = /^[ \t]*import\s*(['"])(?<specifier>[^'"\n]+)\1/gm;
const dynamicImport = /\bimport\(\s*(['"])(?<specifier>[^'"\n]+)\1/g;

/** What a module imports, types included. Reads code as this repository formats it: comments and imports begin their lines. */
export function importsOf(code: string): readonly Import[] {
  const blank = (text: string) => text.replaceAll(/[^\n]/g, ' ');
  const bare = code.replaceAll(blockComment, blank).replaceAll(lineComment, blank);
  return [staticImport, bareImport, dynamicImport]
    .flatMap((pattern) => [...bare.matchAll(pattern)])
    .map((match) => ({
      specifier: match.groups?.['specifier'] ?? '',
      line: bare.slice(0, match.index + match[0].length).split('\n').length,
    }))
    .sort((a, b) => a.line - b.line);
}

/** `@banyan/rpc/testing` → `@banyan/rpc` and `./testing`; `zod` → `zod` and `.`. */
export function splitSpecifier(specifier: string): {
  readonly packageName: string;
  readonly entry: string;
} {
  const parts = specifier.split('/');
  const nameLength = specifier.startsWith('@') ? 2 : 1;
  const rest = parts.slice(nameLength);
  return {
    packageName: parts.slice(0, nameLength).join('/'),
    entry: rest.length === 0 ? '.' : `./${rest.join('/')}`,
  };
}
