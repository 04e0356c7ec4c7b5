import { type JournalEntry, wordsFor } from './journal.ts';

/** Where the code and the journal go different ways. */
export interface Parting {
  /** Index of the command, -1 if there is none. */
  readonly index: number;
  /** What it is about: `call 'payments.charge'`. */
  readonly step: string;
  /** `src/import-photos.ts:41`, if the code is at a line. */
  readonly place: string | undefined;
  /** For people: the place, what the code did, and what the journal has. */
  readonly reason: string;
}

interface Asked {
  readonly index: number;
  readonly k: JournalEntry['k'];
  readonly n: string;
  readonly h: string | undefined;
  readonly place: string | undefined;
}

/** The code asks for something else than it did when the entry was written. */
export function otherCommand(asked: Asked, recorded: JournalEntry, position: string): Parting {
  const isSame = asked.k === recorded.k && asked.n === recorded.n;
  const code = isSame ? `${wordsFor(asked)} with another input` : wordsFor(asked);
  return {
    index: asked.index,
    step: wordsFor(recorded),
    place: asked.place,
    reason: `${at(asked.place)}the code asks for ${code} as its command ${asked.index}; the journal has ${wordsFor(recorded)} there (${position}, ${timeOf(recorded)}). Put back what changed, or give the changed function a new version.`,
  };
}

/** The journal has an answer to something that the code has not asked for. */
export function neverAsked(recorded: JournalEntry, position: string, instead: string): Parting {
  return {
    index: recorded.i,
    step: wordsFor(recorded),
    place: undefined,
    reason: `The journal has ${wordsFor(recorded)} as command ${recorded.i} (${position}, ${timeOf(recorded)}); the code did not ask for it: ${instead}. Put back what changed, or give the changed function a new version.`,
  };
}

/** The function asked for something after a wait that the journal knows nothing of. */
export function askedOutOfTurn(asked: Asked): Parting {
  return {
    index: asked.index,
    step: wordsFor(asked),
    place: asked.place,
    reason: `${at(asked.place)}the code asks for ${wordsFor(asked)} after it waited for something that is not in the journal, or within the work of another command. Await only what the context gives: put the rest into d.run or d.tx.`,
  };
}

/** The function waits, and for nothing that the journal knows of. */
export function adrift(after: string): Parting {
  return {
    index: -1,
    step: after,
    place: undefined,
    reason: `After ${after} the function waits for something that is not in the journal. Await only what the context gives: put the rest into d.run or d.tx.`,
  };
}

function at(place: string | undefined): string {
  return place === undefined ? '' : `${place}: `;
}

function timeOf({ t }: JournalEntry): string {
  return new Date(t).toISOString();
}
