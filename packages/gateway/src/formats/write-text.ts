/** Terminals take these for orders. Tabs and line feeds are text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that must not pass.
const controls = /[\u0000-\u0008\u000B-\u001F\u007F-\u009F]/g;

/** A JSON value for people to read: a line for each field, what belongs together indented. Not meant to be read back. */
export function writeText(json: string): string {
  return `${linesOf(JSON.parse(json)).join('\n')}\n`;
}

function linesOf(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.length === 0 ? ['(none)'] : value.flatMap(itemLines);
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value);
    return fields.length === 0 ? ['(empty)'] : fields.flatMap(fieldLines);
  }
  if (value === null) return ['(none)'];
  return String(value).replace(/\r\n?/g, '\n').replace(controls, '\uFFFD').split('\n');
}

function fieldLines([name, value]: readonly [string, unknown]): readonly string[] {
  const [label = ''] = [linesOf(name).join(' ')];
  const lines = linesOf(value);
  const isInline = lines.length === 1 && !isFilled(value);
  return isInline ? [`${label}: ${lines[0]}`] : [`${label}:`, ...lines.map((line) => `  ${line}`)];
}

function itemLines(value: unknown): readonly string[] {
  return linesOf(value).map((line, index) => `${index === 0 ? '-' : ' '} ${line}`);
}

function isFilled(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0;
}
