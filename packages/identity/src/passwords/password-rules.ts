import type { PasswordProblem } from '../vocabulary.ts';
import { canonical } from './hashing.ts';

/** Shortest password beside a second factor, and shortest one alone (NIST SP 800-63B-4, 3.1.1.2), in code points. */
export const floorWithSecondFactor = 8;
export const floorAlone = 15;
/** Only so that nobody makes us hash novels. */
const ceiling = 1_000;

export interface PasswordCircumstances {
  /** True if a second factor is asked for at every sign-in. */
  readonly secondFactor: boolean;
  /** Names, login id, e-mail address, name of the system: what anybody would try for this person. */
  readonly contextWords: readonly string[];
  /** Known passwords, in lower case. */
  readonly common: ReadonlySet<string>;
}

/** What speaks against a new password. Nothing is asked about kinds of characters, and nothing expires. */
export function problemsOfPassword(
  password: string,
  { secondFactor, contextWords, common }: PasswordCircumstances,
): readonly PasswordProblem[] {
  const problems: PasswordProblem[] = [];
  const length = lengthOf(password);
  if (length < (secondFactor ? floorWithSecondFactor : floorAlone)) problems.push('tooShort');
  if (length > ceiling) return ['tooLong'];
  const folded = canonical(password).toLowerCase();
  if (isCommon(folded, common)) problems.push('common');
  if (isPersonal(folded, contextWords)) problems.push('personal');
  return problems;
}

/** In code points, after composing accents: what a person counts. */
export function lengthOf(password: string): number {
  return [...canonical(password)].length;
}

/** A known password, or one known password or a few characters over and over. */
function isCommon(folded: string, common: ReadonlySet<string>): boolean {
  if (common.has(folded)) return true;
  const unit = /^(.+?)\1+$/su.exec(folded)?.[1];
  return unit !== undefined && ([...unit].length < 5 || common.has(unit));
}

/** True if what is left without the context words would be too short on its own. */
function isPersonal(folded: string, contextWords: readonly string[]): boolean {
  const words = contextWords.flatMap(partsOf).sort((one, other) => other.length - one.length);
  let left = folded;
  for (const word of words) left = left.replaceAll(word, '');
  return left !== folded && [...left].length < floorWithSecondFactor;
}

/** The text and its words; two letters are in every password. */
function partsOf(text: string): string[] {
  const folded = canonical(text).toLowerCase();
  return [folded, ...folded.split(/[^\p{L}\p{N}]+/u)].filter((part) => [...part].length >= 3);
}
