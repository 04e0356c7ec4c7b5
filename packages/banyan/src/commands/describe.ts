import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { servicesOf } from '@banyan/chassis';
import { toAsyncApi, toOpenApi } from '@banyan/contract';
import { ServiceError } from '@banyan/core';
import { defineCommand } from '../command.ts';
import { loadSystem } from '../load-system.ts';
import { dir } from '../shared-options.ts';
import { systemDirectory } from '../system-directory.ts';

export const describe = defineCommand({
  name: 'describe',
  usage: 'banyan describe [NAME…] [options]',
  summary: 'Print the contracts as one OpenAPI 3.1 document, or their events as AsyncAPI 3.',
  options: {
    dir,
    events: { type: 'boolean', summary: 'The events, as AsyncAPI.' },
    out: { type: 'string', value: 'FILE', summary: 'Write into a file.' },
  },
  async run(input, terminal) {
    const system = await loadSystem(systemDirectory(input, terminal));
    const services = servicesOf(system, true);
    const names = input.positionals;
    const unknown = names.find((name) => !services.some((service) => service.name === name));
    if (unknown !== undefined) {
      const known = services.map((service) => service.name).join(', ');
      throw new ServiceError(`There is no service '${unknown}'; the system has ${known}.`, {
        code: 'invalid_argument',
        reason: 'invalid_command_line',
      });
    }
    const contracts = services
      .filter(({ name }) => names.length === 0 || names.includes(name))
      .map(({ contract }) => contract);
    const [only] = contracts;
    const isOne = contracts.length === 1 && only !== undefined;
    const head = {
      title: isOne ? only.name : system.name,
      version: isOne ? only.version : '0.0.0',
      contracts,
    };
    const document = input.options.events === true ? toAsyncApi(head) : toOpenApi(head);
    const text = `${JSON.stringify(document, null, 2)}\n`;
    const { out } = input.options;
    if (out !== undefined) {
      const file = resolve(terminal.workingDirectory, out);
      await writeFile(file, text);
      terminal.write(`Written to ${file}\n`);
    } else terminal.write(text);
    return 0;
  },
});
