import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { type EventType, type JsonSchema, type PlatformEvents, toJsonSchema } from '@banyan/contract';
import { type GeneratedSection, toTable } from './generated-section.ts';

/** The table of what the platform tells of every service. */
export async function platformEventSections(root: string): Promise<readonly GeneratedSection[]> {
  const file = path.join(root, 'packages/contract/src/platform-events.ts');
  if (!existsSync(file)) return [];
  const { platformEvents } = (await import(pathToFileURL(file).href)) as {
    readonly platformEvents: (service: string) => PlatformEvents;
  };
  const rows = Object.values(platformEvents('<service>')).flatMap(rowsOf);
  const text = toTable(['event', 'field', 'value', 'meaning'], rows);
  return [{ page: 'docs/how-to/look-after-events.md', name: 'platform-events', text }];
}

function rowsOf({ service, name, data, key }: EventType): readonly (readonly string[])[] {
  return Object.entries(toJsonSchema(data, 'output').properties ?? {}).map(([field, schema]) => {
    const { enum: values, type, description } = schema as JsonSchema;
    const value = Array.isArray(values) ? values.map((each) => `\`${each}\``).join(', ') : String(type);
    return [
      `\`${service}.${name}\``,
      `\`${field}\``,
      value,
      String(description ?? (field === key ? 'The key.' : '')),
    ];
  });
}
