/** Where one life of the stream files its messages. */
export interface SubjectSpace {
  /** Name of the stream. */
  readonly name: string;
  /** Chosen anew whenever the stream is created, so that nobody who knows an earlier life of it publishes to this one unawares. */
  readonly epoch: string;
}

/** `shop.x7f3k2p9.7.payments.captured`; without a topic, all of the partition. */
export function subjectOf({ name, epoch }: SubjectSpace, partition: number, topic?: string): string {
  return `${name}.${epoch}.${partition}.${topic === undefined ? '>' : encodeTopic(topic)}`;
}

/** Partition and topic of a subject that {@link subjectOf} made. */
export function parseSubject(subject: string): { readonly partition: number; readonly topic: string } {
  const first = subject.indexOf('.', subject.indexOf('.') + 1);
  const second = subject.indexOf('.', first + 1);
  return {
    partition: Number(subject.slice(first + 1, second)),
    topic: decodeTopic(subject.slice(second + 1)),
  };
}

/** The subjects of a stream of this name: its epoch and number of partitions; undefined if they are not {@link subjectOf}'s. */
export function parseSubjectSpace(
  name: string,
  subjects: readonly string[],
): { readonly space: SubjectSpace; readonly partitions: number } | undefined {
  const epoch = subjects[0]?.split('.')[1] ?? '';
  const space = { name, epoch };
  const expected = new Set(subjects.map((_, partition) => subjectOf(space, partition)));
  const isOurs = /^[0-9a-z]+$/.test(epoch) && subjects.every((subject) => expected.delete(subject));
  return isOurs ? { space, partitions: subjects.length } : undefined;
}

/** Dots go on parting tokens, so that other programs can subscribe to `payments.*`; what a token cannot hold becomes `=` and its UTF-8 in hex. */
function encodeTopic(topic: string): string {
  if (plainTopic.test(topic)) return topic;
  return topic
    .split('.')
    .map((token) => token.replace(/[^A-Za-z0-9@_-]/gu, hexOf) || '=')
    .join('.');
}

const plainTopic = /^[A-Za-z0-9@_-]+(?:\.[A-Za-z0-9@_-]+)*$/;

function decodeTopic(tokens: string): string {
  if (!tokens.includes('=')) return tokens;
  const decode = (hex: string) => Buffer.from(hex.replaceAll('=', ''), 'hex').toString();
  return tokens.replace(/(?:=[0-9A-F]{2})+/g, decode).replaceAll('=', '');
}

function hexOf(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `=${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');
}
