import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scrubText } from '@banyan/telemetry';

const token = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.MEUCIQ-_x';

for (const [text, expected] of [
  [token, '[redacted]'],
  [`<${token}>`, '<[redacted]>'],
  // Without a signature, and with an empty one.
  ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ x', '[redacted] x'],
  ['eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbm4ifQ. x', '[redacted] x'],
  // What stands before it stays, also if a token could go on to the left with its characters.
  [`session-${token}`, 'session-[redacted]'],
  [`www.example-host.${token}`, 'www.example-host.[redacted]'],
  [`${token} and ${token}`, '[redacted] and [redacted]'],
  // Neither has two parts.
  ['eyJhbGciOiJFUzI1NiJ9', 'eyJhbGciOiJFUzI1NiJ9'],
  ['heyJude-and-others.mp3', 'heyJude-and-others.mp3'],
] as const) {
  test(`JSON web tokens are redacted: ${text}`, () => assert.equal(scrubText(text), expected));
}

// Whoever tries each of the beginnings as far as the end needs some 10^12 steps.
test('five million characters that begin tokens everywhere and end none are read once', () => {
  const text = 'eyJabcde-'.repeat(560_000);
  assert.equal(scrubText(text), text);
  assert.equal(scrubText(`${text}.abcde`), '[redacted]');
});
