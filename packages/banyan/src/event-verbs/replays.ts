import { topicsOf } from '@banyan/chassis';
import { ServiceError } from '@banyan/core';
import type { StartAt } from '@banyan/events';
import { actor, parseTime, serviceNamed, type VerbInput, wrong } from './verb.ts';

/** `banyan events republish NAME|--all --since TIME`: publishes what the outbox still keeps once more; consumers recognise what they know. */
export async function republish(input: VerbInput): Promise<number> {
  const { options, ports, terminal } = input;
  const given = options['since'];
  if (typeof given !== 'string') throw wrong('Say since when: --since 2026-11-21T08:00:00Z, or --since 15m.');
  const since = parseTime('--since', given, Date.now());
  const names = options['all'] === true ? ports.names : [serviceNamed(input, 'republish')];
  for (const name of names) {
    const { outbox } = await ports.open(name);
    const count = await outbox.rewind(since);
    terminal.write(`${name}: ${count} events since ${since} are published again.\n`);
  }
  return 0;
}

/** `banyan events replay NAME --from start|TIME [--topic A,B]`: the service handles what the log keeps again. */
export async function replay(input: VerbInput): Promise<number> {
  const { options, ports, terminal } = input;
  const name = serviceNamed(input, 'replay');
  const from = startAt(options['from']);
  const { service, inbox } = await ports.open(name);
  const known = topicsOf(service);
  const topics = typeof options['topic'] === 'string' ? options['topic'].split(',') : known;
  const unknown = topics.filter((topic) => !known.includes(topic));
  if (unknown.length > 0 || topics.length === 0)
    throw wrong(
      `'${name}' does not listen to ${unknown.join(', ') || 'anything'}; it listens to ${known.join(', ')}.`,
    );
  const isSure =
    options['yes'] === true ||
    (await terminal.confirm(`Handlers of '${name}' run again for ${topics.join(', ')}. Go on?`));
  if (!isSure) {
    terminal.write("Nothing is replayed. Answer 'y', or use '--yes'.\n");
    return 1;
  }
  const log = await ports.openLog();
  if (!log.features.replay)
    throw new ServiceError(`The log ${log.id} keeps nothing to read again.`, {
      code: 'failed_precondition',
      reason: 'not_supported',
    });
  await inbox.replay({ log: log.id, topics, from, by: actor(input) });
  terminal.write(`${name} reads ${topics.join(', ')} again.\n`);
  return 0;
}

function startAt(given: string | boolean | undefined): StartAt {
  if (typeof given !== 'string') throw wrong('Say from where: --from start, or --from a time such as 2h.');
  return given === 'start' ? 'start' : { time: parseTime('--from', given, Date.now()) };
}
