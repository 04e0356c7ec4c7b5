import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describeGraph, type SystemGraph, servicesOf } from '@banyan/chassis';
import { defineCommand } from '../command.ts';
import { renderGraphSvg } from '../graph-svg.ts';
import { loadSystem } from '../load-system.ts';
import { dir, json, production } from '../shared-options.ts';
import { systemDirectory } from '../system-directory.ts';

export const graph = defineCommand({
  name: 'graph',
  usage: 'banyan graph [options]',
  summary: 'Show who calls and who listens to whom.',
  options: {
    dir,
    svg: { type: 'string', value: 'FILE', summary: 'Draw it into an SVG file.' },
    json,
    production,
  },
  async run(input, terminal) {
    const system = await loadSystem(systemDirectory(input, terminal));
    const described = describeGraph(system, servicesOf(system, input.options['production'] !== true));
    const { svg, json } = input.options;
    if (svg !== undefined) {
      const file = resolve(terminal.workingDirectory, svg);
      await writeFile(file, renderGraphSvg(system.name, described));
      terminal.write(`Drawn into ${file}\n`);
      return 0;
    }
    terminal.write(json === true ? `${JSON.stringify(described, null, 2)}\n` : renderGraphText(described));
    return 0;
  },
});

function renderGraphText(described: SystemGraph): string {
  const blocks = described.nodes.map((node) => {
    const version = node.version === '' ? '' : ` ${node.version}`;
    const lines = [`${node.name}${version}${node.development ? ' (development)' : ''}`];
    for (const edge of described.edges) {
      const labels = edge.labels.length === 0 ? '' : `: ${edge.labels.join(', ')}`;
      if (edge.kind === 'call' && edge.from === node.name) lines.push(`  calls      ${edge.to}${labels}`);
      if (edge.kind === 'event' && edge.to === node.name) lines.push(`  listens to ${edge.from}${labels}`);
    }
    return lines.join('\n');
  });
  return `${blocks.join('\n')}\n`;
}
